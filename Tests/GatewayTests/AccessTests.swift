import Gateway
import HTTPServer
import Jute
import Testing

@Suite struct BrowserGateTests {
    private func check(
        _ gate: BrowserGate, _ method: HTTPMethod, host: String?, origin: String...
    ) -> ProblemCode? {
        var pairs = origin.map { (name: "Origin", value: $0) }
        if let host { pairs.append(("Host", host)) }
        return problem {
            try gate.check(HTTPRequestHead(method: method, target: "/", headers: pairs))
        }
    }

    private let loopback = BrowserGate(isLoopback: true, hosts: ["Aviary.Test", "x.test:99"])

    @Test(arguments: [
        "localhost", "LOCALHOST:7181", "localhost.:7181", "127.0.0.1", "127.1.2.3:80", "[::1]:7181",
        "a.localhost", "aviary.test", "aviary.test:5", "x.test:99",
    ])
    func `loopback names and configured ones are this server's`(host: String) {
        #expect(check(loopback, .get, host: host) == nil)
    }

    @Test(arguments: [
        "evil.test", "127.0.0.1.evil.test", "localhost.evil.test", "127.0.0.256", "127.0.0",
        "[::2]",
        "x.test", "localhost:x", "localhost:123456", "[::1", "", ":80", "0.0.0.0",
    ])
    func `other names are refused on loopback`(host: String) {
        #expect(check(loopback, .get, host: host) == .misdirected)
        #expect(check(BrowserGate(isLoopback: false), .get, host: host) == nil)
    }

    @Test func `a page of another origin may read but not change`() {
        let gate = BrowserGate(isLoopback: true, origins: ["https://ui.test"])
        let host = "localhost:7181"
        for method in [HTTPMethod.put, .post, .delete, .patch] {
            #expect(check(gate, method, host: host) == nil)
            #expect(check(gate, method, host: host, origin: "http://localhost:7181") == nil)
            #expect(check(gate, method, host: host, origin: "https://UI.test") == nil)
            for other in [
                "null", "", "http://evil.test", "http://localhost:7182",
                "https://ui.test.evil.test",
                "http://localhost", "file://localhost:7181",
            ] {
                #expect(check(gate, method, host: host, origin: other) == .forbidden)
                #expect(check(gate, .get, host: host, origin: other) == nil)
            }
            #expect(
                check(gate, method, host: host, origin: "https://ui.test", "http://evil.test")
                    == .forbidden)
        }
    }
}

@Suite struct CredentialsTests {
    private func credentials(
        _ values: String..., token: String? = "secret"
    ) throws -> Credentials {
        let head = HTTPRequestHead(
            method: .get, target: "/", headers: values.map { ("Authorization", $0) },
            peerAddress: "10.0.0.1")
        return try Credentials(head, token: token.map(AdminToken.init))
    }

    @Test func `everybody has an address`() throws {
        let credentials = try credentials()
        #expect(credentials.identities == [Identity(scheme: "ip", id: "10.0.0.1")])
        #expect(!credentials.isAdmin && !credentials.areGiven)
    }

    @Test func `Basic is ZooKeeper's digest identity`() throws {
        // The original's DigestAuthenticationProvider for super:test.
        let value = "basic " + Base64.encode(Array("super:test".utf8))
        let credentials = try credentials(value)
        #expect(
            credentials.identities.last
                == Identity(scheme: "digest", id: "super:D/InIHSb7yEEbrWz8b9l71RjZJU="))
        #expect(credentials.areGiven && !credentials.isAdmin)
    }

    @Test func `the token makes the administrator`() throws {
        #expect(try credentials("Bearer secret").isAdmin)
        #expect(try credentials("bearer  secret").isAdmin)
    }

    @Test(arguments: [
        "Bearer Secret", "Bearer secre", "Bearer secrets", "Bearer ", "Bearer", "Digest x", "Basic",
        "Basic !", "Basic dXNlcg==", "Basic OnA=", "Basic //46eA==", "",
    ])
    func `what is malformed or wrong is refused`(value: String) {
        #expect(problem { try credentials(value) } == .unauthenticated)
    }

    @Test func `two credentials or a token that nobody configured are refused`() {
        #expect(problem { try credentials("Bearer secret", "Bearer secret") } == .unauthenticated)
        #expect(problem { try credentials("Bearer secret", token: nil) } == .unauthenticated)
    }

    @Test func `who may administer`() throws {
        let nobody = try credentials()
        let user = try credentials("Basic dTpw")
        let admin = try credentials("Bearer secret")
        let token = AdminToken("secret")
        for isLoopback in [true, false] {
            let policy = AdminPolicy(token: token, isLoopback: isLoopback)
            #expect(problem { try policy.check(nobody) } == .unauthenticated)
            #expect(problem { try policy.check(user) } == .forbidden)
            #expect(problem { try policy.check(admin) } == nil)
        }
        #expect(problem { try AdminPolicy(token: nil, isLoopback: true).check(nobody) } == nil)
        #expect(
            problem { try AdminPolicy(token: nil, isLoopback: false).check(nobody) } == .forbidden)
    }
}

@Suite struct SessionTokenTests {
    private let id = SessionID(rawValue: 0x0100_0000_0000_00FF)
    private let key = Array("a key of the ensemble".utf8)

    @Test func `a token reads back and belongs to its session`() throws {
        let token = SessionToken(id, key: key)
        #expect(token.text.hasPrefix("01000000000000ff."))
        let read = try SessionToken(parsing: token.text.utf8)
        #expect(read == token)
        #expect(read.id == id)
        #expect(read.isGenuine(key: key))
    }

    @Test func `a token of another session, key or bit is not genuine`() throws {
        let token = SessionToken(id, key: key)
        #expect(!token.isGenuine(key: Array("another".utf8)))
        let other = "01000000000000fe" + token.text.dropFirst(16)
        #expect(try !SessionToken(parsing: other.utf8).isGenuine(key: key))
        let last = token.text.last == "0" ? "1" : "0"
        let flipped = token.text.dropLast() + last
        #expect(try !SessionToken(parsing: flipped.utf8).isGenuine(key: key))
    }

    @Test(arguments: [
        "", "01000000000000ff", "01000000000000ff.", "01000000000000ff.00", "x.y",
        "01000000000000fg.00000000000000000000000000000000",
        "01000000000000ff.0000000000000000000000000000000g",
        "01000000000000ff.00000000000000000000000000000000.",
    ])
    func `a malformed token is refused`(text: String) {
        #expect(problem { try SessionToken(parsing: text.utf8) } == .badSession)
    }
}
