extension ConfigurationKey {
    /// Every key with a name of its own, in the order in which help shows them.
    package static let all: [ConfigurationKey] =
        identity + timing + storage + http + history + backup + limits
        + unsupported

    private static let identity: [ConfigurationKey] = [
        .init(
            "dataDir", .path, \.dataDirectory, default: "./aviary-data",
            "folder of snapshots, epochs and myid"),
        .init(
            "dataLogDir", .path, \.dataLogDirectory, default: "dataDir",
            "folder of the transaction log"),
        .init(
            "myid", .number(0...254), \.myID, default: "the file dataDir/myid",
            "id of this server among the server lines"),
        .init(
            "cluster.id", .name, \.configuration.clusterID,
            "name of the ensemble; data of another one is refused"),
        .init(
            "peerType", .role, \.peerType, "participant or observer, as the server line says"),
        .init(
            "quorumListenOnAllIPs", .flag, \.configuration.ensemble.listensOnAllAddresses,
            default: "false", "listen for other servers on every address"),
        .init(
            "electionPortBindRetry", .bindAttempts, \.configuration.ensemble.bindAttempts,
            default: "3", "attempts to bind the election port; 0: for ever"),
    ]

    private static let timing: [ConfigurationKey] = [
        .init(
            "tickTime", .milliseconds(atLeast: 1), \.configuration.timing.tick, default: "2000",
            "milliseconds of one tick, the unit of timeouts"),
        .init(
            "initLimit", .ticks, \.configuration.timing.initLimit, default: "10",
            "ticks to follow a leader and to synchronize, each"),
        .init(
            "syncLimit", .ticks, \.configuration.timing.syncLimit, default: "5",
            "ticks after which a silent server is lost"),
        .init(
            "connectToLearnerMasterLimit", .number(0...1_000_000),
            \.connectToLeaderLimit, default: "0",
            "ticks to connect to the leader; 0: initLimit"),
        .init(
            "cnxTimeout", .milliseconds(atLeast: 1),
            \.configuration.timing.electionConnectTimeout, default: "5000",
            "milliseconds to connect to an election port"),
        .init(
            "minSessionTimeout", .milliseconds(atLeast: 1), \.minimumSessionTimeout,
            default: "2 ticks", "shortest timeout of a session, milliseconds"),
        .init(
            "maxSessionTimeout", .milliseconds(atLeast: 1), \.maximumSessionTimeout,
            default: "20 ticks", "longest timeout of a session, milliseconds"),
    ]

    private static let storage: [ConfigurationKey] = [
        .init(
            "snapCount", .number(2...Int(Int32.max)), \.configuration.snapshots.transactions,
            default: "100000, or half the znodes if that is more",
            "transactions between snapshots, at most"),
        .init(
            "snapSizeLimitInKb", .kibibytesOrNone, \.configuration.snapshots.logBytes,
            default: "4194304", "KiB of log between snapshots, at most; 0: no limit"),
        .init(
            "preAllocSize", .kibibytes, \.configuration.log.preallocationBytes, default: "65536",
            "KiB by which a log file grows"),
        .init(
            "fsync.warningthresholdms", .milliseconds(atLeast: 0), \.configuration.log.slowSync,
            default: "1000", "milliseconds from which a sync of the log is a warning"),
        .init(
            "disk.reserve", .bytes, \.configuration.log.reserveBytes, default: "16MiB",
            "room held back for deletes on a full disk; 0: none"),
        .init(
            "autopurge.purgeInterval", .hoursOrNone, \.configuration.snapshots.purgeInterval,
            default: "1", "hours between purges of old snapshots and logs; 0: never"),
        .init(
            "autopurge.snapRetainCount", .number(atLeast: 3), \.configuration.snapshots.retained,
            default: "3", "snapshots that a purge leaves"),
        .init(
            "extendedTypesEnabled", .flag, \.configuration.extendedTypesEnabled, default: "true",
            "znodes with a time to live"),
        .init(
            "digest.enabled", .flag, \.configuration.digestEnabled, default: "true",
            "digests of the tree in transactions"),
        .init(
            "DigestAuthenticationProvider.superDigest", .superDigest, \.configuration.superDigest,
            secret: true, "user:base64(sha1(user:password)) of the super user"),
    ]

    private static let http: [ConfigurationKey] = [
        .init(
            "http.address", .host, \.configuration.http.address.host, default: "127.0.0.1",
            "address of the HTTP port"),
        .init(
            "http.port", .listeningPort, \.configuration.http.address.port, default: "7181",
            "HTTP port; 0: any free one"),
        .init(
            "http.token", .token, \.configuration.http.token, secret: true,
            "bearer token of the admin"),
        .init(
            "http.insecure", .flag, \.configuration.http.isInsecure, default: "false",
            "allow others to connect without TLS or token"),
        .init(
            "http.hosts", .hosts, \.configuration.http.hosts, default: "",
            "names by which clients may address this node"),
        .init(
            "http.cors.origins", .origins, \.configuration.http.corsOrigins, default: "",
            "origins of pages that may use this node"),
        .init(
            "http.request.timeout", .duration, \.configuration.http.requestTimeout,
            default: "10s", "deadline of a request that is not a wait"),
        .init(
            "http.wait.max", .duration, \.configuration.http.maximumWait, default: "60s",
            "longest wait"),
        .init(
            "http.waits.max", .number(atLeast: 1), \.configuration.http.maximumWaits,
            default: "8000", "requests held at once"),
        .init(
            "http.restore.max", .bytes, \.configuration.http.maximumRestoreBytes,
            default: "4GiB", "largest snapshot that POST /v1/restore takes"),
        .init(
            "http.connections.max", .number(atLeast: 1), \.configuration.http.maximumConnections,
            default: "10000", "open connections"),
    ]

    private static let history: [ConfigurationKey] = [
        .init(
            "history.retention.time", .duration, \.configuration.history.retentionTime,
            default: "7d", "how long history is kept"),
        .init(
            "history.retention.bytes", .bytes, \.configuration.history.retentionBytes,
            default: "4GiB", "how much history is kept"),
        .init(
            "recovery.maxDifferingRatio", .ratio, \.configuration.recovery.maximumDifferingRatio,
            default: "0.5", "part of the tree that may differ and be repaired unasked"),
        .init(
            "recovery.maxDifferingNodes", .number(atLeast: 0),
            \.configuration.recovery.maximumDifferingNodes, default: "10000",
            "znodes that may differ and be repaired unasked"),
        .init(
            "recovery.maxTruncatedTransactions", .number(atLeast: 0),
            \.configuration.recovery.maximumTruncatedTransactions, default: "1000",
            "transactions that may be cut off unasked"),
        .init(
            "recovery.strict", .flag, \.configuration.recovery.isStrict, default: "false",
            "repair nothing unasked"),
        .init(
            "recovery.scrub", .duration, \.configuration.recovery.scrubInterval, default: "10m",
            "between two checks of the whole state in memory"),
    ]

    private static let backup: [ConfigurationKey] = [
        .init(
            "backup.directory", .path, \.configuration.backup.directory,
            "folder of scheduled backups, this member's alone; none without it"),
        .init(
            "backup.interval", .interval, \.configuration.backup.interval, default: "1h",
            "time between scheduled backups"),
        .init(
            "backup.keep", .number(atLeast: 1), \.configuration.backup.keep, default: "24",
            "scheduled backups that are kept"),
    ]

    private static let limits: [ConfigurationKey] = [
        .init(
            "clientPort", .listeningPort, \.clientPort,
            "port of ZooKeeper's clients; none without it"),
        .init(
            "clientPortAddress", .host, \.clientPortAddress, default: "0.0.0.0",
            "address of the port of ZooKeeper's clients"),
        .init(
            "maxClientCnxns", .number(atLeast: 0),
            \.configuration.clientPort.maximumConnections, default: "60",
            "ZooKeeper clients from one address; 0: no limit"),
        .init(
            "4lw.commands.whitelist", .fourLetterWords,
            \.configuration.clientPort.fourLetterWords, default: "srvr",
            "four-letter words that are answered; *: all"),
    ]

    private static let unsupported: [ConfigurationKey] = [
        .init("http.tls.certificate", onlySupporting: nil, "certificate of the HTTP port"),
        .init("http.tls.key", onlySupporting: nil, "key of that certificate"),
        .init("http.tls.clientCA", onlySupporting: nil, "who signs certificates of clients"),
        .init("secureClientPort", onlySupporting: nil, "port of ZooKeeper's clients with TLS"),
        .init("sslQuorum", onlySupporting: "false", "TLS between servers"),
        .init("portUnification", onlySupporting: "false", "TLS between servers or not"),
        .init("quorum.auth.enableSasl", onlySupporting: "false", "SASL between servers"),
        .init("dynamicConfigFile", onlySupporting: nil, "file of the server lines"),
        .init("reconfigEnabled", onlySupporting: "false", "change of the server lines"),
        .init("multiAddress.enabled", onlySupporting: "false", "several addresses of a server"),
        .init("oraclePath", onlySupporting: nil, "oracle of an ensemble of two"),
        .init("localSessionsEnabled", onlySupporting: "false", "sessions without a transaction"),
        .init("electionAlg", onlySupporting: "3", "election other than fast leader election"),
        .init("skipACL", onlySupporting: "no", "no access control"),
        .init("forceSync", onlySupporting: "yes", "acknowledgements before they are durable"),
    ]
}

extension ValueFormat where Value == Int {
    fileprivate static var ticks: Self { number(1...1_000_000, of: "ticks") }

    fileprivate static var kibibytes: Self {
        number(0...Int(Int32.max), of: "KiB").map { $0 * 1024 }
    }
}

extension ValueFormat where Value == Int? {
    fileprivate static var kibibytesOrNone: Self {
        ValueFormat<Int>.kibibytes.map { $0 == 0 ? nil : $0 }
    }

    fileprivate static var bindAttempts: Self {
        ValueFormat<Int>.number(atLeast: 0).map { $0 == 0 ? nil : $0 }
    }
}

extension ValueFormat where Value == Duration {
    /// Nothing that happens again and again happens without a pause.
    fileprivate static var interval: Self {
        ValueFormat(allowed: "a duration of at least 1s, such as 30m, 6h or 1d") { text in
            duration.read(text).flatMap { $0 >= .seconds(1) ? $0 : nil }
        }
    }
}

extension ValueFormat where Value == Duration? {
    fileprivate static var hoursOrNone: Self {
        ValueFormat<Int>.number(0...1_000_000, of: "hours").map {
            $0 == 0 ? nil : .seconds($0 * 3600)
        }
    }
}

extension ValueFormat where Value == Configuration.Member.Role {
    fileprivate static var role: Self {
        ValueFormat(allowed: "participant or observer") { .init(rawValue: $0.lowercased()) }
    }
}

extension ValueFormat where Value == String {
    fileprivate static var superDigest: Self {
        ValueFormat(allowed: "user:digest, the digest in 28 characters of base64") { text in
            let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            return parts.count == 2 && !parts[0].isEmpty && parts[1].utf8.count == 28 ? text : nil
        }
    }
}

extension ValueFormat where Value == Configuration.ClientPort.FourLetterWords {
    fileprivate static var fourLetterWords: Self {
        ValueFormat<[String]>.list(of: "* or words of four letters") {
            $0 == "*" || $0.utf8.count == 4
        }.map { $0.contains("*") ? .all : .only(Set($0)) }
    }
}
