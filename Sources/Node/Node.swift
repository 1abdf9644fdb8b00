package import History
package import Jute
package import Logging
import NIOCore
import NIOPosix
package import Replica
import Storage
import Synchronization
import Zab
package import ZnodeTree

/// One member of an ensemble, or a node that stands alone: the replica with its thread, its
/// sockets and its disk. Everything here may be called from any thread.
package final class Node: Sendable {
    /// The committed state: read it directly, under its short lock.
    package let served: ServedTree
    /// What every transaction changed.
    package let history: ChangeHistory
    /// Everybody who waits for a change.
    package let waits: WaitService
    /// Where repairs are decided on.
    package let recovery: RecoveryDesk
    private let digestLog: DigestLog
    private let endedSessions: EndedSessions
    private let gate: GateWatch
    private let growthGate: GrowthGate
    private let log: LogWriter
    package let id: PeerID
    package let startedAt: Int64

    private let group: MultiThreadedEventLoopGroup
    private let eventLoop: any EventLoop
    private let loop: NIOLoopBound<NodeLoop>
    private let mailbox: Mailbox<@Sendable (NodeLoop) -> Void>
    private let published: StatusBox
    private let batchListener: BatchListener

    /// Opens the data directory. Nothing is sent or served before `start`.
    ///
    /// - Parameters:
    ///   - settings: What the node is.
    ///   - logger: Gets a line for everything that an operator may want to know.
    /// - Throws: One line that says what is wrong.
    package init(_ settings: NodeSettings, logger: Logger) throws(NodeError) {
        id = settings.id
        startedAt = currentTimeMillis()
        group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let eventLoop = group.next()
        self.eventLoop = eventLoop
        let mailbox = Mailbox<@Sendable (NodeLoop) -> Void>()
        let published = StatusBox()
        let batchListener = BatchListener()
        let waits = WaitService(limit: settings.waitLimit)
        let endedSessions = EndedSessions()
        let gate = GateWatch()
        let made: Result<Made, NodeError>
        do {
            made = try eventLoop.submit {
                Result { () throws(NodeError) in
                    try Self.makeLoop(
                        settings, eventLoop, mailbox, logger, published, batchListener, waits,
                        endedSessions, gate)
                }
            }.wait()
        } catch {
            throw NodeError("\(error)")
        }
        (loop, served, history, recovery, digestLog, growthGate, log) = try made.get()
        self.mailbox = mailbox
        self.published = published
        self.batchListener = batchListener
        self.waits = waits
        self.endedSessions = endedSessions
        self.gate = gate
        waits.onRenewal { [weak self] in self?.touch($0) }
    }

    private typealias Made = (
        NIOLoopBound<NodeLoop>, ServedTree, ChangeHistory, RecoveryDesk, DigestLog, GrowthGate,
        LogWriter
    )

    private static func makeLoop(
        _ settings: NodeSettings, _ eventLoop: any EventLoop,
        _ mailbox: Mailbox<@Sendable (NodeLoop) -> Void>, _ logger: Logger,
        _ published: StatusBox, _ batchListener: BatchListener, _ waits: WaitService,
        _ endedSessions: EndedSessions, _ gate: GateWatch
    ) throws(NodeError) -> Made {
        let now = Int64(NIODeadline.now().uptimeNanoseconds / 1_000_000)
        let disk = PosixDisk()
        let folder = settings.directory.dataDirectory + "/" + ChangeHistory.folderName
        let opened = try OpenedNode.open(settings, on: disk, now: now, logger: logger) {
            start, identity throws(StorageError) in
            ChangeHistory(
                try HistoryFiles(in: folder, of: identity, on: disk), from: start, on: disk,
                retention: settings.retention, logger: logger)
        }
        guard let history = opened.history else {
            preconditionFailure("a history was asked for")
        }
        let inbox = Inbox(mailbox: mailbox, eventLoop: eventLoop)
        let log = LogWriter(opened.log.take(), slowSync: settings.slowSync) { completion in
            switch completion {
            case .persisted(let tenure, let zxid):
                inbox.put { loop in
                    loop.replica?.logged(through: zxid, tenure: Int(tenure), now: loop.now)
                }
            case .failed(let error):
                inbox.put { $0.storageFailed(error, "the log cannot be written") }
            }
        }
        let storage = NodeStorage(
            directory: opened.directory, log: log, epochs: opened.epochs, history: history,
            retention: settings.retention, logger: logger)
        storage.onInstalled = { result in
            inbox.put { loop in
                switch result {
                case .success(.durable): loop.replica?.snapshotInstalled(now: loop.now)
                case .success(.refused(let hold)):
                    loop.replica?.hold(hold, now: loop.now)
                case .failure(let error):
                    loop.storageFailed(
                        error, "the leader's state cannot be written",
                        needing: loop.storage.installationBytes)
                }
            }
        }
        let digests = DigestLog(exactAfter: opened.exactAfter)
        let desk = RecoveryDesk(
            opened.directory, settings.recovery, adoption: settings.adoption,
            dataDirectory: settings.directory.dataDirectory, on: disk, logger: logger)
        let growthGate = GrowthGate(
            settings.id, of: settings.ensemble.quorum, room: opened.directory.room)
        let roomWatch = opened.directory.room.map { room in
            RoomWatch(room, logger: logger) { desk.restartNow() }
        }
        let loop = NodeLoop(
            eventLoop: eventLoop, settings: settings, storage: storage, waits: waits,
            endedSessions: endedSessions, gate: gate, desk: desk, digests: digests,
            initialHold: opened.hold, growthGate: growthGate, roomWatch: roomWatch,
            mailbox: mailbox, logger: logger,
            batchEnded: { batchListener.batchEnded() },
            publish: { published.set($0) })
        inbox.bind(NIOLoopBound(loop, eventLoop: eventLoop))
        loop.onStopped = { inbox.unbind() }
        var options = settings.replica
        options.fork = settings.adoption.map { .init(history: $0.history, since: $0.epoch) }
        let replica = Replica(
            peer: opened.peer, tree: opened.tree, options: options, environment: loop,
            random: SystemRandomNumberGenerator(), clock: currentTimeMillis(),
            exactAfter: opened.exactAfter, sinceSnapshot: opened.sinceSnapshot)
        loop.replica = replica
        replica.served.read { gate.look(at: $0) }
        loop.publishStatus(now)
        return (
            NIOLoopBound(loop, eventLoop: eventLoop), replica.served, history, desk, digests,
            growthGate, log
        )
    }

    // MARK: Life

    /// Opens the ports to the other servers and begins the first election.
    ///
    /// - Throws: One line if a port cannot be had.
    package func start() async throws(NodeError) {
        let loop = loop
        let result = await withCheckedContinuation { continuation in
            eventLoop.execute {
                loop.value.start { continuation.resume(returning: $0) }
            }
        }
        try result.get()
    }

    /// Tells everybody who waits, closes the connections and brings the log to disk.
    package func stop() async {
        let loop = loop
        await withCheckedContinuation { continuation in
            eventLoop.execute {
                loop.value.stop()
                continuation.resume()
            }
        }
        do {
            try await group.shutdownGracefully()
        } catch {
            // The threads end with the process.
        }
    }

    /// Who is told after each batch of answers, so that one wake-up serves all of them.
    package func onBatchEnded(_ action: @escaping @Sendable () -> Void) {
        batchListener.set(action)
    }

    // MARK: State

    package var status: NodeStatus {
        var status = published.get()
        // Asked directly: a disk that hangs may hold up whoever publishes.
        status.isDiskSlow = log.isSlow
        status.slowSyncs = log.counters.slowSyncs
        return status
    }

    /// Odd while the ensemble is being restored, as of the served state; another number each time.
    package var restoreGeneration: Int { gate.generation }

    /// Cheaper than the whole status: no lock, nothing copied.
    package var standing: NodeStanding { published.standing }

    /// Digests of the served state at some zxids, the present one among them: what others have at
    /// the same zxid must be the same.
    package var digests: [Zxid: UInt64] {
        digestLog.digests(with: served.read { ($0.lastApplied, $0.digest) })
    }

    /// An exact view of the state at a zxid that this node has just reached or is about to reach.
    ///
    /// - Parameters:
    ///   - zxid: Not applied yet, or the last one that was.
    ///   - complete: Gets nil when the node is past it already, or never is at exactly that state.
    ///     Called on the node's thread; perhaps never, if nothing more is written.
    package func pin(at zxid: Zxid, complete: @escaping @Sendable (DataTree?) -> Void) {
        post { loop in
            guard let replica = loop.replica else { return complete(nil) }
            let last = replica.served.read { $0.lastApplied }
            if zxid == last { return complete(replica.served.view()) }
            if zxid < last { return complete(nil) }
            loop.digests.pin(at: zxid, complete)
        }
    }

    /// Serves a state that was mended, brought up to date.
    ///
    /// - Parameters:
    ///   - state: What a quorum has at its zxid.
    ///   - complete: Gets false if it came too late: then nothing has changed.
    package func serve(mended state: DataTree, complete: @escaping @Sendable (Bool) -> Void) {
        post { loop in
            guard !loop.hasLeft else { return complete(false) }
            complete(loop.replica?.serve(mended: state, now: loop.now) ?? false)
        }
    }

    /// The served state is not the one that a quorum has: the leader's takes its place.
    package func distrust(_ reason: String) {
        post { loop in
            guard !loop.hasLeft else { return }
            loop.logger.critical("\(reason)")
            loop.replica?.distrust(reason, now: loop.now)
        }
    }

    // MARK: Requests

    private func post(_ job: @escaping @Sendable (NodeLoop) -> Void) {
        guard mailbox.put(job) else { return }
        let loop = loop
        eventLoop.execute { loop.value.drainMailbox() }
    }

    /// Sends a write on its way.
    ///
    /// - Parameters:
    ///   - write: What to do.
    ///   - caller: Who asks.
    ///   - timeout: How long it may wait for a leader and a quorum.
    ///   - complete: Called exactly once, on the node's thread.
    package func submit(
        _ write: Write, _ caller: Caller, timeout: Duration,
        complete: @escaping @Sendable (WriteOutcome) -> Void
    ) {
        post { loop in
            guard let replica = loop.replica, !loop.isStopping else {
                return complete(.unavailable(.stopping))
            }
            if loop.hasLeft || (write.grows && loop.refusesGrowth) {
                return complete(.refused(.init(reason: .noSpace)))
            }
            replica.submit(
                write, caller, deadline: loop.now + timeout.inMilliseconds, now: loop.now,
                complete: complete)
        }
    }

    /// Waits until a read of the served tree is linearizable.
    package func linearize(
        timeout: Duration, complete: @escaping @Sendable (ReadOutcome) -> Void
    ) {
        post { loop in
            guard let replica = loop.replica, !loop.isStopping else {
                return complete(.unavailable)
            }
            replica.linearize(
                deadline: loop.now + timeout.inMilliseconds, now: loop.now, complete: complete)
        }
    }

    /// Waits until everything up to `zxid` is applied.
    package func wait(
        for zxid: Zxid, timeout: Duration, complete: @escaping @Sendable (ReadOutcome) -> Void
    ) {
        post { loop in
            guard let replica = loop.replica, !loop.isStopping else { return complete(.late) }
            if loop.hasLeft {
                return complete(zxid <= replica.served.read { $0.lastApplied } ? .ready : .late)
            }
            replica.wait(
                for: zxid, deadline: loop.now + timeout.inMilliseconds, now: loop.now,
                complete: complete)
        }
    }

    /// Opens a session for a client.
    package func openSession(
        timeoutMs: Int32, timeout: Duration,
        complete: @escaping @Sendable (SessionID, WriteOutcome) -> Void
    ) {
        post { loop in
            guard let replica = loop.replica, !loop.isStopping else {
                return complete(.none, .unavailable(.stopping))
            }
            if loop.refusesGrowth {
                return complete(.none, .refused(.init(reason: .noSpace)))
            }
            let session = replica.newSessionID()
            replica.submit(
                .createSession(timeoutMs: timeoutMs), Caller(identities: [], session: session),
                deadline: loop.now + timeout.inMilliseconds, now: loop.now
            ) { complete(session, $0) }
        }
    }

    /// Writes a snapshot of this moment's state, while writes go on.
    package func takeSnapshot(complete: @escaping SnapshotCompletion) {
        post { loop in
            guard let replica = loop.replica, !loop.isStopping, !loop.hasLeft, loop.hasServed else {
                return complete(.unavailable)
            }
            guard loop.storage.whenSaved(complete) else { return complete(.busy) }
            replica.requestSnapshot()
        }
    }

    /// Writes a snapshot of this moment's state, while writes go on; after one that is being
    /// written now.
    ///
    /// - Returns: Its zxid.
    /// - Throws: One line that says why there is none.
    package func takeSnapshot() async throws(NodeError) -> Zxid {
        while true {
            let outcome = await withCheckedContinuation { continuation in
                takeSnapshot { continuation.resume(returning: $0) }
            }
            switch outcome {
            case .saved(let zxid): return zxid
            case .unavailable: throw NodeError("the node serves no state yet, or is stopping")
            case .failed(let reason): throw NodeError(reason)
            case .busy: break
            }
            do {
                try await Task.sleep(for: .seconds(1))
            } catch {
                throw NodeError("the node is stopping")
            }
        }
    }

    /// Milliseconds since 1970.
    package static var wallClock: Int64 { currentTimeMillis() }

    /// How a session ended, if this node still knows.
    package func end(of session: SessionID) -> SessionEnd? { endedSessions[session] }

    /// Tells who of the other members says that its disk has too little room.
    package func note(full: Set<PeerID>) { growthGate.note(full: full) }

    /// A client used its session here.
    package func touch(_ session: SessionID) {
        post { loop in loop.replica?.touch(session, now: loop.now) }
    }

    /// Clients still use these sessions here.
    package func touch(_ sessions: [SessionID]) {
        post { loop in
            for session in sessions { loop.replica?.touch(session, now: loop.now) }
        }
    }

    /// Confirms with the leader that a session lives, and renews it; nil without a leader.
    package func keepAlive(
        _ session: SessionID, complete: @escaping @Sendable (Bool?) -> Void
    ) {
        post { loop in
            guard let replica = loop.replica, !loop.hasLeft else { return complete(nil) }
            replica.keepAlive(session, now: loop.now, complete: complete)
        }
    }
}

/// Carries work from other threads to the loop, also while the loop is still being made.
private final class Inbox: Sendable {
    private let mailbox: Mailbox<@Sendable (NodeLoop) -> Void>
    private let eventLoop: any EventLoop
    private let loop = Mutex<NIOLoopBound<NodeLoop>?>(nil)

    init(mailbox: Mailbox<@Sendable (NodeLoop) -> Void>, eventLoop: any EventLoop) {
        self.mailbox = mailbox
        self.eventLoop = eventLoop
    }

    func bind(_ loop: NIOLoopBound<NodeLoop>) {
        self.loop.withLock { $0 = loop }
    }

    /// Lets go of the loop, and so of the data directory and its lock.
    func unbind() {
        loop.withLock { $0 = nil }
    }

    func put(_ job: @escaping @Sendable (NodeLoop) -> Void) {
        guard mailbox.put(job), let loop = loop.withLock({ $0 }) else { return }
        eventLoop.execute { loop.value.drainMailbox() }
    }
}

/// The status as of the last change, for readers on other threads.
private final class StatusBox: Sendable {
    private let status = Mutex<NodeStatus?>(nil)
    /// The role's number, and 8 more once something was served.
    private let brief = Atomic<UInt8>(0)

    private static let roles: [Status.Role] = [.looking, .following, .leading, .observing]

    func set(_ new: NodeStatus) {
        status.withLock { $0 = new }
        let role = UInt8(Self.roles.firstIndex(of: new.role) ?? 0)
        brief.store(role | (new.hasServed ? 8 : 0), ordering: .releasing)
    }

    var standing: NodeStanding {
        let brief = brief.load(ordering: .acquiring)
        return NodeStanding(role: Self.roles[Int(brief & 7)], hasServed: brief & 8 != 0)
    }

    func get() -> NodeStatus {
        guard let status = status.withLock({ $0 }) else {
            preconditionFailure("the status is published before the node can be asked")
        }
        return status
    }
}

/// Who is told at the end of each batch. Set once, before the node starts.
private final class BatchListener: Sendable {
    /// A struct around the closure: a bare closure in a generic container is wrapped once more by
    /// every access, and calling it gets slower for ever.
    private struct Listener: Sendable {
        var batchEnded: @Sendable () -> Void
    }

    private let listener = Mutex(Listener(batchEnded: {}))

    func set(_ action: @escaping @Sendable () -> Void) {
        listener.withLock { $0 = Listener(batchEnded: action) }
    }

    func batchEnded() {
        listener.withLock { $0 }.batchEnded()
    }
}

extension Duration {
    var inMilliseconds: Int64 {
        components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000
    }
}
