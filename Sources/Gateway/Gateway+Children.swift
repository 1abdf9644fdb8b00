import HTTPServer
import Jute
import Replica
import Waits
import ZnodeTree

extension Gateway {
    /// `GET /v1/children/{path}`.
    func readChildren(of path: ZnodePath, _ call: Call) throws(Problem) -> HTTPResponse? {
        let request = try ChildrenRequest(call.query)
        let condition = try ReadCondition(headers: call.headers)
        if let point = try call.query.point("at") {
            return try readChildren(of: path, at: point, request, condition, call)
        }
        guard call.wait == nil || !request.includesAnything else {
            throw Problem(.badParameter, "include has no ETag, so nothing can be waited for.")
        }
        return try whenFresh(call) { () throws(Problem) in
            try self.hold(call, "children", [Interest(path)]) { occasion throws(Problem) in
                let response = try self.children(of: path, request, condition, call)
                return response.status == 304 && !occasion.isLast ? nil : response
            }
        }
    }

    private func children(
        of path: ZnodePath, _ request: ChildrenRequest, _ condition: ReadCondition, _ call: Call
    ) throws(Problem) -> HTTPResponse {
        let tree = node.served.view()
        let zxid = tree.lastApplied
        guard let parent = tree.find(path) else {
            throw Problem(.noNode, path: path, zxid: zxid)
        }
        try check(.read, on: path, tree.acl(of: parent), call.credentials)
        let state = ZnodeState(parent, in: tree)
        let tag = request.includesAnything ? nil : state.childrenTag
        if let tag, let known = try known(path, state, tag, condition, call, zxid: zxid) {
            return known
        }
        var json = JSONWriter(
            reserving: 512 + 24 * min(request.limit, Int(state.stat.numChildren)))
        json.beginObject()
        request.write(
            childrenOf: parent, path, in: tree, mayRead: { mayRead($0, call) }, to: &json)
        json.endObject()
        return self.json(call, zxid: zxid, tag: tag, json.bytes)
    }

    func mayRead(_ acl: [ACL], _ call: Call) -> Bool {
        options.access.allows(.read, to: call.identities, by: acl)
    }
}
