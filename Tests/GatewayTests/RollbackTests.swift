import Gateway
import HTTPServer
import Jute
import Testing

/// Rollbacks over HTTP, on a real node that stands alone.
@Suite struct RollbackTests {
    private static func body(
        to moment: String, _ path: String = "/app", _ more: String = ""
    ) -> String {
        #"{"to":"\#(moment)","path":"\#(path)"\#(more)}"#
    }

    /// A state, and what became of it.
    private static func prepare(_ lone: LoneGateway) async throws -> String {
        await lone.send(.put, "/v1/znodes/app", "root")
        await lone.send(.put, "/v1/znodes/app/changed", "old")
        await lone.send(.put, "/v1/znodes/app/same", "same")
        await lone.send(.put, "/v1/znodes/app/gone/deep?parents", "deep")
        let last = await lone.send(.put, "/v1/znodes/app/box?mode=container", "box")
        let moment = try #require(last.headers["Aviary-Zxid"])
        await lone.send(.put, "/v1/znodes/app/changed", "new")
        await lone.send(.put, "/v1/znodes/app/added/below?parents", "")
        await lone.send(.delete, "/v1/znodes/app/gone?recursive")
        await lone.send(.delete, "/v1/znodes/app/box")
        await lone.send(.put, "/v1/znodes/app/same", "other")
        await lone.send(.put, "/v1/znodes/app/same", "same")
        await lone.send(.put, "/v1/znodes/outside", "x")
        return moment
    }

    private static func paths(_ answer: HTTPResponse, _ list: StaticString) -> [String?] {
        guard case .array(let entries)? = answer.json[list] else { return ["no list"] }
        return entries.map { entry in
            if case .object(let object) = entry { object["path"]?.text } else { nil }
        }
    }

    @Test func `first the difference, then with its tag the rollback`() async throws {
        try await LoneGateway.run { lone in
            let moment = try await Self.prepare(lone)
            let dry = await lone.send(
                .post, "/v1/rollbacks", Self.body(to: moment, "/app", #","dryRun":true"#))
            #expect(dry.status == 200)
            #expect(Self.paths(dry, "create") == ["/app/box", "/app/gone", "/app/gone/deep"])
            #expect(Self.paths(dry, "change") == ["/app/changed"])
            #expect(Self.paths(dry, "delete") == ["/app/added", "/app/added/below"])
            #expect(Self.paths(dry, "kept") == [])
            #expect(Self.paths(dry, "acl") == [])
            #expect(dry.json["fits"] == .bool(true))
            let tag = try #require(dry.headers["ETag"])
            #expect(!tag.hasPrefix("W/"))

            let apply = Self.body(to: moment)
            #expect(await lone.send(.post, "/v1/rollbacks", apply).code == "precondition-required")
            let other = [(name: "If-Match", value: #""r0.0""#)]
            let refused = await lone.send(.post, "/v1/rollbacks", apply, other)
            #expect(refused.status == 412)
            #expect(refused.headers["ETag"] == tag)

            // What happens elsewhere is no part of it.
            await lone.send(.put, "/v1/znodes/outside", "y")
            let done = await lone.send(.post, "/v1/rollbacks", apply, [("If-Match", tag)])
            #expect(done.status == 200, "\(done.text)")
            #expect(done.json["created"] == .integer(3))
            #expect(done.json["changed"] == .integer(1))
            #expect(done.json["deleted"] == .integer(2))
            #expect(done.json["zxid"]?.text == done.headers["Aviary-Zxid"])
            #expect(await lone.get("/v1/znodes/app/changed?raw").text == "old")
            #expect(await lone.get("/v1/znodes/app/gone/deep?raw").text == "deep")
            #expect(await lone.get("/v1/znodes/app/box").stat["mode"] == .text("container"))
            #expect(await lone.get("/v1/znodes/app/added").status == 404)
            #expect(await lone.get("/v1/znodes/outside?raw").text == "y")
            let again = await lone.send(
                .post, "/v1/rollbacks", Self.body(to: moment, "/app", #","dryRun":true"#))
            for list in ["create", "change", "delete"] as [StaticString] {
                #expect(Self.paths(again, list) == [])
            }
            // And back: a rollback is a change like any other.
            let before = try #require(refused.headers["Aviary-Zxid"])
            let undo = await lone.send(
                .post, "/v1/rollbacks", Self.body(to: before, "/app", #","dryRun":true"#))
            let undone = await lone.send(
                .post, "/v1/rollbacks", Self.body(to: before),
                [("If-Match", try #require(undo.headers["ETag"]))])
            #expect(undone.status == 200)
            #expect(await lone.get("/v1/znodes/app/changed?raw").text == "new")
        }
    }

    @Test func `any change inside is another difference`() async throws {
        try await LoneGateway.run { lone in
            let moment = try await Self.prepare(lone)
            let dryRun = Self.body(to: moment, "/app", #","dryRun":true"#)
            for change in ["/app/changed", "/app/new"] {
                let dry = await lone.send(.post, "/v1/rollbacks", dryRun)
                let tag = try #require(dry.headers["ETag"])
                await lone.send(.put, "/v1/znodes\(change)", "meanwhile")
                let late = await lone.send(
                    .post, "/v1/rollbacks", Self.body(to: moment), [("If-Match", tag)])
                #expect(late.status == 412)
                #expect(late.json["outcome"] == .text("not-applied"))
            }
            let tag = try #require(
                await lone.send(.post, "/v1/rollbacks", dryRun).headers["ETag"])
            let done = await lone.send(
                .post, "/v1/rollbacks", Self.body(to: moment), [("If-Match", tag)])
            #expect(done.status == 200)
            #expect(await lone.get("/v1/znodes/app/new").status == 404)
        }
    }

    @Test func `live ephemerals stay with what is above them, dead ones stay dead`() async throws {
        try await LoneGateway.run { lone in
            let opened = await lone.send(.post, "/v1/sessions", #"{"timeout":"30s"}"#)
            let token = try #require(opened.json["token"]?.text)
            let session = [(name: "Aviary-Session", value: token)]
            await lone.send(.put, "/v1/znodes/app", "")
            await lone.send(.put, "/v1/znodes/app/dead?mode=ephemeral", "", session)
            let last = await lone.send(.put, "/v1/znodes/app/x", "1")
            let moment = try #require(last.headers["Aviary-Zxid"])
            await lone.send(.delete, "/v1/znodes/app/dead", "", session)
            await lone.send(.put, "/v1/znodes/app/late/deep?parents", "")
            await lone.send(.put, "/v1/znodes/app/late/live?mode=ephemeral", "", session)
            let dry = await lone.send(
                .post, "/v1/rollbacks", Self.body(to: moment, "/app", #","dryRun":true"#))
            #expect(Self.paths(dry, "create") == [])
            #expect(Self.paths(dry, "delete") == ["/app/late/deep"])
            #expect(Self.paths(dry, "kept") == ["/app/late", "/app/late/live"])
            let tag = try #require(dry.headers["ETag"])
            let done = await lone.send(
                .post, "/v1/rollbacks", Self.body(to: moment), [("If-Match", tag)])
            #expect(done.status == 200)
            #expect(await lone.get("/v1/znodes/app/late/live").status == 200)
            #expect(await lone.get("/v1/znodes/app/late/deep").status == 404)
        }
    }

    @Test func `lists of permissions come back only when asked for`() async throws {
        try await LoneGateway.run { lone in
            let first = await lone.send(.put, "/v1/znodes/app", "1")
            let moment = try #require(first.headers["Aviary-Zxid"])
            let locked = #"[{"scheme":"auth","id":"","perms":["read"]}]"#
            let bob = [basic("bob:secret")]
            await lone.send(.put, "/v1/acl/app", locked, bob)
            let dryRun = Self.body(to: moment, "/app", #","dryRun":true"#)
            let dry = await lone.send(.post, "/v1/rollbacks", dryRun)
            #expect(Self.paths(dry, "acl") == ["/app"])
            let tag = [(name: "If-Match", value: try #require(dry.headers["ETag"]))]
            let left = await lone.send(.post, "/v1/rollbacks", Self.body(to: moment), tag)
            #expect(left.json["acl"] == .integer(0))
            #expect(await lone.get("/v1/znodes/app").status == 401)
            let done = await lone.send(
                .post, "/v1/rollbacks", Self.body(to: moment, "/app", #","restoreAcl":true"#), tag)
            #expect(done.status == 200, "\(done.text)")
            #expect(done.json["acl"] == .integer(1))
            #expect(await lone.get("/v1/znodes/app").status == 200)
        }
    }

    @Test func `more than a transaction holds is refused before anything changes`() async throws {
        try await LoneGateway.run { lone in
            await lone.send(.put, "/v1/znodes/app", "")
            let long = String(repeating: "x", count: 900_000)
            var moment = ""
            for index in 0..<3 {
                let answer = await lone.send(.put, "/v1/znodes/app/\(index)", long)
                moment = try #require(answer.headers["Aviary-Zxid"])
            }
            for index in 0..<3 { await lone.send(.delete, "/v1/znodes/app/\(index)") }
            let dry = await lone.send(
                .post, "/v1/rollbacks", Self.body(to: moment, "/app", #","dryRun":true,"limit":2"#))
            #expect(dry.json["fits"] == .bool(false))
            #expect(dry.json["truncated"] == .bool(true))
            #expect(Self.paths(dry, "create") == ["/app/0", "/app/1"])
            guard case .object(let counts)? = dry.json["counts"] else {
                Issue.record("there are no counts")
                return
            }
            #expect(counts["create"] == .integer(3))
            let tag = try #require(dry.headers["ETag"])
            let refused = await lone.send(
                .post, "/v1/rollbacks", Self.body(to: moment), [("If-Match", tag)])
            #expect(refused.code == "transaction-too-large")
            #expect(await lone.get("/v1/znodes/app/0").status == 404)
        }
    }

    @Test(arguments: [
        "", "[]", "{}", #"{"to":"x","path":"/a"}"#, #"{"to":-1,"path":"/a"}"#,
        #"{"to":1,"path":"a"}"#, #"{"to":1,"path":"/a","dry":true}"#,
        #"{"to":1,"path":"/a","dryRun":1}"#, #"{"to":1,"path":"/a","limit":0}"#,
        #"{"to":1,"path":"/a","restoreAcl":"yes"}"#, #"{"path":"/a"}"#, #"{"to":1}"#,
    ])
    func `a body that is none is refused`(body: String) async throws {
        try await LoneGateway.run { lone in
            let answer = await lone.send(.post, "/v1/rollbacks", body)
            #expect(answer.status == 400, "\(answer.text)")
        }
    }

    @Test func `what is not there, and what is not theirs`() async throws {
        try await LoneGateway.run { lone in
            let now = try #require(await lone.get("/readyz").headers["Aviary-Zxid"])
            func dry(_ path: String) async -> String? {
                await lone.send(
                    .post, "/v1/rollbacks", Self.body(to: now, path, #","dryRun":true"#)
                ).code
            }
            #expect(await dry("/none") == "no-node")
            #expect(await dry("/none/below") == "no-parent")
            #expect(await dry("/zookeeper") == "forbidden")
            #expect(await dry("/aviary/x") == "forbidden")
            #expect(await dry("/") == nil)
            let any = await lone.send(
                .post, "/v1/rollbacks", Self.body(to: now, "/"), [("If-Match", "*")])
            #expect(any.code == "bad-request")
            let both = await lone.send(
                .post, "/v1/rollbacks", Self.body(to: now, "/", #","dryRun":true"#),
                [("If-Match", #""x""#)])
            #expect(both.code == "bad-request")
            #expect(await lone.get("/v1/rollbacks").code == "method-not-allowed")
        }
    }

    @Test func `only administrators look back over everything`() async throws {
        var options = GatewayOptions()
        options.token = AdminToken("open sesame")
        try await LoneGateway.run(options) { lone in
            let body = #"{"to":1,"path":"/","dryRun":true}"#
            #expect(await lone.send(.post, "/v1/rollbacks", body).status == 401)
            #expect(await lone.send(.post, "/v1/rollbacks", body, [basic("a:b")]).status == 403)
            #expect(await lone.get("/v1/history?path=/").status == 401)
            let admin = [(name: "Authorization", value: "Bearer open sesame")]
            #expect(await lone.get("/v1/history?path=/", admin).status == 200)
        }
    }
}
