import Jute
import Testing
import ZnodeTree

/// Semantics reference, sections 3 to 5.
@Suite struct StatRuleTests {
    @Test func `create sets every field of the znode and counts in its parent`() throws {
        var leader = Leader()
        leader.create("/a", "abc")
        let zxid = leader.zxid
        let stat = try #require(leader.tree.stat(of: "/a"))
        #expect(stat.czxid == zxid && stat.mzxid == zxid && stat.pzxid == zxid)
        #expect(stat.ctime == leader.time && stat.mtime == leader.time)
        #expect(stat.version == 0 && stat.cversion == 0 && stat.aversion == 0)
        #expect(stat.ephemeralOwner == .none && stat.dataLength == 3 && stat.numChildren == 0)
        let root = try #require(leader.tree.stat(of: "/"))
        #expect(root.pzxid == zxid && root.mzxid == .zero && root.numChildren == 2)
        #expect(root.cversion == 0)
    }

    @Test func `cversion counts creations and deletions of children`() throws {
        var leader = Leader()
        leader.create("/a")
        leader.create("/a/b")
        leader.create("/a/c")
        leader.perform(.delete(path: "/a/b", version: -1))
        let stat = try #require(leader.tree.stat(of: "/a"))
        #expect(stat.cversion == 3)
        #expect(stat.numChildren == 1)
        #expect(stat.pzxid == leader.zxid)
        let id = try #require(leader.tree.find("/a"))
        #expect(leader.tree.storedStat(of: id).cversion == 2)
    }

    @Test func `setData changes mzxid, mtime and version, also with the same data`() throws {
        var leader = Leader()
        leader.create("/a", "x")
        let created = leader.zxid
        let result = leader.perform(.set("/a", "x"))
        let stat = try #require(leader.tree.stat(of: "/a"))
        #expect(stat.version == 1 && stat.mzxid == leader.zxid && stat.mtime == leader.time)
        #expect(stat.czxid == created && stat.pzxid == created)
        #expect(result.results.first?.stat == stat)
    }

    @Test func `setACL changes aversion alone`() throws {
        var leader = Leader()
        leader.create("/a")
        let before = try #require(leader.tree.stat(of: "/a"))
        leader.perform(.setACL(path: "/a", acl: [ACL(.read, .anyone)], version: 0))
        var after = try #require(leader.tree.stat(of: "/a"))
        #expect(after.aversion == 1)
        after.aversion = 0
        #expect(after == before)
    }

    @Test func `null and empty data are two things`() {
        var leader = Leader()
        leader.create("/null", nil)
        leader.create("/empty", "")
        #expect(leader.tree.data(of: "/null") == .some(nil))
        #expect(leader.tree.data(of: "/empty") == .some([]))
        #expect(leader.tree.data(of: "/missing") == .none)
        #expect(leader.tree.stat(of: "/null")?.dataLength == 0)
        leader.perform(.set("/empty", nil))
        #expect(leader.tree.data(of: "/empty") == .some(nil))
    }

    @Test func `owners of containers and TTLs are not shown to clients`() throws {
        var leader = Leader()
        leader.create("/container", mode: .container)
        leader.create("/ttl", mode: .ttl(1234))
        leader.create("/ephemeral", mode: .ephemeral)
        let container = try #require(leader.tree.find("/container"))
        let ttl = try #require(leader.tree.find("/ttl"))
        let ephemeral = try #require(leader.tree.find("/ephemeral"))
        #expect(leader.tree.stat(of: container).ephemeralOwner == .none)
        #expect(leader.tree.stat(of: ttl).ephemeralOwner == .none)
        #expect(leader.tree.stat(of: ephemeral).ephemeralOwner == Leader.session)
        #expect(leader.tree.mode(of: container) == .container)
        #expect(leader.tree.mode(of: ttl) == .ttl(milliseconds: 1234))
        #expect(leader.tree.mode(of: ephemeral) == .ephemeral(Leader.session))
        let owner = UInt64(bitPattern: leader.tree.storedStat(of: ttl).ephemeralOwner)
        #expect(owner == 0xFF00_0000_0000_04D2)
    }

    @Test func `versions wrap around without -1 (ZOOKEEPER-4743)`() throws {
        var leader = Leader()
        leader.create("/a")
        leader.tree.applyAsIs(.setData(path: "/a", data: [], version: .max), &leader.zxid)
        #expect(leader.code(.set("/a", "", version: .max)) == .ok)
        #expect(leader.tree.stat(of: "/a")?.version == .min)
        leader.tree.applyAsIs(.setData(path: "/a", data: [], version: -2), &leader.zxid)
        #expect(leader.code(.set("/a", "", version: -2)) == .ok)
        #expect(leader.tree.stat(of: "/a")?.version == 0)
    }

    @Test func `sequence numbers count every child ever created`() {
        var leader = Leader()
        leader.create("/q")
        leader.create("/q/other")
        leader.perform(.delete(path: "/q/other", version: -1))
        #expect(leader.create("/q/n-", mode: .sequential).createdPath == "/q/n-0000000001")
        #expect(leader.create("/q/", mode: .sequential).createdPath == "/q/0000000002")
        #expect(
            leader.create("/q/e", mode: .ephemeral(sequential: true)).createdPath
                == "/q/e0000000003")
        #expect(leader.create("/first-", mode: .sequential).createdPath == "/first-0000000001")
    }

    @Test func `a failed multi gives its sequence numbers back`() {
        var leader = Leader()
        leader.create("/q")
        let failing: [Operation] = [
            .create("/q/n", mode: .sequential), .create("/q/n", mode: .sequential),
            .check(path: "/none", version: -1),
        ]
        #expect(leader.code(.multi(failing)) == .noNode)
        let result = leader.perform(.multi(Array(failing.prefix(2))))
        #expect(result.results.map(\.path) == ["/q/n0000000000", "/q/n0000000001"])
    }

    @Test func `the counter stops at its largest value and then names repeat`() {
        var leader = Leader()
        leader.create("/q")
        leader.tree.applyAsIs(
            .create(
                CreateTxn(
                    path: "/q/x", data: nil, acl: ACL.open, mode: .persistent,
                    parentCVersion: 2_147_483_646)), &leader.zxid)
        #expect(leader.create("/q/n", mode: .sequential).createdPath == "/q/n2147483646")
        #expect(leader.create("/q/n", mode: .sequential).createdPath == "/q/n2147483647")
        let pzxid = leader.tree.stat(of: "/q")?.pzxid
        #expect(leader.code(.create("/q/n", mode: .sequential)) == .nodeExists)
        #expect(leader.code(.create("/q/m", mode: .sequential)) == .ok)
        #expect(leader.tree.stat(of: "/q")?.pzxid == pzxid)
    }
}

extension TxnResult {
    var createdPath: ZnodePath? { results.first?.path }
}

extension DataTree {
    /// Applies a transaction that no preparer of ours would make, under the next zxid.
    mutating func applyAsIs(_ txn: Txn, _ zxid: inout Zxid) {
        zxid = zxid.next
        let header = TxnHeader(
            session: Leader.session, cxid: 0, zxid: zxid, time: 1, type: txn.type)
        _ = apply(TxnRecord(header: header, txn: txn, digest: nil))
    }
}
