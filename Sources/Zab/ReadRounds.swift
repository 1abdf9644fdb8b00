import DequeModule
import Jute

/// Linearizable reads that wait until a quorum has confirmed the leader, oldest first.
struct ReadRounds: Sendable {
    enum Reader: Equatable, Sendable {
        /// A read of this server's own clients.
        case own(ReadToken)
        /// A SYNC of a learner.
        case learner(LearnerConnection)
    }

    struct Round: Sendable {
        var reader: Reader
        /// What was committed when the read came.
        var through: Zxid
        /// Per connection, how many PINGs must be answered: the last one was sent after the read
        /// came.
        var expected: [LearnerConnection: Int]
    }

    private var rounds: Deque<Round> = []

    mutating func begin(
        _ reader: Reader, through: Zxid, expected: [LearnerConnection: Int]
    ) {
        rounds.append(Round(reader: reader, through: through, expected: expected))
    }

    /// Removes and returns the confirmed rounds. A later one is never confirmed before an earlier
    /// one, so the first that fails ends the search.
    mutating func takeConfirmed(where isConfirmed: (Round) -> Bool) -> [Round] {
        var confirmed: [Round] = []
        while let first = rounds.first, isConfirmed(first) {
            confirmed.append(rounds.removeFirst())
        }
        return confirmed
    }
}
