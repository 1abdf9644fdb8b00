import HTTPServer
import History
import Jute
import Replica
import ZnodeTree

extension Gateway {
    /// A read of an earlier state.
    ///
    /// - Throws: `bad-parameter` for what means nothing there.
    private func checkPast(_ path: ZnodePath, _ call: Call) throws(Problem) {
        guard call.wait == nil, !call.query.contains("until") else {
            throw Problem(.badParameter, "What was does not change: at excludes wait and until.")
        }
        guard !path.isAtOrBelow("/zookeeper") else {
            throw Problem(
                .badParameter,
                "Servers write below /zookeeper without transactions; at ends there.",
                path: path)
        }
    }

    /// `GET` and `HEAD /v1/znodes/{path}?at=`.
    func readZnode(
        _ path: ZnodePath, at point: Point, _ form: Representation, _ condition: ReadCondition,
        _ call: Call
    ) throws(Problem) -> HTTPResponse? {
        try checkPast(path, call)
        return try whenFresh(call) { () throws(Problem) in
            self.lookBack(
                to: point, call,
                present: { self.node.served.read { PastZnode(path, in: $0) } },
                past: { reader, moment throws(HistoryGone) in
                    let znode = try reader.znode(
                        path, at: moment.zxid, current: moment.present, now: moment.now)
                    return (moment, znode)
                },
                answer: { moment, znode throws(Problem) in
                    try self.checkReadable(path, znode, moment, call)
                    guard let znode else {
                        throw Problem(.noNode, path: path, zxid: moment.zxid)
                    }
                    let copy = ZnodeCopy(
                        zxid: moment.zxid,
                        state: ZnodeState(stat: znode.moment.stat, mode: znode.moment.mode),
                        acl: znode.moment.acl, data: znode.data ?? [])
                    return try self.represent(copy, path, form, condition, call)
                })
            return nil
        }
    }

    /// Under the list of that moment and, where the znode is still there, of now.
    private func checkReadable(
        _ path: ZnodePath, _ past: PastZnode?, _ moment: Occurrence<PastZnode?>, _ call: Call
    ) throws(Problem) {
        if let present = moment.present {
            try check(.read, on: path, present.moment.acl, call.credentials)
        }
        if let past { try check(.read, on: path, past.moment.acl, call.credentials) }
    }

    /// `GET /v1/children/{path}?at=`.
    func readChildren(
        of path: ZnodePath, at point: Point, _ request: ChildrenRequest,
        _ condition: ReadCondition, _ call: Call
    ) throws(Problem) -> HTTPResponse? {
        try checkPast(path, call)
        return try whenFresh(call) { () throws(Problem) in
            self.lookBack(
                to: point, call,
                present: { self.node.served.view() },
                past: { reader, moment throws(HistoryGone) in
                    let present = PastZnode(path, in: moment.present)
                    let then = Occurrence(zxid: moment.zxid, now: moment.now, present: present)
                    let parent = try reader.znode(
                        path, at: moment.zxid, current: present, now: moment.now)
                    guard let parent else { return PastChildren(moment: then) }
                    let changed = try reader.changedChildren(
                        of: path, at: moment.zxid, now: moment.now)
                    let names = ChildrenNames(of: path, in: moment.present, changed: changed)
                    var page = names.page(after: request.cursor?.name, limit: request.limit)
                    guard request.includesAnything else {
                        return PastChildren(moment: then, parent: parent, page: page)
                    }
                    let children = try reader.children(
                        page.names, of: path, at: moment.zxid, now: moment.present,
                        through: moment.now, dataLimit: request.dataLimit)
                    page.hasMore = page.hasMore || children.count < page.names.count
                    page.names = children.map(\.name)
                    return PastChildren(
                        moment: then, parent: parent, page: page,
                        children: children.map { name, past in
                            let present = moment.present.find(path.appending(name))
                            return PastChild(
                                name: name, past: past,
                                presentACL: present.map { moment.present.acl(of: $0) })
                        })
                },
                answer: { found throws(Problem) in
                    try self.checkReadable(path, found.parent, found.moment, call)
                    let zxid = found.moment.zxid
                    guard let parent = found.parent else {
                        throw Problem(.noNode, path: path, zxid: zxid)
                    }
                    let state = ZnodeState(stat: parent.moment.stat, mode: parent.moment.mode)
                    let tag = request.includesAnything ? nil : state.childrenTag
                    if let tag,
                        let known = try self.known(path, state, tag, condition, call, zxid: zxid)
                    {
                        return known
                    }
                    var json = JSONWriter(
                        reserving: 512 + 24 * min(request.limit, Int(state.stat.numChildren)))
                    json.beginObject()
                    request.write(
                        found.page, found.children.map { self.listed($0, of: path, call) },
                        of: path, state, zxid: zxid, to: &json)
                    json.endObject()
                    return self.json(call, zxid: zxid, tag: tag, json.bytes)
                })
            return nil
        }
    }

    /// A child's data are for whom both its list of that moment and, where it is still there, of
    /// now let read.
    private func listed(_ child: PastChild, of path: ZnodePath, _ call: Call) -> ListedChild {
        let moment = child.past.moment
        let isReadable =
            mayRead(moment.acl, call) && child.presentACL.map { mayRead($0, call) } ?? true
            && !SystemPath.isSecret(path.appending(child.name))
        return ListedChild(
            name: child.name, state: ZnodeState(stat: moment.stat, mode: moment.mode),
            data: isReadable ? child.past.data ?? [] : nil)
    }
}

/// A list of children as it was.
private struct PastChildren: Sendable {
    var moment: Gateway.Occurrence<PastZnode?>
    var parent: PastZnode?
    var page = ChildrenNames.Page()
    /// Those of the page, where more than names was asked for.
    var children: [PastChild] = []
}

private struct PastChild: Sendable {
    var name: [UInt8]
    var past: PastZnode
    /// Nil if it is gone.
    var presentACL: [ACL]?
}

/// The names of a znode's children at an earlier moment: those of now, but for what has changed.
struct ChildrenNames: Sendable {
    let path: ZnodePath
    let tree: DataTree
    /// Sorted, with whether the child existed.
    let changed: [(name: [UInt8], existed: Bool)]

    init(of path: ZnodePath, in tree: DataTree, changed: [(name: [UInt8], existed: Bool)]) {
        self.path = path
        self.tree = tree
        self.changed = changed
    }

    struct Page: Sendable {
        var names: [[UInt8]] = []
        var hasMore = false
    }

    /// A page of them.
    ///
    /// - Parameters:
    ///   - name: Where the page before ended.
    ///   - limit: The largest number of names.
    /// - Returns: Names in the order of their bytes, and whether there are more.
    func page(after name: [UInt8]?, limit: Int) -> Page {
        var page = Page()
        var index = 0
        if let name {
            index = changed.firstIndex { name.lexicographicallyPrecedes($0.name) } ?? changed.count
        }
        /// False when the page is full.
        func add(_ name: [UInt8]) -> Bool {
            guard page.names.count < limit else {
                page.hasMore = true
                return false
            }
            page.names.append(name)
            return true
        }
        func addChanged(before bound: [UInt8]?) -> Bool {
            while index < changed.count,
                bound.map({ changed[index].name.lexicographicallyPrecedes($0) }) ?? true
            {
                let (name, existed) = changed[index]
                index += 1
                if existed, !add(name) { return false }
            }
            return true
        }
        if let parent = tree.find(path) {
            tree.forEachChild(of: parent, after: name) { child in
                let name = tree.name(of: child)
                guard addChanged(before: name) else { return false }
                if index < changed.count, changed[index].name == name {
                    let existed = changed[index].existed
                    index += 1
                    return !existed || add(name)
                }
                return add(name)
            }
        }
        if !page.hasMore { _ = addChanged(before: nil) }
        return page
    }
}
