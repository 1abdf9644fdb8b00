package import HTTPServer
package import Jute

/// The modes that a client may ask for.
package enum ZnodeMode: String, CaseIterable, Sendable {
    case persistent
    case ephemeral
    case container
    case persistentWithTTL = "persistent-with-ttl"
}

/// What the body of a write to `/v1/znodes` says.
package struct ZnodeBody: Equatable, Sendable {
    package var data: [UInt8]
    package var acl: [ACL]?
    package var mode: ZnodeMode?
    package var ttl: Duration?

    private static let envelopeType = "application/vnd.aviary.znode+json"

    /// The bytes as they are, or the envelope when the content type says so.
    ///
    /// - Throws: `unsupported-encoding`, and `bad-request` or `bad-acl` for a bad envelope.
    package init(_ request: HTTPRequest) throws(Problem) {
        try ZnodeBody.checkEncoding(request.headers)
        guard ZnodeBody.isEnvelope(request.headers["Content-Type"]) else {
            data = request.body
            return
        }
        guard case .object(let object) = try JSONParser.parse(request.body) else {
            throw Problem(.badRequest, "An envelope is a JSON object.")
        }
        try object.checkNames(["text", "base64", "acl", "mode", "ttl"])
        data = try object.data() ?? []
        acl = try object["acl"].map(ACL.list)
        mode = try object.mode()
        ttl = try object.duration("ttl")
    }

    /// Value, path and ACL of a znode together.
    package static let largestZnode = 1_047_552
    /// Any JSON body.
    package static let largestJSON = 4 << 20

    /// How long the body of a request may be.
    package static func limit(for head: HTTPRequestHead) -> Int {
        let isZnode = head.rawPath.starts(with: "/v1/znodes".utf8)
        return isZnode && !isEnvelope(head.headers["Content-Type"]) ? largestZnode : largestJSON
    }

    /// Refuses a znode that ZooKeeper's own clients could not read.
    ///
    /// - Parameters:
    ///   - path: Of the znode.
    ///   - data: Its value.
    ///   - acl: Nil for the open one.
    /// - Throws: `too-large`.
    package static func checkSize(_ path: ZnodePath, _ data: [UInt8], _ acl: [ACL]?) throws(Problem)
    {
        // The permissions, and the lengths of scheme and id, are four bytes each.
        let aclBytes = (acl ?? ACL.open).reduce(0) {
            $0 + 12 + $1.identity.scheme.utf8.count + $1.identity.id.utf8.count
        }
        let bytes = path.bytes.count + data.count + aclBytes
        guard bytes > largestZnode else { return }
        var problem = Problem(.tooLarge, path: path)
        problem.members = [
            .init(name: "bytes", value: .integer(Int64(bytes))),
            .init(name: "limit", value: .integer(Int64(largestZnode))),
        ]
        throw problem
    }

    /// Refuses a body that would have to be decoded first.
    package static func checkEncoding(_ headers: HTTPHeaders) throws(Problem) {
        if headers.contains("Content-Encoding") { throw Problem(.unsupportedEncoding) }
    }

    private static func isEnvelope(_ contentType: ArraySlice<UInt8>?) -> Bool {
        guard let contentType else { return false }
        let type = contentType.prefix { $0 != UInt8(ascii: ";") }
        return trimmed(type).elementsEqual(envelopeType.utf8) { lowercase($0) == $1 }
    }
}

extension JSONObject {
    /// The bytes in `text` or `base64`; nil without either.
    package func data() throws(Problem) -> [UInt8]? {
        switch (self["text"], self["base64"]) {
        case (nil, nil):
            return nil
        case (.string(let utf8), nil):
            return utf8
        case (nil, .string(let digits)):
            guard let data = Base64.decode(digits) else {
                throw Problem(.badRequest, "base64 is not padded base64 of RFC 4648.")
            }
            return data
        case (nil, _), (_, nil):
            throw Problem(.badRequest, "text and base64 are strings.")
        default:
            throw Problem(.badRequest, "text and base64 exclude each other.")
        }
    }

    package func mode() throws(Problem) -> ZnodeMode? {
        guard let value = self["mode"] else { return nil }
        guard let text = value.text, let mode = ZnodeMode(rawValue: text) else {
            let list = ZnodeMode.allCases.map(\.rawValue).joined(separator: ", ")
            throw Problem(.badRequest, "mode is one of \(list).")
        }
        return mode
    }

    /// A duration as text, or a number of seconds.
    package func duration(_ name: StaticString) throws(Problem) -> Duration? {
        switch self[name] {
        case nil: return nil
        case .integer(let seconds):
            if let duration = Duration(parsing: String(seconds)) { return duration }
        case .string(let text):
            if let duration = Duration(parsing: String(decoding: text, as: UTF8.self)) {
                return duration
            }
        default: break
        }
        throw Problem(.badRequest, "\(name) is a duration: 30s, 500ms, 5m, 2h, 7d or 30.")
    }
}

extension ACL {
    private static let permissionNames: [(name: String, permission: Permissions)] = [
        ("read", .read), ("write", .write), ("create", .create), ("delete", .delete),
        ("admin", .admin),
    ]

    /// Reads `[{"scheme","id","perms":[…]}]`. What the schemes and ids mean is not checked here.
    ///
    /// - Throws: `bad-acl` for anything of another form, and for an empty list.
    package static func list(_ value: JSONValue) throws(Problem) -> [ACL] {
        let form = #"An ACL is a list of {"scheme","id","perms"}, with at least one entry."#
        guard case .array(let entries) = value, !entries.isEmpty else {
            throw Problem(.badACL, form)
        }
        var list: [ACL] = []
        for entry in entries {
            guard case .object(let object) = entry, let scheme = object["scheme"]?.text,
                let id = object["id"]?.text, case .array(let names) = object["perms"],
                object.members.count == 3
            else { throw Problem(.badACL, form) }
            var permissions = Permissions()
            for name in names {
                guard let found = permissionNames.first(where: { $0.name == name.text }) else {
                    throw Problem(.badACL, "perms are read, write, create, delete and admin.")
                }
                permissions.insert(found.permission)
            }
            list.append(ACL(permissions, Identity(scheme: scheme, id: id)))
        }
        return list
    }
}

extension JSONWriter {
    package mutating func acl(_ list: [ACL]) {
        array { json in
            for entry in list {
                json.object { json in
                    json.key("scheme")
                    json.string(entry.identity.scheme)
                    json.key("id")
                    json.string(entry.identity.id)
                    json.key("perms")
                    json.array { json in
                        for name in entry.permissionNames { json.string(name) }
                    }
                }
            }
        }
    }
}

extension ACL {
    package var permissionNames: [String] {
        ACL.permissionNames.filter { permissions.contains($0.permission) }.map(\.name)
    }
}
