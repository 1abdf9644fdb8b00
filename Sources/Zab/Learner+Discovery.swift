import Jute

// A learner promises an epoch, and hears how the histories are brought in line.
extension Learner {
    mutating func receiveLeaderInfo(
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

    mutating func chooseSynchronization(
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
            let dropped = state.history.count(after: packet.zxid)
            guard dropped <= state.truncationLimit else {
                state.perform(
                    .exceedsTruncation(
                        after: packet.zxid, through: state.history.lastLogged,
                        transactions: dropped))
                throw Departure("TRUNC would drop \(dropped) transactions")
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
    mutating func askForSnapshot(
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
}
