import Jute

extension Txn {
    /// How many bytes `writeBody` writes.
    var bodySize: Int {
        switch self {
        case .create(let create):
            let common =
                4 + create.path.bytes.count + 4 + (create.data?.count ?? 0) + create.acl.size + 4
            return switch create.mode {
            case .ordinary: common + 1
            case .container: common
            case .ttl: common + 8
            }
        case .delete(let path, _):
            return 4 + path.bytes.count
        case .setData(let path, let data, _), .reconfig(let path, let data, _):
            return 4 + path.bytes.count + 4 + (data?.count ?? 0) + 4
        case .setACL(let path, let acl, _):
            return 4 + path.bytes.count + acl.size + 4
        case .check(let path, _):
            return 4 + path.bytes.count + 4
        case .createSession, .error:
            return 4
        case .closeSession(let paths):
            guard let paths else { return 0 }
            return paths.reduce(4) { $0 + 4 + $1.bytes.count }
        case .multi(let txns):
            return txns.reduce(4) { $0 + 8 + $1.bodySize }
        }
    }
}

extension [ACL] {
    fileprivate var size: Int {
        reduce(4) { $0 + 12 + $1.identity.scheme.utf8.count + $1.identity.id.utf8.count }
    }
}
