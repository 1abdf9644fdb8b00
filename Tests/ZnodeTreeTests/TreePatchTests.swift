import Jute
import Testing

@testable import ZnodeTree

/// A damaged state is mended znode by znode.
@Suite struct TreePatchTests {
    /// As two members do it, over the wire.
    private func mend(_ damaged: DataTree, from healthy: DataTree) throws -> DataTree? {
        let (mine, theirs) = (damaged.bucketSums(), healthy.bucketSums())
        let buckets = Set(mine.indices.filter { mine[$0] != theirs[$0] })
        let wrong = damaged.entries(inBuckets: buckets)
        let right = healthy.entries(inBuckets: buckets)
        var pieces: [ZnodePiece] = []
        for (path, digest) in right where wrong[path] != digest {
            let piece = try #require(healthy.piece(at: path))
            var writer = JuteWriter()
            piece.write(to: &writer)
            var reader = JuteReader(writer.bytes)
            let read = try ZnodePiece(from: &reader)
            #expect(read == piece)
            pieces.append(read)
        }
        var tree = damaged
        tree.adoptContent()
        let surplus = wrong.keys.filter { right[$0] == nil }
        return tree.patch(pieces, removing: Array(surplus)) ? tree : nil
    }

    /// A tree of random history, and the leader that goes on from it.
    private func grown(_ seed: UInt64, steps: Int = 300) -> Leader {
        var random = SeededGenerator(seed: seed)
        var leader = Leader(sessions: [])
        var model = NaiveModel(of: leader.tree)
        for _ in 0..<steps {
            let session = ModelTests.sessions[Int.random(in: 0..<3, using: &random)]
            let operation = ModelTests.operation(using: &random, model)
            leader.perform(operation, session: session)
            _ = model.perform(operation, session: session, zxid: leader.zxid, time: leader.time)
        }
        return leader
    }

    @Test(arguments: 1...20 as ClosedRange<UInt64>)
    func `whatever was changed behind everybody's back is put right`(seed: UInt64) throws {
        let healthy = grown(seed).tree
        // The same history, and then some changes of no transaction that the others have.
        var other = grown(seed)
        for number in 0..<Int(seed % 5 + 1) { other.create(ZnodePath("/rot\(number)"), "rot") }
        other.perform(.set("/rot0", "changed"))
        var damaged = other.tree
        damaged.setLastApplied(healthy.lastApplied)
        let mended = try #require(try mend(damaged, from: healthy))
        #expect(mended.digest == healthy.digest)
        #expect(mended.recomputedDigest() == healthy.digest)
        #expect(mended.bucketSums() == healthy.bucketSums())
        #expect(NaiveModel(of: mended) == NaiveModel(of: healthy))
        #expect(snapshotBytes(of: mended).count == snapshotBytes(of: healthy).count)
    }

    @Test func `lost znodes come back with parents, data and permissions`() throws {
        var leader = Leader()
        leader.create("/a", "1")
        leader.create("/a/b", nil, acl: [ACL([.read, .create], .anyone)])
        leader.create("/a/b/c", "3", mode: .ttl(5_000))
        let healthy = leader.tree
        var damaged = healthy
        do {
            let done = damaged.patch([], removing: ["/a", "/a/b", "/a/b/c"])
            #expect(done)
        }
        let mended = try #require(try mend(damaged, from: healthy))
        #expect(mended.acl(of: "/a/b") == [ACL([.read, .create], .anyone)])
        #expect(mended.data(of: "/a/b") == .some(nil))
        #expect(mended.digest == healthy.digest)
        #expect(mended.children(of: "/a/b")?.names == [Array("c".utf8)])
        // It is swept again as well.
        #expect(
            mended.sweepCandidates(now: leader.time + 10_000)
                == healthy.sweepCandidates(now: leader.time + 10_000))
    }

    /// Lets memory rot: a znode's bytes change, and what was computed from them does not.
    private func rot(_ path: ZnodePath, to data: [UInt8], in tree: inout DataTree) throws {
        let number = try #require(tree.store.find(path.bytes[...]))
        let (crc, digest) = (tree.store[number].contentCRC, tree.digest)
        tree.replaceData(of: number, path: path.bytes, with: data)
        tree.store[number].contentCRC = crc
        tree.digest = digest
    }

    /// What `mended` has, and whether later changes keep its digest right.
    private func expectHealthy(_ mended: DataTree, like healthy: DataTree) throws {
        #expect(mended.digest == healthy.digest)
        #expect(mended.bucketSums() == healthy.bucketSums())
        var (one, two) = (mended, healthy)
        let path = Array("/a".utf8)
        let number = try #require(one.store.find(path[...]))
        one.replaceData(of: number, path: path, with: [1])
        two.replaceData(of: number, path: path, with: [1])
        #expect(one.digest == two.digest)
        #expect(one.digest == one.recomputedDigest())
    }

    @Test func `bytes that have rotted in memory are put right`() throws {
        var leader = Leader()
        leader.create("/a", "right")
        leader.create("/b", "right")
        let healthy = leader.tree
        var damaged = healthy
        try rot("/a", to: Array("wrong".utf8), in: &damaged)
        #expect(damaged.digest == healthy.digest, "it does not show there")
        #expect(damaged.recomputedDigest() != healthy.digest)
        let mended = try #require(try mend(damaged, from: healthy))
        #expect(mended.data(of: "/a") == Array("right".utf8))
        try expectHealthy(mended, like: healthy)
    }

    @Test func `a digest that has rotted follows the bytes again`() throws {
        var leader = Leader()
        leader.create("/a", "1")
        let healthy = leader.tree
        var damaged = healthy
        damaged.digest ^= 1 << 40
        try expectHealthy(try #require(try mend(damaged, from: healthy)), like: healthy)
        // So does what one znode has put into it.
        damaged = healthy
        let number = try #require(damaged.store.find(Array("/a".utf8)[...]))
        damaged.store[number].contentCRC ^= 1
        #expect(damaged.bucketSums() == healthy.bucketSums())
        try expectHealthy(try #require(try mend(damaged, from: healthy)), like: healthy)
    }

    @Test func `permissions alone make a difference, which the tree's digest does not see`() throws
    {
        var leader = Leader()
        leader.create("/a", "1")
        let healthy = leader.tree
        var damaged = healthy
        var piece = try #require(healthy.piece(at: "/a"))
        piece.acl = [ACL(.read, .anyone)]
        do {
            let done = damaged.patch([piece], removing: [])
            #expect(done)
        }
        #expect(damaged.digest == healthy.digest)
        #expect(damaged.bucketSums() != healthy.bucketSums())
        #expect(try mend(damaged, from: healthy)?.acl(of: "/a") == ACL.open)
    }

    @Test func `equal trees have equal sums, and each change shows in one bucket`() {
        let leader = grown(3)
        var other = leader
        #expect(leader.tree.bucketSums() == grown(3).tree.bucketSums())
        other.create("/one-more")
        let (one, two) = (leader.tree.bucketSums(), other.tree.bucketSums())
        #expect(one.indices.filter { one[$0] != two[$0] }.count <= 2, "the znode and its parent")
    }

    @Test func `what cannot be mended in place says so`() throws {
        var leader = Leader()
        leader.create("/a", "1")
        leader.create("/e", "1", mode: .ephemeral)
        var tree = leader.tree
        do {
            let done = tree.patch([], removing: ["/nothing"])
            #expect(!done)
        }
        tree = leader.tree
        do {
            let done = tree.patch([], removing: ["/"])
            #expect(!done)
        }
        var piece = try #require(tree.piece(at: "/e"))
        piece.stat.ephemeralOwner = 0
        do {
            let done = tree.patch([piece], removing: [])
            #expect(!done, "another owner")
        }
        piece.path = "/no/parent"
        tree = leader.tree
        do {
            let done = tree.patch([piece], removing: [])
            #expect(!done)
        }
        piece.path = "/e/child"
        do {
            let done = tree.patch([piece], removing: [])
            #expect(!done, "an ephemeral has no children")
        }
    }
}
