package import Jute
package import ZnodeTree

/// What of a subtree was another than it is, at a moment: everything that a transaction behind it
/// has touched.
package struct EarlierSubtree: Sendable {
    struct Znode: Sendable {
        /// Nil if it did not exist.
        var moment: ZnodeMoment?
        /// As far as it is another than it is now.
        var data = Data.present

        /// What the znode held.
        enum Data: Sendable {
            /// What it holds now.
            case present
            case other([UInt8]?)
            /// Another than now; no longer remembered, because all of them are too much for one
            /// transaction.
            case tooLong
        }
    }

    package let path: ZnodePath
    /// The moment.
    package let zxid: Zxid
    private(set) var znodes: [ZnodePath: Znode] = [:]
    /// Whether nothing has been found yet that tells what the znode held.
    private var dataIsOpen: Set<ZnodePath> = []
    private var dataBytes = 0
    private let tree: DataTree

    init(_ path: ZnodePath, at zxid: Zxid, now tree: DataTree) {
        self.path = path
        self.zxid = zxid
        self.tree = tree
    }

    /// Takes the next change behind the moment.
    mutating func add(_ change: Change) {
        let path = change.path.isRoot ? .root : change.path
        if znodes[path] == nil {
            let moment = change.znodeBefore
            znodes[path] = Znode(moment: moment)
            // An ephemeral does not come back, so that nobody asks what it held.
            if let moment, moment.mode.isRestorable { dataIsOpen.insert(path) }
        }
        if change.replacesData, dataIsOpen.remove(path) != nil {
            let data = data(change.replaced.data, at: path)
            znodes[path]?.data = data
        }
    }

    /// More than a transaction takes, since not all of it may have to be written.
    private static let longestData = 4 * Int(juteMaximumLength)

    private mutating func data(_ data: [UInt8]?, at path: ZnodePath) -> Znode.Data {
        if let current = tree.find(path), tree.data(of: current) == data { return .present }
        dataBytes += data?.count ?? 0
        return dataBytes > EarlierSubtree.longestData ? .tooLong : .other(data)
    }
}

extension ZnodeMode {
    /// Whether a rollback may create such a znode.
    var isRestorable: Bool {
        if case .ephemeral = self { false } else { true }
    }
}

extension HistoryReader {
    /// What of a subtree was another than it is, at a moment.
    ///
    /// - Parameters:
    ///   - path: Its top; `/aviary` and `/zookeeper` are left out.
    ///   - zxid: The moment.
    ///   - tree: The state after the transaction `now`.
    ///   - now: Not before `zxid`.
    /// - Returns: Nothing of what is as it was and was never touched.
    /// - Throws: When the history does not reach back that far.
    package func subtree(
        _ path: ZnodePath, at zxid: Zxid, now tree: DataTree, through now: Zxid
    ) throws(HistoryGone) -> EarlierSubtree {
        let subject = HistorySubject(path, .subtree)
        var earlier = EarlierSubtree(subject.path, at: zxid, now: tree)
        try forEach(subject, after: zxid, through: now) { transaction in
            for change in transaction.changes
            where subject.concerns(change) && !change.path.isOfTheSystem {
                earlier.add(change)
            }
            return true
        }
        return earlier
    }
}

extension ZnodePath {
    fileprivate var isOfTheSystem: Bool { isAtOrBelow("/aviary") || isAtOrBelow("/zookeeper") }
}
