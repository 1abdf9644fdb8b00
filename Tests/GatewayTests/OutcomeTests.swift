import Gateway
import HTTPServer
import Jute
import Replica
import Testing
import Zab

/// What a client is told of writes and reads that the ensemble could not serve.
@Suite struct OutcomeTests {
    private func gateway(_ node: ScriptedNode) -> Gateway {
        Gateway(node)
    }

    private static let definite: [(WriteOutcome, Int, String)] = [
        (.unavailable(.electing), 503, "electing"),
        (.unavailable(.noQuorum), 503, "no-quorum"),
        (.unavailable(.stopping), 503, "stopping"),
        (.refused(.init(reason: .code(.nodeExists))), 409, "node-exists"),
        (.refused(.init(reason: .code(.noChildrenForEphemerals))), 409, "ephemeral-parent"),
        (.refused(.init(reason: .code(.noAuth))), 403, "forbidden"),
        (.refused(.init(reason: .code(.quotaExceeded))), 507, "quota"),
        (.refused(.init(reason: .code(.throttledOp))), 429, "throttled"),
        (.refused(.init(reason: .missingParent)), 404, "no-parent"),
        (.refused(.init(reason: .modeMismatch)), 409, "mode-mismatch"),
        (.refused(.init(reason: .creationOfExisting)), 400, "bad-request"),
        (.refused(.init(reason: .tooLarge, bytes: 3_000_000)), 413, "transaction-too-large"),
        (.refused(.init(reason: .contended)), 409, "contended"),
        (.refused(.init(reason: .sessionExpired)), 410, "session-expired"),
        (.refused(.init(reason: .needsAviaryLeader)), 501, "needs-aviary-leader"),
    ]

    @Test(arguments: 0..<definite.count)
    func `a write that was not applied says so`(index: Int) async {
        let (outcome, status, code) = Self.definite[index]
        let answer = await gateway(ScriptedNode(write: outcome))
            .send(.put, "/v1/znodes/a", [1])
        #expect(answer.status == status)
        #expect(answer.code == code)
        #expect(answer.json["outcome"] == .text("not-applied"))
        #expect(answer.headers["Content-Type"] == "application/problem+json")
        #expect((answer.headers["Retry-After"] != nil) == (status == 503 || status == 429))
    }

    @Test func `a write that nobody can tell the end of says that, and no more`() async {
        let answer = await gateway(ScriptedNode(write: .unknown)).send(.put, "/v1/znodes/a", [1])
        #expect(answer.status == 504)
        #expect(answer.code == "outcome-unknown")
        #expect(answer.json["outcome"] == .text("unknown"))
    }

    @Test func `nothing is read before the first synchronization after a start`() async {
        let node = ScriptedNode(role: .looking, hasServed: false)
        for target in ["/v1/znodes/", "/v1/children/", "/v1/acl/"] {
            let answer = await gateway(node).send(.get, target)
            #expect(answer.status == 503)
            #expect(answer.code == "electing")
            #expect(answer.headers["Aviary-Role"] == "looking")
        }
    }

    @Test func `a linearizable read is refused rather than stale`() async {
        let node = ScriptedNode(read: .unavailable)
        let answer = await gateway(node).send(.get, "/v1/znodes/?consistency=linearizable")
        #expect(answer.status == 503)
        #expect(answer.code == "no-quorum")
        #expect(await gateway(node).send(.get, "/v1/znodes/").status == 200)
    }

    @Test func `a zxid that does not come is told at the deadline`() async {
        let node = ScriptedNode(read: .late)
        let answer = await gateway(node)
            .send(.get, "/v1/znodes/", [], [("Aviary-Min-Zxid", "0x100000001")])
        #expect(answer.status == 503)
        #expect(answer.code == "node-behind")
    }

    @Test func `sessions wait for the ensemble's secret`() async {
        let answer = await gateway(ScriptedNode()).send(.post, "/v1/sessions")
        #expect(answer.status == 503)
        #expect(answer.headers["Retry-After"] != nil)
    }

    @Test func `what a request states reaches the replica as stated`() async {
        let node = ScriptedNode()
        let gateway = gateway(node)
        let tag = #""0000000100000002.0000000100000003.0""#
        _ = await gateway.send(.put, "/v1/znodes/a", [1])
        _ = await gateway.send(.put, "/v1/znodes/a?parents=true", [1])
        _ = await gateway.send(.put, "/v1/znodes/a?mode=container", [], [("If-None-Match", "*")])
        _ = await gateway.send(.put, "/v1/znodes/a", [], [("If-Match", tag)])
        _ = await gateway.send(.put, "/v1/znodes/a?version=3")
        _ = await gateway.send(.post, "/v1/znodes/?name=n-&sequential&ttl=5s")
        _ = await gateway.send(.delete, "/v1/znodes/a?recursive=true", [], [("If-Match", "*")])
        #expect(
            node.writes == [
                .put("/a", data: [1], .none, nil),
                .put("/a", data: [1], .none, Creation(parents: true)),
                .put("/a", data: [], .isMissing, Creation(mode: .container)),
                .put("/a", data: [], .mzxid([Zxid(epoch: 1, counter: 2)]), nil),
                .put("/a", data: [], .version(3), nil),
                .create(
                    "/n-", data: [], Creation(mode: .ttl(milliseconds: 5_000, sequential: true))),
                .delete("/a", .exists, recursive: true),
            ])
    }

    @Test(
        arguments: [
            (.put, "/v1/znodes/aviary/x", 403), (.delete, "/v1/znodes/aviary", 403),
            (.put, "/v1/acl/aviary/secret", 403), (.put, "/v1/znodes/zookeeper/config", 403),
            (.post, "/v1/znodes/aviary?name=x", 403), (.delete, "/v1/znodes/", 400),
            (.put, "/v1/znodes/a?mode=ephemeral", 400), (.put, "/v1/znodes/a?ttl=0", 400),
            (.put, "/v1/znodes/a?ttl=5s&mode=container", 400),
            (.post, "/v1/znodes/?name=a&sequential&mode=container", 400),
            (.delete, "/v1/znodes/a?atomic=false", 400),
        ] as [(HTTPMethod, String, Int)])
    func `what is refused never reaches the replica`(
        method: HTTPMethod, target: String, status: Int
    ) async {
        let node = ScriptedNode()
        let body = Array(#"[{"scheme":"world","id":"anyone","perms":["read"]}]"#.utf8)
        #expect(await gateway(node).send(method, target, body).status == status)
        #expect(node.writes == [])
    }

    @Test func `quotas are set by writing`() async {
        let node = ScriptedNode()
        _ = await gateway(node).send(.put, "/v1/znodes/zookeeper/quota/a/zookeeper_limits", [1])
        #expect(node.writes.count == 1)
    }

    @Test func `a znode that ZooKeeper's clients could not read is refused`() async {
        let node = ScriptedNode()
        let largest = 1_047_552 - "/a".utf8.count - 12 - "worldanyone".utf8.count
        let gateway = gateway(node)
        _ = await gateway.send(.put, "/v1/znodes/a", [UInt8](repeating: 0, count: largest))
        #expect(node.writes.count == 1)
        let answer = await gateway.send(
            .put, "/v1/znodes/a", [UInt8](repeating: 0, count: largest + 1))
        #expect(answer.status == 413)
        #expect(answer.code == "too-large")
        #expect(node.writes.count == 1)
    }
}
