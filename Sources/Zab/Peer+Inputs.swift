package import Jute

// What may happen to a server. Each input takes the time first of all, so that a step never mixes
// two moments.

extension Peer {
    // MARK: Election

    package mutating func receive(
        _ notification: Notification, from sender: PeerID, now: Milliseconds
    ) {
        state.now = now
        state.absent.remove(sender)
        guard sender != state.id else { return }
        guard state.ensemble.voters.contains(sender) else {
            // An observer, or a server that is being added: it only wants to know. A settled one
            // wants nothing; answering its answers would never end.
            if notification.state == .looking { answer(sender) }
            return
        }
        guard checkBelonging(notification, from: sender), isLooking else {
            if notification.state == .looking { answer(sender) }
            return
        }
        hear(notification, from: sender)
        withElection { election, state in
            election.receive(notification, from: sender, now: state.now)
        }
        // Only a voter's round means something to a voter: it answers everything that an observer
        // sends, so an observer that answered in turn would never be done.
        if isLooking, state.isVoter, notification.state == .looking,
            notification.electionEpoch < logicalClock
        {
            answer(sender)
        }
    }

    /// The connection for elections with another server has ended.
    ///
    /// An election does not wait for its vote any more. Who is only cut off loses nothing by that:
    /// whatever a quorum decides is safe without it.
    package mutating func lost(_ server: PeerID, now: Milliseconds) {
        state.now = now
        state.absent.insert(server)
        withElection { election, state in election.lost(server, now: state.now) }
    }

    // MARK: Log

    /// The disk holds everything up to `zxid` that was appended with this tenure.
    package mutating func logged(through zxid: Zxid, tenure: Int, now: Milliseconds) {
        guard tenure == state.tenure else { return }
        state.now = now
        state.history.markDurable(zxid)
        withLearner { learner, state throws(Departure) in try learner.logged(&state) }
        withLeader { leader, state throws(Departure) in try leader.logged(&state) }
    }

    /// The log was cut as `truncateLog` asked, or cannot be.
    package mutating func truncated(succeeded: Bool, now: Milliseconds) {
        state.now = now
        state.truncated(succeeded)
        withLearner { learner, state throws(Departure) in
            try learner.truncated(succeeded, &state)
        }
    }

    // MARK: Learner

    package mutating func connectedToLeader(now: Milliseconds) {
        state.now = now
        withLearner { learner, state throws(Departure) in try learner.connected(&state) }
        withInspection { inspection, state in inspection.connected(&state) }
    }

    /// The connection to the leader could not be made, or ended.
    package mutating func disconnectedFromLeader(now: Milliseconds) {
        state.now = now
        withLearner { learner, state throws(Departure) in try learner.disconnected(&state) }
        withInspection { inspection, state in inspection.disconnected(&state) }
    }

    package mutating func receiveFromLeader(_ packet: QuorumPacket, now: Milliseconds) {
        state.now = now
        withLearner { learner, state throws(Departure) in try learner.receive(packet, &state) }
        withInspection { inspection, state in inspection.receive(packet, &state) }
    }

    /// A part of the leader's state came.
    package mutating func snapshotProgressed(now: Milliseconds) {
        state.now = now
        withLearner { learner, state in learner.heard(state) }
        withInspection { inspection, state in inspection.progressed(state) }
    }

    /// The leader's state came whole.
    package mutating func snapshotReceived(now: Milliseconds) {
        state.now = now
        withLearner { learner, state throws(Departure) in try learner.snapshotReceived(&state) }
        withInspection { inspection, state in inspection.received(&state) }
    }

    /// The leader's state cannot be read or written.
    package mutating func snapshotFailed(_ reason: String, now: Milliseconds) {
        state.now = now
        withLearner { _, _ throws(Departure) in throw Departure(reason) }
        withInspection { inspection, state in inspection.received(&state) }
    }

    package mutating func snapshotInstalled(now: Milliseconds) {
        state.now = now
        withLearner { learner, state throws(Departure) in try learner.snapshotInstalled(&state) }
    }

    /// The state that was to be discarded is already the durable one.
    package mutating func snapshotWasInstalled(at zxid: Zxid) {
        state.history.restart(at: zxid)
    }

    /// Sends a write to the leader.
    ///
    /// - Returns: False, and nothing sent, unless this server follows one and is synchronized.
    package mutating func forward(
        _ request: ForwardedRequest, identities: [Identity]?, now: Milliseconds
    ) -> Bool {
        guard isSynchronizedLearner else { return false }
        state.now = now
        state.perform(
            .sendToLeader(
                QuorumPacket(
                    .request, zxid: .untrusted, data: request.data, identities: identities)))
        return true
    }

    /// Asks the leader whether a session lives, and makes it this server's.
    package mutating func revalidate(_ touch: SessionTouch, now: Milliseconds) -> Bool {
        guard isSynchronizedLearner else { return false }
        state.now = now
        state.perform(
            .sendToLeader(
                QuorumPacket(.revalidate, zxid: .untrusted, data: SessionTouch.data([touch]))))
        return true
    }

    // MARK: Leader

    package mutating func learnerConnected(_ connection: LearnerConnection, now: Milliseconds) {
        state.now = now
        withLeader { leader, state in leader.connected(connection, &state) }
    }

    package mutating func learnerClosed(_ connection: LearnerConnection, now: Milliseconds) {
        state.now = now
        withLeader { leader, state throws(Departure) in try leader.closed(connection, &state) }
    }

    package mutating func receive(
        _ packet: QuorumPacket, from connection: LearnerConnection, now: Milliseconds
    ) {
        state.now = now
        withLeader { leader, state throws(Departure) in
            try leader.receive(packet, from: connection, &state)
        }
    }

    /// The state that `sendSnapshot` asked for is on its way whole.
    package mutating func snapshotSent(_ connection: LearnerConnection, now: Milliseconds) {
        state.now = now
        withLeader { leader, state in leader.snapshotSent(connection, &state) }
    }

    /// The zxid that the next proposal gets; nil while this server may not propose.
    package mutating func zxidOfNextProposal(now: Milliseconds) -> Zxid? {
        state.now = now
        var zxid: Zxid?
        withLeader { leader, _ throws(Departure) in zxid = try leader.zxidOfNextProposal() }
        return zxid
    }

    /// Proposes a transaction.
    ///
    /// - Precondition: Its zxid is the one that `zxidOfNextProposal` gave last.
    package mutating func propose(_ proposal: Proposal, now: Milliseconds) {
        state.now = now
        withLeader { leader, state in leader.propose(proposal, &state) }
    }

    package mutating func answerRevalidation(
        _ session: SessionID, valid: Bool, to connection: LearnerConnection, now: Milliseconds
    ) {
        state.now = now
        var data = JuteWriter(reserving: 9)
        data.write(session: session)
        data.write(bool: valid)
        withLeader { _, state in
            state.perform(
                .send(
                    QuorumPacket(.revalidate, zxid: .untrusted, data: data.bytes), connection))
        }
    }

    /// Begins a linearizable read: `readConfirmed` or `readsAbandoned` follows.
    ///
    /// - Returns: False unless this server leads and is established.
    package mutating func confirmRead(_ token: ReadToken, now: Milliseconds) -> Bool {
        state.now = now
        var begun = false
        withLeader { leader, state in
            guard leader.isEstablished else { return }
            begun = true
            leader.beginRead(.own(token), &state)
        }
        return begun
    }

    /// Who follows this leader now.
    package var learners: [(id: PeerID, acknowledged: Zxid, isActive: Bool)] {
        withReadOnlyLeader { $0.learners() } ?? []
    }

    package func peer(of connection: LearnerConnection) -> PeerID? {
        withReadOnlyLeader { $0.peer(of: connection) } ?? nil
    }
}
