import Jute
import Testing
import ZnodeTree

/// Values that Apache ZooKeeper 3.8.0 computed or wrote: storage format reference, sections 2.4,
/// 6 and 12.
@Suite struct GoldenTreeTests {
    static let createSession = """
        010000169db40000 00000000 0000000100000001 000001a20a158b21 fffffff6 00001f40 00000002
        0000000051c6d660
        """
    static let createA = """
        010000169db40000 00000001 0000000100000002 000001a20a158b43 00000001 00000002 2f61
        00000005 68656c6c6f 00000001 0000001f 00000005 776f726c64 00000006 616e796f6e65 00
        00000001 00000002 0000000194efa915
        """

    @Test func `the digest of an empty tree`() {
        let tree = DataTree()
        #expect(tree.digest == 1_371_985_504)
        #expect(tree.recomputedDigest() == tree.digest)
        #expect(tree.nodeCount == 4)
    }

    @Test func `a session and a znode as ZooKeeper logged them`() throws {
        var tree = DataTree()
        let first = tree.apply(try TxnRecord(payload: hex(Self.createSession)))
        #expect(first.digestMatches == true)
        let session = SessionID(rawValue: 0x0100_0016_9DB4_0000)
        #expect(tree.timeout(of: session) == 8000)

        let second = tree.apply(try TxnRecord(payload: hex(Self.createA)))
        #expect(second.digestMatches == true)
        #expect(tree.digest == 0x1_94EF_A915)
        #expect(tree.lastApplied == Zxid(epoch: 1, counter: 2))
        #expect(tree.data(of: "/a") == Array("hello".utf8))
    }

    /// `snapshot.0` of a member, without header and seals. Only the configuration's mtime, a
    /// local clock, is not known.
    @Test func `the snapshot of a fresh member`() throws {
        var tree = DataTree()
        let config = (1...3).map { "server.\($0)=127.0.0.1:1288\($0):1388\($0):participant\n" }
        let text = Array((config.joined() + "version=0").utf8)
        tree.setConfig(text: text, version: 0, mtime: 0x1A2_0A15_8B00)
        let zeros = String(repeating: "00", count: 60)
        let configText = text.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        let expected = hex(
            """
            00000000 00000001 0000000000000001 00000001 00000001 00000005 776f726c64 00000006
            616e796f6e65
            00000000 00000000 ffffffffffffffff \(zeros)
            0000000a 2f7a6f6f6b6565706572 00000000 ffffffffffffffff \(zeros)
            00000011 2f7a6f6f6b65657065722f636f6e666967 0000008a \(configText)
            0000000000000001
            0000000000000000 0000000000000000 0000000000000000 000001a20a158b00
            ffffffff 00000000 ffffffff 0000000000000000 0000000000000000
            00000010 2f7a6f6f6b65657065722f71756f7461 00000000 ffffffffffffffff \(zeros)
            00000001 2f
            """)
        let bytes = snapshotBytes(of: tree)
        #expect(bytes == expected)
        #expect(bytes.count == 549 - 16)
        #expect(tree.digest == 1_371_985_504)
    }

    @Test func `stats of the built-in znodes`() throws {
        let tree = DataTree()
        #expect(tree.stat(of: "/")?.cversion == -1)
        #expect(tree.stat(of: "/zookeeper")?.cversion == -2)
        #expect(tree.stat(of: "/zookeeper/config")?.aversion == -1)
        #expect(tree.acl(of: "/zookeeper/config") == [ACL(.read, .anyone)])
        #expect(tree.acl(of: "/") == ACL.open)
    }
}
