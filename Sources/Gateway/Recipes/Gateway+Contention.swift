import HTTPServer
import Jute
import Node
import Replica
import Synchronization
import Waits
import ZnodeTree

// Locks and elections. Both are the same: contenders stand in the order in which they came, and the
// first one holds, or leads.

extension Gateway {
    /// `POST /v1/locks/{path}` and `POST /v1/elections/{path}`.
    func contend(
        _ kind: Contention.Kind, _ path: ZnodePath, _ call: Call
    ) throws(Problem) -> HTTPResponse? {
        try call.refuseConditions()
        try ZnodeBody.checkEncoding(call.headers)
        guard let session = call.session else {
            throw Problem(.badSession, "Aviary-Session says whose entry it is.")
        }
        guard !path.isRoot else {
            throw Problem(.badPath, "The root is neither a lock nor an election.")
        }
        try SystemPath.checkWritable(path)
        let request = try ContentionRequest(call.request.body, kind)
        try ZnodeBody.checkSize(path, request.data, nil)
        let entry = Entry(
            kind: kind, path: path, session: session, request: request, call: call, gateway: self)
        return try entry.begin()
    }

    /// `DELETE /v1/locks/{path}/{token}` and `DELETE /v1/elections/{path}/{token}`.
    func leaveContention(
        _ kind: Contention.Kind, _ path: ZnodePath, _ call: Call
    ) throws(Problem) -> HTTPResponse? {
        try call.refuseConditions()
        guard let lock = path.parent, Contention.isShared(Array(path.name)) != nil else {
            throw Problem(.badPath, "The last segment is the token that the entry was given.")
        }
        try SystemPath.checkWritable(lock)
        node.linearize(timeout: options.requestTimeout) { outcome in
            self.complete(call) { () throws(Problem) in
                guard outcome == .ready else { throw self.unconfirmed(outcome) }
                try self.remove(path, call)
                return nil
            }
        }
        return nil
    }

    private func remove(_ path: ZnodePath, _ call: Call) throws(Problem) {
        guard let stat = node.served.read({ $0.stat(of: path) }) else {
            throw Problem(.noNode, "There is no such entry any more.", path: path.parent)
        }
        if stat.ephemeralOwner != call.session { try admin.check(call.credentials) }
        let write = Write.delete(path, .none, recursive: false)
        submit(write, call) { committed throws(Problem) in
            HTTPResponse(status: 204, headers: self.headers(call, zxid: committed.zxid))
        }
    }

    /// `GET /v1/locks/{path}` and `GET /v1/elections/{path}`.
    func readContention(
        _ kind: Contention.Kind, _ path: ZnodePath, _ call: Call
    ) throws(Problem) -> HTTPResponse? {
        let condition = try ReadCondition(headers: call.headers)
        if let lock = path.parent, Contention.isShared(Array(path.name)) != nil {
            return try whenFresh(call) { () throws(Problem) in
                try self.place(of: Array(path.name), in: lock, call)
            }
        }
        return try whenFresh(call) { () throws(Problem) in
            try self.hold(call, kind.rawValue, [Interest(path)]) { occasion throws(Problem) in
                let response = try self.contention(kind, path, condition, call)
                return response.status == 304 && !occasion.isLast ? nil : response
            }
        }
    }

    /// Where an entry stands, at the address that it was given.
    private func place(
        of name: [UInt8], in lock: ZnodePath, _ call: Call
    ) throws(Problem) -> HTTPResponse {
        let (contention, acl, zxid) = node.served.read { tree in
            (Contention(at: lock, in: tree), tree.acl(of: lock), tree.lastApplied)
        }
        guard let contention, let acl, let contender = contention.contender(named: name) else {
            throw Problem(.noNode, "There is no such entry.", path: lock, zxid: zxid)
        }
        try check(.read, on: lock, acl, call.credentials)
        var json = JSONWriter()
        json.place(contender, contention.position(of: contender))
        return self.json(call, zxid: zxid, json.bytes)
    }

    private func contention(
        _ kind: Contention.Kind, _ path: ZnodePath, _ condition: ReadCondition, _ call: Call
    ) throws(Problem) -> HTTPResponse {
        let (found, acl, contention, zxid) = node.served.read { tree in
            let znode = tree.find(path)
            return (
                znode.map { ZnodeState($0, in: tree) }, tree.acl(of: path),
                Contention(at: path, in: tree), tree.lastApplied
            )
        }
        guard let state = found, let acl, let contention else {
            throw Problem(.noNode, path: path, zxid: zxid)
        }
        try check(.read, on: path, acl, call.credentials)
        let tag = state.childrenTag
        if let known = try known(path, state, tag, condition, call, zxid: zxid) { return known }
        var json = JSONWriter(reserving: 256 + 192 * contention.contenders.count)
        json.contention(contention, kind, path)
        return self.json(call, zxid: zxid, tag: tag, json.bytes)
    }
}

/// One request to hold: takes its place, then waits for its turn.
private struct Entry: Sendable {
    let kind: Contention.Kind
    let path: ZnodePath
    let session: SessionID
    let request: ContentionRequest
    let call: Call
    let gateway: Gateway

    private func contention() -> Contention? {
        gateway.node.served.read { Contention(at: path, in: $0) }
    }

    private func own(_ contention: Contention?) -> Contention.Contender? {
        contention?.entry(of: session, isShared: request.isShared)
    }

    // MARK: Taking a place

    func begin() throws(Problem) -> HTTPResponse? {
        if let own = own(contention()) { return try keep(own) }
        // The entry may have been made through another node, and what is held there released.
        gateway.node.linearize(timeout: gateway.options.requestTimeout) { outcome in
            gateway.complete(call) { () throws(Problem) in
                guard outcome == .ready else { throw gateway.unconfirmed(outcome) }
                let contention = contention()
                if let own = own(contention) { return try keep(own) }
                if !request.queues, contention?.blockers(isShared: request.isShared) ?? 0 > 0 {
                    throw Problem(.held, path: path)
                }
                create()
                return nil
            }
        }
        return nil
    }

    /// Makes an entry of an earlier request this one's: that request's client may have left, and
    /// would take the entry with it. From then on only its session's end, or a release, ends it.
    private func keep(_ own: Contention.Contender) throws(Problem) -> HTTPResponse? {
        if own.isKept { return try wait(own, isNew: false) }
        let write = Write.put(
            path.appending(own.name), data: own.data, .version(0), nil)
        gateway.node.submit(write, call.caller, timeout: gateway.options.requestTimeout) {
            outcome in
            gateway.complete(call) { () throws(Problem) in
                switch outcome {
                case .committed:
                    return try wait(own, isNew: false)
                case .refused(let refusal) where refusal.reason == .conditionFailed:
                    return try wait(own, isNew: false)
                case .refused(let refusal)
                where [.code(.noNode), .missingParent].contains(refusal.reason):
                    // It was taken away a moment ago: this request gets a place of its own.
                    create()
                    return nil
                default:
                    throw gateway.problem(outcome, write, call)
                }
            }
        }
        return nil
    }

    private func create() {
        let name = Contention.prefix(isShared: request.isShared)
        gateway.submit(
            .create(
                path.appending(name), data: request.data,
                Creation(mode: .ephemeral(sequential: true), parents: true)), call
        ) { _ throws(Problem) in
            // The transaction is applied here. Of two requests of one session the first counts.
            guard let contention = contention(),
                let mine = contention.contenders.first(where: { $0.name.starts(with: name) }),
                let own = own(contention)
            else { throw gone(path) }
            guard mine == own else {
                withdraw(mine)
                return try keep(own)
            }
            if !request.queues, contention.position(of: own) > 0 {
                withdraw(own)
                throw Problem(.held, path: path)
            }
            return try wait(own, isNew: true)
        }
    }

    /// Removes an entry that nobody was told of, unless another request has made it its own.
    /// Whether that succeeds is nobody's business: the session's end removes it too.
    private func withdraw(_ contender: Contention.Contender) {
        gateway.node.submit(
            .delete(path.appending(contender.name), .version(0), recursive: false), call.caller,
            timeout: gateway.options.requestTimeout, complete: { _ in })
    }

    // MARK: Waiting for its turn

    private func wait(
        _ own: Contention.Contender, isNew: Bool
    ) throws(Problem) -> HTTPResponse? {
        let entry = path.appending(own.name)
        // Who has not been told of a place in the queue must not keep it.
        let dequeue: @Sendable () -> Void = { withdraw(own) }
        let turn = Interest(path, .children, .deleted)
        return try gateway.hold(
            call, kind.rawValue, [turn], onLeave: isNew ? dequeue : nil
        ) {
            occasion throws(Problem) -> HTTPResponse? in
            guard let contention = contention(),
                let current = contention.contender(named: own.name)
            else { throw gone(entry) }
            let position = contention.position(of: current)
            guard position == 0 || occasion.isLast else { return nil }
            return answer(current, position)
        }
    }

    private func gone(_ entry: ZnodePath) -> Problem {
        let sessionLives = gateway.node.served.read { $0.timeout(of: session) != nil }
        return sessionLives
            ? Problem(.noNode, "The entry was removed.", path: entry)
            : gateway.sessionOver(session)
    }

    private func answer(_ own: Contention.Contender, _ position: Int) -> HTTPResponse {
        var json = JSONWriter()
        json.place(own, position)
        var response = gateway.json(
            call, status: position == 0 ? 201 : 202, zxid: gateway.servedZxid, json.bytes)
        let resource: StaticString = kind == .lock ? "/v1/locks" : "/v1/elections"
        response.headers.add(
            "Location", bytes: path.appending(own.name).address(below: resource))
        return response
    }
}

extension JSONWriter {
    /// An entry and how many have to go before it holds.
    fileprivate mutating func place(_ contender: Contention.Contender, _ position: Int) {
        object { json in
            json.key("token")
            json.string(utf8: contender.name)
            json.key("zxid")
            json.zxid(contender.czxid)
            if position > 0 {
                json.key("position")
                json.integer(position)
            }
        }
    }

    /// Who holds and who waits, or who leads and who would.
    fileprivate mutating func contention(
        _ contention: Contention, _ kind: Contention.Kind, _ path: ZnodePath
    ) {
        let holders = contention.contenders.filter { contention.position(of: $0) == 0 }
        let queue = contention.contenders.filter { contention.position(of: $0) > 0 }
        object { json in
            json.key("path")
            json.string(utf8: path.bytes)
            switch kind {
            case .lock:
                json.key("holders")
                json.array { json in
                    for contender in holders { json.contender(contender, kind) }
                }
                json.key("queue")
            case .election:
                json.key("leader")
                if let leader = holders.first {
                    json.contender(leader, kind)
                } else {
                    json.null()
                }
                json.key("candidates")
            }
            json.array { json in
                for contender in queue { json.contender(contender, kind) }
            }
        }
    }

    private mutating func contender(
        _ contender: Contention.Contender, _ kind: Contention.Kind
    ) {
        object { json in
            json.key("token")
            json.string(utf8: contender.name)
            json.key("zxid")
            json.zxid(contender.czxid)
            if kind == .lock {
                json.key("mode")
                json.string(contender.isShared ? "shared" : "exclusive")
            }
            json.key("session")
            if contender.session == .none { json.null() } else { json.sessionID(contender.session) }
            json.key("since")
            json.integer(contender.since)
            json.data(contender.data)
        }
    }
}
