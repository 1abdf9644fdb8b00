import HTTPServer
import Jute
import Node
import Replica
import ZnodeTree

extension Gateway {
    private static let secretPath: ZnodePath = "/aviary/secret"

    /// 410 with the reason: `expired`, `closed`, or `unknown`.
    func sessionOver(_ session: SessionID?) -> Problem {
        let end = session.flatMap { node.end(of: $0) }
        let detail: String? =
            switch end {
            case .expired: "The session expired: nothing was heard of it for its timeout."
            case .closed: "The session was closed."
            case nil: nil
            }
        var problem = Problem(.sessionExpired, detail)
        problem.members = [
            .init(name: "reason", value: .text(end?.rawValue ?? "unknown"))
        ]
        return problem
    }

    var hasSessionKey: Bool { node.served.read { $0.find(Gateway.secretPath) != nil } }

    /// What signs session tokens, the same on every member.
    ///
    /// - Throws: `electing` while no Aviary node has led the ensemble yet.
    func sessionKey() throws(Problem) -> [UInt8] {
        guard let key = node.served.read({ $0.data(of: Gateway.secretPath) ?? nil }),
            !key.isEmpty
        else {
            throw Problem(
                .electing, "The ensemble cannot sign sessions before an Aviary node has led it.")
        }
        return key
    }

    /// The session that `Aviary-Session` proves.
    ///
    /// That it lives is not checked here: another node may have opened it a moment ago.
    ///
    /// - Returns: Nil without the header.
    /// - Throws: `bad-session` for what is no token, `session-expired` for one of another key.
    func session(_ headers: HTTPHeaders) throws(Problem) -> SessionID? {
        let values = headers.values("Aviary-Session")
        guard let value = values.first else { return nil }
        guard values.count == 1 else { throw Problem(.badSession) }
        let token = try SessionToken(parsing: value)
        guard token.isGenuine(key: try sessionKey()) else { throw sessionOver(nil) }
        return token.id
    }

    /// Runs `body` once it is certain whether a session lives.
    ///
    /// - Parameters:
    ///   - session: Whose.
    ///   - call: Who asks.
    ///   - body: Gets the timeout; answers or arranges for the answer.
    func whenKnown(
        _ session: SessionID, _ call: Call, _ body: @escaping @Sendable (Int32) -> Void
    ) {
        if let timeout = node.served.read({ $0.timeout(of: session) }) { return body(timeout) }
        // It may live in a state that this node has not applied yet.
        node.linearize(timeout: options.requestTimeout) { outcome in
            guard outcome == .ready else {
                return self.complete(call) { () throws(Problem) in
                    throw self.unconfirmed(outcome)
                }
            }
            guard let timeout = self.node.served.read({ $0.timeout(of: session) }) else {
                return self.complete(call) { () throws(Problem) in
                    throw self.sessionOver(session)
                }
            }
            body(timeout)
        }
    }
}
