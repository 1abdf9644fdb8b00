import Jute
import ZnodeTree

/// Walks two trees side by side, in the order of paths.
struct TreeComparison {
    private let first: DataTree
    private let second: DataTree

    init(_ first: DataTree, _ second: DataTree) {
        self.first = first
        self.second = second
    }

    /// Tells what differs.
    ///
    /// - Parameter tell: Called for each znode, parents before their children.
    mutating func run(_ tell: (Difference.Znode) -> Void) {
        guard let one = first.find(.root), let two = second.find(.root) else { return }
        var pending: [(path: ZnodePath, one: ZnodeID, two: ZnodeID)] = [(.root, one, two)]
        while let (path, one, two) = pending.popLast() {
            compare(path, one, two, tell)
            var common: [(path: ZnodePath, one: ZnodeID, two: ZnodeID)] = []
            merge(one, two) { name, left, right in
                let child = path.appending(name)
                switch (left, right) {
                case (let left?, let right?): common.append((child, left, right))
                case (let left?, nil): tellAll(first, left, child, .missing, tell)
                case (nil, let right?): tellAll(second, right, child, .extra, tell)
                case (nil, nil): break
                }
            }
            pending += common.reversed()
        }
    }

    private func merge(
        _ one: ZnodeID, _ two: ZnodeID, _ body: ([UInt8], ZnodeID?, ZnodeID?) -> Void
    ) {
        let left = children(of: one, in: first)
        let right = children(of: two, in: second)
        var (i, j) = (0, 0)
        while i < left.count || j < right.count {
            if j == right.count
                || i < left.count && left[i].name.lexicographicallyPrecedes(right[j].name)
            {
                body(left[i].name, left[i].znode, nil)
                i += 1
            } else if i == left.count || right[j].name.lexicographicallyPrecedes(left[i].name) {
                body(right[j].name, nil, right[j].znode)
                j += 1
            } else {
                body(left[i].name, left[i].znode, right[j].znode)
                (i, j) = (i + 1, j + 1)
            }
        }
    }

    private func children(of znode: ZnodeID, in tree: DataTree) -> [(name: [UInt8], znode: ZnodeID)]
    {
        var found: [(name: [UInt8], znode: ZnodeID)] = []
        tree.forEachChild(of: znode) { child in
            found.append((tree.name(of: child), child))
            return true
        }
        return found
    }

    private func compare(
        _ path: ZnodePath, _ one: ZnodeID, _ two: ZnodeID, _ tell: (Difference.Znode) -> Void
    ) {
        guard path != Self.config else { return }
        var what: [String] = []
        if first.data(of: one) != second.data(of: two) { what.append("data") }
        if first.acl(of: one) != second.acl(of: two) { what.append("acl") }
        if first.storedStat(of: one) != second.storedStat(of: two) { what.append("stat") }
        guard !what.isEmpty else { return }
        tell(
            Difference.Znode(
                kind: .conflicting, path: text(path), what: what,
                first: "\(first.stat(of: one).mzxid)", second: "\(second.stat(of: two).mzxid)"))
    }

    /// A subtree that only one of them has.
    private func tellAll(
        _ tree: DataTree, _ top: ZnodeID, _ path: ZnodePath, _ kind: Difference.Kind,
        _ tell: (Difference.Znode) -> Void
    ) {
        var pending = [(path, top)]
        while let (path, znode) = pending.popLast() {
            if path == Self.config { continue }
            let mzxid = "\(tree.stat(of: znode).mzxid)"
            tell(
                Difference.Znode(
                    kind: kind, path: text(path), what: [],
                    first: kind == .missing ? mzxid : nil,
                    second: kind == .extra ? mzxid : nil))
            pending += children(of: znode, in: tree).reversed()
                .map { (path.appending($0.name), $0.znode) }
        }
    }

    private func text(_ path: ZnodePath) -> String { String(decoding: path.bytes, as: UTF8.self) }

    private static let config: ZnodePath = "/zookeeper/config"
}
