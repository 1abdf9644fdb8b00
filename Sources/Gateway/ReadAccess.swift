import Jute
import ZnodeTree

/// Paths that are the system's own.
enum SystemPath {
    private static let aviary: ZnodePath = "/aviary"
    private static let secret: ZnodePath = "/aviary/secret"
    private static let zookeeper: ZnodePath = "/zookeeper"
    private static let quota: ZnodePath = "/zookeeper/quota"

    /// What signs session tokens: nobody reads it over HTTP, whatever its ACL and `skipACL` say.
    static func isSecret(_ path: ZnodePath) -> Bool { path == secret }

    /// Whether a znode is the system's and somebody who looks from `above` has not asked for that.
    static func isHidden(_ path: ZnodePath, from above: ZnodePath) -> Bool {
        for root in [aviary, zookeeper] where path.isAtOrBelow(root) {
            return !above.isAtOrBelow(root)
        }
        return false
    }

    /// Whether this is where a node's flag is raised.
    static func isFlag(_ path: ZnodePath) -> Bool {
        let parts = path.bytes.split(separator: UInt8(ascii: "/"))
        return parts.count == 4 && parts[0].elementsEqual("aviary".utf8)
            && parts[1].elementsEqual("recovery".utf8) && parts[3].elementsEqual("force".utf8)
            && PeerID(String(decoding: parts[2], as: UTF8.self)) != nil
    }

    /// - Throws: `forbidden` for what clients do not write: `/aviary`, `/zookeeper` and what is
    ///   below them, except for quotas, which are set by writing.
    static func checkWritable(_ path: ZnodePath) throws(Problem) {
        let isQuota = path.isAtOrBelow(quota) && path != quota
        guard path.isAtOrBelow(aviary) || (path.isAtOrBelow(zookeeper) && !isQuota) else { return }
        throw Problem(.forbidden, "This znode is the system's own.", path: path)
    }
}

extension Gateway {
    /// Checks a permission on a znode.
    ///
    /// - Throws: `unauthenticated` when credentials could help and none were given, otherwise
    ///   `forbidden`.
    func check(
        _ permission: Permissions, on path: ZnodePath, _ acl: [ACL], _ credentials: Credentials
    ) throws(Problem) {
        if SystemPath.isSecret(path) { throw Problem(.forbidden, path: path) }
        guard !options.access.allows(permission, to: credentials.identities, by: acl) else {
            return
        }
        throw refusal(permission, by: acl, path, credentials)
    }

    /// The refusal of a permission that `acl` does not give.
    func refusal(
        _ permission: Permissions, by acl: [ACL], _ path: ZnodePath, _ credentials: Credentials
    ) -> Problem {
        let credentialsHelp = acl.contains { entry in
            entry.permissions.contains(permission)
                && !["world", "ip"].contains(entry.identity.scheme)
        }
        return Problem(
            credentialsHelp && !credentials.areGiven ? .unauthenticated : .forbidden, path: path)
    }
}
