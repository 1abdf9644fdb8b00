package import Jute

/// Everything one member is told before it starts: validated, typed, and with its defaults.
///
/// `Configuration()` is the node that starts without a word of configuration: alone, on loopback,
/// with its data in `./aviary-data`. The names of the keys stand in `ConfigurationKey`.
package struct Configuration: Equatable, Sendable {
    /// This member's id: `dataDir/myid`, or the key `myid`; 1 for a node that stands alone.
    package var myID: PeerID = 1
    /// Snapshots, epochs and `myid` (`dataDir`).
    package var dataDirectory = "aviary-data"
    /// The transaction log (`dataLogDir`); the data directory unless configured.
    package var dataLogDirectory = "aviary-data"
    /// The name of the ensemble (`cluster.id`): data under another name is refused at the start.
    package var clusterID: String?

    package var timing = Timing()
    package var sessions = Sessions()
    package var ensemble = Ensemble()
    package var http = HTTP()
    package var clientPort = ClientPort()
    package var snapshots = Snapshots()
    package var log = Log()
    package var history = History()
    package var recovery = Recovery()
    package var backup = Backup()

    /// TTL znodes (`extendedTypesEnabled`). On by default, unlike in the original.
    package var extendedTypesEnabled = true
    /// Prediction and comparison of tree digests (`digest.enabled`).
    package var digestEnabled = true
    /// `user:base64(sha1("user:password"))` of ZooKeeper's super user
    /// (`DigestAuthenticationProvider.superDigest`).
    package var superDigest: String?

    package init() {}

    /// The own entry of the ensemble; nil for a node that stands alone.
    package var me: Member? { ensemble[myID] }
}

extension Configuration {
    /// The clock of the ensemble. Every member should be given the same.
    package struct Timing: Equatable, Sendable {
        /// The unit of every timeout between servers (`tickTime`).
        package var tick = Duration.milliseconds(2000)
        /// Ticks that discovery and synchronization may take, each (`initLimit`).
        package var initLimit = 10
        /// Ticks after which a silent peer is lost (`syncLimit`).
        package var syncLimit = 5
        /// Ticks to find the leader's port, where it differs (`connectToLearnerMasterLimit`).
        package var connectToLeaderLimit: Int?
        /// One attempt to connect to an election port (`cnxTimeout`).
        package var electionConnectTimeout = Duration.seconds(5)

        package init() {}

        package var initTimeout: Duration { tick * initLimit }
        package var syncTimeout: Duration { tick * syncLimit }
        package var connectToLeaderTimeout: Duration { tick * (connectToLeaderLimit ?? initLimit) }
    }

    /// The bounds to which a session's timeout is clipped.
    package struct Sessions: Equatable, Sendable {
        /// `minSessionTimeout`; 2 ticks unless configured.
        package var minimumTimeout = Duration.milliseconds(4000)
        /// `maxSessionTimeout`; 20 ticks unless configured.
        package var maximumTimeout = Duration.milliseconds(40_000)

        package init() {}
    }

    /// The HTTP port of this member (`http.`).
    package struct HTTP: Equatable, Sendable {
        /// What to bind to; port 0 takes any free one.
        package var address = HostPort(host: "127.0.0.1", port: 7181)
        /// The admin's bearer token.
        package var token: String?
        /// The operator takes the blame for a port that anyone may use.
        package var isInsecure = false
        /// Names by which clients may address this node, beside loopback's own: lower case.
        package var hosts: [String] = []
        package var tls: TLS?
        /// Origins of pages that may use this node, `scheme://host[:port]` in lower case.
        package var corsOrigins: [String] = []
        /// The deadline of every request that is not a wait.
        package var requestTimeout = Duration.seconds(10)
        /// Waits are clipped to this.
        package var maximumWait = Duration.seconds(60)
        /// Requests held at once.
        package var maximumWaits = 8000
        /// Open connections.
        package var maximumConnections = 10_000
        /// The longest snapshot that may be uploaded to be restored (`http.restore.max`).
        package var maximumRestoreBytes = 4 << 30

        package init() {}

        /// Files in PEM.
        package struct TLS: Equatable, Sendable {
            package var certificate: String
            package var key: String
            package var clientCA: String?

            package init(certificate: String, key: String, clientCA: String? = nil) {
                self.certificate = certificate
                self.key = key
                self.clientCA = clientCA
            }
        }
    }

    /// The port of ZooKeeper's own clients.
    package struct ClientPort: Equatable, Sendable {
        /// Nil: no such port.
        package var address: HostPort?
        /// Connections from one address (`maxClientCnxns`); 0 is no limit.
        package var maximumConnections = 60
        /// Four-letter words that are answered (`4lw.commands.whitelist`).
        package var fourLetterWords: FourLetterWords = .only(["srvr"])

        package init() {}

        package enum FourLetterWords: Equatable, Sendable {
            case all
            case only(Set<String>)

            package func allows(_ word: String) -> Bool {
                switch self {
                case .all: true
                case .only(let words): words.contains(word)
                }
            }
        }
    }

    /// When snapshots are taken, and when old ones go.
    package struct Snapshots: Equatable, Sendable {
        /// Transactions between two snapshots, at most (`snapCount`); nil: as many as suit the
        /// number of znodes.
        package var transactions: Int?
        /// Bytes of log between two snapshots, at most (`snapSizeLimitInKb`); nil: no limit.
        package var logBytes: Int? = 4_194_304 * 1024
        /// Between two purges (`autopurge.purgeInterval`, hours); nil: never.
        package var purgeInterval: Duration? = .seconds(3600)
        /// Snapshots that a purge leaves, with the logs after the oldest
        /// (`autopurge.snapRetainCount`).
        package var retained = 3

        package init() {}
    }

    /// The transaction log.
    package struct Log: Equatable, Sendable {
        /// The step by which a log file grows (`preAllocSize`, KiB); 0: not ahead of its records.
        package var preallocationBytes = 65_536 * 1024
        /// Held back on each disk, and asked for twice that other data may grow (`disk.reserve`).
        package var reserveBytes = 16 << 20
        /// A slower `fdatasync` is a warning (`fsync.warningthresholdms`).
        package var slowSync = Duration.seconds(1)

        package init() {}
    }

    /// How far back events and past values reach: to whichever bound is met first.
    package struct History: Equatable, Sendable {
        package var retentionTime = Duration.seconds(7 * 86_400)
        package var retentionBytes = 4 << 30

        package init() {}
    }

    /// Copies of snapshots in another folder.
    package struct Backup: Equatable, Sendable {
        /// Where they go (`backup.directory`); nil for none.
        package var directory: String?
        /// How often one is taken (`backup.interval`).
        package var interval = Duration.seconds(3_600)
        /// How many are kept (`backup.keep`).
        package var keep = 24

        package init() {}
    }

    /// Up to where a differing node repairs itself without asking.
    package struct Recovery: Equatable, Sendable {
        package var maximumDifferingRatio = 0.5
        package var maximumDifferingNodes = 10_000
        package var maximumTruncatedTransactions = 1000
        /// Between two readings of the whole state.
        package var scrubInterval = Duration.seconds(600)
        /// Nothing is repaired without asking.
        package var isStrict = false

        package init() {}
    }
}
