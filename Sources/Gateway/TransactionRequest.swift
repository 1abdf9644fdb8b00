import Jute
import Replica

/// The body of `POST /v1/transactions`.
struct TransactionRequest: Sendable {
    /// What an operation is called, for the answer.
    enum Kind: String, Sendable {
        case check, create, set, delete

        var successStatus: Int {
            switch self {
            case .check, .set: 200
            case .create: 201
            case .delete: 204
            }
        }

        var action: RefusedAction {
            switch self {
            case .create: .create
            case .delete: .delete
            case .check, .set: .change
            }
        }
    }

    private(set) var kinds: [Kind] = []
    private(set) var steps: [TransactionStep] = []
    /// At least this many bytes of a transaction.
    private(set) var bytes = 0

    private let hasSession: Bool
    private let extendedTypes: Bool

    /// - Throws: `bad-request`, `bad-path`, `bad-acl`, `bad-session`, `too-large`,
    ///   `transaction-too-large`, and `forbidden` for the system's znodes.
    init(_ body: [UInt8], hasSession: Bool, extendedTypes: Bool) throws(Problem) {
        self.hasSession = hasSession
        self.extendedTypes = extendedTypes
        guard case .object(let object) = try JSONParser.parse(body),
            case .array(let operations)? = object["operations"], !operations.isEmpty
        else {
            throw Problem(
                .badRequest, #"The body is {"operations":[…]} with at least one operation."#)
        }
        try object.checkNames(["operations"])
        for (index, operation) in operations.enumerated() {
            do throws(Problem) {
                try append(operation)
            } catch {
                var problem = error
                problem.members.append(
                    .init(name: "operationIndex", value: .integer(Int64(index))))
                throw problem
            }
        }
        guard bytes <= juteMaximumLength else {
            var problem = Problem(.transactionTooLarge)
            problem.members = [
                .init(name: "operations", value: .integer(Int64(operations.count))),
                .init(name: "bytes", value: .integer(Int64(bytes))),
                .init(name: "limit", value: .integer(Int64(juteMaximumLength))),
            ]
            throw problem
        }
    }

    private mutating func append(_ value: JSONValue) throws(Problem) {
        guard case .object(let object) = value, let name = object["op"]?.text,
            let kind = Kind(rawValue: name), case .string(let pathBytes)? = object["path"]
        else {
            throw Problem(
                .badRequest,
                #"An operation is {"op":"check"|"create"|"set"|"delete","path",…}."#)
        }
        let path = try ZnodePath.checked(pathBytes)
        try SystemPath.checkWritable(path)
        switch kind {
        case .create: try appendCreate(path, object)
        case .set:
            try object.checkNames(["op", "path", "text", "base64", "version", "ifMatch"])
            let data = try object.data() ?? []
            try ZnodeBody.checkSize(path, data, nil)
            bytes += data.count
            try append(object) { .setData(path: path, data: data, version: $0) }
        case .delete:
            try object.checkNames(["op", "path", "version", "ifMatch"])
            guard !path.isRoot else { throw Problem(.badRequest, "The root is never deleted.") }
            try append(object) { .delete(path: path, version: $0) }
        case .check:
            try object.checkNames(["op", "path", "version", "ifMatch"])
            try append(object) { .check(path: path, version: $0) }
        }
        bytes += path.bytes.count + 13
        kinds.append(kind)
    }

    private mutating func appendCreate(
        _ path: ZnodePath, _ object: JSONObject
    ) throws(Problem) {
        try object.checkNames(
            ["op", "path", "text", "base64", "mode", "sequential", "acl", "ttl"])
        let sequential: Bool
        switch object["sequential"] {
        case nil: sequential = false
        case .bool(let value): sequential = value
        default: throw Problem(.badRequest, "sequential is true or false.")
        }
        let mode = try ZnodeCreation.mode(
            object.mode(), ttl: object.duration("ttl"), sequential: sequential,
            hasSession: hasSession, extendedTypes: extendedTypes)
        let data = try object.data() ?? []
        let acl = try object["acl"].map(ACL.list)
        try ZnodeBody.checkSize(path, data, acl)
        bytes += data.count
        steps.append(
            TransactionStep(
                .create(
                    CreateOperation(
                        path: path, data: data, acl: acl ?? ACL.open,
                        mode: mode ?? .persistent(sequential: sequential)))))
    }

    /// An operation on what exists, with its condition.
    private mutating func append(
        _ object: JSONObject, _ operation: (Int32) -> Operation
    ) throws(Problem) {
        var version: Int32 = -1
        switch object["version"] {
        case nil: break
        case .integer(let value):
            guard let stated = Int32(exactly: value) else {
                throw Problem(.badRequest, "version is a 32-bit number.")
            }
            version = stated
        default: throw Problem(.badRequest, "version is a whole number.")
        }
        let tag = try condition(object)
        guard tag == nil || version == -1 else {
            throw Problem(.unimplemented, "ifMatch and version together are not built yet.")
        }
        steps.append(TransactionStep(operation(version), mzxid: tag))
    }

    /// The mzxid in `ifMatch`; nil for none, and for `*`, which every such operation demands.
    private func condition(_ object: JSONObject) throws(Problem) -> Zxid? {
        guard let value = object["ifMatch"] else { return nil }
        guard case .string(let text) = value,
            let condition = try EntityTagCondition.parse([text[...]])
        else { throw Problem(.badRequest, "ifMatch is an entity tag as text, or *.") }
        switch condition {
        case .any: return nil
        case .tags(let tags):
            guard tags.count == 1 else {
                throw Problem(.badRequest, "In a transaction, ifMatch takes one tag.")
            }
            // No znode has the zxid 0 of a tag that can never match.
            return tags[0].isWeak ? Zxid.zero : tags[0].mzxid ?? Zxid.zero
        }
    }

    /// Lets `auth` entries stand for who asks.
    mutating func resolveACLs(_ resolve: ([ACL]) throws(Problem) -> [ACL]) throws(Problem) {
        for index in steps.indices {
            guard case .create(var create) = steps[index].operation else { continue }
            create.acl = try resolve(create.acl)
            steps[index].operation = .create(create)
        }
    }
}
