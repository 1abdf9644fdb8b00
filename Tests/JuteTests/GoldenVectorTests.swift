import Jute
import Testing

/// Bytes captured from Apache ZooKeeper 3.8.0: quorum protocol reference, section 11.
@Suite struct GoldenVectorTests {
    @Test func `FOLLOWERINFO of server 1 in epoch 0`() throws {
        let packet = QuorumPacket(
            .followerInfo, zxid: .zero, data: LearnerInfo(id: 1, configVersion: 0).data)
        #expect(
            packet.bytes
                == hex(
                    """
                    0000000b 0000000000000000 00000014 0000000000000001 00010000
                    0000000000000000 ffffffff
                    """))
        var reader = JuteReader(packet.bytes)
        #expect(try QuorumPacket(from: &reader) == packet)
    }

    @Test(arguments: [
        (QuorumPacket(.diff, zxid: .zero), "0000000d 0000000000000000 ffffffff ffffffff"),
        (
            QuorumPacket(.ack, zxid: Zxid(epoch: 1, counter: 0)),
            "00000003 0000000100000000 ffffffff ffffffff"
        ),
        (
            QuorumPacket(.upToDate, zxid: .untrusted),
            "0000000c ffffffffffffffff ffffffff ffffffff"
        ),
        (
            QuorumPacket(
                .leaderInfo, zxid: Zxid(epoch: 1, counter: 0), data: [0, 1, 0, 0]),
            "00000011 0000000100000000 00000004 00010000 ffffffff"
        ),
    ])
    func `packets of the synchronization`(packet: QuorumPacket, bytes: String) {
        #expect(packet.bytes == hex(bytes))
    }

    @Test func `head of a notification`() throws {
        let config = Array(repeating: UInt8(ascii: "x"), count: 138)
        let notification = Notification(
            state: .looking, leader: 1, zxid: .zero, electionEpoch: 1, peerEpoch: 0,
            config: config)
        let message = notification.message
        #expect(message.count == 0xb6)
        #expect(
            Array(message.prefix(44))
                == hex(
                    """
                    00000000 0000000000000001 0000000000000000 0000000000000001
                    0000000000000000 00000002 0000008a
                    """))
        #expect(try Notification(message: message) == notification)
    }

    static let payloads = [
        "010000169db40000 00000000 0000000100000001 000001a20a158b21 fffffff6 00001f40 00000002 0000000051c6d660",
        """
        010000169db40000 00000001 0000000100000002 000001a20a158b43 00000001 00000002 2f61
        00000005 68656c6c6f 00000001 0000001f 00000005 776f726c64 00000006 616e796f6e65 00
        00000001 00000002 0000000194efa915
        """,
        "010000169db40000 00000005 0000000100000006 000001a20a158b9a ffffffff ffffff92",
        """
        010000169db40000 00000007 0000000100000008 000001a20a158b9a fffffff5
        00000001 00000002 2f65 00000002 000000023ec61fb2
        """,
        """
        010000169db40000 00000007 0000000100000008 000001a20a158b9a fffffff5
        00000000 00000002 000000042bff565a
        """,
        """
        010000169db40000 00000002 0000000100000003 000001a20a158b9a 00000005
        00000002 2f61 00000003 787878 00000001 00000002 000000019ff2db4a
        """,
        """
        010000169db40000 00000002 0000000100000003 000001a20a158b9a 0000000e
        00000002 00000005 0000000f 00000002 2f61 00000001 32 00000002
        0000000d 0000000a 00000002 2f61 00000003 00000002 00000002a338dbfc
        """,
    ]

    @Test(arguments: payloads)
    func `transactions read and written again are the same bytes`(text: String) throws {
        let payload = hex(text)
        let record = try TxnRecord(payload: payload)
        #expect(record.payload == payload)
    }

    @Test func `the create of a golden vector says what it says`() throws {
        let record = try TxnRecord(payload: hex(Self.payloads[1]))
        #expect(record.header.zxid == Zxid(epoch: 1, counter: 2))
        #expect(record.digest == TxnDigest(treeDigest: 0x1_94ef_a915))
        #expect(
            record.txn
                == .create(
                    CreateTxn(
                        path: "/a", data: Array("hello".utf8), acl: ACL.open,
                        mode: .ordinary(ephemeral: false, create2: false), parentCVersion: 1)))
    }
}

func hex(_ text: String) -> [UInt8] {
    let digits = text.filter(\.isHexDigit)
    return stride(from: 0, to: digits.count, by: 2).compactMap { offset in
        let start = digits.index(digits.startIndex, offsetBy: offset)
        return UInt8(digits[start..<digits.index(start, offsetBy: 2)], radix: 16)
    }
}
