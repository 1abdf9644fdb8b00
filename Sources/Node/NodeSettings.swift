package import Jute
package import PeerTransport
package import Replica
package import Storage
package import Zab

/// What a node must know before it starts, in the types of the layers below.
package struct NodeSettings: Sendable {
    package var id: PeerID
    package var ensemble: Ensemble
    package var timing: Timing
    package var directory: DataDirectory.Configuration
    package var retention: RetentionPolicy
    package var replica: Replica.Options
    /// Nil for a node that stands alone.
    package var election: ElectionTransport.Configuration?
    package var quorumListenAddress: PeerAddress?
    package var quorumAddresses: [PeerID: PeerAddress]
    /// What the node publishes of itself in `/aviary/nodes`.
    package var announcement: [UInt8]
    /// How many requests and streams may wait at once.
    package var waitLimit = 20_000
    /// `cluster.id`: data under another name is not used; nil for any.
    package var clusterName: String?
    package var recovery = RecoveryThresholds()
    /// A sync of the log that takes longer is an alarm (`fsync.warningthresholdms`).
    package var slowSync = Duration.seconds(1)
    /// A person's order to go on without some members, which `ensemble` lacks already.
    package var adoption: Adoption?
    /// An empty node may vote at once, without having heard that all others are empty too.
    package var bootstraps: Bool

    package init(
        id: PeerID, ensemble: Ensemble, timing: Timing,
        directory: DataDirectory.Configuration, retention: RetentionPolicy,
        replica: Replica.Options, election: ElectionTransport.Configuration?,
        quorumListenAddress: PeerAddress?, quorumAddresses: [PeerID: PeerAddress],
        announcement: [UInt8], bootstraps: Bool
    ) {
        self.id = id
        self.ensemble = ensemble
        self.timing = timing
        self.directory = directory
        self.retention = retention
        self.replica = replica
        self.election = election
        self.quorumListenAddress = quorumListenAddress
        self.quorumAddresses = quorumAddresses
        self.announcement = announcement
        self.bootstraps = bootstraps
    }
}
