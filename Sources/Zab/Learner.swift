import Jute

/// This server following or observing a leader.
///
/// - Source: quorum protocol reference, sections 5.1, 5.3, 5.4; its rules for a new
///   implementation are numbered there and named here.
struct Learner: Sendable {
    enum Phase: Equatable {
        /// Dialing; the leader may not listen yet.
        case connecting(retryAt: Milliseconds?)
        /// FOLLOWERINFO sent.
        case discovery
        /// ACKEPOCH sent: the next packet says how the histories are brought in line.
        case choosing(Epoch)
        case synchronization(Epoch, Stage)
        case broadcast(Epoch)
    }

    enum Stage: Equatable {
        /// Waits until the log is cut.
        case truncating
        /// Waits until the whole state has come.
        case receivingSnapshot
        /// Takes what follows, until NEWLEADER.
        case collecting
        /// NEWLEADER came: waits until the state is written.
        case installingSnapshot
        /// NEWLEADER came: waits until the log holds everything up to here (ZOOKEEPER-4646).
        case persisting(Zxid)
        /// NEWLEADER acknowledged: waits for UPTODATE.
        case acknowledged
    }

    let leader: PeerID
    let observes: Bool
    var phase: Phase = .connecting(retryAt: nil)
    var synchronizedBy: Status.Synchronization?
    /// Packets that came while the log is cut or the state written, in order.
    var waiting: [QuorumPacket] = []
    /// After a SNAP, what was proposed and not committed yet: it may go into the log only behind
    /// the snapshot.
    var behindSnapshot: [Proposal] = []
    var hasSnapshot = false
    /// The ACKEPOCH of this connection asks for the whole state.
    var asksForSnapshot = false
    /// The history on disk while a received state is not the durable one yet.
    var historyOnDisk: History?
    /// The last COMMIT received. Invariant: never behind `history.lastCommitted`.
    var commitReceived: Zxid
    /// The last transaction acknowledged to this leader.
    var acknowledged: Zxid
    var deadline: Milliseconds
    var connectUntil: Milliseconds

    init(leader: PeerID, observes: Bool, state: inout PeerState) {
        self.leader = leader
        self.observes = observes
        commitReceived = state.history.lastCommitted
        acknowledged = state.history.lastCommitted
        connectUntil = state.now + state.timing.leaderConnectPeriod
        deadline = state.now + state.timing.initPeriod
        state.perform(.connect(to: leader))
    }

    var nextDeadline: Milliseconds {
        if case .connecting(let retryAt?) = phase { return min(retryAt, deadline) }
        return deadline
    }

    var statusPhase: Status.Phase {
        switch phase {
        case .connecting, .discovery, .choosing: .discovery
        case .synchronization: .synchronization
        case .broadcast: .broadcast
        }
    }

    /// The epoch of the leader, once it has said it.
    var epoch: Epoch? {
        switch phase {
        case .connecting, .discovery: nil
        case .choosing(let epoch), .synchronization(let epoch, _), .broadcast(let epoch): epoch
        }
    }

    // MARK: Time and connection

    mutating func tick(_ state: inout PeerState) throws(Departure) {
        guard state.now < deadline else { throw Departure("leader \(leader) is silent") }
        if case .connecting(let retryAt?) = phase, state.now >= retryAt {
            phase = .connecting(retryAt: nil)
            state.perform(.connect(to: leader))
        }
    }

    /// The leader sent something, if only a part of its state.
    mutating func heard(_ state: PeerState) {
        // Not the shorter period before UPTODATE: a Java leader sends no PING before (rule 7).
        if case .broadcast = phase {
            deadline = state.now + state.timing.syncPeriod
        } else {
            deadline = state.now + state.timing.initPeriod
        }
    }

    mutating func connected(_ state: inout PeerState) throws(Departure) {
        guard case .connecting = phase else { throw Departure("connected twice") }
        phase = .discovery
        heard(state)
        let info = LearnerInfo(id: state.id, configVersion: state.ensemble.configVersion)
        state.perform(
            .sendToLeader(
                QuorumPacket(
                    observes ? .observerInfo : .followerInfo,
                    zxid: Zxid(epoch: max(0, state.acceptedEpoch), counter: 0),
                    data: info.data)))
    }

    mutating func disconnected(_ state: inout PeerState) throws(Departure) {
        guard case .connecting = phase, state.now < connectUntil else {
            throw Departure("lost the connection to leader \(leader)")
        }
        phase = .connecting(retryAt: state.now + state.timing.leaderConnectDelay)
    }

    // MARK: Packets

    mutating func receive(_ packet: QuorumPacket, _ state: inout PeerState) throws(Departure) {
        heard(state)
        switch phase {
        case .connecting:
            throw Departure("\(packet.kind) before the connection")
        case .discovery:
            try receiveLeaderInfo(packet, &state)
        case .choosing(let epoch):
            try chooseSynchronization(packet, epoch, &state)
        case .synchronization(_, .truncating), .synchronization(_, .installingSnapshot),
            .synchronization(_, .receivingSnapshot), .synchronization(_, .persisting):
            waiting.append(packet)
        case .synchronization(let epoch, .collecting), .synchronization(let epoch, .acknowledged):
            try synchronize(packet, epoch, &state)
        case .broadcast:
            try receiveBroadcast(packet, &state)
        }
    }

    /// The role ends: an unfinished state goes, and memory agrees with the disk again
    /// (ZOOKEEPER-3642, -5094; rule 5).
    mutating func leave(_ state: inout PeerState) {
        if let historyOnDisk {
            state.perform(.discardSnapshot)
            state.history = historyOnDisk
        }
        state.perform(.disconnectFromLeader)
    }
}
