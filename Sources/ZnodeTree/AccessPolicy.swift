package import Jute

/// Who may do what: ZooKeeper's schemes and rules.
///
/// - Source: semantics reference, section 9.
package struct AccessPolicy: Sendable {
    /// Allows everything (`zookeeper.skipACL`).
    package var skipsChecks: Bool
    /// An X.500 name that every `x509` entry matches.
    package var x509SuperUser: String?
    /// An id that, standing in an entry, every `sasl` identity matches.
    package var saslAnyUser: String?

    package init(
        skipsChecks: Bool = false, x509SuperUser: String? = nil, saslAnyUser: String? = nil
    ) {
        self.skipsChecks = skipsChecks
        self.x509SuperUser = x509SuperUser
        self.saslAnyUser = saslAnyUser
    }

    /// Whether one of `identities` has a permission.
    ///
    /// - Parameters:
    ///   - permission: One bit.
    ///   - identities: Of the connection, its `ip` among them.
    ///   - acl: Of the znode; an empty list allows everything.
    /// - Returns: False for `.noAuth`.
    package func allows(
        _ permission: Permissions, to identities: [Identity], by acl: [ACL]
    ) -> Bool {
        if skipsChecks || acl.isEmpty { return true }
        if acl.contains(where: { $0.permissions.contains(permission) && $0.identity == .anyone }) {
            return true
        }
        if identities.contains(where: { $0.scheme == "super" }) { return true }
        return acl.contains { entry in
            entry.permissions.contains(permission)
                && identities.contains { matches($0, entry.identity) }
        }
    }

    /// The list that a create or setACL stores: without duplicates, with `auth` replaced by the
    /// caller's own identities.
    ///
    /// - Parameters:
    ///   - acl: As it was asked for.
    ///   - identities: Of the connection.
    /// - Returns: The list to store.
    /// - Throws: `.invalidACL` for an empty list, an unknown scheme, an id that its scheme does
    ///   not allow, and `auth` without an authenticated identity.
    package func resolve(
        _ acl: [ACL], for identities: [Identity]
    ) throws(ErrorCode) -> [ACL] {
        if acl == ACL.open { return acl }
        guard !acl.isEmpty else { throw .invalidACL }
        var resolved: [ACL] = []
        for (index, entry) in acl.enumerated() where !acl[..<index].contains(entry) {
            guard entry.identity.scheme == "auth" else {
                guard Self.isValid(entry.identity) else { throw .invalidACL }
                resolved.append(entry)
                continue
            }
            let authenticated = identities.filter { Self.isAuthentication(scheme: $0.scheme) }
            guard !authenticated.isEmpty else { throw .invalidACL }
            resolved += authenticated.map { ACL(entry.permissions, $0) }
        }
        return resolved
    }

    private static func isAuthentication(scheme: String) -> Bool {
        scheme == "digest" || scheme == "x509" || scheme == "sasl"
    }

    private func matches(_ identity: Identity, _ entry: Identity) -> Bool {
        guard identity.scheme == entry.scheme else { return false }
        switch entry.scheme {
        case "digest":
            return identity.id == entry.id
        case "ip":
            guard let range = IPRange(entry.id), let address = IPAddress(identity.id) else {
                return false
            }
            return range.contains(address)
        case "x509":
            return identity.id == entry.id || identity.id == x509SuperUser
        case "sasl":
            return identity.id == entry.id || identity.id == "super" || entry.id == saslAnyUser
        default:
            return false
        }
    }

    private static func isValid(_ identity: Identity) -> Bool {
        switch identity.scheme {
        case "world":
            return identity == .anyone
        case "digest":
            let parts = identity.id.utf8.split(
                separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
            return parts.count == 2 && !parts[1].isEmpty
        case "ip":
            return IPRange(identity.id) != nil
        case "x509":
            return isDistinguishedName(identity.id)
        case "sasl":
            return isKerberosName(identity.id)
        default:
            return false
        }
    }

    /// `CN=somebody,O=somewhere`: parts with a type and a value each.
    private static func isDistinguishedName(_ text: String) -> Bool {
        let parts = text.utf8.split(
            separator: UInt8(ascii: ","), omittingEmptySubsequences: false)
        return parts.allSatisfy { part in
            let sides = part.split(
                separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
            return sides.count == 2
                && sides.allSatisfy { side in
                    side.contains { $0 != UInt8(ascii: " ") }
                }
        }
    }

    /// `service`, `user@REALM` or `service/host@REALM`.
    private static func isKerberosName(_ text: String) -> Bool {
        guard !text.isEmpty else { return false }
        let sides = text.utf8.split(
            separator: UInt8(ascii: "@"), omittingEmptySubsequences: false)
        if sides.count == 1 { return true }
        let slash = UInt8(ascii: "/")
        return sides.count == 2 && sides[0].count(where: { $0 == slash }) <= 1
            && !sides[1].contains(slash)
    }
}
