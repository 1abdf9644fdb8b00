import HTTPServer
import Jute

/// A person's order to a node that waits for one: the body of `PUT /v1/recovery/flag`.
struct RecoveryFlag: Equatable, Sendable {
    enum Action: Equatable, Sendable {
        /// Give up what is here and take over the quorum's state.
        case adoptQuorum
        /// Go on with what is here, without these members, which are dead for good.
        case adoptLocal(dead: Set<PeerID>)
    }

    var action: Action
    var reason: String

    init(_ body: [UInt8]) throws(Problem) {
        guard case .object(let object) = try JSONParser.parse(body) else { throw Self.malformed }
        try object.checkNames(["action", "reason", "dead"])
        switch object["reason"] {
        case nil: reason = ""
        case .string(let text)?: reason = String(decoding: text, as: UTF8.self)
        default: throw Self.malformed
        }
        let dead = try Self.members(object["dead"])
        switch (object["action"]?.text, dead) {
        case ("adopt-quorum", nil): action = .adoptQuorum
        case ("adopt-local", let dead?): action = .adoptLocal(dead: dead)
        default: throw Self.malformed
        }
    }

    private static func members(_ value: JSONValue?) throws(Problem) -> Set<PeerID>? {
        guard let value else { return nil }
        guard case .array(let values) = value, !values.isEmpty else { throw malformed }
        var members: Set<PeerID> = []
        for value in values {
            guard case .integer(let id) = value else { throw malformed }
            members.insert(id)
        }
        return members
    }

    private static let malformed = Problem(
        .badRequest,
        #"The body is {"action":"adopt-quorum","reason":"…"} or "#
            + #"{"action":"adopt-local","dead":[ids],"reason":"…"}."#)
}
