import Jute
import Testing
import ZnodeTree

/// Conditions that ZooKeeper lacks, in the shape of its checks.
@Suite struct GuardTests {
    static func leader() -> Leader {
        var leader = Leader()
        leader.create("/a", "1")
        leader.perform(.set("/a", "2"))
        leader.create("/a/b")
        return leader
    }

    static func condition(_ field: String, _ zxid: Zxid, _ path: String) -> Operation {
        .check(path: ZnodePath("/aviary/guard/\(field)/\(zxid)\(path)"), version: -1)
    }

    @Test func `a guard that holds becomes the version check of the real znode`() throws {
        var leader = Self.leader()
        let stat = try #require(leader.tree.stat(of: "/a"))
        for (field, zxid) in [
            ("czxid", stat.czxid), ("mzxid", stat.mzxid), ("pzxid", stat.pzxid),
        ] {
            let record = leader.prepare(
                .success(.multi([Self.condition(field, zxid, "/a"), .set("/a/b", "x")])))
            guard case .multi(let txns) = record.txn else {
                Issue.record("\(record.txn)")
                continue
            }
            #expect(txns.first == .check(path: "/a", version: 2))
            #expect(txns.last?.type == .setData)
        }
    }

    @Test(arguments: ["czxid", "mzxid", "pzxid"])
    func `a guard that does not hold stops the multi`(field: String) {
        var leader = Self.leader()
        let other = Zxid(epoch: 9, counter: 9)
        #expect(leader.code(.multi([Self.condition(field, other, "/a")])) == .badVersion)
        #expect(leader.code(.multi([Self.condition(field, other, "/missing")])) == .noNode)
    }

    @Test func `the root is guarded by an empty path`() throws {
        var leader = Self.leader()
        let pzxid = try #require(leader.tree.stat(of: "/")?.pzxid)
        #expect(leader.code(.multi([Self.condition("pzxid", pzxid, "")])) == .ok)
        #expect(leader.code(.multi([Self.condition("pzxid", pzxid, "/")])) == .ok)
    }

    @Test func `a guard sees what is proposed and not applied`() throws {
        var leader = Self.leader()
        let old = try #require(leader.tree.stat(of: "/a")?.mzxid)
        leader.prepare(.success(.set("/a", "3")))
        let new = leader.zxid
        let stale = leader.prepare(.success(.multi([Self.condition("mzxid", old, "/a")])))
        #expect(stale.txn == .multi([.error(.badVersion)]))
        let fresh = leader.prepare(.success(.multi([Self.condition("mzxid", new, "/a")])))
        #expect(fresh.txn == .multi([.check(path: "/a", version: 3)]))
        leader.applyQueued()
    }

    @Test func `the permission is that of a check`() throws {
        var leader = Self.leader()
        let mzxid = try #require(leader.tree.stat(of: "/a")?.mzxid)
        let bob = [ACL(.all, Identity(scheme: "digest", id: "bob:x"))]
        leader.perform(.setACL(path: "/a", acl: bob, version: -1))
        #expect(leader.code(.multi([Self.condition("mzxid", mzxid, "/a")])) == .noAuth)
    }

    @Test(arguments: [
        "/aviary/guard", "/aviary/guard/mzxid", "/aviary/guard/mzxid/1/a",
        "/aviary/guard/mzxid/000000010000000G/a", "/aviary/guard/ctime/0000000100000001/a",
        "/aviary/guard/mzxid/0000000100000001//a",
    ])
    func `a reserved path that is no guard is refused`(path: ZnodePath) {
        var leader = Self.leader()
        #expect(leader.code(.multi([.check(path: path, version: -1)])) == .badArguments)
    }

    @Test func `nothing is ever created where guards are`() {
        var leader = Self.leader()
        leader.create("/aviary")
        #expect(leader.code(.create("/aviary/guard")) == .badArguments)
        #expect(leader.code(.multi([.create("/aviary/guard")])) == .badArguments)
        #expect(leader.code(.create("/aviary/guards")) == .ok)
        let mzxid = Zxid(epoch: 1, counter: 1)
        let versioned = Operation.check(
            path: ZnodePath("/aviary/guard/mzxid/\(mzxid)/a"), version: 0)
        #expect(leader.code(.multi([versioned])) == .badArguments)
    }

    // MARK: setACL

    static let changed = [ACL([.read, .admin], .anyone)]

    static func setACL(_ czxid: Zxid, _ path: String, version: Int32 = -1) -> Operation {
        .setACL(
            path: ZnodePath("/aviary/guard/czxid/\(czxid)\(path)"), acl: changed,
            version: version)
    }

    @Test func `a setACL whose guard holds becomes one of the real znode`() throws {
        for path in ["/a", "/"] {
            var leader = Self.leader()
            let stat = try #require(leader.tree.stat(of: ZnodePath(path)))
            let record = leader.prepare(.success(Self.setACL(stat.czxid, path, version: 0)))
            #expect(
                record.txn == .setACL(path: ZnodePath(path), acl: Self.changed, version: 1))
            leader.applyQueued()
            #expect(leader.tree.acl(of: ZnodePath(path)) == Self.changed)
        }
    }

    @Test func `a setACL whose guard does not hold, or whose version is another, is refused`()
        throws
    {
        var leader = Self.leader()
        let czxid = try #require(leader.tree.stat(of: "/a")?.czxid)
        #expect(leader.code(Self.setACL(Zxid(epoch: 9, counter: 9), "/a")) == .badVersion)
        #expect(leader.code(Self.setACL(czxid, "/a", version: 4)) == .badVersion)
        #expect(leader.code(Self.setACL(czxid, "/missing")) == .noNode)
        #expect(
            leader.code(.setACL(path: "/aviary/guard/czxid", acl: Self.changed, version: -1))
                == .badArguments)
        #expect(leader.tree.acl(of: "/a") == ACL.open)
    }

    @Test func `a setACL does not reach the znode that was created again, proposed or applied`()
        throws
    {
        var leader = Self.leader()
        leader.create("/c")
        let czxid = try #require(leader.tree.stat(of: "/c")?.czxid)
        leader.prepare(.success(.delete(path: "/c", version: -1)))
        #expect(leader.prepare(.success(Self.setACL(czxid, "/c"))).txn == .error(.noNode))
        leader.prepare(.success(.create("/c")))
        let new = leader.zxid
        // The new one has the aversion of the old one.
        let stale = leader.prepare(.success(Self.setACL(czxid, "/c", version: 0)))
        #expect(stale.txn == .error(.badVersion))
        let fresh = leader.prepare(.success(Self.setACL(new, "/c", version: 0)))
        #expect(fresh.txn == .setACL(path: "/c", acl: Self.changed, version: 1))
        leader.applyQueued()
        #expect(leader.code(Self.setACL(czxid, "/c")) == .badVersion)
    }

    @Test func `the permission is that of the real setACL`() throws {
        var leader = Self.leader()
        let czxid = try #require(leader.tree.stat(of: "/a")?.czxid)
        let bob = [ACL(.all, Identity(scheme: "digest", id: "bob:x"))]
        leader.perform(.setACL(path: "/a", acl: bob, version: -1))
        #expect(leader.code(Self.setACL(czxid, "/a")) == .noAuth)
        #expect(leader.code(Self.setACL(Zxid(epoch: 9, counter: 9), "/a")) == .noAuth)
    }
}
