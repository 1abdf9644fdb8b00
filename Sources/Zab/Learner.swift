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
    private let observes: Bool
    private(set) var phase: Phase = .connecting(retryAt: nil)
    private(set) var synchronizedBy: Status.Synchronization?
    /// Packets that came while the log is cut or the state written, in order.
    private var waiting: [QuorumPacket] = []
    /// After a SNAP, what was proposed and not committed yet: it may go into the log only behind
    /// the snapshot.
    private var behindSnapshot: [Proposal] = []
    private var hasSnapshot = false
    /// The ACKEPOCH of this connection asks for the whole state.
    private var asksForSnapshot = false
    /// The history on disk while a received state is not the durable one yet.
    private var historyOnDisk: History?
    /// The last COMMIT received. Invariant: never behind `history.lastCommitted`.
    private var commitReceived: Zxid
    /// The last transaction acknowledged to this leader.
    private var acknowledged: Zxid
    private var deadline: Milliseconds
    private var connectUntil: Milliseconds

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

    private mutating func receiveLeaderInfo(
        _ packet: QuorumPacket, _ state: inout PeerState
    ) throws(Departure) {
        guard packet.kind == .leaderInfo else {
            throw Departure("\(packet.kind) instead of LEADERINFO")
        }
        let epoch = packet.zxid.epoch
        // An observer's promise counted for nobody, so it may follow an older leader after all.
        guard epoch >= (observes ? state.currentEpoch : state.acceptedEpoch) else {
            throw Departure("leader's epoch \(epoch) is older than \(state.acceptedEpoch)")
        }
        // Only a promise made now counts for the leader: one made before may have been made to
        // a leader that is gone.
        var counted = Epoch(-1)
        var last = state.needsSnapshot ? Zxid.untrusted : state.history.lastLogged
        if epoch > state.acceptedEpoch {
            state.accept(epoch)
            if let bound = state.bound {
                // Not what is left of its log: a leader behind the bound could take up its epoch
                // on that word, and beat those that have what was acknowledged here.
                counted = bound.epoch
                last = bound.zxid
            } else if !state.needsSnapshot {
                counted = state.currentEpoch
            }
        }
        asksForSnapshot = last == .untrusted
        phase = .choosing(epoch)
        var data = JuteWriter(reserving: 4)
        data.write(int: Int32(truncatingIfNeeded: counted))
        state.perform(.sendToLeader(QuorumPacket(.ackEpoch, zxid: last, data: data.bytes)))
    }

    private mutating func chooseSynchronization(
        _ packet: QuorumPacket, _ epoch: Epoch, _ state: inout PeerState
    ) throws(Departure) {
        switch packet.kind {
        case .diff:
            guard !state.needsSnapshot else {
                // What it continues, the end that was named, is not on this disk.
                return try askForSnapshot("DIFF where only SNAP helps", &state)
            }
            synchronizedBy = .diff
            // What both have is the leader's history, hence committed once it is established.
            commitReceived = state.history.lastLogged
            phase = .synchronization(epoch, .collecting)
        case .trunc:
            guard !state.needsSnapshot, packet.zxid >= state.history.lastCommitted,
                state.history.reaches(packet.zxid)
            else {
                // What is committed here is not in the leader's history, or what the leader
                // counts on is not here.
                return try askForSnapshot(
                    "TRUNC to \(packet.zxid), where this log cannot be cut", &state)
            }
            synchronizedBy = .trunc
            phase = .synchronization(epoch, .truncating)
            state.truncate(after: packet.zxid)
            commitReceived = state.history.lastLogged
        case .snap:
            synchronizedBy = .snap
            hasSnapshot = true
            historyOnDisk = state.history
            phase = .synchronization(epoch, .receivingSnapshot)
            state.tenure += 1
            state.perform(.beginSnapshot(packet.zxid))
            state.history.restart(at: packet.zxid)
            commitReceived = packet.zxid
            acknowledged = packet.zxid
        default:
            throw Departure("\(packet.kind) instead of DIFF, TRUNC or SNAP")
        }
    }

    /// The histories cannot be brought in line like this: asks the same leader for its whole
    /// state.
    ///
    /// An election would not do: the promise just made counts only while this leader leads, and
    /// without it there may be no quorum for another one.
    private mutating func askForSnapshot(
        _ reason: String, _ state: inout PeerState
    ) throws(Departure) {
        guard !asksForSnapshot, !hasSnapshot else { throw Departure(reason) }
        state.needsSnapshot = true
        state.perform(.disconnectFromLeader)
        waiting = []
        synchronizedBy = nil
        connectUntil = state.now + state.timing.leaderConnectPeriod
        deadline = state.now + state.timing.initPeriod
        phase = .connecting(retryAt: state.now + state.timing.leaderConnectDelay)
    }

    /// Packets between the first one and UPTODATE.
    private mutating func synchronize(
        _ packet: QuorumPacket, _ epoch: Epoch, _ state: inout PeerState
    ) throws(Departure) {
        switch packet.kind {
        case .proposal:
            try take(proposal(packet), &state)
        case .commit, .commitAndActivate:
            try commit(packet.zxid, &state)
        case .inform, .informAndActivate:
            let proposal = try proposal(packet)
            try take(proposal, &state)
            try commit(proposal.zxid, &state)
        case .newLeader:
            guard case .synchronization(_, .collecting) = phase else {
                throw Departure("a second NEWLEADER")
            }
            guard packet.zxid == Zxid(epoch: epoch, counter: 0) else {
                throw Departure("NEWLEADER of \(packet.zxid) in epoch \(epoch)")
            }
            try beginNewLeader(epoch, &state)
        case .upToDate:
            guard case .synchronization(_, .acknowledged) = phase else {
                throw Departure("UPTODATE before NEWLEADER")
            }
            beginBroadcast(epoch, &state)
        default:
            break  // PING, and whatever a newer version may send: ignored, as in the original.
        }
    }

    private func proposal(_ packet: QuorumPacket) throws(Departure) -> Proposal {
        guard let data = packet.data else { throw Departure("\(packet.kind) without data") }
        guard packet.kind == .informAndActivate else {
            return Proposal(zxid: packet.zxid, payload: data)
        }
        // The id of the designated leader stands before the transaction. With reconfiguration
        // off nobody acts on it (ZOOKEEPER-3829).
        guard data.count > 8 else { throw Departure("\(packet.kind) is too short") }
        return Proposal(zxid: packet.zxid, payload: Array(data.dropFirst(8)))
    }

    /// Takes a proposal of the synchronization into the log, or behind the snapshot.
    private mutating func take(
        _ proposal: Proposal, _ state: inout PeerState
    ) throws(Departure) {
        let last = behindSnapshot.last?.zxid ?? state.history.lastLogged
        if proposal.zxid <= last, hasSnapshot, behindSnapshot.isEmpty { return }
        guard proposal.zxid.epoch <= epoch ?? .max else {
            throw Departure("PROPOSAL \(proposal.zxid) is of a later epoch than its leader")
        }
        guard proposal.zxid.directlyFollows(last) else {
            // Another attempt would bring the same: the leader's window has a hole
            // (ZOOKEEPER-4925, -2846).
            return try askForSnapshot(
                "PROPOSAL \(proposal.zxid) leaves a gap after \(last)", &state)
        }
        if isBeforeInstallation {
            behindSnapshot.append(proposal)
        } else {
            state.append(proposal)
        }
    }

    private mutating func commit(_ zxid: Zxid, _ state: inout PeerState) throws(Departure) {
        if zxid <= commitReceived { return }
        if isBeforeInstallation {
            // A Java leader's state is not of one moment: only with everything up to NEWLEADER
            // applied does it become exact (ZOOKEEPER-3104). It is not served yet.
            guard let first = behindSnapshot.first, first.zxid == zxid else {
                throw Departure("COMMIT \(zxid) out of order")
            }
            behindSnapshot.removeFirst()
            commitReceived = zxid
            state.perform(.deliver(first))
            state.history.restart(at: zxid)
        } else {
            guard zxid <= state.history.lastLogged else {
                throw Departure("COMMIT \(zxid) of what was never proposed")
            }
            commitReceived = zxid
        }
    }

    private var isBeforeInstallation: Bool {
        guard hasSnapshot, case .synchronization(_, .collecting) = phase else { return false }
        return true
    }

    // MARK: NEWLEADER

    /// Rule 1: everything received so far durable, then currentEpoch, then the acknowledgement.
    private mutating func beginNewLeader(
        _ epoch: Epoch, _ state: inout PeerState
    ) throws(Departure) {
        if hasSnapshot {
            phase = .synchronization(epoch, .installingSnapshot)
            state.perform(.installSnapshot(state.history.lastCommitted))
        } else {
            try persist(epoch, &state)
        }
    }

    private mutating func persist(_ epoch: Epoch, _ state: inout PeerState) throws(Departure) {
        for proposal in behindSnapshot {
            state.append(proposal)
        }
        behindSnapshot = []
        phase = .synchronization(epoch, .persisting(state.history.lastLogged))
        try acknowledgeNewLeaderIfDurable(&state)
    }

    private mutating func acknowledgeNewLeaderIfDurable(
        _ state: inout PeerState
    ) throws(Departure) {
        guard case .synchronization(let epoch, .persisting(let last)) = phase,
            state.history.durable >= last
        else { return }
        state.enter(epoch)
        state.needsSnapshot = false
        state.trustHistory()
        phase = .synchronization(epoch, .acknowledged)
        // Rule 2: the first packet after ACKEPOCH (ZOOKEEPER-4685).
        acknowledge(Zxid(epoch: epoch, counter: 0), &state)
        acknowledged = max(acknowledged, commitReceived)
        acknowledgeDurable(&state)
        try receiveWaiting(&state)
    }

    private func acknowledge(_ zxid: Zxid, _ state: inout PeerState) {
        state.perform(.sendToLeader(QuorumPacket(.ack, zxid: zxid)))
    }

    private mutating func receiveWaiting(_ state: inout PeerState) throws(Departure) {
        let packets = waiting
        waiting = []
        for packet in packets {
            try receive(packet, &state)
        }
    }

    mutating func truncated(_ succeeded: Bool, _ state: inout PeerState) throws(Departure) {
        guard case .synchronization(let epoch, .truncating) = phase else { return }
        guard succeeded else {
            return try askForSnapshot("the log could not be cut", &state)
        }
        phase = .synchronization(epoch, .collecting)
        try receiveWaiting(&state)
    }

    mutating func snapshotReceived(_ state: inout PeerState) throws(Departure) {
        guard case .synchronization(let epoch, .receivingSnapshot) = phase else { return }
        phase = .synchronization(epoch, .collecting)
        try receiveWaiting(&state)
    }

    mutating func snapshotInstalled(_ state: inout PeerState) throws(Departure) {
        guard case .synchronization(let epoch, .installingSnapshot) = phase else { return }
        historyOnDisk = nil
        try persist(epoch, &state)
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

    // MARK: Broadcast

    private mutating func beginBroadcast(_ epoch: Epoch, _ state: inout PeerState) {
        phase = .broadcast(epoch)
        heard(state)
        acknowledge(Zxid(epoch: epoch, counter: 0), &state)
        deliverCommitted(&state)
    }

    private mutating func receiveBroadcast(
        _ packet: QuorumPacket, _ state: inout PeerState
    ) throws(Departure) {
        switch packet.kind {
        case .proposal:
            try takeLive(proposal(packet), &state)
        case .commit, .commitAndActivate:
            try commitLive(packet.zxid, &state)
        case .inform, .informAndActivate:
            let proposal = try proposal(packet)
            try takeLive(proposal, &state)
            try commitLive(proposal.zxid, &state)
        case .ping:
            state.perform(
                .answerPing(
                    QuorumPacket(.ping, zxid: packet.zxid, identities: packet.identities)))
        case .revalidate:
            try receiveRevalidation(packet, &state)
        case .sync:
            state.perform(.synced(through: commitReceived))
        case .upToDate, .newLeader, .diff, .trunc, .snap:
            throw Departure("\(packet.kind) during broadcast")
        default:
            break
        }
    }

    private mutating func takeLive(
        _ proposal: Proposal, _ state: inout PeerState
    ) throws(Departure) {
        guard proposal.zxid.epoch == epoch,
            proposal.zxid.directlyFollows(state.history.lastLogged)
        else {
            throw Departure(
                "PROPOSAL \(proposal.zxid) cannot follow \(state.history.lastLogged)")
        }
        state.append(proposal)
    }

    private mutating func commitLive(_ zxid: Zxid, _ state: inout PeerState) throws(Departure) {
        guard zxid > commitReceived, zxid <= state.history.lastLogged else {
            throw Departure("COMMIT \(zxid) after \(commitReceived)")
        }
        commitReceived = zxid
        deliverCommitted(&state)
    }

    private func receiveRevalidation(
        _ packet: QuorumPacket, _ state: inout PeerState
    ) throws(Departure) {
        var reader = JuteReader(packet.data ?? [])
        do throws(JuteError) {
            let session = try reader.readSessionID()
            state.perform(.revalidated(session, valid: try reader.readBool()))
        } catch {
            throw Departure("malformed REVALIDATE")
        }
    }

    /// Delivers what is committed and on this server's own disk.
    private func deliverCommitted(_ state: inout PeerState) {
        let limit = min(commitReceived, state.history.durable)
        while let next = state.history.firstUncommitted, next.zxid <= limit {
            state.deliverNext()
        }
    }

    mutating func logged(_ state: inout PeerState) throws(Departure) {
        switch phase {
        case .synchronization(_, .persisting):
            try acknowledgeNewLeaderIfDurable(&state)
        case .synchronization(_, .acknowledged):
            acknowledgeDurable(&state)
        case .broadcast:
            acknowledgeDurable(&state)
            deliverCommitted(&state)
        case .connecting, .discovery, .choosing, .synchronization:
            break
        }
    }

    /// Acknowledges every transaction on disk that was not acknowledged yet, one by one: a Java
    /// leader counts each.
    private mutating func acknowledgeDurable(_ state: inout PeerState) {
        guard state.history.durable > acknowledged else { return }
        defer { acknowledged = max(acknowledged, state.history.durable) }
        guard !observes else { return }
        for entry in state.history.entries(after: acknowledged, through: state.history.durable) {
            acknowledge(entry.zxid, &state)
        }
    }
}
