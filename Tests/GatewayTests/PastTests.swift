import Gateway
import HTTPServer
import Jute
import Testing

/// Earlier states over HTTP, on a real node that stands alone.
@Suite struct PastTests {
    @Test func `a value is read as of a transaction, and as of a time`() async throws {
        try await LoneGateway.run { lone in
            let first = await lone.send(.put, "/v1/znodes/a", "one")
            let before = try #require(first.headers["Aviary-Zxid"])
            let second = await lone.send(.put, "/v1/znodes/a", "two")
            let after = try #require(second.headers["Aviary-Zxid"])
            await lone.send(.delete, "/v1/znodes/a")
            let gone = await lone.send(.put, "/v1/znodes/b", "")
            let now = try #require(gone.headers["Aviary-Zxid"])

            let was = await lone.get("/v1/znodes/a?at=\(before)")
            #expect(was.json["text"] == .text("one"))
            #expect(was.stat == first.stat)
            #expect(was.headers["Aviary-Zxid"] == before)
            #expect(await lone.get("/v1/znodes/a?at=\(after)").stat == second.stat)
            #expect(await lone.get("/v1/znodes/a?at=\(after)&raw").text == "two")
            let head = await lone.send(.head, "/v1/znodes/a?at=\(after)")
            #expect(head.headers["Aviary-Stat-Version"] == "1")
            #expect(await lone.get("/v1/znodes/a?at=\(now)").code == "no-node")
            #expect(await lone.get("/v1/znodes/a?at=0000000000000000").code == "no-node")

            guard case .integer(let time)? = second.stat["mtime"] else {
                Issue.record("there is no mtime")
                return
            }
            let then = await lone.get("/v1/znodes/a?at=\(time)")
            #expect([200, 404].contains(then.status))
            let tag = try #require(was.headers["ETag"])
            let known = await lone.get("/v1/znodes/a?at=\(before)", [("If-None-Match", tag)])
            #expect(known.status == 304)
        }
    }

    @Test func `children are listed as they were, page by page`() async throws {
        try await LoneGateway.run { lone in
            await lone.send(.put, "/v1/znodes/p")
            for name in ["b", "d", "f"] { await lone.send(.put, "/v1/znodes/p/\(name)") }
            let moment = await lone.send(.put, "/v1/znodes/p/h")
            let at = try #require(moment.headers["Aviary-Zxid"])
            for name in ["a", "c", "g", "i"] { await lone.send(.put, "/v1/znodes/p/\(name)") }
            for name in ["b", "f", "h", "c"] { await lone.send(.delete, "/v1/znodes/p/\(name)") }
            await lone.send(.put, "/v1/znodes/p/f", "again")
            var names: [String?] = []
            var target = "/v1/children/p?at=\(at)&limit=2"
            while true {
                let page = await lone.get(target)
                guard case .array(let found)? = page.json["children"] else {
                    Issue.record("\(page.text)")
                    return
                }
                #expect(page.stat["numChildren"] == .integer(4))
                names += found.map(\.text)
                guard let next = page.json["next"]?.text else { break }
                target = "/v1/children/p?at=\(at)&limit=2&cursor=\(next)"
            }
            #expect(names == ["b", "d", "f", "h"])
        }
    }

    @Test func `children are listed with what they were`() async throws {
        try await LoneGateway.run { lone in
            let bob = [basic("bob:secret")]
            let locked =
                #"[{"scheme":"auth","id":"","perms":["read","write","create","delete","admin"]}]"#
            await lone.send(.put, "/v1/znodes/p")
            let names = ["deleted", "kept", "list", "locked", "set", "twice"]
            for name in names { await lone.send(.put, "/v1/znodes/p/\(name)", "\(name)!") }
            let moment = await lone.send(.put, "/v1/znodes/p/twice", "once")
            let at = try #require(moment.headers["Aviary-Zxid"])
            let before = await lone.get("/v1/children/p?include=stat,data")
            let stats = await lone.get("/v1/children/p?include=stat")
            await lone.send(.put, "/v1/znodes/p/new", "new")
            await lone.send(.put, "/v1/znodes/p/list/below", "")
            await lone.send(.put, "/v1/znodes/p/set", "other")
            await lone.send(.put, "/v1/znodes/p/twice", "twice")
            await lone.send(.delete, "/v1/znodes/p/twice")
            await lone.send(.put, "/v1/znodes/p/twice", "again")
            await lone.send(.delete, "/v1/znodes/p/deleted")
            await lone.send(.put, "/v1/acl/p/locked", locked, bob)

            let page = await lone.get("/v1/children/p?at=\(at)&include=stat,data", bob)
            #expect(page.children == before.children)
            #expect(page.children.count == names.count)
            #expect(page.stat == before.stat)
            #expect(page.headers["ETag"] == nil)
            #expect(
                await lone.get("/v1/children/p?at=\(at)&include=stat").children == stats.children)
            // Whom the list of now does not let read gets all the same what is not data.
            let anybody = await lone.get("/v1/children/p?at=\(at)&include=data").children
            #expect(anybody[3]["code"] == .text("forbidden"))
            #expect(anybody[3]["text"] == nil)
            #expect(anybody[5]["text"] == .text("once"))

            let first = await lone.get("/v1/children/p?at=\(at)&include=stat,data&limit=4", bob)
            let next = try #require(first.json["next"]?.text)
            let rest = await lone.get(
                "/v1/children/p?at=\(at)&include=stat,data&limit=4&cursor=\(next)", bob)
            #expect(first.children + rest.children == before.children)
            let root = await lone.get("/v1/children/?at=\(at)&include=stat")
            #expect(root.children.contains { $0["name"] == .text("p") })
        }
    }

    @Test func `a page of long values ends early, and goes on`() async throws {
        try await LoneGateway.run { lone in
            await lone.send(.put, "/v1/znodes/p")
            let long = String(repeating: "x", count: 1_000_000)
            for number in 0..<7 { await lone.send(.put, "/v1/znodes/p/\(number)", long) }
            let last = await lone.send(.put, "/v1/znodes/p/7", long)
            let at = try #require(last.headers["Aviary-Zxid"])
            for number in 0..<8 { await lone.send(.put, "/v1/znodes/p/\(number)", "short") }
            var sizes: [Int] = []
            var target = "/v1/children/p?at=\(at)&include=data"
            while true {
                let page = await lone.get(target)
                #expect(page.children.allSatisfy { $0["text"] == .text(long) })
                sizes.append(page.children.count)
                guard let next = page.json["next"]?.text else { break }
                target = "/v1/children/p?at=\(at)&include=data&cursor=\(next)"
            }
            #expect(sizes == [5, 3])
        }
    }

    @Test func `both lists of permissions count`() async throws {
        try await LoneGateway.run { lone in
            let bob = [basic("bob:secret")]
            let locked =
                #"[{"scheme":"auth","id":"","perms":["read","write","create","delete","admin"]}]"#
            let open = await lone.send(.put, "/v1/znodes/a", "1")
            let moment = try #require(open.headers["Aviary-Zxid"])
            #expect(await lone.send(.put, "/v1/acl/a", locked, bob).status == 200)
            let read = "/v1/znodes/a?at=\(moment)"
            #expect(await lone.get(read).status == 401)
            #expect(await lone.get(read, bob).json["text"] == .text("1"))
            let closed = try #require(await lone.get("/readyz").headers["Aviary-Zxid"])
            let everybody =
                #"[{"scheme":"world","id":"anyone","perms":["read","write","create","delete","admin"]}]"#
            #expect(await lone.send(.put, "/v1/acl/a", everybody, bob).status == 200)
            #expect(await lone.get(read).status == 200)
            #expect(await lone.get("/v1/znodes/a?at=\(closed)").status == 401)
        }
    }

    @Test(arguments: [
        "at=x", "at=-1", "at=", "at=1&wait=1s", "at=1&until=exists", "at=1&at=2",
        "at=0x", "at=1.5",
    ])
    func `what means nothing is refused`(query: String) async throws {
        try await LoneGateway.run { lone in
            #expect(await lone.get("/v1/znodes/?\(query)").code == "bad-parameter")
        }
    }

    @Test func `below zookeeper there is no past`() async throws {
        try await LoneGateway.run { lone in
            let code = await lone.get("/v1/znodes/zookeeper/config?at=0000000100000001").code
            #expect(code == "bad-parameter")
            #expect(await lone.get("/v1/children/zookeeper?at=5").code == "bad-parameter")
        }
    }

    @Test func `what is still to come is waited for`() async throws {
        var options = GatewayOptions()
        options.requestTimeout = .milliseconds(300)
        try await LoneGateway.run(options) { lone in
            #expect(await lone.get("/v1/znodes/?at=00000fff00000001").code == "node-behind")
            let body = #"{"to":"00000fff00000001","path":"/a","dryRun":true}"#
            #expect(await lone.send(.post, "/v1/rollbacks", body).code == "node-behind")
        }
    }

    @Test func `the history is told from the newest back, page by page`() async throws {
        try await LoneGateway.run { lone in
            var zxids: [String?] = []
            for index in 0..<5 {
                let answer = await lone.send(.put, "/v1/znodes/a", "\(index)")
                zxids.append(answer.headers["Aviary-Zxid"])
            }
            let multi = #"""
                {"operations":[{"op":"create","path":"/a/x"},{"op":"create","path":"/a/y"},
                {"op":"delete","path":"/a/x"}]}
                """#
            let both = await lone.send(.post, "/v1/transactions", multi)
            var lines: [JSONObject] = []
            var target = "/v1/history?path=/a&scope=subtree&limit=2"
            while true {
                let page = await lone.get(target)
                guard case .array(let found)? = page.json["transactions"] else {
                    Issue.record("\(page.text)")
                    return
                }
                for case .object(let line) in found { lines.append(line) }
                guard let next = page.json["next"]?.text else { break }
                target = "/v1/history?path=/a&scope=subtree&limit=2&cursor=\(next)"
            }
            #expect(
                lines.map { $0["zxid"]?.text }
                    == Array(repeating: both.headers["Aviary-Zxid"], count: 3) + zxids.reversed())
            #expect(
                lines.prefix(4).map { "\($0["type"]?.text ?? "") \($0["path"]?.text ?? "")" }
                    == ["deleted /a/x", "created /a/y", "created /a/x", "changed /a"])
            #expect(
                lines.map { $0["operation"]?.text }.prefix(4) == [
                    "multi", "multi", "multi", "setData",
                ])
            #expect(lines.last?["operation"]?.text == "create2")
            #expect(lines[3]["version"] == .integer(4))
            let since = try #require(zxids[2])
            let late = await lone.get("/v1/history?path=/a&since=\(since)")
            guard case .array(let found)? = late.json["transactions"] else {
                Issue.record("\(late.text)")
                return
            }
            #expect(found.count == 2)
            for query in ["", "path=a", "path=/a&scope=all", "path=/a&limit=0", "path=/a&cursor=x"]
            {
                #expect(await lone.get("/v1/history?\(query)").status == 400, "\(query)")
            }
        }
    }
}
