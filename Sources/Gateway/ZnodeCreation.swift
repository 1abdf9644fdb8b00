import Jute
import Replica

/// What a write to `/v1/znodes` says of the znode it may create.
struct ZnodeCreation: Sendable {
    var creation: Creation
    /// Whether the request said anything about how to create.
    let isStated: Bool

    private static let longestTTL: Int64 = 0xFF_FFFF_FFFF

    /// Joins query and envelope.
    ///
    /// - Parameters:
    ///   - query: `mode`, `ttl`, `parents`.
    ///   - body: The same in an envelope, and `acl`.
    ///   - sequential: Whether the name gets a number.
    ///   - hasSession: Whether the request has a session of its own.
    ///   - extendedTypes: Whether znodes may have a TTL.
    /// - Throws: `bad-parameter`, `bad-request`, `bad-session`, `unimplemented`.
    init(
        _ query: Query, _ body: ZnodeBody, sequential: Bool = false, hasSession: Bool,
        extendedTypes: Bool
    ) throws(Problem) {
        let mode = try query.choice("mode", ZnodeMode.self)
        let ttl = try query.duration("ttl")
        guard mode == nil || body.mode == nil, ttl == nil || body.ttl == nil else {
            throw Problem(.badRequest, "mode and ttl stand in the query or in the envelope.")
        }
        let parents = try query.flag("parents")
        let stated = try ZnodeCreation.mode(
            mode ?? body.mode, ttl: ttl ?? body.ttl, sequential: sequential,
            hasSession: hasSession, extendedTypes: extendedTypes)
        isStated = stated != nil || body.acl != nil || parents
        creation = Creation(
            mode: sequential ? stated ?? .persistent(sequential: true) : stated, acl: body.acl,
            parents: parents)
    }

    /// - Returns: The mode; nil when neither a mode nor a TTL was stated.
    static func mode(
        _ mode: ZnodeMode?, ttl: Duration?, sequential: Bool, hasSession: Bool,
        extendedTypes: Bool
    ) throws(Problem) -> CreateOperation.Mode? {
        if ttl != nil, let mode, mode != .persistentWithTTL {
            throw Problem(.badRequest, "Only the mode persistent-with-ttl has a ttl.")
        }
        switch mode {
        case nil where ttl == nil:
            return nil
        case nil, .persistentWithTTL:
            guard let ttl else {
                throw Problem(.badRequest, "The mode persistent-with-ttl needs a ttl.")
            }
            guard extendedTypes else {
                throw Problem(.unimplemented, "TTLs need extendedTypesEnabled.")
            }
            guard (1...longestTTL).contains(ttl.milliseconds) else {
                throw Problem(.badRequest, "A ttl is from 1 ms to 34 years.")
            }
            return .ttl(milliseconds: ttl.milliseconds, sequential: sequential)
        case .persistent:
            return .persistent(sequential: sequential)
        case .ephemeral:
            guard hasSession else {
                throw Problem(.badSession, "An ephemeral znode needs Aviary-Session.")
            }
            return .ephemeral(sequential: sequential)
        case .container:
            guard !sequential else {
                throw Problem(.badRequest, "ZooKeeper has no sequential containers.")
            }
            return .container
        }
    }
}
