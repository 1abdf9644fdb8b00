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

    @Test func `a subtree is unchanged since the last transaction that touched it`() throws {
        var leader = Self.leader()
        let since = leader.zxid
        leader.create("/b")
        leader.perform(.set("/b", "x"))
        // Neighbours, whatever their names.
        leader.create("/a-b")
        func check(_ path: String, since zxid: Zxid) -> ErrorCode {
            leader.code(.multi([Self.condition("unchanged", zxid, path)]))
        }
        #expect(check("/a", since: since) == .ok)
        #expect(check("/", since: since) == .badVersion)
        let record = leader.prepare(
            .success(.multi([Self.condition("unchanged", since, "/a")])))
        #expect(record.txn == .multi([.check(path: "/a", version: 2)]))
        leader.applyQueued()
        // Proposed and not applied counts too.
        leader.prepare(.success(.set("/a/b", "y")))
        #expect(check("/a", since: since) == .badVersion)
        #expect(check("/a/b", since: leader.zxid) == .ok)
        #expect(check("/missing", since: leader.zxid) == .noNode)
    }

    @Test func `every kind of change is one, and a refused one is none`() {
        let changes: [Operation] = [
            .set("/a/b", "1"), .delete(path: "/a/b", version: -1), .set("/a", "1"),
            .create(
                CreateOperation(path: "/a/c", data: [], mode: .persistent(sequential: false))),
            .setACL(path: "/a/b", acl: ACL.open, version: -1),
        ]
        for change in changes {
            var leader = Self.leader()
            let since = leader.zxid
            leader.perform(.delete(path: "/a/none", version: -1))
            leader.perform(.multi([.set("/a", "2"), .check(path: "/a/none", version: -1)]))
            let condition = Self.condition("unchanged", since, "/a")
            #expect(leader.code(.multi([condition])) == .ok)
            leader.perform(change)
            #expect(leader.code(.multi([condition])) == .badVersion, "\(change)")
        }
    }

    @Test func `the end of a session changes where its ephemerals were`() {
        var leader = Self.leader()
        leader.perform(
            .create(CreateOperation(path: "/a/e", data: [], mode: .ephemeral(sequential: false))))
        leader.perform(.createSession(timeoutMs: 8000), session: SessionID(rawValue: 7))
        let since = leader.zxid
        leader.perform(.closeSession)
        let condition = Self.condition("unchanged", since, "/a")
        #expect(
            leader.perform(.multi([condition]), session: SessionID(rawValue: 7)).error
                == .badVersion)
    }

    @Test func `the system's znodes count only for those who look at them`() {
        var leader = Self.leader()
        leader.create("/aviary")
        let since = leader.zxid
        leader.create("/aviary/x")
        #expect(leader.code(.multi([Self.condition("unchanged", since, "/")])) == .ok)
        #expect(
            leader.code(.multi([Self.condition("unchanged", since, "/aviary")])) == .badVersion)
    }

    @Test func `what a leader does not remember it does not vouch for`() {
        let before = Self.leader()
        // A new leader with the same state knows nothing of what came before.
        var leader = Leader(tree: before.tree)
        leader.perform(.createSession(timeoutMs: 8000))
        let old = Zxid(rawValue: before.zxid.rawValue - 1)
        #expect(leader.code(.multi([Self.condition("unchanged", old, "/a")])) == .badVersion)
        #expect(leader.code(.multi([Self.condition("unchanged", before.zxid, "/a")])) == .ok)
        let since = leader.zxid
        for index in 0..<20_000 { leader.perform(.set("/a/b", "\(index)")) }
        #expect(leader.code(.multi([Self.condition("unchanged", since, "/")])) == .badVersion)
        let recent = leader.zxid
        leader.create("/elsewhere")
        #expect(leader.code(.multi([Self.condition("unchanged", recent, "/a")])) == .ok)
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
