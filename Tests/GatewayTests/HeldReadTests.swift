import Gateway
import HTTPServer
import Jute
import Node
import Testing

@Suite struct HeldReadTests {
    @Test func `how long a request may wait is stated in either of two ways`() throws {
        func wait(_ prefer: String?, _ parameter: String?) throws -> Duration? {
            try WaitPreference.parse(
                headers: HTTPHeaders(prefer.map { [("Prefer", $0)] } ?? []),
                query: query(parameter.map { "wait=\($0)" } ?? ""), maximum: .seconds(60)
            )?.duration
        }
        #expect(try wait(nil, nil) == nil)
        #expect(try wait("wait=30", nil) == .seconds(30))
        #expect(try wait("respond-async, Wait = \"10\"; foo=bar", nil) == .seconds(10))
        #expect(try wait("wait=soon, return=minimal", nil) == nil, "no preference that is known")
        #expect(try wait(nil, "500ms") == .milliseconds(500))
        #expect(try wait("wait=30", "5s") == .seconds(5))
        #expect(try wait(nil, "2h") == .seconds(60), "clipped")
        #expect(try wait(nil, "0") == nil)
        #expect(problem { try wait(nil, "soon") } == .badParameter)
        #expect(WaitPreference(duration: .seconds(60)).applied == "wait=60")
        #expect(WaitPreference(duration: .milliseconds(1_050)).applied == "wait=1.050")
    }

    @Test func `a read is held until the tag differs`() async throws {
        try await LoneGateway.run { lone in
            _ = await lone.send(.put, "/v1/znodes/a", "one")
            let first = await lone.get("/v1/znodes/a")
            let tag = try #require(first.headers["ETag"])
            async let held = lone.get(
                "/v1/znodes/a", [("If-None-Match", tag), ("Prefer", "wait=60")])
            try await lone.waitForWaits(1)
            _ = await lone.send(.put, "/v1/znodes/other", "x")
            _ = await lone.send(.put, "/v1/znodes/a", "two")
            let answer = await held
            #expect(answer.status == 200)
            #expect(answer.json["text"] == .text("two"))
            #expect(answer.headers["ETag"] != tag)
            #expect(answer.headers["Preference-Applied"] == "wait=60")
            #expect(answer.headers["Cache-Control"] == "no-store")
            #expect(lone.node.waits.count == 0)
        }
    }

    @Test func `a wait that ends is 304 with the same tag`() async throws {
        try await LoneGateway.run { lone in
            _ = await lone.send(.put, "/v1/znodes/a", "one")
            let first = await lone.get("/v1/znodes/a?raw")
            let tag = try #require(first.headers["ETag"])
            let answer = await lone.get("/v1/znodes/a?raw&wait=200ms", [("If-None-Match", tag)])
            #expect(answer.status == 304)
            #expect(answer.headers["ETag"] == tag)
            #expect(answer.headers["Preference-Applied"] == "wait=0.200")
        }
    }

    @Test func `without a tag, and with one that differs, the answer comes at once`() async throws {
        try await LoneGateway.run { lone in
            _ = await lone.send(.put, "/v1/znodes/a", "one")
            #expect(await lone.get("/v1/znodes/a?wait=60s").status == 200)
            #expect(
                await lone.get("/v1/znodes/a?wait=60s", [("If-None-Match", "\"x\"")]).status == 200)
            let missing = await lone.get("/v1/znodes/b?wait=60s", [("If-None-Match", "\"x\"")])
            #expect(missing.status == 404)
        }
    }

    @Test func `a znode that is deleted meanwhile is 404 at once`() async throws {
        try await LoneGateway.run { lone in
            _ = await lone.send(.put, "/v1/znodes/a", "one")
            let tag = try #require(await lone.get("/v1/znodes/a").headers["ETag"])
            async let held = lone.get("/v1/znodes/a?wait=60s", [("If-None-Match", tag)])
            try await lone.waitForWaits(1)
            _ = await lone.send(.delete, "/v1/znodes/a")
            let answer = await held
            #expect(answer.status == 404)
            #expect(answer.headers["Preference-Applied"] == "wait=60")
        }
    }

    @Test func `creation and removal can be waited for`() async throws {
        try await LoneGateway.run { lone in
            async let created = lone.get("/v1/znodes/a?until=exists&wait=60s")
            try await lone.waitForWaits(1)
            _ = await lone.send(.put, "/v1/znodes/a", "one")
            #expect(await created.json["text"] == .text("one"))
            #expect(await lone.get("/v1/znodes/a?until=exists&wait=60s").status == 200)
            async let removed = lone.get("/v1/znodes/a?until=deleted&wait=60s")
            try await lone.waitForWaits(1)
            _ = await lone.send(.delete, "/v1/znodes/a")
            #expect(await removed.status == 404)
            #expect(await lone.get("/v1/znodes/a?until=exists&wait=100ms").status == 404)
            _ = await lone.send(.put, "/v1/znodes/a", "two")
            #expect(await lone.get("/v1/znodes/a?until=deleted&wait=100ms").status == 200)
            #expect(await lone.get("/v1/znodes/a?until=never").code == "bad-parameter")
        }
    }

    @Test func `lists of children and access control lists can be waited for`() async throws {
        try await LoneGateway.run { lone in
            _ = await lone.send(.put, "/v1/znodes/a", "one")
            let childrenTag = try #require(await lone.get("/v1/children/a").headers["ETag"])
            let aclTag = try #require(await lone.get("/v1/acl/a").headers["ETag"])
            async let children = lone.get(
                "/v1/children/a?wait=60s", [("If-None-Match", childrenTag)])
            async let acl = lone.get("/v1/acl/a?wait=60s", [("If-None-Match", aclTag)])
            try await lone.waitForWaits(2)
            _ = await lone.send(.put, "/v1/znodes/a/b", "x")
            #expect(await children.json["children"] == .array([.text("b")]))
            try await lone.waitForWaits(1)
            _ = await lone.send(
                .put, "/v1/acl/a", #"[{"scheme":"world","id":"anyone","perms":["read","admin"]}]"#)
            #expect(await acl.status == 200)
            #expect(await acl.headers["ETag"] != aclTag)
            let odd = await lone.get("/v1/children/a?include=stat&wait=1s")
            #expect(odd.code == "bad-parameter")
        }
    }

    @Test func `a wait sees the state only as long as it may`() async throws {
        try await LoneGateway.run { lone in
            _ = await lone.send(.put, "/v1/znodes/a", "one")
            let tag = try #require(await lone.get("/v1/znodes/a").headers["ETag"])
            async let held = lone.get("/v1/znodes/a?wait=60s", [("If-None-Match", tag)])
            try await lone.waitForWaits(1)
            _ = await lone.send(
                .put, "/v1/acl/a", #"[{"scheme":"ip","id":"9.9.9.9","perms":["read"]}]"#)
            #expect(await held.status == 403)
        }
    }

    @Test func `more waits than may be are refused and lose nothing`() async {
        let node = ScriptedNode()
        let gateway = Gateway(node)
        async let first = gateway.send(.get, "/v1/znodes/a?until=exists&wait=3s")
        while node.waits.count == 0 { await Task.yield() }
        let second = await gateway.send(.get, "/v1/znodes/a?until=exists&wait=60s")
        #expect(second.status == 429)
        #expect(second.code == "busy")
        #expect(second.headers["Retry-After"] != nil)
        #expect(await first.status == 404)
    }

    @Test func `administrators see who waits`() async throws {
        try await LoneGateway.run { lone in
            async let held = lone.get("/v1/znodes/a?until=exists&wait=60s")
            try await lone.waitForWaits(1)
            let list = await lone.get("/v1/watchers")
            #expect(list.text.contains(#""kind":"znode","paths":["/a"],"scope":"node""#))
            _ = await lone.send(.put, "/v1/znodes/a", "")
            _ = await held
        }
        var options = GatewayOptions()
        options.token = AdminToken("secret-token")
        try await LoneGateway.run(options) { lone in
            #expect(await lone.get("/v1/watchers").status == 401)
        }
    }
}
