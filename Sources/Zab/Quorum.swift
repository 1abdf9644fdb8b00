package import Jute

/// Decides whether a set of servers is a quorum.
///
/// - Source: quorum protocol reference, section 3.6.
package enum QuorumVerifier: Equatable, Sendable {
    /// More than half of the voters.
    case majority(voters: Set<PeerID>)
    /// More than half of the weight in more than half of the groups that have any.
    case hierarchical(groups: [Int64: Set<PeerID>], weights: [PeerID: Int64])

    package var voters: Set<PeerID> {
        switch self {
        case .majority(let voters):
            voters
        case .hierarchical(let groups, _):
            groups.values.reduce(into: []) { $0.formUnion($1) }
        }
    }

    /// A server of weight 0 can never be elected.
    package func weight(of peer: PeerID) -> Int64 {
        switch self {
        case .majority(let voters): voters.contains(peer) ? 1 : 0
        case .hierarchical(_, let weights): weights[peer] ?? 1
        }
    }

    package func isQuorum(_ acknowledged: Set<PeerID>) -> Bool {
        switch self {
        case .majority(let voters):
            return acknowledged.intersection(voters).count > voters.count / 2
        case .hierarchical(let groups, _):
            let weighty = groups.values.filter { totalWeight(of: $0) > 0 }
            let won = weighty.filter { group in
                totalWeight(of: group.intersection(acknowledged)) > totalWeight(of: group) / 2
            }
            return won.count > weighty.count / 2
        }
    }

    private func totalWeight(of peers: Set<PeerID>) -> Int64 {
        peers.reduce(0) { $0 + weight(of: $1) }
    }
}

/// Who belongs to the ensemble, as one server's configuration says.
package struct Ensemble: Equatable, Sendable {
    package var quorum: QuorumVerifier
    package var observers: Set<PeerID>
    /// The text that notifications and NEWLEADER carry (reference section 7.1).
    package var configText: [UInt8]
    /// 0 while dynamic reconfiguration is off.
    package var configVersion: Int64

    package init(
        quorum: QuorumVerifier, observers: Set<PeerID> = [], configText: [UInt8] = [],
        configVersion: Int64 = 0
    ) {
        self.quorum = quorum
        self.observers = observers
        self.configText = configText
        self.configVersion = configVersion
    }

    package var voters: Set<PeerID> { quorum.voters }

    /// The voters in a fixed order: the order of a `Set` differs in every process.
    package var sortedVoters: [PeerID] { voters.sorted() }
}
