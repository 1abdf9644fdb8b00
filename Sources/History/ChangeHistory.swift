import DequeModule
import Dispatch
package import Jute
package import Logging
package import Storage
import Synchronization
package import ZnodeTree

/// What every committed transaction changed, in the order of zxids, without a hole from `floor`
/// on: the source of events, and of everything that looks back.
///
/// The recent part is in memory, all of it on the disk. It is written by the replica's thread as
/// transactions are applied, and read by any.
package final class ChangeHistory: Sendable {
    /// The folder's name, beside `version-2`.
    package static let folderName = "aviary-history"

    /// A piece of the history.
    package enum Excerpt: Sendable {
        /// Everything behind the zxid asked for, up to and including `through`.
        case transactions([HistoricTransaction], through: Zxid)
        /// Not in memory any more: `older` has it.
        case onDisk
        /// No longer held here.
        case gone(floor: Zxid)
    }

    struct State {
        /// Everything behind `base`, up to `last`.
        var window = Deque<HistoricTransaction>()
        var windowBytes = 0
        var base: Zxid
        var last: Zxid
        /// What the served tree has: after a start it may lack what the disk already holds.
        var visible: Zxid
        /// The files hold everything behind it, up to where memory takes over.
        var filesFloor: Zxid
        /// Everything behind it is held: memory may reach back further than the files.
        var floor: Zxid { min(filesFloor, base) }
        /// The disk has everything up to here.
        var written: Zxid
        var isWriterBusy = false
        var hasFailed = false
        var isClosed = false
        /// A hole in front of what is in memory, which the files do not know of yet.
        var restartsAt: Zxid?
        /// What the files have is not to be relied on, also before the hole.
        var forgetsFiles = false
        /// What lies before `floor` was never here, or was lost: others may have it.
        var hasHole = false
    }

    let state: Mutex<State>
    let files: FilesBox
    let writer = DispatchQueue(label: "aviary.history", qos: .utility)
    /// One at a time: each holds a whole file for a moment.
    let reader = DispatchQueue(label: "aviary.history.read", qos: .userInitiated)
    /// The file that was read last.
    let cache = Mutex<CachedSegment?>(nil)
    let disk: any Disk
    private let windowLimit: Int
    private let retention: RetentionPolicy
    let logger: Logger

    /// The files belong to the writer's queue, and the list of them to whoever reads.
    final class FilesBox: @unchecked Sendable {
        // Unchecked: `files` is used on the writer's queue only.
        let files: HistoryFiles
        let listing: Mutex<Listing>

        init(_ files: HistoryFiles) {
            self.files = files
            listing = Mutex(Listing(segments: files.segments, growing: files.growing))
        }

        func publish() {
            let new = Listing(segments: files.segments, growing: files.growing)
            listing.withLock { $0 = new }
        }
    }

    /// The files that there are.
    struct Listing: Sendable {
        /// The oldest first.
        var segments: [HistorySegment]
        /// Of the last one.
        var growing: GrowingIndex
    }

    /// Goes on from what the disk holds.
    ///
    /// - Parameters:
    ///   - files: The disk's part.
    ///   - snapshot: Where the replay of the log begins: what is applied from there on is told by
    ///     `applied`. If the files end before it, there is a hole.
    ///   - disk: Where the files are.
    ///   - retention: How much is kept.
    ///   - windowBytes: How much is kept in memory.
    ///   - logger: Is told when the disk fails.
    package init(
        _ files: HistoryFiles, from snapshot: Zxid, on disk: any Disk,
        retention: RetentionPolicy, windowBytes: Int = 32 << 20, logger: Logger
    ) {
        self.disk = disk
        self.retention = retention
        self.logger = logger
        windowLimit = windowBytes
        self.files = FilesBox(files)
        if let floor = files.floor, files.last >= snapshot {
            state = Mutex(
                State(
                    base: files.last, last: files.last, visible: snapshot, filesFloor: floor,
                    written: files.last, hasHole: files.isBroken))
        } else {
            state = Mutex(
                State(
                    base: snapshot, last: snapshot, visible: snapshot,
                    filesFloor: snapshot,
                    written: snapshot, restartsAt: snapshot, hasHole: snapshot > .zero))
        }
    }

    // MARK: Writing, on the replica's thread

    /// A committed transaction was applied.
    package func applied(_ result: TxnResult) {
        let mustWrite = state.withLock { state in
            state.visible = max(state.visible, result.zxid)
            // After a start what the disk already holds is applied once more.
            guard result.zxid > state.last else { return false }
            state.last = result.zxid
            guard !result.changes.isEmpty else { return false }
            let transaction = HistoricTransaction(result)
            state.window.append(transaction)
            state.windowBytes += transaction.sizeBytes
            trim(&state)
            defer { state.isWriterBusy = true }
            return !state.isWriterBusy
        }
        if mustWrite { scheduleWrite() }
    }

    /// Not at once: a write is worth more than one transaction, and nothing waits for it.
    private func scheduleWrite() {
        writer.asyncAfter(deadline: .now() + ChangeHistory.writeDelay) { self.write() }
    }

    private static let writeDelay = DispatchTimeInterval.milliseconds(100)

    /// The served tree is another one, with everything up to `zxid`: what lies between is not
    /// known here.
    ///
    /// - Parameters:
    ///   - zxid: Of the new state.
    ///   - wasWrong: Whether the state before was: then what it made of the transactions is wrong as
    ///     well, and others have it right.
    package func jumped(to zxid: Zxid, wasWrong: Bool = false) {
        let mustWrite = state.withLock { state in
            state.visible = zxid
            let isKnown = zxid == state.last || (zxid < state.last && zxid >= state.floor)
            if isKnown, !wasWrong { return false }
            if wasWrong { state.forgetsFiles = true }
            state.window = []
            state.windowBytes = 0
            state.base = zxid
            state.last = zxid
            state.filesFloor = zxid
            state.written = zxid
            state.restartsAt = zxid
            state.hasHole = zxid > .zero
            defer { state.isWriterBusy = true }
            return !state.isWriterBusy
        }
        if mustWrite { scheduleWrite() }
    }

    /// Forgets what memory has no room for, if the disk has it. A disk that does not keep up costs
    /// the oldest part rather than the memory.
    private func trim(_ state: inout State) {
        while state.windowBytes > windowLimit, state.window.count > 1 {
            let isOnDisk = state.window[0].zxid <= state.written && state.restartsAt == nil
            guard isOnDisk || state.windowBytes > 4 * windowLimit else { return }
            let first = state.window.removeFirst()
            state.windowBytes -= first.sizeBytes
            state.base = first.zxid
            if !isOnDisk {
                state.filesFloor = first.zxid
                state.written = first.zxid
                state.restartsAt = first.zxid
                state.hasHole = true
            }
        }
    }

    // MARK: Writing, on the writer's queue

    func write() {
        while true {
            let (restart, forgets, batch) = state.withLock {
                state -> (Zxid?, Bool, [HistoricTransaction]) in
                if state.isClosed { return (nil, false, []) }
                let start = state.window.firstIndex(after: state.written)
                let batch = Array(state.window[start...])
                defer {
                    state.restartsAt = nil
                    state.forgetsFiles = false
                }
                if batch.isEmpty, state.restartsAt == nil { state.isWriterBusy = false }
                return (state.restartsAt, state.forgetsFiles, batch)
            }
            if restart == nil, batch.isEmpty { return }
            do throws(StorageError) {
                if let restart {
                    try files.files.restart(at: restart, keepingOlder: !forgets)
                }
                try files.files.append(batch[...])
                files.publish()
                state.withLock { state in
                    // While this was written, a jump may have begun another history.
                    if state.restartsAt == nil, let last = batch.last {
                        state.written = max(state.written, last.zxid)
                    }
                    state.hasFailed = false
                }
            } catch {
                return giveUp(error)
            }
        }
    }

    /// What is on the disk cannot be relied on any more: only what is in memory is offered until
    /// another file is begun, with the next transaction.
    private func giveUp(_ error: StorageError) {
        let isNew = state.withLock { state in
            state.filesFloor = state.base
            state.written = state.base
            state.restartsAt = state.base
            state.hasHole = true
            state.isWriterBusy = false
            defer { state.hasFailed = true }
            return !state.hasFailed
        }
        if isNew { logger.error("the history cannot be written: \(error)") }
    }

    /// Lets go of the files: nothing is written from now on.
    package func close() {
        writer.sync { state.withLock { $0.isClosed = true } }
    }

    /// Makes everything up to `zxid` durable, before a snapshot takes the place of the log.
    ///
    /// Blocks the calling thread, which must not be the replica's.
    ///
    /// - Parameter zxid: Applied; no transaction up to it is still to come.
    package func sync(through zxid: Zxid) {
        writer.sync {
            write()
            if state.withLock({ $0.isClosed }) { return }
            do throws(StorageError) {
                try files.files.sync(through: zxid)
            } catch {
                giveUp(error)
            }
        }
    }

    /// Removes what is older or larger than is kept.
    package func purge(now: Duration) {
        writer.sync {
            do throws(StorageError) {
                let expired = try files.files.expire(retention, now: now)
                let floor = files.files.floor
                // Nobody is told of what is about to go.
                state.withLock { state in
                    if let floor, floor > state.filesFloor {
                        state.filesFloor = floor
                        state.hasHole = false
                    }
                }
                files.publish()
                try files.files.remove(expired)
            } catch {
                logger.error("old history cannot be removed: \(error)")
            }
        }
    }

    // MARK: Closing a hole

    /// Where the hole in front of everything ends; nil without one.
    var holeEnd: Zxid? { state.withLock { $0.hasHole ? $0.filesFloor : nil } }

    /// Where what lies before the hole ends.
    var olderEnd: Zxid? { writer.sync { files.files.olderEnd } }

    /// Takes a piece of what is missing. Blocks the calling thread.
    ///
    /// - Parameters:
    ///   - hole: As it was when the first piece was asked for.
    ///   - bytes: As another member exported it.
    ///   - zxid: Where it begins: where the piece before it ended.
    /// - Returns: Where it ends; nil when it is of no use.
    package func fill(_ hole: Hole, with bytes: [UInt8], after zxid: Zxid) -> Zxid? {
        writer.sync {
            do throws(StorageError) {
                guard holeEnd == hole.through else { return nil }
                return try files.files.keepFetched(bytes, after: zxid, through: hole.through)
            } catch {
                logger.error("the history cannot be completed: \(error)")
                return nil
            }
        }
    }

    /// Ends filling a hole: all of it came, and is offered from now on, or it is given up.
    ///
    /// - Parameters:
    ///   - hole: As it was when the first piece was asked for.
    ///   - isComplete: Whether the last piece ended where the hole does.
    package func finishFilling(_ hole: Hole, isComplete: Bool) {
        writer.sync {
            do throws(StorageError) {
                guard isComplete, holeEnd == hole.through else {
                    return try files.files.discardFetched()
                }
                try files.files.adoptFetched()
                files.publish()
                guard let floor = files.files.floor else { return }
                state.withLock { state in
                    state.filesFloor = floor
                    state.hasHole = false
                }
                logger.info("the history reaches back to \(floor) again")
            } catch {
                logger.error("the history cannot be completed: \(error)")
            }
        }
    }
}

extension RandomAccessCollection where Element == HistoricTransaction, Index == Int {
    /// The index of the first transaction behind a zxid.
    func firstIndex(after zxid: Zxid) -> Int {
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) / 2
            if self[middle].zxid > zxid { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
