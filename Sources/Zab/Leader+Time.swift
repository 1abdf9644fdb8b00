import Jute

// A leader pings its learners, and drops those that are silent.
extension Leader {
    mutating func tick(_ state: inout PeerState) throws(Departure) {
        if !isEstablished, state.now >= phaseDeadline {
            throw Departure("no quorum joined within the initLimit")
        }
        if state.now >= nextPing {
            nextPing = state.now + state.timing.pingInterval
            pingFollowers(&state)
        }
        if state.now >= nextQuorumCheck {
            nextQuorumCheck = state.now + state.timing.tickTime
            dropSilentFollowers(&state)
            if isEstablished { try checkQuorum(state) }
        }
    }

    private mutating func pingFollowers(_ state: inout PeerState) {
        for connection in connections {
            guard followers[connection]?.isForwarding == true else { continue }
            if isOverdue(connection, state) {
                close(connection, "a proposal is unacknowledged for too long", &state)
            } else {
                ping(connection, &state)
            }
        }
    }

    /// Whether a follower acknowledges proposals too late, whether or not a quorum goes on without
    /// it. As exact as the interval of the PINGs.
    private mutating func isOverdue(_ connection: LearnerConnection, _ state: PeerState) -> Bool {
        guard let follower = followers[connection], follower.stage == .active, !follower.observes
        else { return false }
        guard follower.acknowledged >= follower.awaited else {
            return state.now - follower.awaitedSince > state.timing.syncPeriod
        }
        followers[connection]?.awaited = state.history.lastLogged
        followers[connection]?.awaitedSince = state.now
        return false
    }

    mutating func ping(_ connection: LearnerConnection, _ state: inout PeerState) {
        if followers[connection]?.stage == .active { followers[connection]?.pingsSent += 1 }
        state.perform(.send(QuorumPacket(.ping, zxid: state.history.lastLogged), connection))
    }

    private mutating func dropSilentFollowers(_ state: inout PeerState) {
        for connection in connections {
            if let follower = followers[connection], state.now >= follower.deadline {
                close(connection, "silent for too long", &state)
            }
        }
    }

    func checkQuorum(_ state: PeerState) throws(Departure) {
        var present: Set<PeerID> = [state.id]
        for follower in followers.values where !follower.observes {
            if let id = follower.id, follower.stage != .connected { present.insert(id) }
        }
        guard state.ensemble.quorum.isQuorum(present) else {
            throw Departure("no quorum follows any more")
        }
    }
}
