import Jute

// A learner takes over the history of its leader, up to UPTODATE.
extension Learner {
    /// Packets between the first one and UPTODATE.
    mutating func synchronize(
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

    func proposal(_ packet: QuorumPacket) throws(Departure) -> Proposal {
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
    mutating func take(
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

    mutating func commit(_ zxid: Zxid, _ state: inout PeerState) throws(Departure) {
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

    mutating func acknowledgeNewLeaderIfDurable(
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

    func acknowledge(_ zxid: Zxid, _ state: inout PeerState) {
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
}
