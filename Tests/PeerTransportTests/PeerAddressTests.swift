import PeerTransport
import Testing

@Suite struct PeerAddressTests {
    @Test(arguments: [
        ("localhost:3888", "localhost", 3888), ("127.0.0.1:0", "127.0.0.1", 0),
        ("[::1]:2888", "::1", 2888), ("[fe80::1%eth0]:65535", "fe80::1%eth0", 65535),
    ])
    func `an address is read and written as the same text`(
        text: String, host: String, port: Int
    ) throws {
        let address = try PeerAddress(parsing: text)
        #expect(address == PeerAddress(host: host, port: port))
        #expect(address.description == text)
    }

    @Test(arguments: [
        "", "localhost", "localhost:", ":3888", "a:65536", "a:-1", "a:+1", "a:1x", "::1:3888",
        "[::1]", "[::1:3888", "[]:1", "[::1]x:1", "a b:1", "\u{e4}:1", "a:\u{661}",
    ])
    func `what is no host and port is refused`(text: String) {
        #expect(throws: PeerAddressError.self) { try PeerAddress(parsing: text) }
    }

    @Test(arguments: [
        ("0.0.0.0", true), ("::", true), ("0:0:0:0:0:0:0:0", true), ("", true),
        ("127.0.0.1", false), ("::1", false), ("localhost", false), ("0.0.0.0.example", false),
    ])
    func `wildcards are told from addresses`(host: String, isWildcard: Bool) {
        #expect(PeerAddress(host: host, port: 1).isWildcard == isWildcard)
    }
}
