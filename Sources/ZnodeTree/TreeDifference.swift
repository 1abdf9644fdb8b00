package import Jute

/// How the state of one member differs from the state that takes its place.
///
/// The two are of different moments as a rule: mine of an earlier one, and whatever happened in
/// between is no difference. What counts is what the other history never had: znodes that are
/// *extra*, and znodes whose state *conflicts* with one that the other side has not changed since.
/// Each is counted only if nothing that may have happened in between explains it, so a member that
/// is merely behind, or empty, has none.
///
/// - Source: SOUNDNESS, section 7.
package struct TreeDifference: Equatable, Sendable {
    package enum Kind: String, Sendable {
        /// Only the other side has it.
        case missing
        /// Only this side has it.
        case extra
        /// Both have it, in states that cannot belong to one history.
        case conflicting
    }

    package struct Entry: Equatable, Sendable {
        package var kind: Kind
        package var path: ZnodePath
        /// Of the last change of its data; nil where it is not.
        package var mine: Zxid?
        package var theirs: Zxid?
    }

    /// Up to where this side's state goes, and the other's.
    package let mine: Zxid
    package let theirs: Zxid
    package private(set) var missing = 0
    package private(set) var extra = 0
    package private(set) var conflicting = 0
    /// The bytes of data in what is extra or conflicting here.
    package private(set) var bytes = 0
    /// How many znodes this side has that were compared.
    package private(set) var compared = 0
    /// The first of them in the order of a walk, parents first.
    package private(set) var entries: [Entry] = []
    /// The last zxid within `span` that a znode of the other side names.
    package private(set) var lastSeen: Zxid?

    private let isDiscarded: @Sendable (Zxid) -> Bool
    private let entryLimit: Int
    private let span: ClosedRange<Zxid>?

    /// Compares two states.
    ///
    /// - Parameters:
    ///   - mine: This member's.
    ///   - theirs: The one that takes its place.
    ///   - isDiscarded: Whether a zxid is of a branch that the other history has given up.
    ///   - span: Zxids of transactions about which nobody knows here whether they were committed:
    ///     what the other side has of them is told by `lastSeen`.
    ///   - excluding: Whether a child of the root is left out: the system's own subtrees.
    ///   - entryLimit: How many differences are kept; all are counted.
    package init(
        of mine: borrowing DataTree, against theirs: borrowing DataTree,
        isDiscarded: @escaping @Sendable (Zxid) -> Bool = { _ in false },
        span: ClosedRange<Zxid>? = nil,
        excluding: ([UInt8]) -> Bool = TreeDifference.isSystem, entryLimit: Int = 100_000
    ) {
        self.mine = mine.lastApplied
        self.theirs = theirs.lastApplied
        self.isDiscarded = isDiscarded
        self.entryLimit = entryLimit
        self.span = span
        guard let mineRoot = mine.find(.root), let theirRoot = theirs.find(.root) else { return }
        var pairs = [(mineRoot, theirRoot)]
        while let (one, other) = pairs.popLast() {
            see(theirs.storedStat(of: other))
            if one.number != ZnodeStore.root { compare(one, mine, other, theirs) }
            merge(one, mine, other, theirs, excluding, &pairs)
        }
    }

    /// The number that decides whether a person is asked.
    package var counted: Int { extra + conflicting }

    /// `counted` of all that was compared, from 0 to 1.
    package var ratio: Double { compared == 0 ? 0 : Double(counted) / Double(compared) }

    /// The system's own subtrees: each ensemble's servers write there what is theirs.
    package static func isSystem(_ name: [UInt8]) -> Bool {
        name.elementsEqual("zookeeper".utf8) || name.elementsEqual("aviary".utf8)
    }

    // MARK: One znode

    private mutating func compare(
        _ one: ZnodeID, _ mine: borrowing DataTree,
        _ other: ZnodeID, _ theirs: borrowing DataTree
    ) {
        compared += 1
        let (left, right) = (mine.storedStat(of: one), theirs.storedStat(of: other))
        if mine.digest(of: one) == theirs.digest(of: other) { return }
        guard
            conflicts(left, right)
                || !hasChanged(right) && mine.data(of: one) != theirs.data(of: other)
        else { return }
        conflicting += 1
        bytes += mine.dataLength(of: one)
        note(.conflicting, mine.path(of: one), left.mzxid, right.mzxid)
    }

    /// Whether the other side has written the data, or made the znode anew, behind this side's end.
    private func hasChanged(_ right: StoredStat) -> Bool {
        right.mzxid > mine.rawValue || right.czxid > mine.rawValue
    }

    /// Whether no one history can have both. A znode that was written since may have any state
    /// before, except one of a transaction that the other history does not have.
    private func conflicts(_ left: StoredStat, _ right: StoredStat) -> Bool {
        if isImpossible(left) { return true }
        guard !hasChanged(right) else { return false }
        return left.czxid != right.czxid || left.mzxid != right.mzxid
            || left.version != right.version || left.ctime != right.ctime
            || left.mtime != right.mtime || left.ephemeralOwner != right.ephemeralOwner
    }

    /// Whether it names a transaction that the other history cannot have.
    private func isImpossible(_ stat: StoredStat) -> Bool {
        for raw in [stat.czxid, stat.mzxid] {
            let zxid = Zxid(rawValue: raw)
            if zxid > theirs || isDiscarded(zxid) { return true }
        }
        return false
    }

    private mutating func see(_ stat: StoredStat) {
        guard let span else { return }
        for raw in [stat.czxid, stat.mzxid, stat.pzxid] {
            let zxid = Zxid(rawValue: raw)
            if span.contains(zxid), zxid > lastSeen ?? .untrusted { lastSeen = zxid }
        }
    }

    private mutating func note(_ kind: Kind, _ path: ZnodePath, _ mine: Int64?, _ theirs: Int64?) {
        guard entries.count < entryLimit else { return }
        entries.append(
            Entry(
                kind: kind, path: path, mine: mine.map { Zxid(rawValue: $0) },
                theirs: theirs.map { Zxid(rawValue: $0) }))
    }

    // MARK: The children of one znode

    private mutating func merge(
        _ one: ZnodeID, _ mine: borrowing DataTree,
        _ other: ZnodeID, _ theirs: borrowing DataTree,
        _ excluding: ([UInt8]) -> Bool, _ pairs: inout [(ZnodeID, ZnodeID)]
    ) {
        let isRoot = one.number == ZnodeStore.root
        var mineOnly: [ZnodeID] = []
        var theirsOnly: [ZnodeID] = []
        mine.forEachChild(of: one, and: other, in: theirs) { name, left, right in
            if isRoot, excluding(name) { return }
            switch (left, right) {
            case (let left?, let right?): pairs.append((left, right))
            case (let left?, nil): mineOnly.append(left)
            case (nil, let right?): theirsOnly.append(right)
            case (nil, nil): break
            }
        }
        for child in theirsOnly { addMissing(child, theirs) }
        guard !mineOnly.isEmpty else { return }
        addExtra(mineOnly, under: one, mine, other, theirs)
    }

    private mutating func addMissing(_ znode: ZnodeID, _ theirs: borrowing DataTree) {
        var stack = [znode]
        while let znode = stack.popLast() {
            missing += 1
            let stat = theirs.storedStat(of: znode)
            see(stat)
            note(.missing, theirs.path(of: znode), nil, stat.mzxid)
            theirs.forEachChild(of: znode) { child in
                stack.append(child)
                return true
            }
        }
    }

    /// Children that only this side has: deleted by the other side since, or never there.
    private mutating func addExtra(
        _ children: [ZnodeID], under one: ZnodeID, _ mine: borrowing DataTree,
        _ other: ZnodeID, _ theirs: borrowing DataTree
    ) {
        let (left, right) = (mine.storedStat(of: one), theirs.storedStat(of: other))
        var explained = 0
        if right.czxid > self.mine.rawValue {
            // The whole parent was made anew.
            explained = .max
        } else if right.pzxid > self.mine.rawValue {
            // Both counts of children and the creations in between tell how many were deleted.
            let created = Int(right.cversion) - Int(left.cversion)
            let gone = mine.childCount(of: one) + created - theirs.childCount(of: other)
            explained = max(0, gone)
        }
        for child in children {
            let isImpossible = isImpossible(mine.storedStat(of: child))
            if !isImpossible, explained > 0 {
                explained -= 1
                compared += countOfSubtree(child, mine)
                continue
            }
            var stack = [child]
            while let znode = stack.popLast() {
                compared += 1
                extra += 1
                bytes += mine.dataLength(of: znode)
                note(.extra, mine.path(of: znode), mine.storedStat(of: znode).mzxid, nil)
                mine.forEachChild(of: znode) { child in
                    stack.append(child)
                    return true
                }
            }
        }
    }

    private func countOfSubtree(_ znode: ZnodeID, _ tree: borrowing DataTree) -> Int {
        var count = 0
        tree.forEachDescendant(of: znode.number) { _ in count += 1 }
        return count
    }
}

extension TreeDifference {
    package static func == (left: TreeDifference, right: TreeDifference) -> Bool {
        left.mine == right.mine && left.theirs == right.theirs && left.missing == right.missing
            && left.extra == right.extra && left.conflicting == right.conflicting
            && left.bytes == right.bytes && left.compared == right.compared
            && left.entries == right.entries
    }
}

extension DataTree {
    fileprivate func digest(of znode: ZnodeID) -> UInt64 { store[znode.number].digest }

    fileprivate func childCount(of znode: ZnodeID) -> Int { Int(store[znode.number].childCount) }

    fileprivate func dataLength(of znode: ZnodeID) -> Int {
        Int(store[znode.number].dataLength)
    }
}
