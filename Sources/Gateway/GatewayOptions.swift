package import Jute
package import Zab
package import ZnodeTree

/// What the gateway is told, in its own terms.
package struct GatewayOptions: Sendable {
    /// The deadline of every request that is not a wait (`http.request.timeout`).
    package var requestTimeout = Duration.seconds(10)
    /// The longest wait (`http.wait.max`).
    package var maximumWait = Duration.seconds(60)
    /// `http.token`; nil when none is configured.
    package var token: AdminToken?
    /// Whether the port is bound to a loopback address.
    package var isLoopback = true
    /// `http.hosts`: names that are this server's too.
    package var hosts: [String] = []
    /// `http.cors.origins`: pages that may use this server.
    package var origins: [String] = []
    /// ZooKeeper's rules for access control lists.
    package var access = AccessPolicy()
    /// `user:base64(sha1("user:password"))` of ZooKeeper's super user.
    package var superDigest: String?
    /// Whether znodes may have a TTL (`extendedTypesEnabled`).
    package var extendedTypes = true
    /// The bounds of a session's timeout.
    package var sessionTimeout = Duration.seconds(4)...Duration.seconds(40)

    /// The longest snapshot that may be uploaded (`http.restore.max`).
    package var maximumRestoreBytes = 4 << 30
    /// A node that has had no quorum for so long counts as stranded.
    package var quorumPatience = Duration.seconds(10)

    /// How often the whole state is read again (`recovery.scrub`).
    package var scrubInterval = Duration.seconds(600)

    /// `cluster.id`; nil when none is configured.
    package var clusterID: String?
    /// The members of the configuration, by id.
    package var members: [Member] = []
    /// Of the members; above 0 once some were taken out by order.
    package var configVersion: Int64 = 0
    /// Who makes a quorum.
    package var quorum = QuorumVerifier.majority(voters: [])
    /// Whose free space is reported.
    package var dataDirectory = "."
    /// Of this program.
    package var version = "0"
    /// Of the libraries it runs on, by name.
    package var libraryVersions: [(name: String, version: String)] = []

    package init() {}

    /// One line `server.N` of the configuration.
    package struct Member: Equatable, Sendable {
        package var id: PeerID
        package var isObserver: Bool
        /// `host:port`; nil for a node that stands alone.
        package var quorumAddress: String?
        package var electionAddress: String?

        package init(
            id: PeerID, isObserver: Bool = false, quorumAddress: String? = nil,
            electionAddress: String? = nil
        ) {
            self.id = id
            self.isObserver = isObserver
            self.quorumAddress = quorumAddress
            self.electionAddress = electionAddress
        }
    }
}
