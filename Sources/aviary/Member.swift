import Backup
import Configuration
import Gateway
import HTTPServer
import Logging
import Node
import Storage

/// A running node with its HTTP port.
struct Member {
    private let node: Node
    private let gateway: Gateway
    private let server: HTTPServer
    private let backups: Task<Void, Never>?

    /// Opens the data, the ports to the other servers and the HTTP port, in this order.
    ///
    /// - Parameters:
    ///   - configuration: What the operator wants.
    ///   - logger: For everything worth telling.
    ///   - onRestart: Called when a person's order wants the member stopped and started again.
    /// - Returns: The running node.
    /// - Throws: `NodeError` or `HTTPServerError`, each one clear line.
    static func start(
        _ configuration: Configuration, logger: Logger, onRestart: @escaping @Sendable () -> Void
    ) async throws -> Member {
        var configuration = configuration
        let adoption = try adoption(configuration)
        if let adoption {
            configuration.ensemble = configuration.ensemble.removing(
                adoption.dead, version: adoption.version)
            let dead = adoption.dead.sorted().map { "\($0)" }.joined(separator: ", ")
            logger.warning("going on without members \(dead), as ordered")
        }
        var settings = NodeSettings(configuration)
        settings.adoption = adoption
        let node = try Node(settings, logger: logger)
        node.recovery.onRestart(onRestart)
        let disk = PosixDisk()
        let snapshots = SnapshotCatalog(
            in: configuration.dataDirectory + "/" + FileNames.version, on: disk)
        let schedule = BackupSchedule.Settings(configuration.backup).map { settings in
            BackupSchedule(
                settings, from: snapshots, on: disk, clock: { Node.wallClock }, logger: logger)
        }
        let gateway = Gateway(
            node: node, options: GatewayOptions(configuration), snapshots: snapshots,
            backups: schedule, disk: disk, logger: logger)
        let server = HTTPServer(
            HTTPServerConfiguration(configuration.http), handler: gateway)
        gateway.attach(server)
        node.onBatchEnded { server.flush() }
        node.waits.onBatchEnded { server.flush() }
        do {
            try server.start()
            try await node.start()
        } catch {
            server.stop()
            await node.stop()
            throw error
        }
        gateway.start()
        logger.info(
            "serving HTTP on \(configuration.http.address.host):\(server.port)")
        let backups = schedule.map { schedule in
            Task { await schedule.run { try await node.takeSnapshot() } }
        }
        return Member(node: node, gateway: gateway, server: server, backups: backups)
    }

    /// The order to go on without some members, if there ever was one.
    private static func adoption(
        _ configuration: Configuration
    ) throws(NodeError) -> Adoption? {
        do throws(StorageError) {
            return try DataDirectory.adoption(
                in: configuration.dataDirectory, on: PosixDisk())
        } catch {
            throw NodeError("\(error)")
        }
    }

    /// Answers everybody who waits, then closes everything.
    func stop() async {
        backups?.cancel()
        server.stop()
        await gateway.stop()
        await node.stop()
    }
}
