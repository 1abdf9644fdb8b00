import Testing

@testable import Configuration

@Suite struct `A configuration is put together` {
    @Test func `from nothing: one node on loopback with its data beside it`() throws {
        let (configuration, warnings) = try Configuration.load()
        #expect(configuration == Configuration())
        #expect(configuration.myID == 1)
        #expect(configuration.me == nil)
        #expect(configuration.http.address.description == "127.0.0.1:7181")
        #expect(configuration.dataDirectory == "aviary-data")
        #expect(configuration.ensemble.text().isEmpty)
        #expect(warnings.isEmpty)
    }

    @Test func `with the defaults of the original`() throws {
        let configuration = try load().configuration
        #expect(configuration.timing.tick == .milliseconds(2000))
        #expect(configuration.timing.initTimeout == .seconds(20))
        #expect(configuration.timing.connectToLeaderTimeout == .seconds(20))
        #expect(configuration.timing.syncTimeout == .seconds(10))
        #expect(configuration.sessions.minimumTimeout == .seconds(4))
        #expect(configuration.sessions.maximumTimeout == .seconds(40))
        #expect(configuration.snapshots.transactions == nil)
        #expect(configuration.snapshots.logBytes == 4 << 30)
        #expect(configuration.log.preallocationBytes == 64 << 20)
        #expect(configuration.clientPort.address == nil)
        #expect(configuration.clientPort.fourLetterWords.allows("srvr"))
        #expect(!configuration.clientPort.fourLetterWords.allows("mntr"))
    }

    @Test func `with our own defaults`() throws {
        let configuration = try load().configuration
        #expect(configuration.http.requestTimeout == .seconds(10))
        #expect(configuration.http.maximumWait == .seconds(60))
        #expect(configuration.history.retentionTime == .seconds(7 * 24 * 3600))
        #expect(configuration.history.retentionBytes == 4 << 30)
        #expect(configuration.snapshots.purgeInterval == .seconds(3600))
        #expect(configuration.recovery.maximumDifferingRatio == 0.5)
        #expect(configuration.recovery.maximumDifferingNodes == 10_000)
        #expect(configuration.recovery.maximumTruncatedTransactions == 1000)
        #expect(configuration.extendedTypesEnabled)
    }

    @Test func `flags over environment over file`() throws {
        let environment = ["AVIARY_HTTP_PORT": "2", "AVIARY_TICK_TIME": "200"]
        let configuration = try load(
            "http.port=1", "tickTime=100", "initLimit=7", environment: environment,
            arguments: ["--http-port", "3"]
        ).configuration
        #expect(configuration.http.address.port == 3)
        #expect(configuration.timing.tick == .milliseconds(200))
        #expect(configuration.timing.initLimit == 7)
    }

    @Test(arguments: ["server.2=b:1:2", "server.2 = b:1:2", "server.2 b:1:2", "server.2:b:1:2"])
    func `server lines of a file are replaced one by one`(line: String) throws {
        let configuration = try load(
            "server.1=a:1:2", line, "myid=1", environment: ["AVIARY_SERVER_2": "c:3:4"],
            arguments: ["--server-3=d:5:6"]
        ).configuration
        #expect(configuration.ensemble.members.map(\.host) == ["a", "c", "d"])
    }

    @Test func `flags take their value after a blank or an equals sign, or mean true`() throws {
        let arguments = [
            "--http-insecure", "--http-address=0.0.0.0", "--tick-time", "9", "--recovery-strict",
            "--digest-enabled", "false",
        ]
        let configuration = try load(arguments: arguments).configuration
        #expect(configuration.http.isInsecure)
        #expect(configuration.http.address.host == "0.0.0.0")
        #expect(configuration.timing.tick == .milliseconds(9))
        #expect(configuration.recovery.isStrict)
        #expect(!configuration.digestEnabled)
    }

    @Test func `flags and variables of two keys are never the same`() {
        let keys = ConfigurationKey.all
        #expect(Set(keys.map(\.name)).count == keys.count)
        #expect(Set(keys.map(\.flag)).count == keys.count)
        #expect(Set(keys.map(\.environmentVariable)).count == keys.count)
    }

    @Test(arguments: [
        ("tickTime", "--tick-time", "AVIARY_TICK_TIME"),
        ("http.port", "--http-port", "AVIARY_HTTP_PORT"),
        ("http.tls.clientCA", "--http-tls-client-ca", "AVIARY_HTTP_TLS_CLIENT_CA"),
        (
            "4lw.commands.whitelist", "--4lw-commands-whitelist",
            "AVIARY_4LW_COMMANDS_WHITELIST"
        ),
        (
            "quorumListenOnAllIPs", "--quorum-listen-on-all-ips",
            "AVIARY_QUORUM_LISTEN_ON_ALL_IPS"
        ),
        (
            "autopurge.snapRetainCount", "--autopurge-snap-retain-count",
            "AVIARY_AUTOPURGE_SNAP_RETAIN_COUNT"
        ),
    ])
    func `every key is a flag and a variable`(name: String, flag: String, variable: String) throws {
        let key = try #require(ConfigurationKey.all.first { $0.name == name })
        #expect(key.flag == flag)
        #expect(key.environmentVariable == variable)
        #expect(Configuration.help.contains(flag))
    }

    @Test func `every default that help names is the default`() throws {
        for key in ConfigurationKey.all {
            guard let text = key.defaultText, !text.isEmpty else { continue }
            var draft = Draft()
            do throws(BadValue) {
                try key.apply(text, &draft)
            } catch {
                continue  // a default in words, such as "2 ticks"
            }
            guard key.name != "dataDir" && key.name != "dataLogDir" else { continue }
            #expect(draft.configuration == Configuration(), "\(key.name)")
        }
    }

    @Test func `unknown keys of the original are told, and change nothing`() throws {
        let (configuration, warnings) = try load(
            "admin.enableServer=false", "metricsProvider.className=x", "tickTime=5",
            environment: ["AVIARY_TICKTIME": "7", "HOME": "/"])
        #expect(configuration.timing.tick == .milliseconds(5))
        #expect(warnings.count == 3)
        #expect(warnings[0].hasSuffix("n1.cfg:1: admin.enableServer is not used by Aviary"))
        #expect(warnings[1].hasSuffix("n1.cfg:2: metricsProvider.className is not used by Aviary"))
        #expect(warnings[2] == "environment variable AVIARY_TICKTIME is not used by Aviary")
    }

    @Test func `of a key that stands twice the last counts, as in the original`() throws {
        let (configuration, warnings) = try load("tickTime=5", "tickTime=6")
        #expect(configuration.timing.tick == .milliseconds(6))
        #expect(warnings.count == 1)
        #expect(warnings.first?.contains("n1.cfg:2: tickTime stands on line 1 too") == true)
    }

    @Test func `the log is beside the snapshots unless it has a folder of its own`() throws {
        #expect(try Configuration.load(arguments: ["--data-dir", "d"]).0.dataLogDirectory == "d")
        let apart = try Configuration.load(arguments: ["--data-dir=d", "--data-log-dir=l"]).0
        #expect(apart.dataDirectory == "d")
        #expect(apart.dataLogDirectory == "l")
    }
}

@Suite struct `Values are read with their units` {
    @Test func `ticks, milliseconds, hours, KiB`() throws {
        let configuration = try load(
            "tickTime=100", "initLimit=3", "connectToLearnerMasterLimit=4", "maxSessionTimeout=999",
            "autopurge.purgeInterval=2", "snapSizeLimitInKb=3", "preAllocSize=1"
        ).configuration
        #expect(configuration.timing.initTimeout == .milliseconds(300))
        #expect(configuration.timing.connectToLeaderTimeout == .milliseconds(400))
        #expect(configuration.sessions.minimumTimeout == .milliseconds(200))
        #expect(configuration.sessions.maximumTimeout == .milliseconds(999))
        #expect(configuration.snapshots.purgeInterval == .seconds(7200))
        #expect(configuration.snapshots.logBytes == 3072)
        #expect(configuration.log.preallocationBytes == 1024)
    }

    @Test func `zero turns off what can be off`() throws {
        let configuration = try load(
            "autopurge.purgeInterval=0", "snapSizeLimitInKb=0", "electionPortBindRetry=0",
            "connectToLearnerMasterLimit=0"
        ).configuration
        #expect(configuration.snapshots.purgeInterval == nil)
        #expect(configuration.snapshots.logBytes == nil)
        #expect(configuration.ensemble.bindAttempts == nil)
        #expect(configuration.timing.connectToLeaderLimit == nil)
    }

    @Test(arguments: [
        ("500ms", Duration.milliseconds(500)), ("30s", .seconds(30)), ("5m", .seconds(300)),
        ("2h", .seconds(7200)), ("7d", .seconds(604_800)), ("45", .seconds(45)),
    ])
    func `durations as on the HTTP port`(text: String, duration: Duration) throws {
        #expect(try load("http.wait.max=\(text)").configuration.http.maximumWait == duration)
    }

    @Test(arguments: [
        ("4GiB", 4 << 30), ("512MiB", 512 << 20), ("8KiB", 8192), ("1TiB", 1 << 40), ("77", 77),
    ])
    func `sizes in binary units`(text: String, bytes: Int) throws {
        let configuration = try load("history.retention.bytes=\(text)").configuration
        #expect(configuration.history.retentionBytes == bytes)
    }

    @Test func `lists with commas`() throws {
        let configuration = try load(
            "http.hosts=Aviary.test, b", "http.cors.origins=https://A.test,http://b:8080",
            "4lw.commands.whitelist=mntr, ruok"
        ).configuration
        #expect(configuration.http.hosts == ["aviary.test", "b"])
        #expect(configuration.http.corsOrigins == ["https://a.test", "http://b:8080"])
        #expect(configuration.clientPort.fourLetterWords == .only(["mntr", "ruok"]))
        let all = try load("4lw.commands.whitelist=*").configuration
        #expect(all.clientPort.fourLetterWords.allows("wchp"))
    }

    @Test func `the port of ZooKeeper's clients comes from its key or the own server line`() throws
    {
        let keyed = try load("clientPort=2181", "clientPortAddress=127.0.0.1").configuration
        #expect(keyed.clientPort.address?.description == "127.0.0.1:2181")
        let lined = try load("server.1=a:1:2;[::1]:2182", "myid=1").configuration
        #expect(lined.clientPort.address?.description == "[::1]:2182")
        let both = try load("server.1=a:1:2;2182", "myid=1", "clientPort=2181").configuration
        #expect(both.clientPort.address?.description == "0.0.0.0:2181")
    }
}
