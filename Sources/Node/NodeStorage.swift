import Dispatch
import History
import Jute
import Logging
import Replica
import Storage
import Synchronization
import Zab
import ZnodeTree

/// The replica's side of the disk: what the loop hands to the log thread and to the snapshot
/// thread, and what it waits for.
final class NodeStorage {
    let directory: DataDirectory
    let history: ChangeHistory
    private let log: LogWriter
    private var epochs: EpochStore
    private let logger: Logger
    private let snapshotQueue = DispatchQueue(label: "aviary.snapshot", qos: .utility)
    private let retention: RetentionPolicy
    /// A second snapshot at the same time would only compete with the first.
    private let snapshotSlot = SnapshotSlot()
    private var installation: Installation?
    /// Who is told of the next snapshot.
    private var snapshotCompletion: SnapshotCompletion?
    /// About what the state takes that was to be installed last.
    private(set) var installationBytes = 0

    /// Records of this batch, and the tenure they were appended in.
    private var unsent: [LogRecord] = []
    private var unsentTenure = 0

    /// Called on the snapshot thread when a received state has become the durable one, or cannot.
    var onInstalled: @Sendable (Result<Installed, StorageError>) -> Void = { _ in }

    /// What became of a received state.
    enum Installed: Sendable {
        case durable
        /// It would have thrown away too much.
        case refused(Hold)
    }

    init(
        directory: DataDirectory, log: LogWriter, epochs: EpochStore, history: ChangeHistory,
        retention: RetentionPolicy, logger: Logger
    ) {
        self.directory = directory
        self.history = history
        self.log = log
        self.epochs = epochs
        self.retention = retention
        self.logger = logger
    }

    /// Told what could not be done, and why. When it returns, the node has left.
    typealias Failing = (StorageError, String) -> Void

    // MARK: Epochs

    func setAcceptedEpoch(_ epoch: Epoch, orFail fail: Failing) {
        do throws(StorageError) {
            try epochs.setAccepted(epoch)
        } catch {
            fail(error, "the accepted epoch cannot be saved")
        }
    }

    func setCurrentEpoch(_ epoch: Epoch, orFail fail: Failing) {
        do throws(StorageError) {
            try epochs.setCurrent(epoch)
        } catch {
            fail(error, "the current epoch cannot be saved")
        }
    }

    func noteLoss(through zxid: Zxid, orFail fail: Failing) {
        do throws(StorageError) {
            try directory.noteLoss(.through(zxid))
        } catch {
            fail(error, "the standing cannot be saved")
        }
    }

    func trustHistory(orFail fail: Failing) {
        do throws(StorageError) {
            try directory.lossHealed()
        } catch {
            fail(error, "the standing cannot be saved")
        }
    }

    // MARK: Log

    func append(_ proposal: Proposal, tenure: Int) {
        if tenure != unsentTenure { flushAppends() }
        unsentTenure = tenure
        unsent.append(LogRecord(zxid: proposal.zxid, payload: proposal.payload))
    }

    /// Whether the batch is so small that it is better written by this thread, once everybody else
    /// has been told what concerns him.
    ///
    /// With one write at a time the way to the log thread and back is two wake-ups, which together
    /// take about as long as the sync. More than one transaction means that others are under way,
    /// and then this thread is not to be held up; nor is it by a large one, of which the last sync
    /// tells nothing.
    var mayWriteAtOnce: Bool {
        unsent.count == 1 && unsent[0].payload.count <= NodeStorage.bytesAtOnce
    }

    private static let bytesAtOnce = 4 << 10

    /// Writes and syncs the batch before it returns, or hands it to the log thread where that is
    /// the better way.
    func writeAppends() {
        guard !unsent.isEmpty else { return }
        if log.writeAtOnce(unsent, tenure: Tenure(unsentTenure)) {
            unsent.removeAll(keepingCapacity: true)
        } else {
            flushAppends()
        }
    }

    /// Hands the batch to the log thread, which writes and syncs it as one.
    func flushAppends() {
        guard !unsent.isEmpty else { return }
        log.append(unsent, tenure: Tenure(unsentTenure))
        unsent.removeAll(keepingCapacity: true)
    }

    func noteCommitted(_ zxid: Zxid) {
        log.setCommitted(zxid)
    }

    var logCounters: LogCounters { log.counters }
    var logFailure: StorageError? { log.failure }

    func drain(orFail fail: Failing) {
        if case .failure(let error) = performAndWait({ _ throws(StorageError) in }) {
            fail(error, "the log cannot be written")
        }
    }

    func truncate(after zxid: Zxid, orFail fail: Failing) -> Bool {
        let outcome = Mutex<TruncationOutcome?>(nil)
        let directory = directory
        let result = performAndWait { log throws(StorageError) in
            let done = try directory.truncate(to: zxid, &log)
            outcome.withLock { $0 = done }
        }
        if case .failure(let error) = result { fail(error, "the log cannot be cut") }
        // Snapshots hold committed transactions only, so none has to be read again.
        switch outcome.withLock({ $0 }) {
        case .truncated(_, reload: false): return true
        case .truncated(_, reload: true), .needsSnapshot, nil: return false
        }
    }

    private func performAndWait(_ work: @escaping LogWriter.Work) -> Result<Void, StorageError> {
        flushAppends()
        let done = DispatchSemaphore(value: 0)
        let result = Mutex<Result<Void, StorageError>>(.success(()))
        log.perform(work) { outcome in
            result.withLock { $0 = outcome }
            done.signal()
        }
        done.wait()
        return result.withLock { $0 }
    }

    // MARK: Snapshots

    /// Tells of the next snapshot that is written.
    ///
    /// - Returns: False when one is being written now, or waited for.
    func whenSaved(_ complete: @escaping SnapshotCompletion) -> Bool {
        guard snapshotCompletion == nil, !snapshotSlot.isInUse else { return false }
        snapshotCompletion = complete
        return true
    }

    /// Writes a snapshot beside the log; the log begins a new file, so that old ones can go.
    func saveSnapshot(of view: DataTree) {
        guard snapshotSlot.take() else { return }
        log.roll()
        let (directory, retention, logger, slot) = (directory, retention, logger, snapshotSlot)
        let (history, complete) = (history, snapshotCompletion.take())
        snapshotQueue.async {
            var outcome = SnapshotOutcome.saved(view.lastApplied)
            defer {
                slot.free()
                complete?(outcome)
            }
            do throws(StorageError) {
                var writer = try directory.snapshots.begin(view.lastApplied)
                try Self.write(view, to: &writer)
                // A start from this snapshot replays nothing below it.
                history.sync(through: view.lastApplied)
                let name = try writer.finish(digest: view.snapshotDigest)
                logger.info("wrote \(name.fileName)")
                let removed = try directory.purge(retention, now: .sinceEpoch())
                if !removed.isEmpty { logger.info("purged \(removed.joined(separator: ", "))") }
                history.purge(now: .sinceEpoch())
            } catch {
                // The log still has everything; the next snapshot may succeed.
                outcome = .failed("\(error)")
                logger.error("the snapshot at \(view.lastApplied) failed: \(error)")
            }
        }
    }

    private static func write(
        _ view: DataTree, to writer: inout SnapshotWriter
    ) throws(StorageError) {
        var serializer = SnapshotSerializer(view: view)
        while let chunk = serializer.next() {
            try writer.append(chunk)
        }
    }

    /// Makes a received state the only durable one.
    ///
    /// - Parameters:
    ///   - view: The state.
    ///   - objection: Looks at what it takes the place of, on the snapshot thread: why a person has
    ///     to be asked first.
    func install(_ view: DataTree, unless objection: @escaping @Sendable () -> Hold?) {
        flushAppends()
        installationBytes = view.dataBytes + 128 * view.nodeCount
        let installation = Installation()
        self.installation = installation
        let (directory, log, onInstalled) = (directory, log, onInstalled)
        snapshotQueue.async {
            if let hold = objection() {
                // Nothing was touched, so nothing has to be waited for.
                _ = installation.cancel()
                return onInstalled(.success(.refused(hold)))
            }
            do throws(StorageError) {
                var writer = try directory.snapshots.begin(view.lastApplied)
                try Self.write(view, to: &writer)
                guard installation.beginPublishing() else { return }
                let sealed = Mutex<SnapshotWriter?>(writer)
                log.perform(
                    { log throws(StorageError) in
                        guard let writer = sealed.withLock({ $0.take() }) else { return }
                        try directory.install(writer, digest: view.snapshotDigest, &log)
                    },
                    then: { result in
                        installation.end()
                        onInstalled(result.map { .durable })
                    })
            } catch {
                installation.end()
                onInstalled(.failure(error))
            }
        }
    }

    func cancelInstallation() -> Bool {
        defer { installation = nil }
        return installation?.cancel() ?? false
    }

    /// No snapshot is begun any more: whoever waits for the next one is told.
    func giveUpSnapshots() {
        snapshotCompletion.take()?(.unavailable)
    }

    func stop() {
        giveUpSnapshots()
        flushAppends()
        snapshotQueue.sync {}
        history.sync(through: history.last)
        history.close()
        log.stop()
        directory.close()
    }
}

/// Lets one snapshot be written at a time.
private final class SnapshotSlot: Sendable {
    private let isTaken = Mutex(false)

    func take() -> Bool {
        isTaken.withLock { isTaken in
            defer { isTaken = true }
            return !isTaken
        }
    }

    func free() {
        isTaken.withLock { $0 = false }
    }

    var isInUse: Bool { isTaken.withLock { $0 } }
}

/// One installation of a received state: it can be cancelled until it touches what is durable.
private final class Installation: Sendable {
    private enum State {
        case writing, publishing, cancelled, ended
    }

    private let state = Mutex(State.writing)
    private let ended = DispatchSemaphore(value: 0)

    /// - Returns: False if it was cancelled.
    func beginPublishing() -> Bool {
        state.withLock { state in
            guard case .writing = state else { return false }
            state = .publishing
            return true
        }
    }

    func end() {
        state.withLock { $0 = .ended }
        ended.signal()
    }

    /// - Returns: True if it was too late; the state is then durable.
    func cancel() -> Bool {
        let isPublishing = state.withLock { state in
            switch state {
            case .writing:
                state = .cancelled
                return false
            case .publishing, .ended:
                return true
            case .cancelled:
                return false
            }
        }
        if isPublishing { ended.wait() }
        return isPublishing
    }
}

extension DataTree {
    fileprivate var snapshotDigest: SnapshotDigest? {
        lastApplied > .zero ? SnapshotDigest(zxid: lastApplied, digest: digest) : nil
    }
}
