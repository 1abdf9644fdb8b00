import Jute
import ZnodeTree

/// What a client wants of a list of children.
struct ChildrenRequest: Sendable {
    var limit = 1_000
    var cursor: ChildrenCursor?
    var includesStat = false
    var includesData = false

    private static let largestPage: Int64 = 10_000
    /// A page with data ends early behind this many bytes.
    private static let largestPageBytes = 4 << 20

    /// The first page of names.
    init() {}

    init(_ query: Query) throws(Problem) {
        limit = Int(try query.integer("limit", in: 1...ChildrenRequest.largestPage) ?? 1_000)
        cursor = try query.text("cursor").map { text throws(Problem) in
            try ChildrenCursor(parsing: text)
        }
        for part in (try query.text("include") ?? "").split(separator: ",") {
            switch part {
            case "stat": includesStat = true
            case "data": includesData = true
            default: throw Problem(.badParameter, "The parameter include lists stat and data.")
            }
        }
    }

    var includesAnything: Bool { includesStat || includesData }

    /// Behind how many bytes of data a page ends early; nil where no data are wanted.
    var dataLimit: Int? { includesData ? ChildrenRequest.largestPageBytes : nil }

    /// Writes the members of the answer.
    ///
    /// - Parameters:
    ///   - parent: In `tree`.
    ///   - path: Of the parent.
    ///   - tree: A view, because a long list takes its time.
    ///   - mayRead: Whether the data of a child with this ACL may be shown.
    ///   - json: Within an object.
    func write(
        childrenOf parent: ZnodeID, _ path: ZnodePath, in tree: DataTree,
        mayRead: ([ACL]) -> Bool, to json: inout JSONWriter
    ) {
        json.key("path")
        json.string(utf8: path.bytes)
        json.key("children")
        json.beginArray()
        var count = 0
        var last: ZnodeID?
        var next: ChildrenCursor?
        tree.forEachChild(of: parent, after: cursor?.name) { child in
            if count == limit || json.bytes.count >= ChildrenRequest.largestPageBytes, let last {
                next = ChildrenCursor(zxid: tree.lastApplied, name: tree.name(of: last))
                return false
            }
            if includesAnything {
                write(listed(child, of: path, in: tree, mayRead: mayRead), to: &json)
            } else {
                tree.withName(of: child) {
                    json.string(utf8: $0.assumingMemoryBound(to: UInt8.self))
                }
            }
            count += 1
            last = child
            return true
        }
        json.endArray()
        json.key("next")
        if let next { json.string(utf8: next.text) } else { json.null() }
        json.key("stat")
        ZnodeState(parent, in: tree).write(to: &json)
    }

    /// Writes the members of the answer of an earlier state.
    ///
    /// - Parameters:
    ///   - page: Of the children that there were.
    ///   - children: Those of the page, where more than names is wanted.
    ///   - path: Of the parent.
    ///   - state: Of the parent at that moment.
    ///   - zxid: The moment.
    ///   - json: Within an object.
    func write(
        _ page: ChildrenNames.Page, _ children: [ListedChild], of path: ZnodePath,
        _ state: ZnodeState, zxid: Zxid, to json: inout JSONWriter
    ) {
        json.key("path")
        json.string(utf8: path.bytes)
        json.key("children")
        json.array { json in
            if includesAnything {
                for child in children { write(child, to: &json) }
            } else {
                for name in page.names { json.string(utf8: name) }
            }
        }
        json.key("next")
        if page.hasMore, let last = page.names.last {
            json.string(utf8: ChildrenCursor(zxid: zxid, name: last).text)
        } else {
            json.null()
        }
        json.key("stat")
        state.write(to: &json)
    }

    private func listed(
        _ child: ZnodeID, of parent: ZnodePath, in tree: DataTree, mayRead: ([ACL]) -> Bool
    ) -> ListedChild {
        let name = tree.name(of: child)
        let isReadable =
            includesData && mayRead(tree.acl(of: child))
            && !SystemPath.isSecret(parent.appending(name))
        return ListedChild(
            name: name, state: ZnodeState(child, in: tree),
            data: isReadable ? tree.data(of: child) ?? [] : nil)
    }

    private func write(_ child: ListedChild, to json: inout JSONWriter) {
        json.beginObject()
        json.key("name")
        json.string(utf8: child.name)
        if includesStat {
            json.key("stat")
            child.state.write(to: &json)
        }
        if includesData {
            if let data = child.data {
                json.data(data)
            } else {
                json.key("code")
                json.string(ProblemCode.forbidden.rawValue)
            }
        }
        json.endObject()
    }
}

/// A child of which more than its name is told.
struct ListedChild: Sendable {
    var name: [UInt8]
    var state: ZnodeState
    /// Nil for a client that may not read it.
    var data: [UInt8]?
}
