import Checksum
import Jute

/// What the leader must know of a znode to check the next request against it.
struct SpeculativeZnode: Sendable {
    var stat: StoredStat
    var numChildren: Int32
    /// -1 for null data.
    var dataLength: Int32
    var contentCRC: UInt32
    var acl: [ACL]
    var isSystem: Bool

    var digest: UInt64 {
        isSystem ? 0 : stat.digest(contentCRC: contentCRC)
    }

    var isEphemeral: Bool { DataTree.isEphemeral(owner: stat.ephemeralOwner) }

    static func contentCRC(path: [UInt8], data: [UInt8]?) -> UInt32 {
        var crc = CRC32()
        crc.update(path)
        if let data { crc.update(data) }
        return crc.value
    }
}

extension DataTree {
    func speculative(at path: ArraySlice<UInt8>) -> SpeculativeZnode? {
        guard let number = store.find(path) else { return nil }
        let record = store[number]
        return SpeculativeZnode(
            stat: record.stat, numChildren: Int32(record.childCount),
            dataLength: record.dataLength, contentCRC: record.contentCRC,
            acl: acls[record.acl], isSystem: record.flags.contains(.system))
    }
}
