/// What an access control entry allows.
///
/// Bits beyond the five are kept and returned, as in the original (99 round-trips).
package struct Permissions: OptionSet, Hashable, Sendable {
    package var rawValue: Int32

    @inlinable
    package init(rawValue: Int32) {
        self.rawValue = rawValue
    }

    package static let read = Permissions(rawValue: 1)
    package static let write = Permissions(rawValue: 2)
    package static let create = Permissions(rawValue: 4)
    package static let delete = Permissions(rawValue: 8)
    package static let admin = Permissions(rawValue: 16)
    package static let all = Permissions(rawValue: 31)
}

/// An identity: a scheme (`world`, `digest`, `ip`, …) and what it says of somebody.
package struct Identity: Hashable, Sendable {
    package var scheme: String
    package var id: String

    package init(scheme: String, id: String) {
        self.scheme = scheme
        self.id = id
    }

    package static let anyone = Identity(scheme: "world", id: "anyone")

    package init(from reader: inout JuteReader) throws(JuteError) {
        scheme = try reader.readString()
        id = try reader.readString()
    }

    package func write(to writer: inout JuteWriter) {
        writer.write(string: scheme)
        writer.write(string: id)
    }
}

/// One access control entry. A znode has a list of them.
package struct ACL: Hashable, Sendable {
    package var permissions: Permissions
    package var identity: Identity

    package init(_ permissions: Permissions, _ identity: Identity) {
        self.permissions = permissions
        self.identity = identity
    }

    /// `world:anyone` with every permission.
    package static let open = [ACL(.all, .anyone)]

    package init(from reader: inout JuteReader) throws(JuteError) {
        permissions = Permissions(rawValue: try reader.readInt())
        identity = try Identity(from: &reader)
    }

    package func write(to writer: inout JuteWriter) {
        writer.write(int: permissions.rawValue)
        identity.write(to: &writer)
    }
}

extension JuteReader {
    /// The bytes of the shortest list element: permissions and two empty strings.
    private static let shortestACL = 12

    package mutating func readACL() throws(JuteError) -> [ACL] {
        try readVector(minimumSize: JuteReader.shortestACL) { reader throws(JuteError) in
            try ACL(from: &reader)
        }
    }
}

extension JuteWriter {
    package mutating func write(acl: [ACL]) {
        write(vector: acl) { writer, entry in entry.write(to: &writer) }
    }
}
