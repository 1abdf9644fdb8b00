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
        moment = ZnodeMoment(znode, in: tree)
        data = tree.data(of: znode)
    }
}

extension ZnodeMoment {
    fileprivate init(_ znode: ZnodeID, in tree: borrowing DataTree) {
        self.init(stat: tree.stat(of: znode), mode: tree.mode(of: znode), acl: tree.acl(of: znode))
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

    /// Children of a znode as they were.
    ///
    /// - Parameters:
    ///   - names: Of children that existed at the moment, in the order wanted.
    ///   - path: Of the parent.
    ///   - zxid: The moment.
    ///   - tree: The state after the transaction `now`.
    ///   - now: Not before `zxid`.
    ///   - dataLimit: Behind this many bytes of data no further child is returned, so that a page
    ///     of long values does not fill the memory; nil returns all of them without data.
    /// - Returns: The first of them.
    /// - Throws: When the history does not reach back that far.
    package func children(
        _ names: [[UInt8]], of path: ZnodePath, at zxid: Zxid, now tree: DataTree,
        through now: Zxid, dataLimit: Int?
    ) throws(HistoryGone) -> [(name: [UInt8], znode: PastZnode)] {
        let wanted = Set(names)
        var moments: [[UInt8]: ZnodeMoment?] = [:]
        let own = HistorySubject(path, .children)
        let subject = HistorySubject(path, .childMoments)
        try forEach(subject, after: zxid, through: now) { transaction in
            for change in transaction.changes where subject.concerns(change) {
                let isOwn = own.concerns(change)
                let child = isOwn ? change.path : change.path.parent
                guard let name = child.map({ Array($0.name) }), wanted.contains(name),
                    moments[name] == nil
                else { continue }
                moments[name] = .some(isOwn ? change.znodeBefore : change.parentBefore)
            }
            return true
        }
        var children: [(name: [UInt8], znode: PastZnode)] = []
        var dataBytes = 0
        for name in names {
            if let dataLimit, dataBytes > dataLimit { break }
            let current = tree.find(path.appending(name))
            guard let moment = moments[name] ?? current.map({ ZnodeMoment($0, in: tree) }) else {
                continue
            }
            let data = dataLimit == nil ? nil : current.flatMap { tree.data(of: $0) }
            children.append((name, PastZnode(moment: moment, data: data)))
            dataBytes += Int(moment.stat.dataLength)
        }
        if dataLimit != nil {
            let data = try replacedData(
                of: Set(children.map(\.name)), under: path, after: zxid, through: now)
            for index in children.indices {
                if let data = data[children[index].name] { children[index].znode.data = data }
            }
        }
        return children
    }

    /// What children held whose data were replaced since.
    private func replacedData(
        of names: Set<[UInt8]>, under path: ZnodePath, after zxid: Zxid, through now: Zxid
    ) throws(HistoryGone) -> [[UInt8]: [UInt8]?] {
        var data: [[UInt8]: [UInt8]?] = [:]
        let subject = HistorySubject(path, .children)
        try forEach(subject, after: zxid, through: now) { transaction in
            for change in transaction.changes where subject.concerns(change) {
                let name = Array(change.path.name)
                guard change.replacesData, names.contains(name), data[name] == nil else { continue }
                data[name] = .some(change.replaced.data)
            }
            return true
        }
        return data
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
