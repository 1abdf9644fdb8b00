import HTTPServer
import Jute
import Replica
import ZnodeTree

extension Gateway {
    /// `POST /v1/sessions`.
    func openSession(_ call: Call) throws(Problem) -> HTTPResponse? {
        try call.refuseConditions()
        try ZnodeBody.checkEncoding(call.headers)
        let timeoutMs = Int32(clamping: try sessionTimeout(call.request.body).milliseconds)
        guard hasSessionKey else {
            // The first leader is about to make it.
            when(call, { self.hasSessionKey }) { () throws(Problem) in
                self.openSession(timeoutMs, try self.sessionKey(), call)
            }
            return nil
        }
        return openSession(timeoutMs, try sessionKey(), call)
    }

    private func openSession(_ timeoutMs: Int32, _ key: [UInt8], _ call: Call) -> HTTPResponse? {
        node.openSession(timeoutMs: timeoutMs, timeout: options.requestTimeout) { id, outcome in
            self.complete(call) { () throws(Problem) in
                guard case .committed(let committed) = outcome else {
                    throw self.problem(outcome, .createSession(timeoutMs: timeoutMs), call)
                }
                return self.opened(id, key, timeoutMs, committed.zxid, call)
            }
        }
        return nil
    }

    /// What was asked for, within the configured bounds; their upper one when nothing was.
    private func sessionTimeout(_ body: [UInt8]) throws(Problem) -> Duration {
        let bounds = options.sessionTimeout
        if body.isEmpty { return bounds.upperBound }
        guard case .object(let object) = try JSONParser.parse(body) else {
            throw Problem(.badRequest, #"The body is {"timeout":"30s"}."#)
        }
        try object.checkNames(["timeout"])
        let wanted = try object.duration("timeout") ?? bounds.upperBound
        return min(max(wanted, bounds.lowerBound), bounds.upperBound)
    }

    private func opened(
        _ id: SessionID, _ key: [UInt8], _ timeoutMs: Int32, _ zxid: Zxid, _ call: Call
    ) -> HTTPResponse {
        var json = JSONWriter()
        json.object { json in
            json.key("id")
            json.sessionID(id)
            json.key("token")
            json.string(SessionToken(id, key: key).text)
            json.key("timeoutMs")
            json.integer(timeoutMs)
        }
        var response = self.json(call, status: 201, zxid: zxid, json.bytes)
        response.headers.add("Location", "/v1/sessions/\(id)")
        return response
    }

    // MARK: Existing sessions

    /// `POST /v1/sessions/{id}/keepalive`, confirmed by the leader.
    func keepSessionAlive(_ id: SessionID, _ call: Call) throws(Problem) -> HTTPResponse? {
        try call.refuseConditions()
        try checkOwner(id, call)
        whenKnown(id, call) { timeoutMs in
            self.node.keepAlive(id) { lives in
                self.complete(call) { () throws(Problem) in
                    switch lives {
                    case nil: throw self.unconfirmed(.unavailable)
                    case false: throw self.sessionOver(id)
                    case true:
                        var json = JSONWriter()
                        json.object { json in
                            json.key("id")
                            json.sessionID(id)
                            json.key("timeoutMs")
                            json.integer(timeoutMs)
                        }
                        return self.json(call, zxid: self.servedZxid, json.bytes)
                    }
                }
            }
        }
        return nil
    }

    /// `GET /v1/sessions/{id}`.
    func readSession(_ id: SessionID, _ call: Call) throws(Problem) -> HTTPResponse? {
        try checkOwner(id, call)
        whenKnown(id, call) { _ in
            self.complete(call) { () throws(Problem) in
                let tree = self.node.served.view()
                guard let timeout = tree.timeout(of: id) else { throw self.sessionOver(id) }
                var json = JSONWriter()
                json.session(id, timeout, in: tree)
                return self.json(call, zxid: tree.lastApplied, json.bytes)
            }
        }
        return nil
    }

    /// `GET /v1/sessions`, for administrators.
    func listSessions(_ call: Call) throws(Problem) -> HTTPResponse? {
        try admin.check(call.credentials)
        let tree = node.served.view()
        var json = JSONWriter(reserving: 4_096)
        json.object { json in
            json.key("sessions")
            json.array { json in
                for session in tree.sessions {
                    json.session(session.id, session.timeoutMs, in: tree)
                }
            }
        }
        return self.json(call, zxid: tree.lastApplied, json.bytes)
    }

    /// `DELETE /v1/sessions/{id}`.
    func closeSession(_ id: SessionID, _ call: Call) throws(Problem) -> HTTPResponse? {
        try checkOwner(id, call)
        whenKnown(id, call) { _ in
            let write = Write.closeSession(id)
            let caller = Caller(identities: call.identities)
            self.node.submit(write, caller, timeout: self.options.requestTimeout) { outcome in
                self.complete(call) { () throws(Problem) in
                    guard case .committed(let committed) = outcome else {
                        throw self.problem(outcome, write, call)
                    }
                    return HTTPResponse(
                        status: 204, headers: self.headers(call, zxid: committed.zxid))
                }
            }
        }
        return nil
    }

    /// A session is its owner's and the administrator's business.
    private func checkOwner(_ id: SessionID, _ call: Call) throws(Problem) {
        guard let session = call.session else { return try admin.check(call.credentials) }
        guard session == id else {
            throw Problem(.forbidden, "Aviary-Session is the token of another session.")
        }
    }
}

extension JSONWriter {
    /// A session with its ephemerals.
    fileprivate mutating func session(_ id: SessionID, _ timeoutMs: Int32, in tree: DataTree) {
        object { json in
            json.key("id")
            json.sessionID(id)
            json.key("timeoutMs")
            json.integer(timeoutMs)
            json.key("ephemerals")
            json.array { json in
                for path in tree.ephemerals(of: id) { json.string(utf8: path.bytes) }
            }
        }
    }
}
