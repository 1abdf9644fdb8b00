import Jute

// A leader brings the histories of its learners in line with its own.
extension Leader {
    mutating func synchronizeFollowers(_ epoch: Epoch, _ state: inout PeerState) {
        for connection in connections {
            guard case .promised(let last) = followers[connection]?.stage else { continue }
            synchronize(connection, last: last, epoch, &state)
        }
    }

    /// Queues a learner's whole synchronization and registers it for live traffic, in one step.
    ///
    /// NEWLEADER stands before every uncommitted proposal: a Java 3.8 follower cannot take a
    /// commit between NEWLEADER and UPTODATE of what was proposed before (ZOOKEEPER-4394).
    private mutating func synchronize(
        _ connection: LearnerConnection, last: Zxid, _ epoch: Epoch, _ state: inout PeerState
    ) {
        let committed = isEstablished ? state.history.lastCommitted : initialLast
        var sent: Zxid
        switch SyncPlan.choose(last: last, history: state.history, committed: committed) {
        case .diff(let zxid, let after):
            state.perform(.send(QuorumPacket(.diff, zxid: zxid), connection))
            sent = after
        case .trunc(let zxid):
            state.perform(.send(QuorumPacket(.trunc, zxid: zxid), connection))
            sent = zxid
        case .snap:
            state.perform(.sendSnapshot(connection))
            sent = state.history.lastCommitted
        }
        if sent < committed {
            for entry in state.history.entries(after: sent, through: committed) {
                sendProposal(entry, connection, &state)
                state.perform(.send(QuorumPacket(.commit, zxid: entry.zxid), connection))
            }
        }
        state.perform(
            .send(
                QuorumPacket(
                    .newLeader, zxid: Zxid(epoch: epoch, counter: 0),
                    data: state.ensemble.configText),
                connection))
        followers[connection]?.synchronizedThrough = committed
        followers[connection]?.stage = .synchronizing
        followers[connection]?.deadline = state.now + state.timing.initPeriod
        guard followers[connection]?.observes == false, isEstablished else { return }
        for entry in state.history.uncommitted {
            sendProposal(entry, connection, &state)
        }
    }

    func sendProposal(
        _ proposal: Proposal, _ connection: LearnerConnection, _ state: inout PeerState
    ) {
        state.perform(
            .send(
                QuorumPacket(.proposal, zxid: proposal.zxid, data: proposal.payload), connection))
    }

    mutating func acknowledgeNewLeader(
        _ packet: QuorumPacket, _ connection: LearnerConnection, _ state: inout PeerState
    ) {
        guard packet.kind == .ack else {
            return close(connection, "\(packet.kind) instead of the ACK of NEWLEADER", &state)
        }
        guard packet.zxid == epoch.map({ Zxid(epoch: $0, counter: 0) }) else {
            // The log of a Java follower before 3.8.5 may be faster than its acknowledgement of
            // NEWLEADER (ZOOKEEPER-4685). It counts from then on.
            return noteAcknowledgement(packet.zxid, connection, &state)
        }
        if let follower = followers[connection] {
            followers[connection]?.acknowledged = max(
                follower.acknowledged, follower.synchronizedThrough)
        }
        followers[connection]?.stage = .acknowledged
        followers[connection]?.deadline = state.now + state.timing.initPeriod
    }
}
