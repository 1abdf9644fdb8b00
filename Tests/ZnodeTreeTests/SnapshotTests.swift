import Jute
import Testing
import ZnodeTree

/// Storage format reference, sections 4 and 5.
@Suite struct SnapshotTests {
    /// A tree with some of everything.
    static func busyTree(seed: UInt64, steps: Int = 600) -> Leader {
        var random = SeededGenerator(seed: seed)
        var leader = Leader(sessions: ModelTests.sessions)
        let model = NaiveModel(of: leader.tree)
        for _ in 0..<steps {
            let session = ModelTests.sessions[Int.random(in: 0..<3, using: &random)]
            leader.perform(ModelTests.operation(using: &random, model), session: session)
        }
        return leader
    }

    @Test(arguments: 1...4 as ClosedRange<UInt64>)
    func `what is written is read again, in pieces of any size`(seed: UInt64) throws {
        let tree = Self.busyTree(seed: seed).tree
        let bytes = snapshotBytes(of: tree)
        #expect(snapshotBytes(of: tree, chunk: 1) == bytes)
        var random = SeededGenerator(seed: seed)
        for largest in [1, 7, 100, 5_000, bytes.count] {
            var loader = SnapshotLoader()
            var rest = bytes[...]
            while !rest.isEmpty {
                let piece = rest.prefix(Int.random(in: 1...largest, using: &random))
                rest = rest.dropFirst(piece.count)
                let progress = try loader.consume(piece)
                #expect(progress == (rest.isEmpty ? .complete(unused: 0) : .needsMore))
            }
            let loaded = try loader.finish(lastApplied: tree.lastApplied)
            #expect(NaiveModel(of: loaded) == NaiveModel(of: tree))
            #expect(loaded.digest == tree.digest)
            #expect(loaded.nodeCount == tree.nodeCount && loaded.dataBytes == tree.dataBytes)
            #expect(loaded.sessions.map(\.timeoutMs) == tree.sessions.map(\.timeoutMs))
            for session in ModelTests.sessions {
                #expect(
                    Set(loaded.ephemerals(of: session)) == Set(tree.ephemerals(of: session)))
            }
            #expect(
                Set(loaded.sweepCandidates(now: .max / 2))
                    == Set(tree.sweepCandidates(now: .max / 2)))
            #expect(snapshotBytes(of: loaded).count == bytes.count)
        }
    }

    @Test func `bytes behind the end are counted and left alone`() throws {
        let bytes = snapshotBytes(of: DataTree())
        for cut in [0, 3, bytes.count - 2, bytes.count] {
            var loader = SnapshotLoader()
            if cut > 0 {
                let progress = try loader.consume(bytes[..<cut])
                if cut == bytes.count {
                    #expect(progress == .complete(unused: 0))
                    continue
                }
            }
            #expect(try loader.consume(bytes[cut...] + [1, 2, 3]) == .complete(unused: 3))
            #expect(throws: SnapshotError.notExpectingMore) { try loader.consume([1]) }
        }
    }

    @Test func `a part of a snapshot is no tree`() throws {
        let bytes = snapshotBytes(of: Self.busyTree(seed: 9, steps: 60).tree)
        for length in 0..<bytes.count {
            var loader = SnapshotLoader()
            #expect(try loader.consume(bytes[..<length]) == .needsMore)
            #expect(throws: SnapshotError.incomplete) { try loader.finish(lastApplied: .zero) }
        }
    }

    @Test(arguments: 1...400 as ClosedRange<UInt64>)
    func `no damage makes the loader do anything but refuse or read`(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        var bytes = snapshotBytes(of: Self.damagedSubject)
        for _ in 0..<Int.random(in: 1...4, using: &random) {
            let index = Int.random(in: 0..<bytes.count, using: &random)
            bytes[index] = UInt8.random(in: 0...255, using: &random)
        }
        var loader = SnapshotLoader()
        do throws(SnapshotError) {
            guard case .complete = try loader.consume(bytes) else { return }
            let tree = try loader.finish(lastApplied: .zero)
            #expect(tree.digest == tree.recomputedDigest())
        } catch {
            #expect(throws: SnapshotError.notExpectingMore) { try loader.consume([1]) }
        }
    }

    static let damagedSubject = busyTree(seed: 3, steps: 40).tree

    private static let noStat = [UInt8](repeating: 0, count: 60)

    private static func znode(_ path: String, acl: Int64 = -1, owner: Int64 = 0) -> [UInt8] {
        var writer = JuteWriter()
        writer.write(string: path)
        writer.write(buffer: [])
        writer.write(long: acl)
        var stat = StoredStat()
        stat.ephemeralOwner = owner
        stat.writePersisted(to: &writer)
        return writer.bytes
    }

    @Test(arguments: [
        (znode("/a"), SnapshotError.noRoot),
        ([0, 0, 0, 1, 0x2F], .noRoot),
        (znode("") + znode(""), .repeatedPath(.root)),
        (znode("") + znode("/a") + znode("/a"), .repeatedPath("/a")),
        (znode("") + znode("/a/b"), .badPath("/a/b")),
        (znode("") + znode("/a") + znode("/a/"), .badPath("/a/")),
        (znode("") + znode("//a"), .badPath("//a")),
        (znode("") + znode("a"), .badPath("a")),
        (znode("") + znode("/a", acl: 5), .unknownACL("/a", id: 5)),
        (znode("") + znode("/e", owner: 1) + znode("/e/x"), .ephemeralParent("/e/x")),
        (hex("ffffffff"), .malformed(.unexpectedNull)),
        (hex("fffffffe"), .malformed(.badLength(-2))),
        (hex("001fffff"), .malformed(.badLength(0x1F_FFFF))),
    ])
    func `every kind of damage has its error`(znodes: [UInt8], error: SnapshotError) {
        var loader = SnapshotLoader()
        #expect(throws: error) { try loader.consume(hex("00000000 00000000") + znodes) }
    }

    /// Ours come in the order of a walk, the original's in that of a hash table.
    @Test(arguments: 0..<6 as Range<UInt64>)
    func `znodes come in any order, parents first`(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let parents = (0..<7).map { "/parent\($0)" }
        var paths = parents.flatMap { parent in (0..<1_500).map { "\(parent)/n\($0)" } }
        switch seed {
        case 0: paths.sort()
        case 1: paths.sort(by: >)
        case 2: paths.sort { $0.suffix(3) < $1.suffix(3) }
        default: paths.shuffle(using: &random)
        }
        let znodes = ([""] + parents + paths).map { Self.znode($0) }
        let end = hex("00000001 2F")
        let size = znodes.reduce(end.count) { $0 + $1.count }
        // What is known of the size does not have to be right.
        for told in [nil, size, 1, size / 5, size * 3] {
            var loader = SnapshotLoader(sizeBytes: told)
            let bytes = hex("00000000 00000000") + znodes.joined() + end
            #expect(try loader.consume(bytes) == .complete(unused: 0))
            let tree = try loader.finish(lastApplied: .zero)
            #expect(tree.digest == tree.recomputedDigest())
            #expect(paths.allSatisfy { tree.find(ZnodePath($0)) != nil })
            for parent in parents {
                let names = try #require(tree.children(of: ZnodePath(parent))?.names)
                let expected = (0..<1_500).map { Array("n\($0)".utf8) }
                #expect(names == expected.sorted { $0.lexicographicallyPrecedes($1) })
            }
        }
        let twice = try #require(paths.randomElement(using: &random))
        var loader = SnapshotLoader(sizeBytes: size)
        #expect(throws: SnapshotError.repeatedPath(ZnodePath(twice))) {
            try loader.consume(
                hex("00000000 00000000") + znodes.joined() + Self.znode(twice) + end)
        }
    }

    @Test func `only ACLs in use are written`() throws {
        var leader = Leader()
        for number in 0..<50 {
            let acl = [ACL(.all, Identity(scheme: "digest", id: "user\(number):x"))]
            leader.create(ZnodePath("/n\(number)"), acl: acl)
        }
        for number in 1..<50 {
            leader.perform(.delete(path: ZnodePath("/n\(number)"), version: -1))
        }
        let text = String(decoding: snapshotBytes(of: leader.tree), as: UTF8.self)
        #expect(text.contains("user0:x") && !text.contains("user1:x"))
        let loaded = try load(snapshotBytes(of: leader.tree))
        #expect(
            loaded.acl(of: "/n0") == [ACL(.all, Identity(scheme: "digest", id: "user0:x"))])
    }

    // MARK: Views

    @Test(arguments: 1...3 as ClosedRange<UInt64>)
    func `a view stays as it was while the tree goes on (ZOOKEEPER-3127)`(seed: UInt64) throws {
        var leader = Self.busyTree(seed: seed)
        var views: [(view: DataTree, model: NaiveModel, bytes: [UInt8])] = []
        var random = SeededGenerator(seed: seed + 100)
        for step in 0..<1_000 {
            if step.isMultiple(of: 200) {
                views.append(
                    (leader.tree, NaiveModel(of: leader.tree), snapshotBytes(of: leader.tree)))
            }
            let session = ModelTests.sessions[Int.random(in: 0..<3, using: &random)]
            leader.perform(
                ModelTests.operation(using: &random, views[0].model), session: session)
        }
        for (view, model, bytes) in views {
            #expect(NaiveModel(of: view) == model)
            #expect(snapshotBytes(of: view) == bytes)
            #expect(view.digest == view.recomputedDigest())
        }
    }

    @Test func `two copies may both be changed`() {
        var first = AppliedTree()
        first.create("/a", "1")
        var second = first
        for number in 0..<2_000 {
            first.create(ZnodePath("/first\(number)"), "first")
            second.create(ZnodePath("/second\(number)"), "second")
        }
        #expect(first.tree.digest == first.tree.recomputedDigest())
        #expect(second.tree.digest == second.tree.recomputedDigest())
        #expect(first.tree.find("/second7") == nil && second.tree.find("/first7") == nil)
        #expect(first.tree.data(of: "/first1999") == Array("first".utf8))
        #expect(second.tree.data(of: "/second1999") == Array("second".utf8))
    }

    // MARK: Replay

    /// A snapshot that is written while transactions are applied holds znodes of different
    /// moments; what follows it in the log must make up for that.
    @Test(arguments: 1...12 as ClosedRange<UInt64>)
    func `replay over a fuzzy snapshot ends in the same tree`(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        var leader = Self.busyTree(seed: seed, steps: 100)
        let start = leader.tree
        var log: [TxnRecord] = []
        var states = [start]
        let model = NaiveModel(of: start)
        for _ in 0..<150 {
            let session = ModelTests.sessions[Int.random(in: 0..<3, using: &random)]
            log.append(
                leader.prepare(
                    .success(ModelTests.operation(using: &random, model)), session: session))
            leader.applyQueued()
            states.append(leader.tree)
        }
        var fuzzy = try load(fuzzySnapshot(of: states, using: &random), lastApplied: .zero)
        for record in log { _ = fuzzy.apply(record) }
        #expect(NaiveModel(of: fuzzy) == NaiveModel(of: leader.tree))
        #expect(fuzzy.digest == leader.tree.digest)
        #expect(fuzzy.recomputedDigest() == fuzzy.digest)

        // A snapshot of the very end, to which the whole log is applied once more.
        var again = leader.tree
        for record in log { _ = again.apply(record) }
        #expect(NaiveModel(of: again) == NaiveModel(of: leader.tree))
        #expect(again.digest == leader.tree.digest)
    }

    /// What Java's serializer may write: sessions of the first moment, then depth first, each
    /// znode and its list of children as they are at some later moment.
    private func fuzzySnapshot(
        of states: [DataTree], using random: inout SeededGenerator
    ) -> [UInt8] {
        var writer = JuteWriter()
        let sessions = states[0].sessions
        writer.write(int: Int32(sessions.count))
        for session in sessions {
            writer.write(session: session.id)
            writer.write(int: session.timeoutMs)
        }
        writer.write(int: 2)
        writer.write(long: 1)
        writer.write(acl: [ACL(.read, .anyone)])
        writer.write(long: 2)
        writer.write(acl: ACL.open)
        var moment = 0
        func write(_ path: ZnodePath) {
            moment = min(states.count - 1, moment + Int.random(in: 0...12, using: &random))
            let tree = states[moment]
            guard let znode = tree.find(path) else { return }
            writer.write(path: path.isRoot ? ZnodePath(bytes: []) : path)
            writer.write(buffer: tree.data(of: znode))
            writer.write(long: tree.acl(of: znode) == ACL.open ? 2 : 1)
            tree.storedStat(of: znode).writePersisted(to: &writer)
            for name in tree.children(of: path)?.names ?? [] { write(path.appending(name)) }
        }
        write(.root)
        writer.write(path: .root)
        return writer.bytes
    }
}
