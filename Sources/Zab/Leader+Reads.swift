import Jute

// A leader confirms with a quorum that it still leads, and so that a read may be answered.
extension Leader {
    mutating func beginRead(_ reader: ReadRounds.Reader, _ state: inout PeerState) {
        var expected: [LearnerConnection: Int] = [:]
        for connection in connections where followers[connection]?.stage == .active {
            ping(connection, &state)
            expected[connection] = followers[connection]?.pingsSent
        }
        reads.begin(reader, through: state.history.lastCommitted, expected: expected)
        confirmReads(&state)
    }

    /// Answers the reads for which a quorum has replied to a PING sent after they came: no other
    /// leader was established before them. On a connection that became active after the read, that
    /// is any PING. A SYNC is answered on the ordered connection, behind
    /// every commit it must see.
    mutating func confirmReads(_ state: inout PeerState) {
        let confirmed = reads.takeConfirmed { round in
            var voices: Set<PeerID> = [state.id]
            for (connection, follower) in followers where !follower.observes {
                if let id = follower.id,
                    follower.pingsAnswered >= round.expected[connection] ?? 1
                {
                    voices.insert(id)
                }
            }
            return state.ensemble.quorum.isQuorum(voices)
        }
        for round in confirmed {
            switch round.reader {
            case .own(let token):
                state.perform(.readConfirmed(token, through: round.through))
            case .learner(let connection):
                if followers[connection] != nil {
                    state.perform(.send(QuorumPacket(.sync, zxid: .zero), connection))
                }
            }
        }
    }
}
