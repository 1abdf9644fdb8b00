import Gateway
import HTTPServer
import Jute
import Testing

@Suite struct EventTests {
    @Test func `a cursor is a zxid, a position and the history`() {
        let zxid = Zxid(epoch: 1, counter: 7)
        let whole = EventCursor(zxid, history: 0xAB)
        #expect(whole.text == "0000000100000007.z.000000ab")
        #expect(EventCursor(parsing: whole.text) == whole)
        let part = EventCursor(zxid, position: 12, history: 0xFFFF_FFFF)
        #expect(EventCursor(parsing: part.text) == part)
        #expect(EventCursor(parsing: "0000000100000007") == EventCursor(zxid, history: 0))
        #expect(EventCursor(parsing: "0x100000007") == EventCursor(zxid, history: 0))
        for bad in [
            "", "x", "1", "0000000100000007.z", "0000000100000007.-1.000000ab",
            "0000000100000007.01.000000ab", "0000000100000007.z.ab", "000000010000000g.z.000000ab",
        ] {
            #expect(EventCursor(parsing: bad) == nil, "\(bad)")
        }
    }

    @Test func `every kind of change is an event, in the order of zxids`() async throws {
        try await LoneGateway.run { lone in
            let start = await lone.cursor()
            _ = await lone.send(.put, "/v1/znodes/a", "one")
            _ = await lone.send(.put, "/v1/znodes/a", "two")
            _ = await lone.send(.put, "/v1/znodes/a/b", "x")
            _ = await lone.send(
                .put, "/v1/acl/a",
                #"[{"scheme":"world","id":"anyone","perms":["read","admin","delete","create","write"]}]"#
            )
            _ = await lone.send(.delete, "/v1/znodes/a?recursive=true")
            let node = await lone.events("path=/a&since=\(start)&include=value")
            #expect(
                node.kinds == [
                    "created /a", "changed /a", "children /a", "acl /a", "children /a",
                    "deleted /a",
                ])
            #expect(node.zxids == node.zxids.sorted())
            #expect(node.list[0]["text"] == .text("one"))
            #expect(node.list[1]["text"] == .text("two"))
            #expect(node.list[1].statVersion == .integer(1))
            #expect(node.list[5]["stat"] == nil)
            let subtree = await lone.events("path=/a&scope=subtree&since=\(start)")
            #expect(
                subtree.kinds == [
                    "created /a", "changed /a", "created /a/b", "acl /a", "deleted /a/b",
                    "deleted /a",
                ])
            let children = await lone.events("path=/a&scope=children&since=\(start)")
            #expect(children.kinds == ["created /a/b", "deleted /a/b"])
            let some = await lone.events(
                "path=/a&scope=subtree&types=children,deleted&since=\(start)")
            #expect(some.kinds == ["children /a", "deleted /a/b", "children /a", "deleted /a"])
            let several = await lone.events("path=/a/b&path=/nothing&since=\(start)")
            #expect(several.kinds == ["created /a/b", "deleted /a/b"])
        }
    }

    @Test func `next goes on where a batch ended, without a hole and without a repetition`()
        async throws
    {
        try await LoneGateway.run { lone in
            var cursor = await lone.cursor()
            for index in 0..<20 { _ = await lone.send(.put, "/v1/znodes/a", "\(index)") }
            var values: [String] = []
            while true {
                let batch = await lone.events("path=/a&include=value&limit=3&since=\(cursor)")
                values += batch.list.compactMap { $0["text"]?.text }
                #expect(batch.list.count <= 3)
                cursor = batch.next
                if !batch.more { break }
            }
            #expect(values == (0..<20).map { "\($0)" })
            #expect(await lone.events("path=/a&since=\(cursor)").list.isEmpty)
        }
    }

    @Test func `the events of a transaction are never split, but a cursor may stand between them`()
        async throws
    {
        try await LoneGateway.run { lone in
            let start = await lone.cursor()
            _ = await lone.send(
                .post, "/v1/transactions",
                """
                {"operations":[{"op":"create","path":"/a"},{"op":"create","path":"/a/b"},\
                {"op":"create","path":"/a/c"},{"op":"set","path":"/a/b","text":"x"}]}
                """)
            let all = await lone.events("path=/a&scope=subtree&limit=1&since=\(start)")
            #expect(all.kinds == ["created /a", "created /a/b", "created /a/c", "changed /a/b"])
            // Positions count what is filtered out: each creation is two events.
            let zxid = try #require(all.zxids.first)
            let name = all.next.suffix(8)
            let rest = await lone.events("path=/a&scope=subtree&since=\(zxid).4.\(name)")
            #expect(rest.kinds == ["created /a/c", "changed /a/b"])
            let none = await lone.events("path=/a&scope=subtree&since=\(zxid)")
            #expect(none.list.isEmpty)
        }
    }

    @Test func `a request waits for the next event`() async throws {
        try await LoneGateway.run { lone in
            async let held = lone.events("path=/a&wait=60s")
            try await lone.waitForWaits(1)
            _ = await lone.send(.put, "/v1/znodes/other", "x")
            _ = await lone.send(.put, "/v1/znodes/a", "x")
            let batch = await held
            #expect(batch.kinds == ["created /a"])
            #expect(batch.response.headers["Preference-Applied"] == "wait=60")
        }
    }

    @Test func `the cursor of a quiet path moves on`() async throws {
        try await LoneGateway.run { lone in
            let start = await lone.cursor()
            async let held = lone.events("path=/quiet&wait=3s&since=\(start)")
            try await lone.waitForWaits(1)
            var zxid = ""
            for index in 0..<3 {
                zxid = await lone.send(.put, "/v1/znodes/a", "\(index)").json["zxid"]?.text ?? ""
            }
            let batch = await held
            #expect(batch.response.status == 200)
            #expect(batch.list.isEmpty)
            #expect(batch.next.prefix(16) >= zxid)
        }
    }

    @Test func `events are seen by those who may read, then and now`() async throws {
        try await LoneGateway.run { lone in
            let start = await lone.cursor()
            let bob = basic("bob:secret")
            _ = await lone.send(.put, "/v1/znodes/a", "open")
            _ = await lone.send(
                .put, "/v1/acl/a",
                #"[{"scheme":"auth","id":"","perms":["read","write","create"]}]"#, [bob])
            _ = await lone.send(.put, "/v1/znodes/a", "closed", [bob])
            let others = await lone.events("path=/a&since=\(start)")
            #expect(others.list.isEmpty, "what was open then is closed now")
            let bobs = await lone.events("path=/a&since=\(start)", [bob])
            #expect(bobs.kinds == ["created /a", "acl /a", "changed /a"])
        }
    }

    @Test func `the system's own znodes are seen only where they are asked for`() async throws {
        try await LoneGateway.run { lone in
            let all = await lone.events("path=/&scope=subtree&since=oldest")
            #expect(!all.kinds.contains { $0.contains("/aviary") })
            let system = await lone.events("path=/aviary&scope=subtree&since=oldest")
            #expect(system.kinds.contains("created /aviary/leader"))
            #expect(!system.kinds.contains("created /aviary/secret"))
        }
    }

    @Test func `bad requests say what is wrong`() async throws {
        try await LoneGateway.run { lone in
            for (query, code) in [
                ("", "bad-parameter"), ("path=a", "bad-path"), ("path=/a&types=x", "bad-parameter"),
                ("path=/a&scope=x", "bad-parameter"), ("path=/a&since=x", "bad-parameter"),
                ("path=/a&limit=0", "bad-parameter"), ("path=/a&limit=10001", "bad-parameter"),
                ("path=/a&include=stat", "bad-parameter"), ("path=/a&wait=x", "bad-parameter"),
                ("path=/a&since=now&since=now", "bad-parameter"),
                ("path=/a&since=0000000100000001.z.01234567", "cursor-diverged"),
            ] {
                #expect(await lone.get("/v1/events?\(query)").code == code, "\(query)")
            }
        }
    }

    @Test func `a cursor from the future waits for the node`() async throws {
        var options = GatewayOptions()
        options.requestTimeout = .milliseconds(300)
        try await LoneGateway.run(options) { lone in
            let late = await lone.get("/v1/events?path=/a&since=00000fff00000001")
            #expect(late.code == "node-behind")
        }
    }
}

/// What `/v1/events` answered.
struct EventList {
    var response: HTTPResponse
    var list: [JSONObject]
    var next: String
    var more: Bool

    var kinds: [String] {
        list.map { "\($0["type"]?.text ?? "?") \($0["path"]?.text ?? "?")" }
    }
    var zxids: [String] { list.compactMap { $0["zxid"]?.text } }
}

extension LoneGateway {
    func events(
        _ query: String, _ headers: [(name: String, value: String)] = []
    ) async -> EventList {
        let response = await get("/v1/events?\(query)", headers)
        var list: [JSONObject] = []
        if case .array(let events)? = response.json["events"] {
            for case .object(let event) in events { list.append(event) }
        }
        return EventList(
            response: response, list: list, next: response.json["next"]?.text ?? "",
            more: response.json["more"] == .bool(true))
    }

    /// Where the history is now.
    func cursor() async -> String { await events("path=/none").next }
}

extension JSONObject {
    var statVersion: JSONValue? {
        if case .object(let stat)? = self["stat"] { stat["version"] } else { nil }
    }
}
