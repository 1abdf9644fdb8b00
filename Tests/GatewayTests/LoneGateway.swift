import Backup
import Foundation
import Gateway
import HTTPServer
import Jute
import Logging
import Node
import Replica
import Storage
import Testing
import Zab
import ZnodeTree

/// The gateway of a node that stands alone, on a folder of its own.
final class LoneGateway: Sendable {
    let gateway: Gateway
    let node: Node
    private let folder: URL

    private init(_ options: GatewayOptions) throws {
        folder = FileManager.default.temporaryDirectory
            .appending(path: "aviary-gateway-\(UUID().uuidString)")
        var timing = Timing()
        timing.tickTime = 200
        var directory = DataDirectory.Configuration(dataDirectory: folder.path())
        directory.preallocationBytes = 1 << 16
        var replica = Replica.Options()
        replica.preparer.access = options.access
        node = try Node(
            NodeSettings(
                id: 1, ensemble: Ensemble(quorum: .majority(voters: [1])), timing: timing,
                directory: directory, retention: RetentionPolicy(), replica: replica,
                election: nil, quorumListenAddress: nil, quorumAddresses: [:],
                announcement: Array(#"{"http":"127.0.0.1:1","version":"test"}"#.utf8),
                bootstraps: false),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        var options = options
        options.quorum = .majority(voters: [1])
        options.members = [.init(id: 1)]
        options.dataDirectory = folder.path()
        options.version = "test"
        gateway = Gateway(
            node: node, options: options,
            snapshots: SnapshotCatalog(in: folder.path() + "/version-2", on: PosixDisk()),
            disk: PosixDisk(), logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }

    /// Runs a test on a node that serves.
    static func run(
        _ options: GatewayOptions = GatewayOptions(),
        _ test: (LoneGateway) async throws -> Void
    ) async throws {
        let lone = try LoneGateway(options)
        do {
            try await lone.node.start()
            try await lone.waitUntilReady()
            try await test(lone)
        } catch {
            await lone.end()
            throw error
        }
        await lone.end()
    }

    private func waitUntilReady() async throws {
        let deadline = ContinuousClock.now + .seconds(300)
        while await !isReady() {
            try #require(ContinuousClock.now < deadline, "the node never became ready")
            try await Task.sleep(for: .milliseconds(5))
        }
    }

    /// The ensemble has its name once a first leader has made what it needs.
    private func isReady() async -> Bool {
        guard await get("/readyz").status == 200 else { return false }
        return await get("/v1/cluster").json["id"] != .null
    }

    private func end() async {
        await node.stop()
        do {
            try FileManager.default.removeItem(at: folder)
        } catch {
            Issue.record("the folder is left over: \(error)")
        }
    }

    /// Waits until so many requests are held.
    func waitForWaits(_ count: Int) async throws {
        let deadline = ContinuousClock.now + .seconds(300)
        while node.waits.count != count {
            try #require(ContinuousClock.now < deadline, "\(node.waits.count) requests wait")
            try await Task.sleep(for: .milliseconds(2))
        }
    }

    // MARK: Requests

    @discardableResult
    func send(
        _ method: HTTPMethod, _ target: String, _ body: String = "",
        _ headers: [(name: String, value: String)] = []
    ) async -> HTTPResponse {
        await send(method, target, Array(body.utf8), headers)
    }

    func send(
        _ method: HTTPMethod, _ target: String, _ body: [UInt8],
        _ headers: [(name: String, value: String)] = []
    ) async -> HTTPResponse {
        await gateway.send(method, target, body, headers)
    }

    func get(
        _ target: String, _ headers: [(name: String, value: String)] = []
    ) async -> HTTPResponse {
        await send(.get, target, "", headers)
    }
}

extension Gateway {
    /// Sends a request as the server would, and waits for its answer.
    func send(
        _ method: HTTPMethod, _ target: String, _ body: [UInt8] = [],
        _ headers: [(name: String, value: String)] = []
    ) async -> HTTPResponse {
        let head = HTTPRequestHead(
            method: method, target: target, headers: headers + [("Host", "localhost")],
            contentLength: body.count)
        return await withCheckedContinuation { continuation in
            let direct = answer(
                HTTPRequest(head: head, body: body),
                .callback { continuation.resume(returning: $0) })
            if let direct { continuation.resume(returning: direct) }
        }
    }
}

extension HTTPResponse {
    /// The body as an object; without members when it is none.
    var json: JSONObject {
        do {
            guard case .object(let object) = try JSONParser.parse(body) else { return JSONObject() }
            return object
        } catch {
            return JSONObject()
        }
    }

    /// The code of the problem.
    var code: String? { json["code"]?.text }

    /// What a list of children tells of each.
    var children: [JSONObject] {
        guard case .array(let children)? = json["children"] else { return [] }
        return children.compactMap { if case .object(let child) = $0 { child } else { nil } }
    }

    var stat: JSONObject {
        if case .object(let stat)? = json["stat"] { stat } else { JSONObject() }
    }

    var text: String { String(decoding: body, as: UTF8.self) }
}

func basic(_ pair: String) -> (name: String, value: String) {
    ("Authorization", "Basic \(Base64.encode(Array(pair.utf8)))")
}
