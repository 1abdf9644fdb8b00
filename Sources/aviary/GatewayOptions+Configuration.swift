private import CDeflate
import Configuration
import Gateway
import HTTPServer
import Zab

extension GatewayOptions {
    init(_ configuration: Configuration) {
        self.init()
        let http = configuration.http
        requestTimeout = http.requestTimeout
        maximumWait = http.maximumWait
        maximumRestoreBytes = http.maximumRestoreBytes
        token = http.token.map(AdminToken.init)
        isLoopback = http.address.isLoopback
        hosts = http.hosts
        origins = http.corsOrigins
        superDigest = configuration.superDigest
        extendedTypes = configuration.extendedTypesEnabled
        sessionTimeout =
            configuration.sessions.minimumTimeout...configuration.sessions.maximumTimeout
        quorumPatience = configuration.timing.syncTimeout
        scrubInterval = configuration.recovery.scrubInterval
        clusterID = configuration.clusterID
        configVersion = configuration.ensemble.version
        quorum = QuorumVerifier(configuration)
        dataDirectory = configuration.dataDirectory
        version = Build.version
        libraryVersions = [
            ("libmicrohttpd", HTTPServer.libraryVersion),
            ("libdeflate", String(cString: CDeflateVersion())),
            ("jemalloc", Allocator.version),
        ]
        members = configuration.ensemble.members.map { member in
            Member(
                id: member.id, isObserver: member.role == .observer,
                quorumAddress: "\(member.quorumAddress)",
                electionAddress: "\(member.electionAddress)")
        }
        if members.isEmpty { members = [Member(id: configuration.myID)] }
    }
}
