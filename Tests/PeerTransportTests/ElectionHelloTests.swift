import Jute
import NIOCore
import PeerTransport
import Testing

@Suite struct ElectionHelloTests {
    /// Captured from Java 3.8.0: quorum protocol reference, section 11.
    static let golden = hex(
        "ffffffffffff0000 0000000000000002 0000000f 3132372e302e302e313a3133383832")

    static let goldenHello = ElectionHello(
        sender: 2, addresses: [PeerAddress(host: "127.0.0.1", port: 13882)])

    @Test func `the hello of server 2 is what Java sends (ZOOKEEPER-3720, -3188)`() {
        let bytes = ElectionHello.bytes(
            sender: 2, address: PeerAddress(host: "127.0.0.1", port: 13882))
        #expect(bytes == Self.golden)
    }

    @Test func `a hello is read once it is complete, and not before`() throws {
        for count in 0..<Self.golden.count {
            var part = ByteBuffer(bytes: Self.golden.prefix(count))
            #expect(try ElectionHello.read(from: &part) == nil)
            #expect(part.readableBytes == count)
        }
        var whole = ByteBuffer(bytes: Self.golden + [1, 2])
        #expect(try ElectionHello.read(from: &whole) == Self.goldenHello)
        #expect(Array(whole.readableBytesView) == [1, 2])
    }

    @Test func `version 2 carries several addresses`() throws {
        let text = Array("[::1]:3888|0.0.0.0:3888|host:1".utf8)
        var bytes = ByteBuffer(
            bytes: hex("ffffffffffff0001 0000000000000009 000000")
                + [UInt8(text.count)] + text)
        let hello = try ElectionHello.read(from: &bytes)
        #expect(hello?.sender == 9)
        #expect(
            hello?.addresses.map(\.description) == ["[::1]:3888", "0.0.0.0:3888", "host:1"])
    }

    @Test func `before ZooKeeper 3.5 the id is all there is`() throws {
        var bytes = ByteBuffer(bytes: hex("0000000000000007 0000"))
        #expect(
            try ElectionHello.read(from: &bytes) == ElectionHello(sender: 7, addresses: []))
        #expect(bytes.readableBytes == 2)
    }

    @Test(arguments: [
        ("fffffffffffeffff", ElectionHello.Refusal.unknownVersion(-65537)),
        ("ffffffffffff0000 ffffffffffffffff", .badSender(-1)),
        ("ffffffffffff0000 0000000000000001 00000000", .badLength(0)),
        ("ffffffffffff0000 0000000000000001 ffffffff", .badLength(-1)),
        ("ffffffffffff0000 0000000000000001 00000801", .badLength(2049)),
        ("ffffffffffff0000 0000000000000001 00000002 6161", .badAddress("aa")),
    ])
    func `other hellos are refused`(bytes: String, refusal: ElectionHello.Refusal) {
        var buffer = ByteBuffer(bytes: hex(bytes))
        #expect(throws: refusal) { try ElectionHello.read(from: &buffer) }
    }
}
