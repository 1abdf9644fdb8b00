import Jute

/// A condition that ZooKeeper does not have, in the shape of one that it has: the check of version
/// -1 on `/aviary/guard/<field>/<zxid>/<path>` demands that the field of the znode at `/<path>`
/// is that zxid, or, with `unchanged` in the place of a field, that no transaction behind that zxid
/// has created, changed or deleted anything at or below `/<path>`.
///
/// Becomes an ordinary version check of the real znode. A setACL, which cannot stand beside a check
/// in a multi, has such a path itself instead of its znode's, and becomes one of the real znode.
///
/// A leader that does not know of guards finds no such znode and refuses, which is safe as long as
/// there never is one.
struct Guard: Equatable {
    enum Field: String {
        case mzxid
        case czxid
        case pzxid
        case unchanged
    }

    let field: Field
    let zxid: Zxid
    /// The znode that the condition is about.
    let path: ZnodePath

    private static let reserved: ZnodePath = "/aviary/guard"

    /// Whether nothing may be created at this path.
    static func isReserved(_ path: ZnodePath) -> Bool {
        path.isAtOrBelow(reserved)
    }

    /// Reads the path of a check or of a setACL.
    ///
    /// - Parameters:
    ///   - path: Of the operation; nil results unless it is reserved.
    ///   - version: Of the check; -1 for a setACL, whose version is that of its ACL.
    /// - Throws: `.badArguments` for a reserved path that is no guard.
    init?(_ path: ZnodePath, version: Int32) throws(ErrorCode) {
        guard Guard.isReserved(path) else { return nil }
        let parts = path.bytes.dropFirst(Guard.reserved.bytes.count + 1).split(
            separator: UInt8(ascii: "/"), maxSplits: 2, omittingEmptySubsequences: false)
        guard version == -1, parts.count >= 2,
            let field = Field(rawValue: String(decoding: parts[0], as: UTF8.self)),
            parts[1].count == 16, parts[1].allSatisfy(Guard.isHexDigit),
            let zxid = UInt64(String(decoding: parts[1], as: UTF8.self), radix: 16)
        else { throw .badArguments }
        self.field = field
        self.zxid = Zxid(rawValue: Int64(bitPattern: zxid))
        self.path = parts.count == 3 ? ZnodePath.root.appending(parts[2]) : .root
    }

    /// - Parameters:
    ///   - stat: Of the znode as it will be when everything outstanding is applied.
    ///   - outstanding: Knows what changed lately.
    /// - Returns: Whether the condition is met; false where that is no longer known.
    func holds(for stat: StoredStat, _ outstanding: OutstandingChanges) -> Bool {
        switch field {
        case .mzxid: stat.mzxid == zxid.rawValue
        case .czxid: stat.czxid == zxid.rawValue
        case .pzxid: stat.pzxid == zxid.rawValue
        case .unchanged: outstanding.isUnchanged(path, since: zxid)
        }
    }

    private static func isHexDigit(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"): true
        default: false
        }
    }
}
