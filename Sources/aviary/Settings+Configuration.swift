import Backup
import Configuration
import Gateway
import HTTPServer
import Jute
import Node
import PeerTransport
import Replica
import Storage
import Zab

// Where the operator's configuration meets what each layer wants to know.

extension NodeSettings {
    init(_ configuration: Configuration) {
        let members = configuration.ensemble.members
        let me = configuration.me
        let listensEverywhere = configuration.ensemble.listensOnAllAddresses
        func listening(_ address: HostPort) -> PeerAddress {
            PeerAddress(host: listensEverywhere ? "0.0.0.0" : address.host, port: address.port)
        }
        var directory = DataDirectory.Configuration(
            dataDirectory: configuration.dataDirectory,
            logDirectory: configuration.dataLogDirectory)
        directory.preallocationBytes = configuration.log.preallocationBytes
        directory.reserveBytes = configuration.log.reserveBytes
        var retention = RetentionPolicy()
        retention.snapshots = configuration.snapshots.retained
        retention.historyTime = configuration.history.retentionTime
        retention.historyBytes = configuration.history.retentionBytes
        self.init(
            id: configuration.myID,
            ensemble: Ensemble(configuration),
            timing: Timing(configuration.timing),
            directory: directory,
            retention: retention,
            replica: Replica.Options(configuration),
            election: me.map { me in
                ElectionTransport.Configuration(
                    myID: me.id, listenAddress: listening(me.electionAddress),
                    advertisedAddress: PeerAddress(me.electionAddress),
                    peers: Dictionary(
                        uniqueKeysWithValues: members.map {
                            ($0.id, PeerAddress($0.electionAddress))
                        }),
                    connectTimeout: configuration.timing.electionConnectTimeout,
                    helloTimeout: configuration.timing.syncTimeout,
                    bindAttempts: configuration.ensemble.bindAttempts ?? .max)
            },
            quorumListenAddress: me.map { listening($0.quorumAddress) },
            quorumAddresses: Dictionary(
                uniqueKeysWithValues: members.map { ($0.id, PeerAddress($0.quorumAddress)) }),
            announcement: Array(
                """
                {"http":"\(configuration.http.address)","version":"\(Build.version)"}
                """.utf8),
            bootstraps: false)
        waitLimit = configuration.http.maximumWaits
        clusterName = configuration.clusterID
        slowSync = configuration.log.slowSync
        if configuration.recovery.isStrict {
            recovery = .strict
            return
        }
        recovery.differingRatio = configuration.recovery.maximumDifferingRatio
        recovery.differingNodes = configuration.recovery.maximumDifferingNodes
        recovery.truncatedTransactions = configuration.recovery.maximumTruncatedTransactions
    }
}

extension BackupSchedule.Settings {
    /// Nil where no folder is configured.
    init?(_ backup: Configuration.Backup) {
        guard let directory = backup.directory else { return nil }
        self.init(directory: directory, interval: backup.interval, keep: backup.keep)
    }
}

extension PeerAddress {
    fileprivate init(_ address: HostPort) {
        self.init(host: address.host, port: address.port)
    }
}

extension QuorumVerifier {
    init(_ configuration: Configuration) {
        let ensemble = configuration.ensemble
        if let hierarchy = ensemble.hierarchy {
            var groups: [Int64: Set<PeerID>] = [:]
            for (peer, group) in hierarchy.groups {
                groups[Int64(group), default: []].insert(peer)
            }
            self = .hierarchical(
                groups: groups, weights: hierarchy.weights.mapValues(Int64.init))
        } else if ensemble.members.isEmpty {
            self = .majority(voters: [configuration.myID])
        } else {
            self = .majority(voters: Set(ensemble.voters.map(\.id)))
        }
    }
}

extension Ensemble {
    fileprivate init(_ configuration: Configuration) {
        let ensemble = configuration.ensemble
        self.init(
            quorum: QuorumVerifier(configuration),
            observers: Set(ensemble.observers.map(\.id)),
            configText: Array(ensemble.text().utf8),
            configVersion: ensemble.version)
    }
}

extension Timing {
    fileprivate init(_ timing: Configuration.Timing) {
        self.init()
        tickTime = timing.tick.milliseconds
        initLimit = Int64(timing.initLimit)
        syncLimit = Int64(timing.syncLimit)
    }
}

extension Replica.Options {
    fileprivate init(_ configuration: Configuration) {
        self.init()
        tickMs = Int32(clamping: configuration.timing.tick.milliseconds)
        minSessionTimeoutMs = Int32(
            clamping: configuration.sessions.minimumTimeout.milliseconds)
        maxSessionTimeoutMs = Int32(
            clamping: configuration.sessions.maximumTimeout.milliseconds)
        snapshots = SnapshotSchedule.Limits(
            transactions: configuration.snapshots.transactions,
            bytes: configuration.snapshots.logBytes)
        extendedTypes = configuration.extendedTypesEnabled
    }
}

extension Duration {
    fileprivate var milliseconds: Int64 {
        components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000
    }
}

extension HTTPServerConfiguration {
    init(_ http: Configuration.HTTP) {
        self.init()
        address = http.address.host
        port = http.address.port
        connectionLimit = http.maximumConnections
    }
}
