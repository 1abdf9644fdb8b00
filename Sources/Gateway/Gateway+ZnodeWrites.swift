import HTTPServer
import Jute
import Replica
import ZnodeTree

extension Gateway {
    /// `PUT /v1/znodes/{path}`.
    func putZnode(_ path: ZnodePath, _ call: Call) throws(Problem) -> HTTPResponse? {
        if SystemPath.isFlag(path) {
            try admin.check(call.credentials)
            return try put(path, call.asAdministrator)
        }
        try SystemPath.checkWritable(path)
        return try put(path, call)
    }

    private func put(_ path: ZnodePath, _ call: Call) throws(Problem) -> HTTPResponse? {
        let condition = try WriteCondition(headers: call.headers, query: call.query)
        let body = try ZnodeBody(call.request)
        let creation = try creation(call, body)
        try ZnodeBody.checkSize(path, body.data, body.acl)
        let write = Write.put(
            path, data: body.data, try condition.forReplica(),
            creation.isStated ? creation.creation : nil)
        submit(write, call) { committed throws(Problem) in
            self.written(path, committed, call)
        }
        return nil
    }

    /// `POST /v1/znodes/{parent}?name=`.
    func createChild(of parent: ZnodePath, _ call: Call) throws(Problem) -> HTTPResponse? {
        try call.refuseConditions()
        guard let name = try call.query.text("name") else {
            throw Problem(.badParameter, "The parameter name says how the child is called.")
        }
        try ZnodePath.checkName(Array(name.utf8))
        let path = parent.appending(name.utf8)
        try SystemPath.checkWritable(path)
        let body = try ZnodeBody(call.request)
        let creation = try creation(call, body, sequential: call.query.flag("sequential"))
        try ZnodeBody.checkSize(path, body.data, body.acl)
        submit(.create(path, data: body.data, creation.creation), call) {
            committed throws(Problem) in
            self.written(path, committed, call)
        }
        return nil
    }

    /// `DELETE /v1/znodes/{path}`.
    func deleteZnode(_ path: ZnodePath, _ call: Call) throws(Problem) -> HTTPResponse? {
        guard !path.isRoot else { throw Problem(.badRequest, "The root is never deleted.") }
        try SystemPath.checkWritable(path)
        let condition = try WriteCondition(headers: call.headers, query: call.query)
        guard !condition.mustBeMissing else {
            throw Problem(.badRequest, "If-None-Match: * and a deletion contradict each other.")
        }
        let recursive = try call.query.flag("recursive")
        let isAtomic = try call.query.flag("atomic", default: true)
        guard recursive || isAtomic else {
            throw Problem(.badParameter, "atomic=false goes with recursive=true.")
        }
        if recursive && !isAtomic {
            guard condition.isEmpty else {
                throw Problem(
                    .badRequest, "A deletion in several transactions takes no condition.")
            }
            SubtreeRemoval(path, call, self).proceed()
            return nil
        }
        let write = Write.delete(path, try condition.forReplica(), recursive: recursive)
        submit(write, call) { committed throws(Problem) in
            HTTPResponse(status: 204, headers: self.headers(call, zxid: committed.zxid))
        }
        return nil
    }

    private func creation(
        _ call: Call, _ body: ZnodeBody, sequential: Bool = false
    ) throws(Problem) -> ZnodeCreation {
        var creation = try ZnodeCreation(
            call.query, body, sequential: sequential, hasSession: call.session != nil,
            extendedTypes: options.extendedTypes)
        creation.creation.acl = try creation.creation.acl.map { acl throws(Problem) in
            try resolve(acl, call)
        }
        return creation
    }

    /// A list with `auth` replaced by who asks, before any identity of this node comes in.
    func resolve(_ acl: [ACL], _ call: Call) throws(Problem) -> [ACL] {
        do throws(ErrorCode) {
            return try options.access.resolve(acl, for: call.identities)
        } catch {
            throw Problem(.badACL)
        }
    }

    /// 201 or 200 for a value that was written.
    private func written(
        _ path: ZnodePath, _ committed: WriteOutcome.Committed, _ call: Call
    ) -> HTTPResponse {
        let result = committed.results.first
        let path = result?.path ?? path
        var headers = headers(call, zxid: committed.zxid)
        headers.add("Content-Type", "application/json")
        if committed.isCreation {
            headers.add("Location", bytes: path.address(below: "/v1/znodes"))
        }
        if committed.usedVersionCheck { headers.add("Aviary-Condition", "version") }
        headers.add("ETag", bytes: EntityTag.raw(mzxid: committed.zxid).text)
        var json = JSONWriter(reserving: 448 + path.bytes.count)
        json.beginObject()
        json.key("path")
        json.string(utf8: path.bytes)
        json.key("zxid")
        json.zxid(committed.zxid)
        if let state = state(of: path, result?.stat) {
            json.key("stat")
            state.write(to: &json)
        }
        json.endObject()
        return HTTPResponse(
            status: committed.isCreation ? 201 : 200, headers: headers, body: json.bytes)
    }

    /// The stat that an operation left behind, with the mode, which the transaction does not tell.
    func state(of path: ZnodePath, _ stat: Stat?) -> ZnodeState? {
        guard let stat else { return nil }
        let current = node.served.read { tree in
            tree.find(path).map { ZnodeState($0, in: tree) }
        }
        guard var state = current, state.stat.czxid == stat.czxid else { return nil }
        state.stat = stat
        return state
    }
}

extension WriteCondition {
    /// As the replica takes it: one condition.
    ///
    /// - Throws: `unimplemented` for a tag and a version together.
    func forReplica() throws(Problem) -> Condition {
        switch (mustBeMissing, mzxids, version) {
        case (true, _, _): return .isMissing
        case (_, .some, .some):
            throw Problem(.unimplemented, "A tag and a version in one request are not built yet.")
        case (_, .some(let tags), nil): return .mzxid(tags)
        case (_, nil, .some(let version)): return .version(version)
        case (_, nil, nil): return mustExist ? .exists : .none
        }
    }
}
