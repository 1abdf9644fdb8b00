import HTTPServer
import Jute
import Replica
import Waits
import ZnodeTree

/// What a held read of a znode waits for, instead of another tag.
private enum Until: String, CaseIterable {
    case exists
    case deleted
}

/// A znode as one moment had it.
struct ZnodeCopy: Sendable {
    var zxid: Zxid
    var state: ZnodeState
    var acl: [ACL]
    var data: [UInt8]
}

extension Interest.Kinds {
    /// What changes a znode's bytes, or who may see them.
    fileprivate static let ofBytes: Interest.Kinds = [
        .created, .dataChanged, .deleted, .aclChanged,
    ]
}

extension Gateway {
    /// `GET` and `HEAD /v1/znodes/{path}`.
    func readZnode(_ path: ZnodePath, _ call: Call) throws(Problem) -> HTTPResponse? {
        let form = try Representation(headers: call.headers, query: call.query)
        let condition = try ReadCondition(headers: call.headers)
        let until = try call.query.choice("until", Until.self)
        if let point = try call.query.point("at") {
            return try readZnode(path, at: point, form, condition, call)
        }
        let interest = Interest(path, .node, form == .raw ? .ofBytes : .all)
        return try whenFresh(call) { () throws(Problem) in
            try self.hold(call, "znode", [interest]) { occasion throws(Problem) in
                if !occasion.isLast, self.mustWait(path, until) { return nil }
                let response = try self.znode(path, form, condition, call)
                return until == nil && response.status == 304 && !occasion.isLast ? nil : response
            }
        }
    }

    private func mustWait(_ path: ZnodePath, _ until: Until?) -> Bool {
        switch until {
        case nil: false
        case .exists: node.served.read { $0.find(path) == nil }
        case .deleted: node.served.read { $0.find(path) != nil }
        }
    }

    private func znode(
        _ path: ZnodePath, _ form: Representation, _ condition: ReadCondition, _ call: Call
    ) throws(Problem) -> HTTPResponse {
        let (found, zxid) = node.served.read { tree -> (ZnodeCopy?, Zxid) in
            guard let znode = tree.find(path) else { return (nil, tree.lastApplied) }
            let copy = ZnodeCopy(
                zxid: tree.lastApplied, state: ZnodeState(znode, in: tree),
                acl: tree.acl(of: znode), data: tree.data(of: znode) ?? [])
            return (copy, tree.lastApplied)
        }
        guard let found else { throw Problem(.noNode, path: path, zxid: zxid) }
        try check(.read, on: path, found.acl, call.credentials)
        return try represent(found, path, form, condition, call)
    }

    /// The answer with a znode that the client may see.
    func represent(
        _ found: ZnodeCopy, _ path: ZnodePath, _ form: Representation,
        _ condition: ReadCondition, _ call: Call
    ) throws(Problem) -> HTTPResponse {
        let zxid = found.zxid
        let tag = form == .raw ? found.state.rawTag : found.state.tag
        var headers = headers(call, zxid: zxid)
        headers.add("ETag", bytes: tag.text)
        switch condition.verdict(current: tag) {
        case .notModified:
            return HTTPResponse(status: 304, headers: headers)
        case .failed:
            throw failedCondition(path, found.state, tag, zxid: zxid)
        case .serve:
            break
        }
        if form == .raw || call.method == .head { found.state.write(to: &headers) }
        if form == .raw {
            headers.add("Content-Type", "application/octet-stream")
            headers.add("X-Content-Type-Options", "nosniff")
            headers.add("Content-Security-Policy", "sandbox; default-src 'none'")
            return HTTPResponse(status: 200, headers: headers, body: found.data)
        }
        headers.add("Content-Type", "application/json")
        var json = JSONWriter(reserving: 384 + path.bytes.count + found.data.count)
        json.beginObject()
        json.key("path")
        json.string(utf8: path.bytes)
        json.data(found.data, forcingBase64: form == .jsonBase64)
        json.key("stat")
        found.state.write(to: &json)
        json.endObject()
        return HTTPResponse(status: 200, headers: headers, body: json.bytes)
    }

    /// 304 for what the client has already.
    ///
    /// - Returns: Nil when the state is to be served.
    /// - Throws: `precondition-failed`.
    func known(
        _ path: ZnodePath, _ state: ZnodeState, _ tag: EntityTag, _ condition: ReadCondition,
        _ call: Call, zxid: Zxid
    ) throws(Problem) -> HTTPResponse? {
        switch condition.verdict(current: tag) {
        case .serve:
            return nil
        case .failed:
            throw failedCondition(path, state, tag, zxid: zxid)
        case .notModified:
            var headers = headers(call, zxid: zxid)
            headers.add("ETag", bytes: tag.text)
            return HTTPResponse(status: 304, headers: headers)
        }
    }

    /// 412 with the state that did not meet the condition.
    func failedCondition(
        _ path: ZnodePath, _ state: ZnodeState?, _ tag: EntityTag?, zxid: Zxid? = nil
    ) -> Problem {
        var problem = Problem(.preconditionFailed, path: path, zxid: zxid)
        guard let state, let tag else { return problem }
        problem.etag = tag
        problem.members = [
            .init(name: "etag", value: .string(tag.text)),
            .init(name: "stat", value: state.value),
        ]
        return problem
    }
}
