internal import Dispatch
package import Jute
package import Logging
package import Storage
import Synchronization

/// Takes a backup every so often, for as long as the node runs.
///
/// One that fails is told, and tried again at the next interval.
package final class BackupSchedule: Sendable {
    package struct Settings: Sendable {
        /// `backup.directory`.
        package var directory: String
        /// `backup.interval`.
        package var interval: Duration
        /// `backup.keep`.
        package var keep: Int

        package init(directory: String, interval: Duration, keep: Int) {
            self.directory = directory
            self.interval = interval
            self.keep = keep
        }
    }

    /// How the backups go, for metrics and alarms.
    package struct Status: Equatable, Sendable {
        package var taken = 0
        package var failed = 0
        /// Whether the last one has failed.
        package var isFailing = false
        /// Of the last one that was taken.
        package var zxid: Zxid?
        package var sizeBytes = 0
        /// When it was taken, in milliseconds since 1970.
        package var time: Int64?
    }

    /// Takes a snapshot, and returns its zxid.
    package typealias Snapshot = @Sendable () async throws -> Zxid

    private let settings: Settings
    private let catalog: SnapshotCatalog
    private let folder: BackupFolder
    private let logger: Logger
    private let current = Mutex(Status())
    private let clock: @Sendable () -> Int64
    /// Copying and syncing block, for as long as the other disk takes.
    private let queue = DispatchQueue(label: "aviary.backup", qos: .utility)

    /// - Parameters:
    ///   - settings: Where to, and how often.
    ///   - catalog: Of the node's snapshots.
    ///   - disk: Of the backup folder.
    ///   - clock: Milliseconds since 1970.
    ///   - logger: Gets a line for each backup.
    package init(
        _ settings: Settings, from catalog: SnapshotCatalog, on disk: any Disk,
        clock: @escaping @Sendable () -> Int64, logger: Logger
    ) {
        self.settings = settings
        self.catalog = catalog
        self.clock = clock
        self.logger = logger
        folder = BackupFolder(settings.directory, on: disk)
    }

    package var status: Status { current.withLock { $0 } }

    /// Takes backups until the task is cancelled, the first one after an interval.
    ///
    /// - Parameter snapshot: Takes a snapshot now.
    package func run(_ snapshot: @escaping Snapshot) async {
        while true {
            do {
                try await Task.sleep(for: settings.interval)
            } catch {
                return
            }
            await takeOne(snapshot)
        }
    }

    /// Takes one backup.
    ///
    /// - Parameter snapshot: Takes a snapshot now.
    package func takeOne(_ snapshot: Snapshot) async {
        do {
            let zxid = try await snapshot()
            try await withCheckedThrowingContinuation { continuation in
                queue.async { continuation.resume(with: Result { try self.copy(zxid) }) }
            }
        } catch {
            current.withLock { status in
                status.failed += 1
                status.isFailing = true
            }
            logger.error("the backup to \(settings.directory) failed: \(error)")
        }
    }

    private func copy(_ zxid: Zxid) throws(StorageError) {
        guard let (entry, file) = try catalog.open(zxid) else {
            throw .damagedSnapshot(
                path: SnapshotName(zxid).fileName, problem: "it is gone, or cannot be read")
        }
        if try folder.holds(entry) { return noteUnchanged(entry) }
        noteTaken(try folder.add(entry, file, keep: settings.keep))
    }

    private func noteTaken(_ outcome: BackupFolder.Outcome) {
        let now = clock()
        current.withLock { status in
            status.taken += 1
            status.isFailing = false
            status.zxid = outcome.zxid
            status.sizeBytes = outcome.sizeBytes
            status.time = now
        }
        let removed = outcome.removed.map { SnapshotName($0).fileName }
        logger.info(
            """
            backed up the state at \(outcome.zxid) to \(settings.directory)\
            \(removed.isEmpty ? "" : ", removed \(removed.joined(separator: ", "))")
            """)
    }

    /// Nothing was written since the last one.
    private func noteUnchanged(_ entry: CatalogEntry) {
        let now = clock()
        current.withLock { status in
            status.isFailing = false
            status.zxid = entry.zxid
            status.sizeBytes = entry.sizeBytes
            status.time = now
        }
    }
}
