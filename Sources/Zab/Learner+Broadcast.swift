import Jute

// A learner logs, acknowledges and delivers.
extension Learner {
    mutating func beginBroadcast(_ epoch: Epoch, _ state: inout PeerState) {
        phase = .broadcast(epoch)
        heard(state)
        acknowledge(Zxid(epoch: epoch, counter: 0), &state)
        deliverCommitted(&state)
    }

    mutating func receiveBroadcast(
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
    mutating func acknowledgeDurable(_ state: inout PeerState) {
        guard state.history.durable > acknowledged else { return }
        defer { acknowledged = max(acknowledged, state.history.durable) }
        guard !observes else { return }
        for entry in state.history.entries(after: acknowledged, through: state.history.durable) {
            acknowledge(entry.zxid, &state)
        }
    }
}
