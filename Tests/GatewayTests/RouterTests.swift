import Gateway
import HTTPServer
import Jute
import Testing

@Suite struct RouterTests {
    private func route(
        _ method: HTTPMethod, _ target: String, _ pairs: (name: String, value: String)...
    ) throws -> Route {
        try RoutedRequest(HTTPRequestHead(method: method, target: target, headers: pairs)).route
    }

    private static let id = SessionID(rawValue: 0x1_0000_0001)

    @Test(
        arguments: [
            (.get, "/v1/znodes", .znode("/")), (.head, "/v1/znodes/", .znode("/")),
            (.put, "/v1/znodes/a/b%20c?parents=true&version=3", .znode("/a/b c")),
            (.post, "/v1/znodes/a?name=item-&sequential", .znode("/a")),
            (.delete, "/v1/znodes/a?recursive=1&atomic=0", .znode("/a")),
            (.options, "/v1/znodes/a", .znode("/a")),
            (.get, "/v1/children/a?limit=5", .children("/a")), (.put, "/v1/acl/a", .acl("/a")),
            (.post, "/v1/transactions", .transactions), (.post, "/v1/reads", .reads),
            (.post, "/v1/sessions", .sessions),
            (.delete, "/v1/sessions/0000000100000001", .session(id)),
            (.post, "/v1/sessions/0x100000001/keepalive", .sessionKeepalive(id)),
            (.get, "/v1/cluster", .cluster), (.get, "/v1/node", .node),
            (.get, "/v1/recovery", .recovery), (.get, "/v1/recovery/report", .recoveryReport),
            (.put, "/v1/recovery/flag", .recoveryFlag), (.get, "/v1/recovery/detached", .detached),
            (.delete, "/v1/recovery/detached/12", .detachment(12)),
            (.post, "/v1/recovery/detached/1/restore", .detachmentRestoration(1)),
            (.get, "/metrics", .metrics),
            (.get, "/livez?verbose", .livez), (.head, "/readyz", .readyz),
            (.get, "/v1/openapi.json", .openapi),
            (.get, "/v1/problems/no-node", .problem("no-node")),
        ] as [(HTTPMethod, String, Route)])
    func `addresses of resources`(method: HTTPMethod, target: String, expected: Route) throws {
        #expect(try route(method, target) == expected)
    }

    @Test(arguments: [
        "/v1", "/v1/", "/v2/znodes", "/v1/znodesx", "/v1/ZNODES", "/v1//znodes", "/v1/reads/",
        "/v1/node/1", "/v1/cluster/", "/v1/problems", "/v1/problems/", "/metrics/", "/x",
        "/v1/sessions/0000000100000001/x", "/v1/recovery/", "/v1/recovery/detached/",
        "/v1/recovery/detached/0", "/v1/recovery/detached/+1", "/v1/recovery/detached/1/",
    ])
    func `other addresses have nothing`(target: String) {
        #expect(problem { try route(.get, target) } == .noRoute)
    }

    @Test func `a method that a resource lacks is refused with those it has`() throws {
        do {
            _ = try route(.patch, "/v1/acl/a")
            Issue.record("accepted")
        } catch let problem as Problem {
            #expect(problem.code == .methodNotAllowed)
            #expect(problem.response().headers["Allow"] == "GET, HEAD, PUT, OPTIONS")
        }
        #expect(problem { try route(.other("TRACE"), "/v1/znodes") } == .methodNotAllowed)
        #expect(problem { try route(.get, "/v1/transactions") } == .methodNotAllowed)
        #expect(problem { try route(.post, "/livez") } == .methodNotAllowed)
    }

    @Test(arguments: [
        "/v1/tree/a", "/v1/outcomes/key", "/v1/cluster/members", "/v1/cluster/members/1",
        "/v1/cluster/leadership", "/commands/ruok", "/",
    ])
    func `what is not built says so`(target: String) {
        for method in [HTTPMethod.get, .put, .post, .delete] {
            #expect(problem { try route(method, target) } == .unimplemented)
        }
    }

    @Test func `what is not built is not ignored`() {
        #expect(problem { try route(.get, "/v1/znodes/a", ("Prefer", "return=minimal")) } == nil)
        let key = ("Idempotency-Key", "k")
        #expect(problem { try route(.put, "/v1/znodes/a", key) } == .unimplemented)
        #expect(problem { try route(.post, "/v1/transactions", key) } == .unimplemented)
        for name in ["Idempotency-Key", "aviary-fence"] {
            #expect(problem { try route(.put, "/v1/acl/a", (name, "k")) } == .badRequest)
            #expect(problem { try route(.get, "/v1/znodes/a", (name, "k")) } == .badRequest)
        }
    }

    @Test(arguments: [
        "/v1/znodes/a?Raw", "/v1/znodes/a?raw&raw", "/v1/znodes/a?version=1", "/v1/node?x=1",
        "/v1/acl/a?wait=1&x", "/metrics?a", "/v1/znodes/a?raw=%ff",
    ])
    func `parameters that mean nothing are refused`(target: String) {
        #expect(problem { try route(.get, target) } == .badParameter)
    }

    @Test func `bad paths and session ids are refused`() {
        #expect(problem { try route(.get, "/v1/znodes/a//b") } == .badPath)
        #expect(problem { try route(.get, "/v1/znodes/a%2Fb") } == .badPath)
        #expect(problem { try route(.get, "/v1/sessions/1") } == .badSession)
    }

    @Test func `how fresh a read must be`() throws {
        func options(_ text: String, _ zxid: String? = nil) throws -> ReadOptions {
            try ReadOptions(
                headers: .init(zxid.map { [("Aviary-Min-Zxid", $0)] } ?? []), query: query(text))
        }
        #expect(try options("").consistency == .local)
        #expect(try options("").minimum == nil)
        #expect(try options("consistency=linearizable").consistency == .linearizable)
        #expect(try options("", "0x5").minimum == Zxid(rawValue: 5))
        #expect(problem { try options("consistency=strong") } == .badParameter)
        #expect(problem { try options("", "5") } == .badZxid)
    }
}
