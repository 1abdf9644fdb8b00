package import Jute
package import Replica
package import Zab

/// What a node knows of itself and its ensemble at one moment.
package struct NodeStatus: Sendable {
    package var id: PeerID
    package var protocolStatus: Status
    /// The state that is served.
    package var committed: Zxid
    package var logged: Zxid
    package var durable: Zxid
    package var acceptedEpoch: Epoch
    package var currentEpoch: Epoch
    /// Nothing is served before the first synchronization after a start.
    package var hasServed: Bool
    /// Too little room on its disk for data to grow.
    package var isOutOfSpace: Bool
    /// A write or sync has failed, so that it takes no part any more.
    package var hasDiskFailed: Bool
    /// The log's disk takes longer to sync than it may, or did a moment ago.
    package var isDiskSlow = false
    package var slowSyncs = 0
    /// Who follows this node now, if it leads.
    package var learners: [Learner]
    /// Servers whose election connection to this one is open.
    package var connected: Set<PeerID>
    /// When other servers were heard last, in messages of the protocol's.
    package var heardAt: [PeerID: ContinuousClock.Instant]
    /// Voters that have the data of another ensemble.
    package var strangers: [PeerID]
    /// How long it has had no leader with a quorum; nil while it has one.
    package var leaderlessFor: Duration?
    /// How much of a leader's whole state has come so far; nil while none is on its way.
    package var receivedBytes: Int?
    /// Whether this node's history can be relied on.
    package var standing: Standing
    package var pendingWrites: Int
    package var parkedWrites: Int
    package var sessions: Int
    package var counters: Replica.Counters
    package var gatewaySession: SessionID?

    package struct Learner: Equatable, Sendable {
        package var id: PeerID
        package var acknowledged: Zxid
        package var isActive: Bool
    }

    package var role: Status.Role { protocolStatus.role }
    package var isSynchronized: Bool { protocolStatus.isSynchronized }
}

/// The part of the status that every answer tells.
package struct NodeStanding: Equatable, Sendable {
    package var role: Status.Role
    /// Nothing is served before the first synchronization after a start.
    package var hasServed: Bool

    package init(role: Status.Role, hasServed: Bool) {
        self.role = role
        self.hasServed = hasServed
    }
}

extension Hold {
    /// For people.
    package var explanation: String {
        switch self {
        case .otherEnsemble(let ensemble):
            if let ensemble {
                "a quorum has the history of another ensemble, \(Lineage(ensemble: ensemble).name)"
            } else {
                "a quorum's history is not this ensemble's, whose name it does not have"
            }
        case .otherName:
            "the data belong to an ensemble of another name than the configuration's cluster.id"
        case .removed:
            "the other members go on without this one, by a person's order"
        case .tooDifferent:
            "bringing this node in line would throw away more than is thrown away without asking"
        }
    }
}
