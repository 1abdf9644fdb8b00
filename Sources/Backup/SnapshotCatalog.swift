package import Jute
package import Storage
import Synchronization

/// A snapshot that stands up to its seals.
package struct CatalogEntry: Equatable, Sendable {
    package var zxid: Zxid
    package var sizeBytes: Int
    /// When it was written, in milliseconds since 1970.
    package var time: Int64
    /// Of the tree; nil where the file does not tell one of its very zxid.
    package var digest: UInt64?
    /// Of the file.
    package var sha256: FileDigest
}

/// The snapshots of a folder, with what is only known once each was read. All of it reads from the
/// disk, so it is for a thread that may block; a file is read once, not each time it is asked for.
package final class SnapshotCatalog: Sendable {
    private let store: SnapshotStore
    private let disk: any Disk
    private let folder: String
    private let known = Mutex<[Key: CatalogEntry?]>([:])

    /// A file that is written again under its name is another one.
    private struct Key: Hashable {
        var zxid: Zxid
        var sizeBytes: Int
        var modified: Duration
    }

    /// - Parameters:
    ///   - folder: The `version-2` folder, or any other that holds snapshots.
    ///   - disk: Where it is.
    package init(in folder: String, on disk: any Disk) {
        self.folder = folder
        self.disk = disk
        store = SnapshotStore(on: disk, in: folder)
    }

    /// The snapshots that stand up to their seals, the newest first.
    ///
    /// - Throws: `.disk`.
    package func list() throws(StorageError) -> [CatalogEntry] {
        var entries: [CatalogEntry] = []
        for name in try store.list() where name.compression == .none {
            if let (entry, _) = try read(name) { entries.append(entry) }
        }
        return entries
    }

    /// Opens a snapshot, which can then be read to its end even if it is removed meanwhile.
    ///
    /// - Parameter zxid: Which one.
    /// - Returns: What it is, and the open file; nil when there is none.
    /// - Throws: `.disk`.
    package func open(
        _ zxid: Zxid
    ) throws(StorageError) -> (entry: CatalogEntry, file: any DiskFile)? {
        try read(SnapshotName(zxid))
    }

    private func read(
        _ name: SnapshotName
    ) throws(StorageError) -> (entry: CatalogEntry, file: any DiskFile)? {
        let path = folder + "/" + name.fileName
        do throws(StorageError) {
            let file = try disk.open(path, .read)
            let key = Key(
                zxid: name.zxid, sizeBytes: try file.size(),
                modified: try disk.modificationTime(of: path))
            if let entry = known.withLock({ $0[key] }) { return entry.map { ($0, file) } }
            let entry = try examine(name, key, file)
            known.withLock { known in
                // What has been purged is not remembered.
                if known.count >= Self.mostKnown { known.removeAll() }
                known[key] = .some(entry)
            }
            return entry.map { ($0, file) }
        } catch {
            // Purged since it was listed.
            if case .disk(let failure) = error, failure.reason == .notFound { return nil }
            throw error
        }
    }

    private static let mostKnown = 256

    /// - Returns: nil for one that is damaged.
    private func examine(
        _ name: SnapshotName, _ key: Key, _ file: any DiskFile
    ) throws(StorageError) -> CatalogEntry? {
        let summary: SnapshotSummary
        do throws(StorageError) {
            summary = try store.verify(name)
        } catch {
            if case .damagedSnapshot = error { return nil }
            throw error
        }
        let digest = summary.digest.flatMap { $0.zxid == name.zxid ? $0.digest : nil }
        return CatalogEntry(
            zxid: name.zxid, sizeBytes: key.sizeBytes, time: key.modified.milliseconds,
            digest: digest, sha256: try FileDigest(of: file))
    }
}

extension Duration {
    var milliseconds: Int64 {
        components.seconds * 1_000 + components.attoseconds / 1_000_000_000_000_000
    }
}
