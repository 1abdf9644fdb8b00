import Jute

/// The body of `POST /v1/rollbacks`.
struct RollbackRequest: Sendable {
    var to: Point
    var path: ZnodePath
    var isDryRun = false
    var restoresACL = false
    /// How many znodes of each kind are listed.
    var limit = 1_000

    private static let largestLimit: Int64 = 10_000

    /// - Throws: `bad-request`, `bad-path`, and `forbidden` for the system's znodes.
    init(_ body: [UInt8]) throws(Problem) {
        guard case .object(let object) = try JSONParser.parse(body) else {
            throw Problem(.badRequest, #"The body is {"to":…,"path":…}."#)
        }
        try object.checkNames(["to", "path", "dryRun", "restoreAcl", "limit"])
        guard let to = RollbackRequest.point(object["to"]) else {
            throw Problem(
                .badRequest, "to is a zxid as text or a time in milliseconds as a number.")
        }
        self.to = to
        guard case .string(let text)? = object["path"] else {
            throw Problem(.badRequest, "path is the path of a znode.")
        }
        path = try ZnodePath.checked(text)
        try SystemPath.checkWritable(path)
        isDryRun = try RollbackRequest.flag(object["dryRun"], "dryRun")
        restoresACL = try RollbackRequest.flag(object["restoreAcl"], "restoreAcl")
        switch object["limit"] {
        case nil: break
        case .integer(let limit)? where (1...RollbackRequest.largestLimit).contains(limit):
            self.limit = Int(limit)
        default:
            throw Problem(
                .badRequest, "limit is a number from 1 to \(RollbackRequest.largestLimit).")
        }
    }

    private static func point(_ value: JSONValue?) -> Point? {
        switch value {
        case .string(let text)?:
            Zxid(parsing: String(decoding: text, as: UTF8.self)).map { .zxid($0) }
        case .integer(let time)? where time >= 0: .milliseconds(time)
        default: nil
        }
    }

    private static func flag(_ value: JSONValue?, _ name: String) throws(Problem) -> Bool {
        switch value {
        case nil: false
        case .bool(let flag)?: flag
        default: throw Problem(.badRequest, "\(name) is true or false.")
        }
    }
}
