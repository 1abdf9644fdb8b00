import Crypto
import Gateway
import HTTPServer
import Jute
import Testing

@Suite struct SnapshotResourceTests {
    @Test func `a snapshot is taken, listed and told apart`() async throws {
        try await LoneGateway.run { lone in
            _ = await lone.send(.put, "/v1/znodes/a", "one")
            let taken = await lone.send(.post, "/v1/snapshots")
            #expect(taken.status == 201)
            let address = try #require(taken.headers["Location"])
            let listed = await lone.get("/v1/snapshots")
            guard case .array(let snapshots)? = listed.json["snapshots"] else {
                Issue.record("\(listed.text)")
                return
            }
            #expect(snapshots.first == .object(taken.json))
            let file = await lone.get(address)
            #expect(file.status == 200 && file.stream != nil)
            #expect(file.headers["Repr-Digest"]?.hasPrefix("sha-256=:") == true)
            let tag = try #require(file.headers["ETag"])
            #expect(tag == "\"\(taken.json["sha256"]?.text ?? "")\"")
            let again = await lone.get(address, [("If-None-Match", tag)])
            #expect(again.status == 304)
            let other = await lone.get(address, [("If-Match", "\"other\"")])
            #expect(other.code == "precondition-failed")
        }
    }

    @Test func `what is not there, or not for everybody, is refused`() async throws {
        try await LoneGateway.run { lone in
            #expect(await lone.get("/v1/snapshots/0x7fffffff00000001").code == "no-snapshot")
            #expect(await lone.get("/v1/snapshots/nothing").code == "bad-zxid")
            let conditional = await lone.send(.post, "/v1/snapshots", "", [("If-Match", "*")])
            #expect(conditional.status == 400)
            #expect(await lone.send(.delete, "/v1/restore").code == "no-restore")
            #expect(await lone.send(.post, "/v1/restore").code == "bad-snapshot")
        }
        var options = GatewayOptions()
        options.token = AdminToken("a secret token")
        try await LoneGateway.run(options) { lone in
            for (method, target) in [
                (HTTPMethod.get, "/v1/snapshots"), (.post, "/v1/snapshots"),
                (.get, "/v1/snapshots/0x1"), (.get, "/v1/restore"), (.post, "/v1/restore"),
                (.delete, "/v1/restore"),
            ] {
                #expect(await lone.send(method, target).code == "unauthenticated", "\(target)")
            }
        }
    }

    @Test func `one snapshot at a time`() async throws {
        let gateway = Gateway(ScriptedNode())
        #expect(await gateway.send(.post, "/v1/snapshots").code == "snapshot-running")
    }
}
