import Jute

/// This server leading, from the discovery of its epoch to the broadcast.
///
/// - Source: quorum protocol reference, sections 5.1, 5.2, 5.5, 6.
struct Leader: Sendable {
    enum Phase: Equatable {
        /// Waits for FOLLOWERINFO of a quorum.
        case discovery
        /// LEADERINFO sent: waits for ACKEPOCH of a quorum.
        case promising(Epoch)
        /// NEWLEADER sent: waits for its ACK from a quorum.
        case synchronization(Epoch)
        case broadcast(Epoch)
    }

    /// A learner's connection.
    struct Follower: Sendable {
        enum Stage: Equatable {
            case connected
            /// Its FOLLOWERINFO came.
            case introduced
            /// LEADERINFO sent.
            case promising
            /// Its ACKEPOCH came: `last` is the end of its log.
            case promised(last: Zxid)
            /// Its synchronization is queued, ending with NEWLEADER; live traffic follows.
            case synchronizing
            /// NEWLEADER acknowledged.
            case acknowledged
            /// UPTODATE sent.
            case active
        }

        var id: PeerID?
        var observes = false
        var stage = Stage.connected
        var deadline: Milliseconds
        /// What NEWLEADER stands behind: its acknowledgement covers everything up to here.
        var synchronizedThrough = Zxid.zero
        /// Everything up to here is on its disk.
        var acknowledged = Zxid.zero
        /// The proposal whose acknowledgement is due next, and since when it is awaited.
        var awaited = Zxid.zero
        var awaitedSince: Milliseconds = 0
        /// PINGs since UPTODATE; earlier ones are not answered.
        var pingsSent = 0
        var pingsAnswered = 0

        /// Whether it gets proposals and commits as they happen.
        var isForwarding: Bool {
            switch stage {
            case .synchronizing, .acknowledged, .active: true
            case .connected, .introduced, .promising, .promised: false
            }
        }

        /// Whether what it acknowledges counts: only behind its acknowledgement of NEWLEADER.
        var countsForCommit: Bool { stage == .acknowledged || stage == .active }
    }

    var phase = Phase.discovery
    var followers: [LearnerConnection: Follower] = [:]
    /// Negative ids for learners that do not say theirs.
    var lastInventedID: PeerID = -1

    /// Own currentEpoch and last zxid at the election: what a follower may not be ahead of.
    let initialEpoch: Epoch
    let initialLast: Zxid
    /// Voters whose acceptedEpoch was heard, and those that promised the new one.
    var introduced: Set<PeerID> = []
    var promised: Set<PeerID> = []
    var highestAcceptedEpoch: Epoch

    var nextZxid: Zxid = .zero
    var reads = ReadRounds()

    var phaseDeadline: Milliseconds
    var nextPing: Milliseconds
    var nextQuorumCheck: Milliseconds

    init(_ state: inout PeerState) {
        initialEpoch = state.currentEpoch
        initialLast = state.history.lastLogged
        highestAcceptedEpoch = max(state.acceptedEpoch, state.highestPromiseHeard)
        phaseDeadline = state.now + state.timing.initPeriod
        nextPing = state.now + state.timing.pingInterval
        nextQuorumCheck = state.now + state.timing.tickTime
        introduced = [state.id]
        promised = [state.id]
        state.perform(.listen)
    }

    var epoch: Epoch? {
        switch phase {
        case .discovery: nil
        case .promising(let epoch), .synchronization(let epoch), .broadcast(let epoch): epoch
        }
    }

    var isEstablished: Bool {
        if case .broadcast = phase { true } else { false }
    }

    var statusPhase: Status.Phase {
        switch phase {
        case .discovery, .promising: .discovery
        case .synchronization: .synchronization
        case .broadcast: .broadcast
        }
    }

    var nextDeadline: Milliseconds {
        min(nextPing, nextQuorumCheck, isEstablished ? .max : phaseDeadline)
    }

    /// Connections in a fixed order: that of a dictionary differs in every process.
    var connections: [LearnerConnection] { followers.keys.sorted() }

    // MARK: Connections

    mutating func connected(_ connection: LearnerConnection, _ state: inout PeerState) {
        followers[connection] = Follower(
            deadline: state.now + state.timing.initPeriod + state.timing.syncPeriod)
    }

    mutating func closed(
        _ connection: LearnerConnection, _ state: inout PeerState
    ) throws(Departure) {
        followers[connection] = nil
        if isEstablished { try checkQuorum(state) }
    }

    mutating func close(
        _ connection: LearnerConnection, _ reason: String, _ state: inout PeerState
    ) {
        followers[connection] = nil
        state.perform(.close(connection, reason: reason))
    }

    /// The leadership ends.
    mutating func leave(_ state: inout PeerState) {
        for connection in connections {
            close(connection, "leadership ended", &state)
        }
        state.perform(.stopListening)
        state.perform(.readsAbandoned)
    }

    /// A whole state went out to a learner: time for the rest of its synchronization.
    mutating func snapshotSent(_ connection: LearnerConnection, _ state: inout PeerState) {
        followers[connection]?.deadline = state.now + state.timing.initPeriod
    }

    mutating func receive(
        _ packet: QuorumPacket, from connection: LearnerConnection, _ state: inout PeerState
    ) throws(Departure) {
        guard let follower = followers[connection] else { return }
        switch follower.stage {
        case .connected:
            try introduce(packet, connection, &state)
        case .promising:
            promise(packet, connection, &state)
        case .synchronizing:
            acknowledgeNewLeader(packet, connection, &state)
        case .acknowledged, .active:
            let period = state.timing.syncPeriod
            followers[connection]?.deadline = state.now + period
            return receiveBroadcast(packet, connection, &state)
        case .introduced, .promised:
            close(connection, "\(packet.kind) before its turn", &state)
        }
        try advance(&state)
    }

    // MARK: Progress

    /// Does whatever has become possible.
    mutating func advance(_ state: inout PeerState) throws(Departure) {
        if case .discovery = phase, state.ensemble.quorum.isQuorum(introduced) {
            let epoch = highestAcceptedEpoch + 1
            guard epoch <= Epoch(Int32.max) else { throw Departure("the epochs are used up") }
            state.accept(epoch)
            phase = .promising(epoch)
            phaseDeadline = state.now + state.timing.initPeriod
        }
        if let epoch {
            sendLeaderInfo(epoch, &state)
        }
        if case .promising(let epoch) = phase, state.ensemble.quorum.isQuorum(promised) {
            state.enter(epoch)
            nextZxid = Zxid(epoch: epoch, counter: 1)
            phase = .synchronization(epoch)
            phaseDeadline = state.now + state.timing.initPeriod
        }
        switch phase {
        case .discovery, .promising:
            break
        case .synchronization(let epoch):
            synchronizeFollowers(epoch, &state)
            if state.ensemble.quorum.isQuorum(newLeaderAcknowledgements(state)) {
                establish(epoch, &state)
            }
        case .broadcast(let epoch):
            synchronizeFollowers(epoch, &state)
            activateFollowers(&state)
        }
    }

    private mutating func sendLeaderInfo(_ epoch: Epoch, _ state: inout PeerState) {
        for connection in connections where followers[connection]?.stage == .introduced {
            followers[connection]?.stage = .promising
            var data = JuteWriter(reserving: 4)
            data.write(int: LearnerInfo.currentProtocolVersion)
            state.perform(
                .send(
                    QuorumPacket(
                        .leaderInfo, zxid: Zxid(epoch: epoch, counter: 0), data: data.bytes),
                    connection))
        }
    }

    /// Those that hold this leader's whole history durably. Its own voice needs its own disk.
    private func newLeaderAcknowledgements(_ state: PeerState) -> Set<PeerID> {
        var acknowledged: Set<PeerID> = state.history.durable >= initialLast ? [state.id] : []
        for follower in followers.values where follower.stage == .acknowledged {
            if let id = follower.id, !follower.observes { acknowledged.insert(id) }
        }
        return acknowledged
    }

    private mutating func establish(_ epoch: Epoch, _ state: inout PeerState) {
        phase = .broadcast(epoch)
        while state.history.hasUncommitted {
            state.deliverNext()
        }
        activateFollowers(&state)
    }

    private mutating func activateFollowers(_ state: inout PeerState) {
        for connection in connections where followers[connection]?.stage == .acknowledged {
            followers[connection]?.stage = .active
            followers[connection]?.deadline = state.now + state.timing.syncPeriod
            state.perform(.send(QuorumPacket(.upToDate, zxid: .untrusted), connection))
        }
    }

    // MARK: For people

    /// The servers that follow or observe now, with what they have on disk.
    func learners() -> [(id: PeerID, acknowledged: Zxid, isActive: Bool)] {
        connections.compactMap { connection in
            guard let follower = followers[connection], let id = follower.id else { return nil }
            return (id, follower.acknowledged, follower.stage == .active)
        }
    }

    func peer(of connection: LearnerConnection) -> PeerID? {
        followers[connection]?.id
    }
}
