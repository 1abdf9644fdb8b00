import Jute
import Testing
import ZnodeTree

/// Semantics reference, sections 2, 8 and 10: which check comes first.
@Suite struct ValidationOrderTests {
    static let stranger = [Leader.address]
    static let locked = [ACL(.all, Identity(scheme: "digest", id: "bob:hash"))]
    static let invalid = [ACL(.all, Identity(scheme: "nonsense", id: "x"))]
    static let dead = SessionID(rawValue: 0xDEAD)

    /// `/locked` is Bob's, `/locked/child` too; `/full` has a child; `/ephemeral` is one.
    static func leader() -> Leader {
        var leader = Leader()
        leader.create("/locked")
        leader.create("/locked/child", acl: locked)
        leader.perform(.setACL(path: "/locked", acl: locked, version: -1))
        leader.create("/full")
        leader.create("/full/child")
        leader.create("/ephemeral", mode: .ephemeral)
        return leader
    }

    @Test(arguments: [
        (Operation.create("/new", mode: .ttl(0)), ErrorCode.badArguments),
        (.create("/new", mode: .ttl(1 << 40)), .badArguments),
        (.create("q"), .badArguments),
        (.create(""), .badArguments),
        (.create("/a\0b"), .badArguments),
        (.create("/missing/x", acl: invalid), .invalidACL),
        (.create("/missing/x"), .noNode),
        (.create("/full/"), .badArguments),
        (.create("/missing/"), .noNode),
        (.create("/./q"), .noNode),
        (.create("//q"), .badArguments),
        (.create("/."), .badArguments),
        (.create("/.."), .badArguments),
        (.create("/..x"), .ok),
        (.create("/\u{E000}"), .badArguments),
        (.create("/"), .nodeExists),
        (.create("/", mode: .sequential), .ok),
        (.create("/locked/child"), .noAuth),
        (.create("/full"), .nodeExists),
        (.create("/ephemeral/x"), .noChildrenForEphemerals),
        (.create("/aviary"), .ok),
        (.create("/new", acl: []), .invalidACL),
        (.delete(path: "/", version: -1), .badArguments),
        (.delete(path: "/zookeeper", version: -1), .badArguments),
        (.delete(path: "/zookeeper/quota", version: -1), .badArguments),
        (.delete(path: "/zookeeper/config", version: -1), .badArguments),
        (.delete(path: "q", version: -1), .badArguments),
        (.delete(path: "/full/", version: -1), .noNode),
        (.delete(path: "/missing/x", version: -1), .noNode),
        (.delete(path: "/locked/missing", version: -1), .noAuth),
        (.delete(path: "/full/missing", version: 7), .noNode),
        (.delete(path: "/full", version: 7), .badVersion),
        (.delete(path: "/full", version: -2), .badVersion),
        (.delete(path: "/full", version: 0), .notEmpty),
        (.set("q", ""), .badArguments),
        (.set("/full/", ""), .badArguments),
        (.set("/missing", ""), .noNode),
        (.set("/locked", "", version: 7), .noAuth),
        (.set("/full", "", version: 7), .badVersion),
        (.setACL(path: "/missing/", acl: invalid, version: -1), .badArguments),
        (.setACL(path: "/missing", acl: invalid, version: -1), .invalidACL),
        (.setACL(path: "/missing", acl: ACL.open, version: -1), .noNode),
        (.setACL(path: "/locked", acl: ACL.open, version: 7), .noAuth),
        (.setACL(path: "/full", acl: ACL.open, version: 7), .badVersion),
        (.multi([.check(path: "/full/", version: -1)]), .badArguments),
        (.multi([.check(path: "/missing", version: 7)]), .noNode),
        (.multi([.check(path: "/locked", version: 7)]), .noAuth),
        (.multi([.check(path: "/full", version: 7)]), .badVersion),
        (.multi([.check(path: "/full", version: 0)]), .ok),
        (.check(path: "/full", version: 0), .unimplemented),
        (.multi([.setACL(path: "/full", acl: ACL.open, version: -1)]), .marshallingError),
        (.multi([.multi([])]), .marshallingError),
        (.multi([]), .ok),
        (.deleteContainer(path: "/full"), .unimplemented),
    ])
    func `the first check that fails decides`(operation: Operation, code: ErrorCode) {
        var leader = Self.leader()
        let before = leader.tree.digest
        #expect(leader.code(operation) == code)
        #expect(code == .ok || leader.tree.digest == before)
        #expect(leader.tree.lastApplied == leader.zxid)
    }

    @Test(arguments: [
        Operation.create("q"), .delete(path: "/", version: -1), .set("q", ""),
        .setACL(path: "q", acl: [], version: -1), .multi([]),
        .multi([.check(path: "q", version: -1)]),
    ])
    func `an unknown session comes before everything else`(operation: Operation) {
        var leader = Self.leader()
        #expect(leader.code(operation, session: Self.dead) == .sessionExpired)
    }

    @Test func `a TTL without extended types is not implemented, whatever else is wrong`() {
        var leader = Leader(treeOptions: DataTree.Options(extendedTypes: false))
        #expect(leader.code(.create("q", mode: .ttl(0)), session: Self.dead) == .unimplemented)
    }

    @Test func `a refusal of the caller becomes its error transaction`() {
        var leader = Leader()
        let record = leader.prepare(.failure(RefusedOperation(.sessionMoved)))
        #expect(record.txn == .error(.sessionMoved))
        #expect(record.digest == nil)
    }

    @Test func `a quota comes before the version`() {
        var leader = Leader(options: RequestPreparer.Options(enforcesQuota: true))
        leader.create("/a", "12345")
        leader.create("/zookeeper/quota/a")
        leader.create("/zookeeper/quota/a/zookeeper_limits", "count=-1,bytes=-1=;byteHardLimit=6")
        leader.create("/zookeeper/quota/a/zookeeper_stats")
        #expect(leader.code(.set("/a", "1234567", version: 9)) == .quotaExceeded)
        #expect(leader.code(.set("/a", "123456", version: 9)) == .badVersion)
        #expect(leader.code(.set("/a", "123456", version: 0)) == .ok)
    }
}

/// Semantics reference, section 10; storage format reference, section 2.3.
@Suite struct MultiTests {
    @Test func `the operations of a multi see each other`() {
        var leader = Leader()
        let result = leader.perform(
            .multi([
                .create("/a", "1"), .set("/a", "2", version: 0), .create("/a/b"),
                .delete(path: "/a/b", version: 0), .check(path: "/a", version: 1),
                .delete(path: "/a", version: 1), .create("/a", "3"),
            ]))
        #expect(result.error == .ok)
        #expect(result.results.map(\.type.rawValue) == [1, 5, 1, 2, 13, 2, 1])
        #expect(leader.tree.data(of: "/a") == Array("3".utf8))
        #expect(
            result.changes.map(\.kind) == [
                .created, .dataChanged, .created, .deleted, .deleted, .created,
            ])
        #expect(result.changes.map(\.position) == [0, 1, 2, 3, 5, 6])
    }

    @Test func `a failed multi changes nothing and says which operation failed`() {
        var leader = Leader()
        let digest = leader.tree.digest
        let record = leader.prepare(
            .success(
                .multi([
                    .create("/m", "x"), .set("/missing", ""), .create("/n"), .create("/o"),
                ])))
        guard case .multi(let txns) = record.txn else {
            Issue.record("\(record.txn)")
            return
        }
        #expect(txns.map(\.type.rawValue) == [1, -1, -1, -1])
        #expect(
            txns.dropFirst() == [
                .error(.noNode), .error(.runtimeInconsistency), .error(.runtimeInconsistency),
            ])
        #expect(record.header.type == .multi)
        #expect(record.digest == TxnDigest(treeDigest: digest))
        let result = leader.applyQueued()
        #expect(result?.results.map(\.code.rawValue) == [0, -101, -2, -2])
        #expect(result?.error == .noNode)
        #expect(result?.changes == [])
        #expect(leader.tree.find("/m") == nil)
        #expect(leader.tree.digest == digest)
    }

    @Test func `the check of a version is logged with the version after it`() {
        var leader = Leader()
        leader.create("/a")
        let record = leader.prepare(.success(.multi([.check(path: "/a", version: 0)])))
        #expect(record.txn == .multi([.check(path: "/a", version: 1)]))
    }

    @Test func `create and create2 keep their types, but for ZooKeeper 3_8_0 not in a multi`() {
        var leader = Leader()
        var old = CreateOperation(path: "/old", data: [], mode: .persistent)
        old.code = .create
        #expect(leader.prepare(.success(.create(old))).header.type == .create)
        #expect(leader.prepare(.success(.create("/new"))).header.type == .create2)
        let record = leader.prepare(.success(.multi([.create("/in-multi")])))
        guard case .multi(let txns) = record.txn else {
            Issue.record("\(record.txn)")
            return
        }
        #expect(txns.map(\.type) == [.create])
    }

    @Test func `a record that would be too long is refused and changes nothing`() {
        var leader = Leader()
        let digest = leader.tree.digest
        let half = String(repeating: "x", count: juteMaximumLength / 2)
        let record = leader.prepare(
            .success(.multi([.create("/a", half), .create("/b", half)])))
        #expect(record.txn == .error(.marshallingError))
        leader.applyQueued()
        #expect(leader.code(.create("/c")) == .ok)
        #expect(leader.tree.digest != digest && leader.tree.find("/a") == nil)
        // A record of exactly the largest length is taken.
        let rest = 32 + 4 + 2 + 4 + (4 + 4 + 4 + 5 + 4 + 6) + 1 + 4 + 12
        let whole = String(repeating: "x", count: juteMaximumLength - rest)
        let largest = leader.prepare(.success(.create("/d", whole)))
        #expect(largest.payload.count == juteMaximumLength)
        let over = leader.prepare(.success(.create("/e", whole + "x")))
        #expect(over.txn == .error(.marshallingError))
    }

    @Test func `a check that stands alone becomes no transaction of its own (ZOOKEEPER-2623)`() {
        var leader = Leader()
        leader.create("/a")
        for version in [Int32(-1), 0, 7] {
            let record = leader.prepare(.success(.check(path: "/a", version: version)))
            #expect(record.txn == .error(.unimplemented))
        }
        leader.applyQueued()
    }
}
