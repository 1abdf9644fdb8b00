import Dispatch
import Jute
import Logging
import NIOCore
import PeerTransport
import Replica
import Storage
import Zab
import ZnodeTree

/// The replica's thread: one event loop that owns the protocol, the connections to other servers
/// and the timers. Nothing here is touched by any other thread.
///
/// The sockets live on the same loop on purpose: a packet reaches the protocol without a hop, a
/// lock or a wake-up.
final class NodeLoop {
    let eventLoop: any EventLoop
    let logger: Logger
    let settings: NodeSettings
    let storage: NodeStorage
    let waits: WaitService
    let endedSessions: EndedSessions
    let gate: GateWatch
    let desk: RecoveryDesk
    let digests: DigestLog
    /// Why the node takes no part from its start on.
    let initialHold: Hold?
    let growthGate: GrowthGate
    /// Nil where nothing is held back on the disk.
    let roomWatch: RoomWatch?
    let mailbox: Mailbox<@Sendable (NodeLoop) -> Void>
    /// The mailbox's other buffer.
    private var spareJobs: [@Sendable (NodeLoop) -> Void] = []
    /// Wakes whoever was answered in a batch.
    let batchEnded: @Sendable () -> Void
    let publish: @Sendable (NodeStatus) -> Void

    /// Set once, right after `init`: the two refer to each other.
    var replica: Replica?

    let election: ElectionTransport?
    let listener: QuorumListener
    var leaderConnection: LeaderConnection?

    private var isBatchOpen = false
    private var timer: Scheduled<Void>?
    private var timerAt = Milliseconds.max
    private var nextPublication: Milliseconds = 0
    private(set) var hasServed = false
    private var leaderlessSince: Milliseconds?
    /// When something came last: from servers in elections, from learners, from the leader.
    var heardInElections: [PeerID: Milliseconds] = [:]
    var heardFromLearners: [LearnerConnection: Milliseconds] = [:]
    var heardFromLeader: Milliseconds?
    /// It takes no part for want of room, see `storageFailed`.
    var hasLeft = false
    /// It takes no part because of its disk, and the process is about to end.
    var hasDiskFailed = false
    var areTransportsClosed = false
    var isStopping = false
    var onStopped: () -> Void = {}

    init(
        eventLoop: any EventLoop, settings: NodeSettings, storage: NodeStorage,
        waits: WaitService, endedSessions: EndedSessions, gate: GateWatch, desk: RecoveryDesk,
        digests: DigestLog, initialHold: Hold?, growthGate: GrowthGate, roomWatch: RoomWatch?,
        mailbox: Mailbox<@Sendable (NodeLoop) -> Void>, logger: Logger,
        batchEnded: @escaping @Sendable () -> Void,
        publish: @escaping @Sendable (NodeStatus) -> Void
    ) {
        self.eventLoop = eventLoop
        self.settings = settings
        self.storage = storage
        self.waits = waits
        self.endedSessions = endedSessions
        self.gate = gate
        self.desk = desk
        self.digests = digests
        self.initialHold = initialHold
        self.growthGate = growthGate
        self.roomWatch = roomWatch
        self.mailbox = mailbox
        self.logger = logger
        self.batchEnded = batchEnded
        self.publish = publish
        listener = QuorumListener(eventLoop: eventLoop, logger: logger)
        election = settings.election.map {
            ElectionTransport($0, eventLoop: eventLoop, logger: logger)
        }
    }

    var now: Milliseconds { Int64(NIODeadline.now().uptimeNanoseconds / 1_000_000) }

    /// Takes inputs into the batch of this turn of the event loop. What can be put off is done at
    /// the turn's end, for everything that came meanwhile: with one write a connection, one batch
    /// for the log and one wake-up for whoever was answered.
    func batch(_ inputs: (Replica, Milliseconds) -> Void) {
        guard let replica, !isStopping else { return }
        replica.refusesGrowth = refusesGrowth
        inputs(replica, now)
        if isBatchOpen { return }
        isBatchOpen = true
        // The loop runs this after all sockets that are ready, without another turn.
        let bound = NIOLoopBound(self, eventLoop: eventLoop)
        eventLoop.execute { bound.value.endBatch() }
    }

    private func endBatch() {
        isBatchOpen = false
        guard let replica, !isStopping else { return }
        replica.endOfBatch()
        let now = now
        if now >= nextPublication { publishStatus(now) }
        reschedule(now)
    }

    /// Whether data must not grow; of a leader, also what others ask it for.
    var refusesGrowth: Bool { growthGate.refuses(leader: replica?.status.leader) }

    func drainMailbox() {
        var jobs = spareJobs
        spareJobs = []
        mailbox.takeAll(into: &jobs)
        if !jobs.isEmpty {
            batch { _, _ in
                for job in jobs { job(self) }
            }
            jobs.removeAll(keepingCapacity: true)
        }
        spareJobs = jobs
    }

    // MARK: Timer

    private func reschedule(_ now: Milliseconds) {
        guard let replica, !hasLeft else { return }
        let deadline = max(now + 1, min(replica.nextDeadline, now + 250))
        // A timer that fires early costs a look; one that fires late costs a leader.
        guard deadline < timerAt || timer == nil else { return }
        timer?.cancel()
        timerAt = deadline
        let bound = NIOLoopBound(self, eventLoop: eventLoop)
        timer = eventLoop.scheduleTask(in: .milliseconds(deadline - now)) {
            bound.value.timerFired()
        }
    }

    private func timerFired() {
        timer = nil
        timerAt = .max
        batch { replica, now in replica.tick(now: now) }
    }

    func stopTimer() {
        timer?.cancel()
        timer = nil
    }

    // MARK: Status

    func publishStatus(_ now: Milliseconds) {
        guard let replica else { return }
        nextPublication = now + 250
        let peer = replica.peer
        let protocolStatus = hasLeft ? statusOfAbsence(replica.status) : replica.status
        if protocolStatus.isSynchronized {
            hasServed = true
            leaderlessSince = nil
        } else {
            leaderlessSince = leaderlessSince ?? now
        }
        publish(
            NodeStatus(
                id: peer.state.id, protocolStatus: protocolStatus,
                committed: replica.served.read { $0.lastApplied },
                logged: peer.state.history.lastLogged, durable: peer.state.history.durable,
                acceptedEpoch: peer.state.acceptedEpoch, currentEpoch: peer.state.currentEpoch,
                hasServed: hasServed,
                isOutOfSpace: growthGate.isFullHere, hasDiskFailed: hasDiskFailed,
                learners: hasLeft
                    ? []
                    : peer.learners.map {
                        NodeStatus.Learner(
                            id: $0.id, acknowledged: $0.acknowledged, isActive: $0.isActive)
                    },
                connected: hasLeft ? [] : election?.connectedPeers ?? [],
                heardAt: heardAt(now, replica),
                strangers: peer.state.strangers.keys.sorted(),
                leaderlessFor: leaderlessSince.map { .milliseconds(now - $0) },
                receivedBytes: replica.receivedBytes, standing: peer.state.standing,
                pendingWrites: replica.pendingCount, parkedWrites: replica.parkedCount,
                sessions: replica.served.read { $0.sessionCount }, counters: replica.counters,
                gatewaySession: replica.gatewaySession))
    }

    private func heardAt(
        _ now: Milliseconds, _ replica: Replica
    ) -> [PeerID: ContinuousClock.Instant] {
        var latest = heardInElections
        for (connection, time) in heardFromLearners {
            if let id = replica.peer.peer(of: connection) {
                latest[id] = max(latest[id] ?? 0, time)
            }
        }
        if let leader = replica.status.leader, leader != settings.id, let heardFromLeader {
            latest[leader] = max(latest[leader] ?? 0, heardFromLeader)
        }
        let instant = ContinuousClock.now
        return latest.mapValues { instant - .milliseconds(now - $0) }
    }

    // MARK: Start and stop

    func start(_ bound: @escaping @Sendable (Result<Void, NodeError>) -> Void) {
        connectTransports()
        roomWatch?.start()
        guard let election else {
            bound(.success(()))
            return batch { replica, now in replica.start(heldFor: initialHold, now: now) }
        }
        election.start { [self] result in
            switch result {
            case .success:
                bound(.success(()))
                batch { replica, now in replica.start(heldFor: initialHold, now: now) }
            case .failure(let error):
                bound(.failure(NodeError("\(error)")))
            }
        }
    }

    func stop() {
        guard !isStopping else { return }
        replica?.stop()
        isStopping = true
        stopTimer()
        closeTransports()
        roomWatch?.stop()
        storage.stop()
        replica = nil
        onStopped()
    }

    /// A fault after which nothing that this process says can be trusted.
    func die(_ reason: String) -> Never {
        logger.critical("\(reason)")
        exitProcess(reason)
    }
}
