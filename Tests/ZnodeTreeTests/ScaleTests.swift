import Jute
import Testing
import ZnodeTree

/// The parts that only show with many znodes: buckets that split, pages, chunks, compaction.
@Suite struct ScaleTests {
    @Test func `children come in the order of their bytes, page after page`() throws {
        var random = SeededGenerator(seed: 5)
        var applied = AppliedTree()
        applied.create("/p")
        var names: Set<[UInt8]> = []
        while names.count < 5_000 {
            let length = Int.random(in: 1...12, using: &random)
            names.insert(
                (0..<length).map { _ in UInt8.random(in: 0x61...0x64, using: &random) })
        }
        for name in names { applied.create(ZnodePath("/p").appending(name)) }
        for name in names.prefix(1_000) {
            applied.apply(.delete(path: ZnodePath("/p").appending(name), container: false))
        }
        let left = names.dropFirst(1_000).sorted { $0.lexicographicallyPrecedes($1) }
        #expect(applied.tree.children(of: "/p")?.names == left)
        #expect(applied.tree.stat(of: "/p")?.numChildren == 4_000)

        var paged: [[UInt8]] = []
        var page = try #require(applied.tree.children(of: "/p", limit: 77))
        while true {
            paged += page.names
            guard page.hasMore else { break }
            #expect(page.names.count == 77)
            page = try #require(
                applied.tree.children(of: "/p", after: page.names.last, limit: 77))
        }
        #expect(paged == left)
        // A cursor need not be the name of a child that still is there.
        #expect(
            applied.tree.children(of: "/p", after: Array("bb".utf8), limit: 1)?.names.first
                == left.first { Array("bb".utf8).lexicographicallyPrecedes($0) })
        #expect(applied.tree.children(of: "/p", after: Array("zz".utf8))?.names == [])
    }

    @Test func `memory of what is overwritten and deleted is used again`() {
        var applied = AppliedTree()
        let value = String(repeating: "v", count: 300)
        for number in 0..<3_000 { applied.create(ZnodePath("/n\(number)"), value) }
        let full = applied.tree.memory
        var random = SeededGenerator(seed: 1)
        for _ in 0..<20_000 {
            let path = ZnodePath("/n\(Int.random(in: 0..<3_000, using: &random))")
            applied.apply(.setData(path: path, data: Array(value.utf8), version: 1))
        }
        let churned = applied.tree.memory
        #expect(churned.payloadLiveBytes == full.payloadLiveBytes)
        #expect(churned.payloadBytes < full.payloadBytes * 2)
        #expect(applied.tree.digest == applied.tree.recomputedDigest())

        for number in 0..<3_000 where number % 10 != 0 {
            applied.apply(.delete(path: ZnodePath("/n\(number)"), container: false))
        }
        for _ in 0..<3_000 {
            applied.apply(.setData(path: "/n0", data: Array(value.utf8), version: 1))
        }
        let sparse = applied.tree.memory
        #expect(sparse.payloadBytes < full.payloadBytes / 2)
        #expect(applied.tree.digest == applied.tree.recomputedDigest())
        for number in 0..<3_000 where number % 10 != 0 {
            applied.create(ZnodePath("/n\(number)"), value)
        }
        #expect(applied.tree.memory.recordBytes == full.recordBytes)
        #expect(applied.tree.nodeCount == 3_004)
    }

    @Test func `data from nothing to the largest is kept exactly`() {
        var applied = AppliedTree()
        let sizes = [0, 1, 7, 8, 9, 16_000, 16_376, 16_384, 65_528, 65_536, 100_000, 2_000_000]
        for (index, size) in sizes.enumerated() {
            let path = ZnodePath("/n\(index)")
            applied.create(path, nil)
            let data = (0..<size).map { UInt8(truncatingIfNeeded: $0 &+ index) }
            applied.apply(.setData(path: path, data: data, version: 1))
            #expect(applied.tree.data(of: path) == .some(data))
            applied.apply(.setData(path: path, data: nil, version: 2))
            applied.apply(.setData(path: path, data: data, version: 3))
            #expect(applied.tree.data(of: path) == .some(data))
        }
        #expect(applied.tree.dataBytes == sizes.reduce(0, +))
        #expect(applied.tree.digest == applied.tree.recomputedDigest())
        let root = applied.apply(.setData(path: "/", data: [1, 2], version: 1))
        #expect(root.error == .ok && applied.tree.data(of: "/") == [1, 2])
        applied.apply(.setData(path: "/", data: [], version: 2))
        #expect(applied.tree.data(of: "/") == .some([]))
        #expect(applied.tree.digest == applied.tree.recomputedDigest())
    }

    @Test func `long paths and deep trees`() throws {
        var applied = AppliedTree()
        var path = ZnodePath.root
        for _ in 0..<2_000 {
            path = path.appending(Array("d".utf8))
            #expect(applied.create(path).error == .ok)
        }
        let znode = try #require(applied.tree.find(path))
        #expect(applied.tree.path(of: znode) == path)
        #expect(applied.tree.name(of: znode) == Array("d".utf8))
        let loaded = try load(snapshotBytes(of: applied.tree))
        #expect(loaded.digest == applied.tree.digest)
        // In replay a delete may meet children: they belong to a later znode of that path.
        #expect(applied.apply(.delete(path: "/d", container: false)).error == .ok)
        #expect(applied.tree.nodeCount == 4)
        #expect(applied.tree.digest == applied.tree.recomputedDigest())
    }

    @Test func `paths are bytes`() {
        var applied = AppliedTree()
        // One letter, composed and decomposed: the same text to Unicode, two znodes to ZooKeeper.
        applied.create("/\u{E9}", "composed")
        applied.create("/e\u{301}", "decomposed")
        #expect(applied.tree.data(of: "/\u{E9}") == Array("composed".utf8))
        #expect(applied.tree.data(of: "/e\u{301}") == Array("decomposed".utf8))
        #expect(applied.tree.find("/\u{E9}/") == nil)
        #expect(applied.tree.find("//\u{E9}") == nil)
        #expect(applied.tree.find("") == applied.tree.find("/"))
    }
}
