package import Jute

/// Why a server takes no part in the ensemble until a person has decided.
package enum Hold: Equatable, Sendable {
    /// A quorum has the history of this other ensemble; nil for a leader of one without a name,
    /// as the original's are.
    case otherEnsemble(EnsembleID?)
    /// The configuration and the data name different ensembles (`cluster.id`).
    case otherName
    /// The others go on without it: a person has declared it dead.
    case removed
    /// What bringing it in line would throw away is more than is thrown away without asking.
    case tooDifferent
}

/// Before its first vote a server that has an ensemble's history finds out whether the others have
/// the same one's.
///
/// Nothing in a vote tells ensembles apart, and the higher zxid of a foreign one would win. So it
/// begins with a vote that cannot win and nobody counts, and hears in the answers whose history the
/// others have. Those that have none, and the original's servers, which do not say, fit to any.
///
/// A history without a name, as the original writes it, ended before its ensemble got one, or is of
/// another one. Beside somebody who has one nobody needs such a server for a leader: a name that is
/// told is committed, so a quorum has it, with all that came before.
///
/// - Source: SOUNDNESS, section 6.
struct Introduction: Sendable {
    enum Verdict: Equatable {
        /// Too few have answered.
        case open
        /// A quorum may have this server's history.
        case same
        /// A quorum has another one's.
        case other(EnsembleID)
        /// Somebody's history has a name that this server's does not have, or not for certain.
        case unnamed
    }

    private let id: PeerID
    private let ensemble: EnsembleID?
    private let isCertain: Bool
    private let quorum: QuorumVerifier
    private var heard: [PeerID: EnsembleID?] = [:]
    private var interval: Milliseconds
    private let longestInterval: Milliseconds
    private(set) var repeatAt: Milliseconds

    init(
        id: PeerID, of ensemble: EnsembleID?, isCertain: Bool, quorum: QuorumVerifier,
        timing: Timing, now: Milliseconds
    ) {
        self.id = id
        self.ensemble = ensemble
        self.isCertain = isCertain
        self.quorum = quorum
        interval = timing.minNotificationInterval
        longestInterval = timing.maxNotificationInterval
        repeatAt = now + interval
    }

    /// - Returns: Whether it is time to ask again those that have not answered.
    mutating func tick(_ now: Milliseconds) -> Bool {
        guard now >= repeatAt else { return false }
        interval = min(2 * interval, longestInterval)
        repeatAt = now + interval
        return true
    }

    mutating func hear(_ notification: Notification, from sender: PeerID) -> Verdict {
        guard quorum.voters.contains(sender) else { return .open }
        heard[sender] = .some(notification.ensemble)
        if !isCertain, let name = notification.ensemble, name != ensemble { return .unnamed }
        var fitting: Set<PeerID> = [id]
        var others: [EnsembleID: Set<PeerID>] = [:]
        for (peer, name) in heard {
            if let name, name != ensemble {
                others[name, default: []].insert(peer)
            } else {
                fitting.insert(peer)
            }
        }
        if quorum.isQuorum(fitting) { return .same }
        let winner = others.first { quorum.isQuorum($0.value) }
        return winner.map { .other($0.key) } ?? .open
    }
}
