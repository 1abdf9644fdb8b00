import Gateway
import HTTPServer
import Jute
import Node
import Replica
import Testing
import ZnodeTree

@Suite struct RecipeTests {
    @Test func `a lock is held by one, and passes to the next in the queue`() async throws {
        try await LoneGateway.run { lone in
            let (alice, bob) = (try await lone.session(), try await lone.session())
            let first = await lone.send(.post, "/v1/locks/app/lock", "", [alice])
            #expect(first.status == 201)
            let token = try #require(first.json["token"]?.text)
            #expect(first.headers["Location"] == "/v1/locks/app/lock/\(token)")
            let entry = lone.stat(ZnodePath("/app/lock/\(token)"))
            #expect(first.json["zxid"]?.text == entry.map { "\($0.czxid)" })
            #expect(await lone.send(.post, "/v1/locks/app/lock", "", [alice]).json == first.json)
            #expect(await lone.get("/v1/locks/app/lock/\(token)").json == first.json)
            #expect(await lone.get("/v1/locks/app/lock/x__lock__0000000009").status == 404)

            let second = await lone.send(.post, "/v1/locks/app/lock", "", [bob])
            #expect(second.status == 202)
            #expect(second.json["position"] == .integer(1))
            async let turn = lone.send(.post, "/v1/locks/app/lock?wait=60s", "", [bob])
            try await lone.waitForWaits(1)
            let refused = await lone.send(.delete, "/v1/locks/app/lock/\(token)", "", [bob])
            #expect(refused.status == 204, "bob is an administrator here")
            let held = await turn
            #expect(held.status == 201)
            #expect(held.json["token"] == second.json["token"])
            #expect(held.headers["Preference-Applied"] == "wait=60")
        }
    }

    @Test func `an entry is its session's business`() async throws {
        var options = GatewayOptions()
        options.token = AdminToken("secret-token")
        try await LoneGateway.run(options) { lone in
            let (alice, bob) = (try await lone.session(), try await lone.session())
            let first = await lone.send(.post, "/v1/locks/l", "", [alice])
            let token = try #require(first.json["token"]?.text)
            #expect(await lone.send(.delete, "/v1/locks/l/\(token)", "", [bob]).status == 401)
            #expect(await lone.send(.delete, "/v1/locks/l/\(token)", "", [alice]).status == 204)
            #expect(await lone.send(.delete, "/v1/locks/l/\(token)", "", [alice]).status == 404)
        }
    }

    @Test func `who does not queue is told at once, and leaves nothing behind`() async throws {
        try await LoneGateway.run { lone in
            let (alice, bob) = (try await lone.session(), try await lone.session())
            _ = await lone.send(.post, "/v1/locks/l", "", [alice])
            let refused = await lone.send(.post, "/v1/locks/l", #"{"queue":false}"#, [bob])
            #expect(refused.status == 409)
            #expect(refused.code == "held")
            #expect(lone.stat("/l")?.numChildren == 1)
        }
    }

    @Test func `readers share, writers do not, and nobody overtakes`() async throws {
        try await LoneGateway.run { lone in
            var sessions: [(name: String, value: String)] = []
            for _ in 0..<4 { sessions.append(try await lone.session()) }
            let shared = #"{"mode":"shared"}"#
            #expect(await lone.send(.post, "/v1/locks/l", shared, [sessions[0]]).status == 201)
            #expect(await lone.send(.post, "/v1/locks/l", shared, [sessions[1]]).status == 201)
            let writer = await lone.send(.post, "/v1/locks/l", "", [sessions[2]])
            #expect(writer.json["position"] == .integer(2))
            let late = await lone.send(.post, "/v1/locks/l", shared, [sessions[3]])
            #expect(late.status == 202)
            #expect(late.json["position"] == .integer(1))
            let list = await lone.get("/v1/locks/l")
            #expect(list.names("holders") == ["shared", "shared"])
            #expect(list.names("queue") == ["exclusive", "shared"])
            for session in sessions.prefix(2) {
                _ = await lone.send(
                    .delete, "/v1/sessions/\(session.value.prefix(16))", "", [session])
            }
            #expect(await lone.send(.post, "/v1/locks/l", "", [sessions[2]]).status == 201)
        }
    }

    @Test func `a lock can be watched`() async throws {
        try await LoneGateway.run { lone in
            #expect(await lone.get("/v1/locks/l").status == 404)
            let alice = try await lone.session()
            _ = await lone.send(.post, "/v1/locks/l", "", [alice])
            let tag = try #require(await lone.get("/v1/locks/l").headers["ETag"])
            async let held = lone.get("/v1/locks/l?wait=60s", [("If-None-Match", tag)])
            try await lone.waitForWaits(1)
            _ = await lone.send(.delete, "/v1/sessions/\(alice.value.prefix(16))", "", [alice])
            #expect(await held.names("holders") == [])
        }
    }

    @Test func `a fence lets a write through only while its lock is held`() async throws {
        try await LoneGateway.run { lone in
            let (alice, bob) = (try await lone.session(), try await lone.session())
            let first = await lone.send(.post, "/v1/locks/app/lock", "", [alice])
            let second = await lone.send(.post, "/v1/locks/app/lock", "", [bob])
            let alices = try #require(first.json["token"]?.text)
            let bobs = try #require(second.json["token"]?.text)
            func write(_ method: HTTPMethod, _ target: String, _ body: String, _ token: String)
                async -> HTTPResponse
            {
                await lone.send(
                    method, target, body, [("Aviary-Fence", "%2Fapp%2Flock;\(token)")])
            }
            #expect(await write(.put, "/v1/znodes/app/value", "1", alices).status == 201)
            #expect(await write(.put, "/v1/znodes/app/value", "2", alices).status == 200)
            let queued = await write(.put, "/v1/znodes/app/value", "3", bobs)
            #expect(queued.status == 412)
            #expect(queued.code == "fence-lost")
            let transaction = #"{"operations":[{"op":"set","path":"/app/value","text":"4"}]}"#
            #expect(await write(.post, "/v1/transactions", transaction, alices).status == 200)
            #expect(await write(.post, "/v1/transactions", transaction, bobs).code == "fence-lost")
            let tagged = await lone.send(
                .put, "/v1/znodes/app/value", "x",
                [("Aviary-Fence", "/app/lock;\(alices)"), ("If-Match", "\"0000000000000001\"")])
            #expect(tagged.code == "precondition-failed")
            _ = await lone.send(.delete, "/v1/locks/app/lock/\(alices)", "", [alice])
            #expect(await write(.put, "/v1/znodes/app/value", "5", alices).code == "fence-lost")
            #expect(await write(.delete, "/v1/znodes/app/value", "", alices).code == "fence-lost")
            let child = await write(
                .post, "/v1/znodes/app?name=n-&sequential=true", "", bobs)
            #expect(child.status == 201)
            #expect(await lone.get("/v1/znodes/app/value").json["text"] == .text("4"))
            #expect(await write(.delete, "/v1/znodes/app/value", "", bobs).status == 204)
            for bad in ["x", "/app/lock", "/app/lock;x", "app;\(bobs)", "/app/lock;\(bobs)/x"] {
                let answer = await lone.send(
                    .put, "/v1/znodes/app/value", "", [("Aviary-Fence", bad)])
                #expect(answer.status == 400, "\(bad)")
            }
        }
    }

    @Test func `candidates stand in line, and the first one leads`() async throws {
        try await LoneGateway.run { lone in
            let (alice, bob) = (try await lone.session(), try await lone.session())
            let first = await lone.send(.post, "/v1/elections/e", #"{"value":"a:1"}"#, [alice])
            #expect(first.status == 201)
            #expect(
                await lone.send(.post, "/v1/elections/e", #"{"value":"b:1"}"#, [bob]).status == 202)
            let before = await lone.get("/v1/elections/e")
            #expect(before.leader == "a:1")
            let tag = try #require(before.headers["ETag"])
            async let held = lone.get("/v1/elections/e?wait=60s", [("If-None-Match", tag)])
            try await lone.waitForWaits(1)
            let token = try #require(first.json["token"]?.text)
            _ = await lone.send(.delete, "/v1/elections/e/\(token)", "", [alice])
            #expect(await held.leader == "b:1")
        }
    }

    @Test func `requests that make no sense are told so`() async throws {
        try await LoneGateway.run { lone in
            let alice = try await lone.session()
            #expect(await lone.send(.post, "/v1/locks/l").code == "bad-session")
            #expect(await lone.send(.post, "/v1/locks/", "", [alice]).code == "bad-path")
            #expect(await lone.send(.post, "/v1/locks/aviary/l", "", [alice]).code == "forbidden")
            for body in [#"{"mode":"x"}"#, #"{"queue":1}"#, #"{"x":1}"#, "[]", "x"] {
                let answer = await lone.send(.post, "/v1/locks/l", body, [alice])
                #expect(answer.code == "bad-request", "\(body)")
            }
            #expect(await lone.send(.delete, "/v1/locks/l/x", "", [alice]).code == "bad-path")
            #expect(lone.stat("/l") == nil)
        }
    }
}

extension LoneGateway {
    func stat(_ path: ZnodePath) -> Stat? { node.served.read { $0.stat(of: path) } }

    /// A new session's header.
    func session() async throws -> (name: String, value: String) {
        let token = await send(.post, "/v1/sessions", #"{"timeout":"30s"}"#).json["token"]?.text
        return ("Aviary-Session", try #require(token))
    }
}

extension HTTPResponse {
    fileprivate func names(_ member: StaticString) -> [String] {
        guard case .array(let list)? = json[member] else { return ["none"] }
        return list.map { entry in
            if case .object(let object) = entry { object["mode"]?.text ?? "?" } else { "?" }
        }
    }

    fileprivate var leader: String? {
        if case .object(let leader)? = json["leader"] { leader["text"]?.text } else { nil }
    }
}
