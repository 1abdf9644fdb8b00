package import Jute
package import ZnodeTree

/// A znode as it was or is, with its data.
package struct PastZnode: Equatable, Sendable {
    package var moment: ZnodeMoment
    package var data: [UInt8]?

    package init(moment: ZnodeMoment, data: [UInt8]?) {
        self.moment = moment
        self.data = data
    }

    package init?(_ path: ZnodePath, in tree: borrowing DataTree) {
        guard let znode = tree.find(path) else { return nil }
        moment = ZnodeMoment(
            stat: tree.stat(of: znode), mode: tree.mode(of: znode), acl: tree.acl(of: znode))
        data = tree.data(of: znode)
    }
}

/// An earlier state is the present one without what came after it: of each thing the first change
/// behind that moment tells what there was.
extension HistoryReader {
    /// A znode as it was.
    ///
    /// - Parameters:
    ///   - path: Not below `/zookeeper`, where servers write without a transaction.
    ///   - zxid: The moment.
    ///   - current: The znode after the transaction `now`, nil if there is none.
    ///   - now: Not before `zxid`.
    /// - Returns: Nil if it did not exist.
    /// - Throws: When the history does not reach back that far.
    package func znode(
        _ path: ZnodePath, at zxid: Zxid, current: PastZnode?, now: Zxid
    ) throws(HistoryGone) -> PastZnode? {
        var moment: ZnodeMoment??
        var data: [UInt8]??
        let subject = HistorySubject(path, .moment)
        let own = HistorySubject(path, .node)
        try forEach(subject, after: zxid, through: now) { transaction in
            for change in transaction.changes where subject.concerns(change) {
                guard own.concerns(change) else {
                    if moment == nil { moment = .some(change.parentBefore) }
                    continue
                }
                if moment == nil { moment = .some(change.znodeBefore) }
                if data == nil, change.replacesData { data = .some(change.replaced.data) }
            }
            if case .some(.none) = moment { return false }
            return moment == nil || data == nil
        }
        guard let before = moment ?? current?.moment else { return nil }
        return PastZnode(moment: before, data: data ?? current?.data)
    }

    /// Which children of a znode were created or deleted behind a moment.
    ///
    /// - Returns: The names, sorted, each with whether it existed at that moment.
    /// - Throws: When the history does not reach back that far.
    package func changedChildren(
        of path: ZnodePath, at zxid: Zxid, now: Zxid
    ) throws(HistoryGone) -> [(name: [UInt8], existed: Bool)] {
        var existed: [[UInt8]: Bool] = [:]
        let subject = HistorySubject(path, .children)
        try forEach(subject, after: zxid, through: now) { transaction in
            for change in transaction.changes
            where change.parent != nil && subject.concerns(change) {
                let name = Array(change.path.name)
                if existed[name] == nil { existed[name] = change.kind == .deleted }
            }
            return true
        }
        return existed.sorted { $0.key.lexicographicallyPrecedes($1.key) }
            .map { (name: $0.key, existed: $0.value) }
    }
}

extension Change {
    /// Whether `replaced.data` tells what the znode held before.
    var replacesData: Bool { kind == .dataChanged || kind == .deleted }
}
