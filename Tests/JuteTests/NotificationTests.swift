import Jute
import Testing

/// The messages of an election as they come from strangers.
@Suite struct NotificationTests {
    static let whole = Notification(
        state: .following, leader: 3, zxid: Zxid(epoch: 2, counter: 7), electionEpoch: 4,
        peerEpoch: 2, config: Array("server.1=h\u{F6}st:1:2\nversion=0".utf8))

    @Test func `a message of any other length is refused, and nothing worse (ZOOKEEPER-3769)`()
        throws
    {
        let message = Self.whole.message
        for length in 0..<message.count where length != 28 && length != 40 {
            let cut = Array(message.prefix(length))
            #expect(throws: JuteError.self, "\(length) bytes") { try Notification(message: cut) }
        }
        #expect(try Notification(message: message) == Self.whole)
    }

    @Test(arguments: [(0, 4), (0, 255), (40, 255), (42, 1)])
    func `a state or a length that nobody sends is refused (ZOOKEEPER-3769)`(
        offset: Int, byte: UInt8
    ) {
        var message = Self.whole.message
        message[offset] = byte
        #expect(throws: JuteError.self) { try Notification(message: message) }
    }

    @Test func `the forms of older senders are read, without a configuration`() throws {
        let message = Self.whole.message
        var old = Self.whole
        old.config = nil
        #expect(try Notification(message: Array(message.prefix(40))) == old)
        // Before 3.4 the epoch is that of the zxid.
        #expect(try Notification(message: Array(message.prefix(28))) == old)
    }

    @Test func `the configuration is UTF-8, whatever the platform prefers (ZOOKEEPER-4787)`() {
        let text = Self.whole.message.dropFirst(44)
        #expect(Array(text.prefix(12)) == Array("server.1=h".utf8) + [0xC3, 0xB6])
    }

    @Test func `the ensemble's name goes behind all that the original reads`() throws {
        var named = Self.whole
        named.ensemble = 0xFEDC_BA98_7654_3210
        let message = named.message
        #expect(message.starts(with: Self.whole.message))
        #expect(message.count == Self.whole.message.count + 16)
        #expect(try Notification(message: message) == named)
        #expect(throws: JuteError.self) { try Notification(message: Array(message.dropLast())) }
        var other = message
        other[Self.whole.message.count] ^= 1
        #expect(try Notification(message: other) == Self.whole, "somebody else's trailer")
    }
}
