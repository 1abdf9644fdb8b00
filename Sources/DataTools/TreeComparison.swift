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
            first.forEachChild(of: one, and: two, in: second) { name, left, right in
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
            pending += tree.namedChildren(of: znode).reversed()
                .map { (path.appending($0.name), $0.id) }
        }
    }

    private func text(_ path: ZnodePath) -> String { String(decoding: path.bytes, as: UTF8.self) }

    private static let config: ZnodePath = "/zookeeper/config"
}
