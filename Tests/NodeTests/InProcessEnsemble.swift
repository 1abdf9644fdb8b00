import Foundation
import Jute
import Logging
import NIOCore
import NIOPosix
import Node
import PeerTransport
import Replica
import Storage
import Zab
import ZnodeTree

/// Nodes with real sockets and real disks in this process, on free ports of loopback.
final class InProcessEnsemble {
    let folder: URL
    private(set) var nodes: [PeerID: Node] = [:]
    private let ports: [PeerID: (quorum: Int, election: Int)]
    private let voters: Set<PeerID>
    var snapCount: Int?

    init(_ count: Int) throws {
        folder = FileManager.default.temporaryDirectory
            .appendingPathComponent("aviary-\(UUID().uuidString)")
        voters = Set((1...count).map(PeerID.init))
        var ports: [PeerID: (Int, Int)] = [:]
        for id in voters {
            ports[id] = (try Self.freePort(), try Self.freePort())
        }
        self.ports = ports
    }

    /// A port that was free a moment ago.
    private static func freePort() throws -> Int {
        let channel = try ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .bind(host: "127.0.0.1", port: 0).wait()
        defer { try? channel.close().wait() }
        return channel.localAddress?.port ?? 0
    }

    func settings(_ id: PeerID) -> NodeSettings {
        var timing = Timing()
        timing.tickTime = 500
        var options = Replica.Options()
        options.tickMs = 500
        options.snapshots.transactions = snapCount
        let path = folder.appendingPathComponent("\(id)").path
        let isAlone = voters.count == 1
        return NodeSettings(
            id: id,
            ensemble: Ensemble(
                quorum: .majority(voters: voters), configText: Array("version=0".utf8)),
            timing: timing,
            directory: DataDirectory.Configuration(dataDirectory: path),
            retention: RetentionPolicy(), replica: options,
            election: isAlone
                ? nil
                : ElectionTransport.Configuration(
                    myID: id, listenAddress: address(ports[id]?.election),
                    peers: ports.mapValues { address($0.election) }),
            quorumListenAddress: isAlone ? nil : address(ports[id]?.quorum),
            quorumAddresses: ports.mapValues { address($0.quorum) },
            announcement: Array("{}".utf8), bootstraps: false)
    }

    private func address(_ port: Int?) -> PeerAddress {
        PeerAddress(host: "127.0.0.1", port: port ?? 0)
    }

    func start(_ id: PeerID) async throws {
        let path = folder.appendingPathComponent("\(id)")
        try FileManager.default.createDirectory(at: path, withIntermediateDirectories: true)
        var logger = Logger(label: "node \(id)")
        logger.logLevel =
            ProcessInfo.processInfo.environment["AVIARY_TEST_LOG"] == nil
            ? .critical : .debug
        let node = try Node(settings(id), logger: logger)
        nodes[id] = node
        try await node.start()
    }

    func startAll() async throws {
        for id in voters.sorted() { try await start(id) }
    }

    func stop(_ id: PeerID) async {
        await nodes.removeValue(forKey: id)?.stop()
    }

    func stopAll() async {
        for id in nodes.keys.sorted() { await stop(id) }
        do {
            try FileManager.default.removeItem(at: folder)
        } catch {
            print("left behind: \(folder.path): \(error)")
        }
    }

    /// Lets a bit rot in the first record of the newest log of a node that is down.
    func damageLog(of id: PeerID) throws {
        let version = folder.appendingPathComponent("\(id)/version-2")
        let names = try FileManager.default.contentsOfDirectory(atPath: version.path)
        let newest = names.filter { $0.hasPrefix("log.") }.max()
        guard let newest else { throw WaitedInVain(what: "a log") }
        let file = version.appendingPathComponent(newest)
        var bytes = try Data(contentsOf: file)
        bytes[40] ^= 1
        try bytes.write(to: file)
    }

    subscript(id: PeerID) -> Node {
        guard let node = nodes[id] else { preconditionFailure("node \(id) is not running") }
        return node
    }

    var leader: Node? {
        nodes.values.first { $0.status.role == .leading && $0.status.isSynchronized }
    }
    var followers: [Node] {
        nodes.values.filter { $0.status.role == .following && $0.status.isSynchronized }
            .sorted { $0.id < $1.id }
    }

    /// Waits for a condition; the limit is generous because machines are slow at times.
    func wait(
        _ what: String, seconds: Double = 30, until condition: () throws -> Bool
    ) async throws {
        let end = Date().addingTimeInterval(seconds)
        while try !condition() {
            guard Date() < end else { throw WaitedInVain(what: what) }
            try await Task.sleep(for: .milliseconds(10))
        }
    }

    struct WaitedInVain: Error {
        var what: String
    }
}

extension Node {
    func write(_ write: Write, as caller: Caller = Caller(identities: [])) async -> WriteOutcome {
        await withCheckedContinuation { continuation in
            submit(write, caller, timeout: .seconds(10)) { continuation.resume(returning: $0) }
        }
    }

    func put(_ path: ZnodePath, _ text: String, _ condition: Condition = .none) async
        -> WriteOutcome
    {
        await write(.put(path, data: Array(text.utf8), condition, nil))
    }

    func openSession() async -> SessionID {
        await withCheckedContinuation { continuation in
            openSession(timeoutMs: 10_000, timeout: .seconds(10)) { session, _ in
                continuation.resume(returning: session)
            }
        }
    }

    func linearized() async -> ReadOutcome {
        await withCheckedContinuation { continuation in
            linearize(timeout: .seconds(10)) { continuation.resume(returning: $0) }
        }
    }

    func text(_ path: ZnodePath) -> String? {
        served.read { tree in
            tree.data(of: path).map { String(decoding: $0 ?? [], as: UTF8.self) }
        }
    }
}

extension WriteOutcome {
    var zxid: Zxid? {
        if case .committed(let committed) = self { committed.zxid } else { nil }
    }

    var refusal: Reason? {
        if case .refused(let refusal) = self { refusal.reason } else { nil }
    }
}
