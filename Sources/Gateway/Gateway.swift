package import Backup
package import HTTPServer
import Jute
package import Logging
import Node
import PeerHTTP
import Replica
package import Storage
import Synchronization
import Zab
import ZnodeTree

/// The resources of the HTTP contract, on one node.
///
/// Reads are answered on the HTTP thread that asked, from the served tree; writes and reads that
/// have to wait are answered on the node's thread, which flushes the server once a batch.
package final class Gateway: HTTPHandler {
    let node: any GatewayNode
    let options: GatewayOptions
    let metrics = RequestMetrics()
    let peers: PeerPoller
    let clusterWatch: ClusterWatch
    let historyCompletion = PeriodicTask()
    let snapshots: SnapshotCatalog
    /// Nil when none are configured.
    let backups: BackupSchedule?
    let restores: RestoreRunner
    let restoreTask = OwnTask()
    let restoreResumption = PeriodicTask()
    let flagWatch = PeriodicTask()
    let digestComparison = PeriodicTask()
    let scrubbing = PeriodicTask()
    let digestWatch = DigestWatch()
    let pins = StatePins()
    let flagRefusals = Once()
    let documents = ReportDocuments()
    let lastKnown = LastKnown()
    let startedAt = ContinuousClock.now
    private let gate: BrowserGate
    private let crossOrigin: CrossOrigin
    let admin: AdminPolicy
    let answerHeaders: AnswerHeaders
    private let names = RequestNames()
    private let server = Mutex<WeakServer>(WeakServer())

    private struct WeakServer {
        weak var server: HTTPServer?
    }

    /// - Parameters:
    ///   - node: Whose resources they are.
    ///   - options: What the configuration says.
    ///   - snapshots: Those of the node's data directory.
    ///   - backups: What copies them elsewhere.
    ///   - disk: Of the data directory, where uploads are kept.
    ///   - logger: Gets a line for each restore.
    package init(
        node: any GatewayNode, options: GatewayOptions, snapshots: SnapshotCatalog,
        backups: BackupSchedule? = nil, disk: any Disk, logger: Logger
    ) {
        self.node = node
        self.options = options
        self.snapshots = snapshots
        self.backups = backups
        restores = RestoreRunner(
            in: options.dataDirectory + "/aviary-restore", on: disk, node: node, options: options,
            logger: logger)
        gate = BrowserGate(
            isLoopback: options.isLoopback, hosts: options.hosts, origins: options.origins)
        crossOrigin = CrossOrigin(origins: options.origins)
        admin = AdminPolicy(token: options.token, isLoopback: options.isLoopback)
        answerHeaders = AnswerHeaders(node: node.id)
        peers = PeerPoller(path: "/v1/node")
        clusterWatch = ClusterWatch(waits: node.waits)
    }

    /// Tells which server carries the gateway, for metrics.
    package func attach(_ server: HTTPServer) {
        self.server.withLock { $0.server = server }
    }

    var serverStatistics: HTTPServerStatistics? {
        server.withLock { $0.server }?.statistics
    }

    // MARK: HTTPHandler

    package func bodyPolicy(for head: HTTPRequestHead) -> BodyPolicy {
        if head.contentLength == 0 { return .accept(limit: 0) }
        if head.method == .post, head.rawPath.elementsEqual("/v1/restore".utf8) {
            do throws(Problem) {
                try gate.check(head)
                _ = try RoutedRequest(head)
                return try uploadPolicy(for: head)
            } catch {
                return .refuse(response(to: error, RequestID(head.headers, else: names)))
            }
        }
        let limit = ZnodeBody.limit(for: head)
        // What is long, or waits to be asked for, is refused before it is sent.
        if head.headers.contains("Expect") || (head.contentLength ?? .max) > Self.shortBody {
            do throws(Problem) {
                try gate.check(head)
                _ = try RoutedRequest(head)
                _ = try identify(head)
            } catch {
                return .refuse(response(to: error, RequestID(head.headers, else: names)))
            }
        }
        return .accept(limit: limit)
    }

    private static let shortBody = 64 * 1024

    package func handle(_ request: HTTPRequest, _ exchange: HTTPExchange) -> HTTPResponse? {
        answer(request, .exchange(exchange))
    }

    package func response(to refusal: HTTPRefusal, head: HTTPRequestHead?) -> HTTPResponse {
        let headers = head?.headers ?? HTTPHeaders([])
        return response(to: Problem(refusal), RequestID(headers, else: names))
    }

    // MARK: One request

    /// Answers a request.
    ///
    /// - Parameters:
    ///   - request: The whole of it.
    ///   - client: Gets the answer, once, later and from any thread, when nil is returned.
    /// - Returns: The answer, or nil.
    package func answer(_ request: HTTPRequest, _ client: Client) -> HTTPResponse? {
        let requestID = RequestID(request.headers, else: names)
        do throws(Problem) {
            let call = try admit(request, requestID, client)
            if let session = call.session {
                node.touch(session)
                // Another node may have opened it a moment ago: then it is waited for.
                guard knows(session) else {
                    whenKnown(session, call) { _ in self.resume(call) }
                    return nil
                }
            }
            do throws(Problem) {
                guard let response = try dispatch(call) else { return nil }
                return finish(response, call)
            } catch {
                request.receiver?.abandon()
                return finish(
                    self.response(to: error, requestID, isHeld: call.wait != nil), call)
            }
        } catch {
            request.receiver?.abandon()
            let response = self.response(to: error, requestID)
            metrics.count(nil, request.method, status: response.status, since: nil)
            return crossOrigin.allow(request.headers, response)
        }
    }

    /// Settles what the head says.
    private func admit(
        _ request: HTTPRequest, _ requestID: RequestID, _ client: Client
    ) throws(Problem) -> Call {
        try gate.check(request.head)
        let routed = try RoutedRequest(request.head)
        let session: SessionID?
        let credentials: Credentials
        if request.method == .options {
            // A browser's preflight carries neither.
            credentials = Credentials.none
            session = nil
        } else {
            credentials = try identify(request.head)
            session = try self.session(request.headers)
        }
        return Call(
            request: request, route: routed.route, query: routed.query, requestID: requestID,
            credentials: credentials, session: session, fence: try Fence.parse(request.headers),
            wait: routed.route.mayBeHeld(request.method)
                ? try WaitPreference.parse(
                    headers: request.headers, query: routed.query, maximum: options.maximumWait)
                : nil,
            client: client)
    }

    /// Who asks; ZooKeeper's `super` for an administrator.
    func identify(_ head: HTTPRequestHead) throws(Problem) -> Credentials {
        var credentials = try Credentials(head, token: options.token)
        if let digest = options.superDigest,
            credentials.identities.contains(Identity(scheme: "digest", id: digest))
        {
            credentials.isAdmin = true
        }
        if credentials.isAdmin {
            credentials.identities.append(Identity(scheme: "super", id: ""))
        }
        return credentials
    }

    private func knows(_ session: SessionID) -> Bool {
        node.served.read { $0.timeout(of: session) != nil }
    }

    /// Goes on with a request that had to wait before anything was done.
    private func resume(_ call: Call) {
        do throws(Problem) {
            if let response = try dispatch(call) { call.client.reply(finish(response, call)) }
        } catch {
            call.client.reply(finish(response(to: error, call.requestID), call))
        }
    }

    private func dispatch(_ call: Call) throws(Problem) -> HTTPResponse? {
        if call.method != .options { try checkGate(call) }
        switch (call.route, call.method) {
        case (_, .options): return options(call)
        case (.znode(let path), .get), (.znode(let path), .head):
            return try readZnode(path, call)
        case (.znode(let path), .put):
            return try fenced(call) { () throws(Problem) in try self.putZnode(path, call) }
        case (.znode(let path), .post):
            return try fenced(call) { () throws(Problem) in try self.createChild(of: path, call) }
        case (.znode(let path), _):
            return try fenced(call) { () throws(Problem) in try self.deleteZnode(path, call) }
        case (.children(let path), _): return try readChildren(of: path, call)
        case (.acl(let path), .put): return try putACL(path, call)
        case (.acl(let path), _): return try readACL(path, call)
        case (.transactions, _):
            return try fenced(call) { () throws(Problem) in try self.transact(call) }
        case (.reads, _): return try readSeveral(call)
        case (.sessions, .post): return try openSession(call)
        case (.sessions, _): return try listSessions(call)
        case (.session(let id), .delete): return try closeSession(id, call)
        case (.session(let id), _): return try readSession(id, call)
        case (.sessionKeepalive(let id), _): return try keepSessionAlive(id, call)
        case (.contention(let kind, let path), .post): return try contend(kind, path, call)
        case (.contention(let kind, let path), .delete):
            return try leaveContention(kind, path, call)
        case (.contention(let kind, let path), _): return try readContention(kind, path, call)
        case (.cluster, _): return try readCluster(call)
        case (.events, _): return try readEvents(call)
        case (.history, _): return try readHistory(call)
        case (.rollbacks, _): return try rollBack(call)
        case (.watchers, _): return try readWatchers(call)
        case (.peerHistory, _): return try exportHistory(call)
        case (.snapshots, .post): return try takeSnapshot(call)
        case (.snapshots, _): return try listSnapshots(call)
        case (.snapshot(let zxid), _): return try readSnapshot(zxid, call)
        case (.restore, .post): return try beginRestore(call)
        case (.restore, .delete): return try abortRestore(call)
        case (.restore, _): return try readRestore(call)
        case (.peerAdoption, _): return try takeAdoption(call)
        case (.peerState, _): return try exportState(call)
        case (.recovery, _): return try readRecovery(call)
        case (.recoveryReport, _): return try readReport(call)
        case (.recoveryFlag, .delete): return try lowerFlag(call)
        case (.recoveryFlag, _): return try raiseFlag(call)
        case (.detached, _): return try listDetached(call)
        case (.detachment(let number), _): return try deleteDetached(number, call)
        case (.detachmentRestoration(let number), _): return try restoreDetached(number, call)
        case (.node, _): return readNode(call)
        case (.metrics, _): return readMetrics(call)
        case (.livez, _): return try live(call)
        case (.readyz, _): return try ready(call)
        case (.openapi, _): return openAPI(call)
        case (.problem(let code), _): return try explainProblem(code, call)
        }
    }

    // MARK: Answers

    /// The last step of every answer.
    private func finish(_ response: HTTPResponse, _ call: Call) -> HTTPResponse {
        // How long a client wanted to wait says nothing of this server.
        metrics.count(
            call.route, call.method, status: response.status,
            since: call.wait == nil ? call.request.head.receivedAt : nil)
        var response = response
        if let wait = call.wait { response.headers.add("Preference-Applied", wait.applied) }
        return crossOrigin.allow(call.headers, response)
    }

    /// Answers a request that `dispatch` left open.
    ///
    /// - Parameters:
    ///   - call: Of which nobody else answers.
    ///   - make: Nil means that the request is held and answered later.
    func complete(
        _ call: Call, _ make: () throws(Problem) -> HTTPResponse?
    ) {
        let response: HTTPResponse
        do throws(Problem) {
            guard let made = try make() else { return }
            response = made
        } catch {
            response = self.response(to: error, call.requestID, isHeld: call.wait != nil)
        }
        call.client.reply(finish(response, call))
    }

    /// The header fields of an answer about a state.
    func headers(_ call: Call, zxid: Zxid) -> HTTPResponseHeaders {
        answerHeaders.make(
            zxid: zxid, role: node.standing.role, request: call.requestID,
            isHeld: call.wait != nil)
    }

    /// An answer with a JSON body.
    func json(
        _ call: Call, status: Int = 200, zxid: Zxid, tag: EntityTag? = nil, _ body: [UInt8]
    ) -> HTTPResponse {
        var headers = headers(call, zxid: zxid)
        headers.add("Content-Type", "application/json")
        if let tag { headers.add("ETag", bytes: tag.text) }
        return HTTPResponse(status: status, headers: headers, body: body)
    }

    /// An answer for people and scripts.
    func text(
        _ call: Call, status: Int = 200, zxid: Zxid, _ body: [UInt8]
    ) -> HTTPResponse {
        var headers = headers(call, zxid: zxid)
        headers.add("Content-Type", "text/plain; charset=utf-8")
        return HTTPResponse(status: status, headers: headers, body: body)
    }

    var servedZxid: Zxid { node.served.read { $0.lastApplied } }

    private func response(
        to problem: Problem, _ requestID: RequestID, isHeld: Bool = false
    ) -> HTTPResponse {
        let headers = answerHeaders.make(
            zxid: problem.zxid ?? servedZxid, role: node.standing.role, request: requestID,
            isHeld: isHeld)
        return problem.response(adding: headers)
    }

    private func options(_ call: Call) -> HTTPResponse {
        var headers = headers(call, zxid: servedZxid)
        headers.add("Allow", call.route.allow)
        return HTTPResponse(status: 204, headers: headers)
    }

    /// The address of a code's explanation, which every problem carries.
    private func explainProblem(_ code: String, _ call: Call) throws(Problem) -> HTTPResponse {
        guard let explanation = Problem.explanation(of: code) else { throw Problem(.noRoute) }
        return text(call, zxid: servedZxid, explanation.body)
    }
}
