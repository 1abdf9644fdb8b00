import Jute
import Testing
import ZnodeTree

/// Semantics reference, section 7.
@Suite struct SweepTests {
    @Test func `a container goes once it has had children and has none`() {
        var leader = Leader()
        leader.create("/c", mode: .container)
        #expect(leader.tree.sweepCandidates(now: leader.time) == [])
        leader.create("/c/x")
        #expect(leader.tree.sweepCandidates(now: leader.time) == [])
        leader.perform(.delete(path: "/c/x", version: -1))
        #expect(leader.tree.sweepCandidates(now: leader.time) == ["/c"])
        let result = leader.perform(.deleteContainer(path: "/c"), isLeaderInternal: true)
        #expect(result.header.type == .deleteContainer)
        #expect(result.changes.map(\.kind) == [.deleted])
        #expect(leader.tree.find("/c") == nil)
        #expect(leader.tree.sweepCandidates(now: .max / 2) == [])
    }

    @Test func `a container that was never used goes after its time, if there is one`() {
        var leader = Leader()
        leader.create("/c", mode: .container)
        let created = leader.time
        #expect(leader.tree.sweepCandidates(now: created + 300_000) == [])
        #expect(leader.tree.sweepCandidates(now: created + 300_001) == ["/c"])
        #expect(leader.tree.sweepCandidates(now: created + 300_001, maxNeverUsedMs: 0) == [])
    }

    @Test func `a TTL counts from the last setData and waits for the children`() {
        var leader = Leader()
        leader.create("/t", mode: .ttl(1000))
        leader.time += 1000
        leader.perform(.set("/t", "again"))
        let touched = leader.time
        #expect(leader.tree.sweepCandidates(now: touched + 1000) == [])
        #expect(leader.tree.sweepCandidates(now: touched + 1001) == ["/t"])
        leader.create("/t/x")
        #expect(leader.tree.sweepCandidates(now: touched + 1001) == [])
    }

    @Test func `the sweep is checked again when its request is prepared`() {
        var leader = Leader()
        leader.create("/t", mode: .ttl(1000))
        leader.create("/plain")
        leader.create("/e", mode: .ephemeral)
        leader.time += 5000
        #expect(leader.tree.sweepCandidates(now: leader.time) == ["/t"])
        // A write that is proposed and not applied wins over the sweep.
        leader.prepare(.success(.set("/t", "again")))
        let late = leader.prepare(
            .success(.deleteContainer(path: "/t")), isLeaderInternal: true)
        #expect(late.txn == .error(.badVersion))
        leader.applyQueued()
        #expect(leader.code(.deleteContainer(path: "/e"), isLeaderInternal: true) == .badVersion)
        #expect(
            leader.code(.deleteContainer(path: "/plain"), isLeaderInternal: true) == .badVersion)
        #expect(leader.code(.deleteContainer(path: "/x"), isLeaderInternal: true) == .noNode)
        #expect(
            leader.code(.deleteContainer(path: "/zookeeper"), isLeaderInternal: true)
                == .badArguments)
        leader.create("/t/x")
        #expect(leader.code(.deleteContainer(path: "/t"), isLeaderInternal: true) == .notEmpty)
    }
}

/// Semantics reference, section 17.
@Suite struct QuotaTests {
    static func leader(limits: String, enforced: Bool = true) -> Leader {
        var leader = Leader(options: RequestPreparer.Options(enforcesQuota: enforced))
        leader.create("/a", "12345")
        leader.create("/a/b", "123")
        leader.create("/zookeeper/quota/a")
        leader.create("/zookeeper/quota/a/zookeeper_limits", limits)
        leader.create("/zookeeper/quota/a/zookeeper_stats", "count=0,bytes=0")
        return leader
    }

    static func stats(_ tree: DataTree) -> String? {
        tree.data(of: "/zookeeper/quota/a/zookeeper_stats").flatMap { $0 }.map {
            String(decoding: $0, as: UTF8.self)
        }
    }

    @Test func `stats are counted when they are created and follow every change`() throws {
        var leader = Self.leader(limits: "count=10,bytes=100")
        #expect(Self.stats(leader.tree) == "count=2,bytes=8")
        let before = try #require(leader.tree.stat(of: "/zookeeper/quota/a/zookeeper_stats"))
        leader.create("/a/c", "1")
        #expect(Self.stats(leader.tree) == "count=3,bytes=9")
        leader.perform(.set("/a/c", "1234"))
        #expect(Self.stats(leader.tree) == "count=3,bytes=12")
        leader.perform(.delete(path: "/a/c", version: -1))
        #expect(Self.stats(leader.tree) == "count=2,bytes=8")
        leader.create("/ab", "is not below /a")
        #expect(Self.stats(leader.tree) == "count=2,bytes=8")
        let after = try #require(leader.tree.stat(of: "/zookeeper/quota/a/zookeeper_stats"))
        #expect(after.version == before.version && after.mzxid == before.mzxid)
        #expect(leader.tree.digest == leader.tree.recomputedDigest())
    }

    @Test func `without limits the stats stand still`() {
        var leader = Self.leader(limits: "count=10,bytes=100")
        leader.perform(.delete(path: "/zookeeper/quota/a/zookeeper_limits", version: -1))
        leader.create("/a/c", "1")
        #expect(Self.stats(leader.tree) == "count=2,bytes=8")
    }

    @Test(arguments: [
        ("count=3,bytes=-1", "x", ErrorCode.ok),
        ("count=2,bytes=1", "x", .ok),
        ("count=-1,bytes=-1=;countHardLimit=3", "x", .ok),
        ("count=-1,bytes=-1=;countHardLimit=2", "x", .quotaExceeded),
        ("count=-1,bytes=-1=;byteHardLimit=9", "x", .ok),
        ("count=-1,bytes=-1=;byteHardLimit=9", "xx", .quotaExceeded),
        ("count=-1,bytes=-1=;byteHardLimit=1;countHardLimit=9", "", .ok),
        ("nonsense", "x", .marshallingError),
    ])
    func `hard limits refuse a create, soft ones do not`(
        limits: String, data: String, code: ErrorCode
    ) {
        var leader = Self.leader(limits: limits)
        #expect(leader.code(.create("/a/c", data)) == code)
        var lenient = Self.leader(limits: limits, enforced: false)
        #expect(lenient.code(.create("/a/c", data)) == .ok)
    }

    @Test func `only the deepest quota applies`() {
        var leader = Self.leader(limits: "count=-1,bytes=-1=;countHardLimit=3")
        leader.create("/zookeeper/quota/a/b")
        leader.create("/zookeeper/quota/a/b/zookeeper_limits", "count=9,bytes=9")
        leader.create("/zookeeper/quota/a/b/zookeeper_stats")
        for name in ["1", "2", "3"] { leader.create(ZnodePath("/a/b/\(name)")) }
        #expect(leader.tree.children(of: "/a/b")?.names.count == 3)
        #expect(Self.stats(leader.tree) == "count=2,bytes=8")
    }

    @Test func `quotas are found and counted again after a snapshot is loaded`() throws {
        var leader = Self.leader(limits: "count=-1,bytes=-1=;countHardLimit=3")
        leader.perform(.set("/zookeeper/quota/a/zookeeper_stats", "count=77,bytes=77"))
        var loaded = Leader(
            tree: try load(snapshotBytes(of: leader.tree), lastApplied: leader.zxid),
            options: RequestPreparer.Options(enforcesQuota: true))
        #expect(Self.stats(loaded.tree) == "count=2,bytes=8")
        #expect(loaded.code(.create("/a/c", "1")) == .ok)
        #expect(loaded.code(.create("/a/d", "1")) == .quotaExceeded)
        #expect(Self.stats(loaded.tree) == "count=3,bytes=9")
    }
}
