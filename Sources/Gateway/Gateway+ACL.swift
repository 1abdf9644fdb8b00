import HTTPServer
import Jute
import Replica
import Waits
import ZnodeTree

extension Gateway {
    /// `GET /v1/acl/{path}`.
    func readACL(_ path: ZnodePath, _ call: Call) throws(Problem) -> HTTPResponse? {
        let condition = try ReadCondition(headers: call.headers)
        let interest = Interest(path, .node, [.created, .deleted, .aclChanged])
        return try whenFresh(call) { () throws(Problem) in
            try self.hold(call, "acl", [interest]) { occasion throws(Problem) in
                let response = try self.acl(of: path, condition, call)
                return response.status == 304 && !occasion.isLast ? nil : response
            }
        }
    }

    private func acl(
        of path: ZnodePath, _ condition: ReadCondition, _ call: Call
    ) throws(Problem) -> HTTPResponse {
        let (found, zxid) = node.served.read { tree -> ((state: ZnodeState, acl: [ACL])?, Zxid) in
            let found = tree.find(path).map { (ZnodeState($0, in: tree), tree.acl(of: $0)) }
            return (found, tree.lastApplied)
        }
        guard let (state, acl) = found else { throw Problem(.noNode, path: path, zxid: zxid) }
        let isAdmin = options.access.allows(.admin, to: call.identities, by: acl)
        if !isAdmin { try check(.read, on: path, acl, call.credentials) }
        let tag = state.aclTag
        if let known = try known(path, state, tag, condition, call, zxid: zxid) { return known }
        var json = JSONWriter()
        json.acl(isAdmin ? acl : acl.map(\.withoutDigest))
        return self.json(call, zxid: zxid, tag: tag, json.bytes)
    }

    /// `PUT /v1/acl/{path}`.
    func putACL(_ path: ZnodePath, _ call: Call) throws(Problem) -> HTTPResponse? {
        try SystemPath.checkWritable(path)
        try ZnodeBody.checkEncoding(call.headers)
        let condition = try ACLCondition(call)
        let acl = try resolve(ACL.list(try JSONParser.parse(call.request.body)), call)
        try ZnodeBody.checkSize(path, [], acl)
        let current = node.served.read { $0.stat(of: path) }
        let (version, czxid) = try condition.choose(current)
        let write = Write.setACL(path, acl, version: version, czxid: czxid)
        submit(write, call) { committed throws(Problem) in
            self.changedACL(path, committed, call)
        }
        return nil
    }

    private func changedACL(
        _ path: ZnodePath, _ committed: WriteOutcome.Committed, _ call: Call
    ) -> HTTPResponse {
        let state = state(of: path, committed.results.first?.stat)
        var json = JSONWriter(reserving: 512)
        json.object { json in
            json.key("path")
            json.string(utf8: path.bytes)
            json.key("zxid")
            json.zxid(committed.zxid)
            if let state {
                json.key("stat")
                state.write(to: &json)
            }
        }
        return self.json(call, zxid: committed.zxid, tag: state?.aclTag, json.bytes)
    }
}

/// What must hold of an ACL that is replaced.
private struct ACLCondition {
    private var tags: [(czxid: Zxid, aversion: Int32)]?
    private var version: Int32?

    init(_ call: Call) throws(Problem) {
        guard !call.headers.contains("If-None-Match") else {
            throw Problem(.badRequest, "The header If-None-Match means nothing here.")
        }
        version = try call.query.version()
        switch try EntityTagCondition.parse(call.headers.values("If-Match")) {
        case nil: break
        case .any: break  // The leader finds out whether it exists.
        case .tags(let stated):
            guard version == nil else {
                throw Problem(
                    .unimplemented, "A tag and a version in one request are not built yet.")
            }
            tags = stated.compactMap(\.aclVersion)
        }
    }

    /// ZooKeeper's form of the condition.
    ///
    /// - Parameter current: As this node has it; decides only which of several tags is sent.
    /// - Returns: The aversion, -1 for any, and what the znode's czxid must be.
    /// - Throws: `precondition-failed` when no tag can match.
    func choose(_ current: Stat?) throws(Problem) -> (version: Int32, czxid: Zxid?) {
        guard let tags else { return (version ?? -1, nil) }
        let match = tags.first { $0.czxid == current?.czxid && $0.aversion == current?.aversion }
        guard let tag = match ?? tags.first else { throw Problem(.preconditionFailed) }
        return (tag.aversion, tag.czxid)
    }
}

extension EntityTag {
    /// What a strong tag of an ACL says: `a<czxid>.<aversion>`.
    fileprivate var aclVersion: (czxid: Zxid, aversion: Int32)? {
        guard !isWeak, opaque.count >= 19, opaque[0] == UInt8(ascii: "a"),
            opaque[17] == UInt8(ascii: "."),
            let czxid = Zxid(parsing: String(decoding: opaque[1..<17], as: UTF8.self)),
            let aversion = Int32(String(decoding: opaque[18...], as: UTF8.self))
        else { return nil }
        return (czxid, aversion)
    }
}

extension ACL {
    /// As it is shown to those who may not change it: without what a password could be guessed
    /// from.
    ///
    /// - Source: semantics reference, section 9.
    fileprivate var withoutDigest: ACL {
        guard identity.scheme == "digest", let colon = identity.id.firstIndex(of: ":") else {
            return self
        }
        return ACL(
            permissions, Identity(scheme: "digest", id: "\(identity.id[..<colon]):x"))
    }
}
