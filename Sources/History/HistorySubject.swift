package import Jute
package import ZnodeTree

/// What somebody who looks back wants to know about.
package struct HistorySubject: Equatable, Sendable {
    package enum Scope: Sendable {
        /// The znode's own changes.
        case node
        /// Those, and the changes of its list of children: everything that its stat tells.
        case moment
        /// Changes of its direct children.
        case children
        /// Those, and the changes of the children's lists of children: everything that the
        /// children's stats tell.
        case childMoments
        /// Changes of the znode and of everything below it.
        case subtree
    }

    package var path: ZnodePath
    package var scope: Scope

    package init(_ path: ZnodePath, _ scope: Scope) {
        self.path = path.isRoot ? .root : path
        self.scope = scope
    }

    package func concerns(_ change: Change) -> Bool {
        switch scope {
        case .node: isPath(change.path)
        case .moment: isPath(change.path) || (change.parent != nil && isParent(of: change.path))
        case .children: isParent(of: change.path)
        case .childMoments:
            isParent(of: change.path)
                || (change.parent != nil && change.path.parent.map { isParent(of: $0) } ?? false)
        case .subtree: change.path.isAtOrBelow(path)
        }
    }

    package func concerns(_ transaction: HistoricTransaction) -> Bool {
        transaction.changes.contains { concerns($0) }
    }

    private func isPath(_ other: ZnodePath) -> Bool {
        other == path || (other.isRoot && path.isRoot)
    }

    private func isParent(of other: ZnodePath) -> Bool {
        guard !other.isRoot, let slash = other.lastSlash else { return false }
        if path.isRoot { return slash == 0 }
        return slash == path.bytes.count && other.bytes.starts(with: path.bytes)
    }
}

// MARK: - Keys of the index

/// What the index is sorted by: a path, and behind it, ended by a byte that no path has, the
/// changes of its list of children. What lies below a path follows both, in one piece.
struct HistoryKey: Hashable, Comparable, Sendable {
    let bytes: [UInt8]

    private static let slash = UInt8(ascii: "/")
    private static let childrenMark: UInt8 = 0

    init(bytes: [UInt8]) {
        self.bytes = bytes
    }

    init(_ path: ZnodePath) {
        bytes = path.isRoot ? [HistoryKey.slash] : path.bytes
    }

    init(childrenOf path: ZnodePath) {
        bytes = HistoryKey(path).bytes + [HistoryKey.childrenMark]
    }

    var isOfChildren: Bool { bytes.last == HistoryKey.childrenMark }

    static func < (left: HistoryKey, right: HistoryKey) -> Bool {
        left.bytes.lexicographicallyPrecedes(right.bytes)
    }

    /// The keys of what one transaction changed, each once.
    static func keys(of transaction: HistoricTransaction) -> Set<HistoryKey> {
        var keys: Set<HistoryKey> = []
        for change in transaction.changes {
            keys.insert(HistoryKey(change.path))
            if change.parent != nil, let parent = change.path.parent {
                keys.insert(HistoryKey(childrenOf: parent))
            }
        }
        return keys
    }

    /// A walk over the sorted keys that visits only what a subject is about.
    struct Walk {
        private let subject: HistorySubject
        private let first: HistoryKey
        /// What is below the path begins with this.
        private let prefix: [UInt8]
        /// The first key that may be of interest.
        private(set) var lower: HistoryKey
        /// No key from here on is.
        let upper: HistoryKey

        init(_ subject: HistorySubject) {
            self.subject = subject
            first = HistoryKey(subject.path)
            prefix = subject.path.isRoot ? first.bytes : first.bytes + [HistoryKey.slash]
            let behind = Array(prefix.dropLast()) + [HistoryKey.slash + 1]
            switch subject.scope {
            case .node, .moment:
                lower = first
                upper = HistoryKey(bytes: first.bytes + [HistoryKey.childrenMark + 1])
            case .children, .childMoments:
                lower = HistoryKey(bytes: prefix)
                upper = HistoryKey(bytes: behind)
            case .subtree:
                lower = first
                upper = HistoryKey(bytes: behind)
            }
        }

        /// Takes the next key that is there.
        ///
        /// - Parameter key: From `lower` on, below `upper`.
        /// - Returns: Whether it is of interest. Afterwards `lower` is where the next one may be.
        mutating func takes(_ key: HistoryKey) -> Bool {
            lower = HistoryKey(bytes: key.bytes + [HistoryKey.childrenMark])
            switch subject.scope {
            case .node:
                return key == first
            case .moment:
                return true
            case .children, .childMoments:
                guard key.bytes.count > prefix.count, key.bytes.starts(with: prefix) else {
                    return false
                }
                let name = key.bytes[prefix.count...]
                if let slash = name.firstIndex(of: HistoryKey.slash) {
                    // Over everything that is below this child.
                    lower = HistoryKey(bytes: key.bytes[..<slash] + [HistoryKey.slash + 1])
                    return false
                }
                return subject.scope == .childMoments || !key.isOfChildren
            case .subtree:
                // Between a path and what is below it stand its neighbours, as `/a-b` does.
                guard key == first || key.bytes.starts(with: prefix) else {
                    lower = max(lower, HistoryKey(bytes: prefix))
                    return false
                }
                return !key.isOfChildren
            }
        }
    }
}
