import Jute

// A leader proposes and commits.
extension Leader {
    mutating func receiveBroadcast(
        _ packet: QuorumPacket, _ connection: LearnerConnection, _ state: inout PeerState
    ) {
        switch packet.kind {
        case .ack:
            receiveAcknowledgement(packet.zxid, connection, &state)
        case .ping:
            if followers[connection]?.stage == .active {
                followers[connection]?.pingsAnswered += 1
                confirmReads(&state)
            }
            forward(packet, connection, &state) { data throws(JuteError) in
                .touched(try SessionTouch.list(data: data))
            }
        case .revalidate:
            forward(packet, connection, &state) { data throws(JuteError) in
                var reader = JuteReader(data ?? [])
                return .revalidate(try SessionTouch(from: &reader), connection)
            }
        case .request:
            receiveRequest(packet, connection, &state)
        default:
            break
        }
    }

    private mutating func forward(
        _ packet: QuorumPacket, _ connection: LearnerConnection, _ state: inout PeerState,
        _ effect: ([UInt8]?) throws(JuteError) -> Effect
    ) {
        do throws(JuteError) {
            state.perform(try effect(packet.data))
        } catch {
            close(connection, "malformed \(packet.kind)", &state)
        }
    }

    private mutating func receiveRequest(
        _ packet: QuorumPacket, _ connection: LearnerConnection, _ state: inout PeerState
    ) {
        guard followers[connection]?.stage == .active else {
            return close(connection, "REQUEST before UPTODATE", &state)
        }
        do throws(JuteError) {
            let request = try ForwardedRequest(data: packet.data)
            if request.code == .sync {
                beginRead(.learner(connection), &state)
            } else {
                state.perform(
                    .forwarded(request, identities: packet.identities ?? [], connection))
            }
        } catch {
            close(connection, "malformed REQUEST", &state)
        }
    }

    private mutating func receiveAcknowledgement(
        _ zxid: Zxid, _ connection: LearnerConnection, _ state: inout PeerState
    ) {
        noteAcknowledgement(zxid, connection, &state)
        if zxid > state.history.lastCommitted { commit(&state) }
    }

    mutating func noteAcknowledgement(
        _ zxid: Zxid, _ connection: LearnerConnection, _ state: inout PeerState
    ) {
        // The second ACK of NEWLEADER, or one of an observer: neither counts.
        guard !zxid.beginsEpoch, let follower = followers[connection], !follower.observes else {
            return
        }
        guard zxid <= state.history.lastLogged else {
            return close(connection, "ACK \(zxid) of what was never proposed", &state)
        }
        followers[connection]?.acknowledged = max(follower.acknowledged, zxid)
    }

    /// The zxid that the next proposal gets, or nil while this leader may not propose.
    ///
    /// - Throws: When the counter of this epoch is used up (ZOOKEEPER-1277).
    func zxidOfNextProposal() throws(Departure) -> Zxid? {
        guard isEstablished else { return nil }
        guard nextZxid.counter < UInt32.max else { throw Departure("the counter is used up") }
        return nextZxid
    }

    /// Sends a transaction to everybody's log, its own included, without waiting for earlier ones.
    mutating func propose(_ proposal: Proposal, _ state: inout PeerState) {
        precondition(isEstablished && proposal.zxid == nextZxid)
        nextZxid = nextZxid.next
        for connection in connections {
            guard let follower = followers[connection], follower.isForwarding, !follower.observes
            else { continue }
            sendProposal(proposal, connection, &state)
        }
        state.append(proposal)
    }

    mutating func logged(_ state: inout PeerState) throws(Departure) {
        if isEstablished { commit(&state) } else { try advance(&state) }
    }

    /// Commits what a quorum has on disk, strictly in zxid order.
    mutating func commit(_ state: inout PeerState) {
        guard isEstablished, state.history.hasUncommitted else { return }
        var acknowledged = [state.id: state.history.durable]
        for follower in followers.values where !follower.observes && follower.countsForCommit {
            if let id = follower.id { acknowledged[id] = follower.acknowledged }
        }
        let candidates = Set(acknowledged.values).sorted(by: >)
        let limit = candidates.first { zxid in
            state.ensemble.quorum.isQuorum(Set(acknowledged.filter { $0.value >= zxid }.keys))
        }
        guard let limit else { return }
        while let next = state.history.firstUncommitted, next.zxid <= limit {
            for connection in connections {
                guard let follower = followers[connection], follower.isForwarding else {
                    continue
                }
                let packet =
                    follower.observes
                    ? QuorumPacket(.inform, zxid: next.zxid, data: next.payload)
                    : QuorumPacket(.commit, zxid: next.zxid)
                state.perform(.send(packet, connection))
            }
            state.deliverNext()
        }
    }
}
