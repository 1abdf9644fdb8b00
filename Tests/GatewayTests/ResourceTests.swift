import Gateway
import HTTPServer
import Jute
import Testing
import ZnodeTree

/// The resources on a real node that stands alone.
@Suite struct ResourceTests {
    @Test func `a value is created, replaced, read and deleted`() async throws {
        try await LoneGateway.run { lone in
            let created = await lone.send(.put, "/v1/znodes/app/a%20b?parents=1", "one")
            #expect(created.status == 201)
            #expect(created.headers["Location"] == "/v1/znodes/app/a%20b")
            #expect(created.json["path"] == .text("/app/a b"))
            #expect(created.headers["Aviary-Zxid"] == created.json["zxid"]?.text)
            let replaced = await lone.send(.put, "/v1/znodes/app/a%20b", "two")
            #expect(replaced.status == 200)
            #expect(replaced.stat["version"] == .integer(1))
            let read = await lone.get("/v1/znodes/app/a%20b")
            #expect(read.json["text"] == .text("two"))
            #expect(read.stat == replaced.stat)
            #expect(await lone.send(.delete, "/v1/znodes/app?recursive").status == 204)
            #expect(await lone.get("/v1/znodes/app").code == "no-node")
        }
    }

    @Test func `parents state no mode: what exists is replaced whatever it is`() async throws {
        try await LoneGateway.run { lone in
            #expect(await lone.send(.put, "/v1/znodes/c?mode=container").status == 201)
            #expect(await lone.send(.put, "/v1/znodes/c?parents=true", "x").status == 200)
            let other = await lone.send(.put, "/v1/znodes/c?mode=persistent", "x")
            #expect(other.code == "mode-mismatch")
        }
    }

    @Test func `a failed condition shows the state that failed it`() async throws {
        try await LoneGateway.run { lone in
            let first = await lone.send(.put, "/v1/znodes/a", "1")
            let tag = try #require(first.headers["ETag"])
            #expect(await lone.send(.put, "/v1/znodes/a", "2", [("If-Match", tag)]).status == 200)
            let late = await lone.send(.put, "/v1/znodes/a", "3", [("If-Match", tag)])
            #expect(late.status == 412)
            #expect(late.stat["version"] == .integer(1))
            #expect(late.json["etag"]?.text == late.headers["ETag"])
            #expect(await lone.get("/v1/znodes/a").json["text"] == .text("2"))
        }
    }

    @Test func `conditions on what is missing`() async throws {
        try await LoneGateway.run { lone in
            let condition = [(name: "If-Match", value: "*")]
            let tag = [(name: "If-Match", value: #""0000000100000001""#)]
            #expect(await lone.send(.put, "/v1/znodes/x", "", condition).status == 412)
            #expect(await lone.send(.put, "/v1/znodes/x", "", tag).status == 412)
            #expect(await lone.send(.put, "/v1/znodes/x?version=1").code == "no-node")
            #expect(await lone.send(.put, "/v1/znodes/x/y", "", condition).code == "no-parent")
            #expect(await lone.send(.delete, "/v1/znodes/x", "", condition).code == "no-node")
            #expect(await lone.send(.delete, "/v1/znodes/x", "", tag).code == "no-node")
        }
    }

    @Test func `a password's owner reads, others are told whether one would help`() async throws {
        try await LoneGateway.run { lone in
            _ = await lone.send(.put, "/v1/znodes/a", "mine")
            let acl = #"[{"scheme":"auth","id":"","perms":["read","write","admin"]}]"#
            let bob = [basic("bob:secret")]
            #expect(await lone.send(.put, "/v1/acl/a", acl, bob).status == 200)
            #expect(await lone.get("/v1/znodes/a", bob).status == 200)
            #expect(await lone.get("/v1/znodes/a").status == 401)
            #expect(await lone.get("/v1/znodes/a").headers["WWW-Authenticate"] != nil)
            #expect(await lone.get("/v1/znodes/a", [basic("eve:secret")]).status == 403)
            #expect(await lone.send(.put, "/v1/znodes/a", "x").status == 401)
            let several = await lone.send(
                .post, "/v1/reads", #"{"operations":[{"op":"get","path":"/a"}]}"#)
            #expect(several.status == 200)
            #expect(several.text.contains(#""status":401"#))
            #expect(!several.text.contains("mine"))
        }
    }

    @Test func `a tag of the ACL is no key to a znode that was created again`() async throws {
        try await LoneGateway.run { lone in
            _ = await lone.send(.put, "/v1/znodes/a", "x")
            let tag = try #require(await lone.get("/v1/acl/a").headers["ETag"])
            let condition = [(name: "If-Match", value: tag)]
            let acl = #"[{"scheme":"world","id":"anyone","perms":["read","admin","delete"]}]"#
            _ = await lone.send(.delete, "/v1/znodes/a")
            let gone = await lone.send(.put, "/v1/acl/a", acl, condition)
            #expect(gone.status == 412 && gone.code == "precondition-failed")
            // Of the same aversion: only the leader's guard tells it from the old one.
            _ = await lone.send(.put, "/v1/znodes/a", "y")
            let other = await lone.send(.put, "/v1/acl/a", acl, condition)
            #expect(other.status == 412 && other.code == "precondition-failed")
            let current = try #require(await lone.get("/v1/acl/a").headers["ETag"])
            #expect(other.headers["ETag"] == current && current != tag)
            let changed = await lone.send(
                .put, "/v1/acl/a", acl, [(name: "If-Match", value: current)])
            #expect(changed.status == 200)
            let znode = await lone.get("/v1/acl/a")
            #expect(znode.headers["ETag"] == changed.headers["ETag"])
            #expect(!znode.text.contains("write"))
        }
    }

    @Test func `digests of passwords are for administrators of the znode`() async throws {
        try await LoneGateway.run { lone in
            _ = await lone.send(.put, "/v1/znodes/a")
            let acl = """
                [{"scheme":"auth","id":"","perms":["admin"]},
                 {"scheme":"world","id":"anyone","perms":["read"]}]
                """
            let bob = [basic("bob:secret")]
            #expect(await lone.send(.put, "/v1/acl/a", acl, bob).status == 200)
            #expect(await lone.get("/v1/acl/a").text.contains(#""id":"bob:x""#))
            #expect(await lone.get("/v1/acl/a", bob).text.contains(#""id":"bob:x""#) == false)
        }
    }

    @Test func `the token is ZooKeeper's super, and the secret is nobody's`() async throws {
        var options = GatewayOptions()
        options.token = AdminToken("open sesame")
        options.access = AccessPolicy(skipsChecks: false)
        let admin = [(name: "Authorization", value: "Bearer open sesame")]
        try await LoneGateway.run(options) { lone in
            _ = await lone.send(.put, "/v1/znodes/a", "x")
            let acl = #"[{"scheme":"auth","id":"","perms":["read"]}]"#
            _ = await lone.send(.put, "/v1/acl/a", acl, [basic("bob:secret")])
            #expect(await lone.get("/v1/znodes/a", admin).status == 200)
            #expect(await lone.get("/v1/sessions", admin).status == 200)
            #expect(await lone.get("/v1/sessions").status == 401)
            #expect(await lone.get("/v1/znodes/aviary/secret", admin).status == 403)
            let reads = #"{"operations":[{"op":"get","path":"/aviary/secret"}]}"#
            #expect(
                await lone.send(.post, "/v1/reads", reads, admin).text.contains("base64") == false)
            let listed = await lone.get("/v1/children/aviary?include=data", admin)
            #expect(listed.text.contains(#"{"name":"secret","code":"forbidden"}"#))
        }
    }

    @Test func `pages of children go on where the last one ended`() async throws {
        try await LoneGateway.run { lone in
            _ = await lone.send(.put, "/v1/znodes/p")
            let names = (0..<7).map { "n\($0)" } + ["z+ä"]
            for name in names {
                let sent = await lone.send(
                    .post,
                    "/v1/znodes/p?name=\(name.replacing("+", with: "%2B").replacing("ä", with: "%C3%A4"))"
                )
                #expect(sent.status == 201)
            }
            var seen: [JSONValue] = []
            var query = "?limit=3"
            while true {
                let page = await lone.get("/v1/children/p\(query)")
                guard case .array(let part)? = page.json["children"] else { break }
                seen += part
                guard let next = page.json["next"]?.text else { break }
                query = "?limit=3&cursor=\(next)"
            }
            #expect(seen == names.map(JSONValue.text))
        }
    }

    @Test func `a subtree too large for one transaction goes in several`() async throws {
        try await LoneGateway.run { lone in
            let operations = (["/big", "/big/a"] + (0..<1_500).map { "/big/a/\($0)" })
                .map { #"{"op":"create","path":"\#($0)"}"# }.joined(separator: ",")
            let made = await lone.send(
                .post, "/v1/transactions", #"{"operations":[\#(operations)]}"#)
            #expect(made.status == 200)
            let gone = await lone.send(.delete, "/v1/znodes/big?recursive&atomic=false")
            #expect(gone.status == 204)
            #expect(await lone.get("/v1/znodes/big").status == 404)
        }
    }

    @Test func `a transaction is applied whole or tells which operation failed`() async throws {
        try await LoneGateway.run { lone in
            let good = #"{"op":"create","path":"/a","text":"1"}"#
            let bad = #"{"op":"set","path":"/none","text":"1"}"#
            let failed = await lone.send(
                .post, "/v1/transactions", #"{"operations":[\#(good),\#(bad)]}"#)
            #expect(failed.status == 404)
            #expect(failed.json["operationIndex"] == .integer(1))
            #expect(failed.text.contains(#""status":424,"code":"failed-dependency""#))
            #expect(await lone.get("/v1/znodes/a").status == 404)
            let done = await lone.send(.post, "/v1/transactions", #"{"operations":[\#(good)]}"#)
            #expect(done.status == 200)
            #expect(await lone.get("/v1/znodes/a").status == 200)
        }
    }

    @Test func `an ephemeral lives as long as its session`() async throws {
        try await LoneGateway.run { lone in
            let opened = await lone.send(.post, "/v1/sessions", #"{"timeout":"1ms"}"#)
            #expect(opened.json["timeoutMs"] == .integer(4_000))
            let token = try #require(opened.json["token"]?.text)
            let id = try #require(opened.json["id"]?.text)
            let session = [(name: "Aviary-Session", value: token)]
            let made = await lone.send(.put, "/v1/znodes/e?mode=ephemeral", "", session)
            #expect(made.stat["ephemeralOwner"]?.text == id)
            #expect(
                await lone.get("/v1/sessions/\(id)", session).json["ephemerals"]
                    == .array([.text("/e")]))
            let kept = await lone.send(.post, "/v1/sessions/\(id)/keepalive", "", session)
            #expect(kept.status == 200)
            #expect(await lone.send(.delete, "/v1/sessions/\(id)", "", session).status == 204)
            #expect(await lone.get("/v1/znodes/e").status == 404)
            let over = await lone.get("/v1/znodes/", session)
            #expect(over.code == "session-expired")
            #expect(over.json["reason"]?.text == "closed")
        }
    }

    @Test func `a session that was not used is told to have expired`() async throws {
        try await LoneGateway.run { lone in
            let opened = await lone.send(.post, "/v1/sessions", #"{"timeout":"1ms"}"#)
            let id = try #require(opened.json["id"]?.text)
            let deadline = ContinuousClock.now + .seconds(60)
            // An administrator's look does not renew it.
            while await lone.get("/v1/sessions/\(id)").status == 200 {
                try #require(ContinuousClock.now < deadline, "it never expires")
                try await Task.sleep(for: .milliseconds(50))
            }
            let over = await lone.get("/v1/sessions/\(id)")
            #expect(over.status == 410)
            #expect(over.json["reason"]?.text == "expired")
        }
    }

    @Test func `a token signed by nobody is refused`() async throws {
        try await LoneGateway.run { lone in
            let forged = SessionToken(SessionID(rawValue: 1), key: [1, 2, 3]).text
            let answer = await lone.get("/v1/znodes/", [("Aviary-Session", forged)])
            #expect(answer.code == "session-expired")
            #expect(await lone.get("/v1/znodes/", [("Aviary-Session", "x")]).code == "bad-session")
        }
    }

    @Test func `one node alone is a healthy cluster that tolerates nothing`() async throws {
        try await LoneGateway.run { lone in
            let answer = await lone.get("/v1/cluster")
            #expect(answer.json["leader"] == .integer(1))
            #expect(answer.json["healthy"] == .bool(true))
            #expect(answer.json["failureTolerance"] == .integer(0))
            let tag = try #require(answer.headers["ETag"])
            #expect(tag.hasPrefix("W/"))
            _ = await lone.send(.put, "/v1/znodes/a")
            #expect(await lone.get("/v1/cluster", [("If-None-Match", tag)]).status == 304)
        }
    }

    @Test func `metrics count requests by route, method and status`() async throws {
        try await LoneGateway.run { lone in
            _ = await lone.get("/v1/znodes/none")
            _ = await lone.send(.put, "/v1/znodes/a", "x")
            let text = await lone.get("/metrics").text
            #expect(
                text.contains(
                    #"aviary_http_requests_total{route="znodes",method="GET",status="404"} 1"#))
            #expect(text.contains(#"aviary_write_stage_seconds_count{stage="committed"} 1"#))
            #expect(text.contains("\naviary_digest_mismatches_total 0\n"))
            #expect(text.contains(#"aviary_role{role="leader"} 1"#))
        }
    }

    @Test func `pages of configured origins may read the answers`() async throws {
        var options = GatewayOptions()
        options.origins = ["https://ui.test"]
        try await LoneGateway.run(options) { lone in
            let allowed = await lone.get("/v1/znodes/", [("Origin", "https://ui.test")])
            #expect(allowed.headers["Access-Control-Allow-Origin"] == "https://ui.test")
            let other = await lone.get("/v1/znodes/", [("Origin", "https://evil.test")])
            #expect(other.headers["Access-Control-Allow-Origin"] == nil)
        }
    }
}
