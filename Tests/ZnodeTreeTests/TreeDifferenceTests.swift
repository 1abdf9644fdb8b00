import Jute
import Testing
import ZnodeTree

/// What counts as a difference of two states, and what is only the time between them.
@Suite struct TreeDifferenceTests {
    private static func kinds(_ difference: TreeDifference) -> [String] {
        difference.entries.map { "\($0.kind) \($0.path)" }.sorted()
    }

    /// A tree with a few znodes, and the leader that goes on from it.
    private static func common() -> Leader {
        var leader = Leader()
        for path: ZnodePath in ["/a", "/a/b", "/a/c", "/d"] { leader.create(path, "old") }
        return leader
    }

    @Test(arguments: 1...12 as ClosedRange<UInt64>)
    func `a state that is merely behind differs in nothing that counts`(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var leader = Leader(sessions: [])
        var model = NaiveModel(of: leader.tree)
        var states = [leader.tree]
        for step in 0..<600 {
            let session = ModelTests.sessions[Int.random(in: 0..<3, using: &random)]
            let operation = ModelTests.operation(using: &random, model)
            leader.perform(operation, session: session)
            _ = model.perform(operation, session: session, zxid: leader.zxid, time: leader.time)
            if step.isMultiple(of: 25) { states.append(leader.tree) }
        }
        for (index, earlier) in states.enumerated() {
            for later in states[index...] {
                let difference = TreeDifference(of: earlier, against: later)
                #expect(difference.counted == 0, "\(Self.kinds(difference))")
            }
        }
    }

    @Test func `an empty state and one that is ahead are missing what the other has`() {
        let leader = Self.common()
        let difference = TreeDifference(of: DataTree(), against: leader.tree)
        #expect(difference.missing == 4 && difference.counted == 0 && difference.ratio == 0)
        #expect(Self.kinds(difference).first == "missing /a")
    }

    @Test func `what the other history never had is extra, with everything below it`() {
        let leader = Self.common()
        var mine = leader
        mine.create("/a/x", "12345")
        mine.create("/a/x/y", "67")
        var theirs = Leader(tree: leader.tree)
        theirs.perform(.set("/d", "new"))
        let difference = TreeDifference(of: mine.tree, against: theirs.tree)
        #expect(Self.kinds(difference) == ["extra /a/x", "extra /a/x/y"])
        #expect(difference.extra == 2 && difference.bytes == 7 && difference.compared == 6)
    }

    @Test func `a znode that the other side has left alone conflicts`() {
        let leader = Self.common()
        var mine = leader
        mine.perform(.set("/a/b", "mine"))
        mine.perform(.set("/d", "mine"))
        var theirs = Leader(tree: leader.tree)
        theirs.perform(.set("/d", "theirs"))
        let difference = TreeDifference(of: mine.tree, against: theirs.tree)
        #expect(Self.kinds(difference) == ["conflicting /a/b"], "/d may have been both in turn")
        let entry = difference.entries[0]
        #expect(entry.mine == mine.zxid.advanced(by: -1) && (entry.theirs ?? .zero) < mine.zxid)
    }

    @Test func `more extra children than were deleted in between are told from those`() {
        let leader = Self.common()
        var mine = leader
        for name in 0..<5 { mine.create(ZnodePath("/a/x\(name)")) }
        var theirs = Leader(tree: leader.tree)
        theirs.perform(.delete(path: "/a/c", version: -1))
        theirs.create("/a/new")
        let difference = TreeDifference(of: mine.tree, against: theirs.tree)
        #expect(difference.extra >= 1 && difference.extra <= 5, "\(Self.kinds(difference))")
        #expect(difference.conflicting == 0)
    }

    @Test func `zxids that the other history cannot have give a state away`() {
        var mine = Self.common()
        mine.create("/far", "x")
        let theirs = Self.common()
        let ahead = TreeDifference(of: mine.tree, against: theirs.tree)
        #expect(Self.kinds(ahead) == ["extra /far"], "above everything that the other has")
        var later = Leader(tree: theirs.tree)
        later.create("/far", "y")
        let hidden = TreeDifference(of: mine.tree, against: later.tree)
        #expect(hidden.counted == 0, "deleted and made anew, for all that is known")
        let fork = mine.zxid
        let known = TreeDifference(
            of: mine.tree, against: later.tree, isDiscarded: { $0 == fork })
        #expect(Self.kinds(known) == ["conflicting /far"])
    }

    @Test func `the same zxid with another state conflicts`() {
        let theirs = Self.common()
        var damaged = Leader()
        for path: ZnodePath in ["/a", "/a/b", "/a/c", "/d"] {
            damaged.create(path, path == "/a/c" ? "0ld" : "old")
        }
        let difference = TreeDifference(of: damaged.tree, against: theirs.tree)
        #expect(Self.kinds(difference) == ["conflicting /a/c"])
        #expect(difference.ratio == 0.25)
    }

    @Test func `it is told how much of an uncertain tail the other side has`() {
        var theirs = Self.common()
        let first = theirs.zxid.next
        theirs.create("/t1")
        let second = theirs.zxid
        let mine = Self.common()
        let difference = TreeDifference(
            of: mine.tree, against: theirs.tree, span: first...Zxid(epoch: 1, counter: 900))
        #expect(difference.lastSeen == second)
    }

    @Test func `the system's own subtrees are left out, and all differences are counted`() {
        var mine = Leader()
        mine.create("/aviary")
        mine.create("/aviary/x")
        for name in 0..<30 { mine.create(ZnodePath("/x\(name)")) }
        let difference = TreeDifference(
            of: mine.tree, against: Leader().tree, entryLimit: 10)
        #expect(difference.extra == 30 && difference.entries.count == 10)
    }
}

extension Zxid {
    fileprivate func advanced(by count: Int64) -> Zxid { Zxid(rawValue: rawValue + count) }
}
