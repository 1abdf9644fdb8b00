import Checksum
package import Jute

/// The part of a znode's stat that is stored, digested and written into snapshots.
///
/// `cversion` counts the creations of children only, and `ephemeralOwner` also encodes containers
/// and TTLs; `Stat` is what a client sees.
///
/// - Source: semantics reference, sections 3 and 4.
package struct StoredStat: BitwiseCopyable, Hashable, Sendable {
    package var czxid: Int64 = 0
    package var mzxid: Int64 = 0
    package var pzxid: Int64 = 0
    package var ctime: Int64 = 0
    package var mtime: Int64 = 0
    package var ephemeralOwner: Int64 = 0
    package var version: Int32 = 0
    package var cversion: Int32 = 0
    package var aversion: Int32 = 0

    package init() {}

    /// The stat of a znode that is created.
    package init(createdBy zxid: Zxid, at time: Int64, owner: Int64) {
        czxid = zxid.rawValue
        mzxid = zxid.rawValue
        pzxid = zxid.rawValue
        ctime = time
        mtime = time
        ephemeralOwner = owner
    }

    /// The bytes of StatPersisted in a snapshot.
    package static let persistedSize = 60

    /// Writes StatPersisted, where pzxid comes last.
    package func writePersisted(to writer: inout JuteWriter) {
        writer.write(long: czxid)
        writer.write(long: mzxid)
        writer.write(long: ctime)
        writer.write(long: mtime)
        writer.write(int: version)
        writer.write(int: cversion)
        writer.write(int: aversion)
        writer.write(long: ephemeralOwner)
        writer.write(long: pzxid)
    }

    /// Reads the 60 bytes of StatPersisted.
    ///
    /// - Precondition: `bytes` are at least 60.
    init(persisted bytes: UnsafeRawBufferPointer) {
        func long(_ offset: Int) -> Int64 {
            Int64(bigEndian: bytes.loadUnaligned(fromByteOffset: offset, as: Int64.self))
        }
        func int(_ offset: Int) -> Int32 {
            Int32(bigEndian: bytes.loadUnaligned(fromByteOffset: offset, as: Int32.self))
        }
        czxid = long(0)
        mzxid = long(8)
        ctime = long(16)
        mtime = long(24)
        version = int(32)
        cversion = int(36)
        aversion = int(40)
        ephemeralOwner = long(44)
        pzxid = long(52)
    }

    /// The digest of a znode with this stat.
    ///
    /// - Parameter contentCRC: CRC-32 of the path's and the data's bytes, one after the other.
    /// - Returns: The digest as the tree's sum takes it.
    /// - Source: storage format reference, section 6; pzxid comes third here.
    func digest(contentCRC: UInt32) -> UInt64 {
        withUnsafeTemporaryAllocation(byteCount: 60, alignment: 8) { bytes in
            bytes.storeBytes(of: czxid.bigEndian, toByteOffset: 0, as: Int64.self)
            bytes.storeBytes(of: mzxid.bigEndian, toByteOffset: 8, as: Int64.self)
            bytes.storeBytes(of: pzxid.bigEndian, toByteOffset: 16, as: Int64.self)
            bytes.storeBytes(of: ctime.bigEndian, toByteOffset: 24, as: Int64.self)
            bytes.storeBytes(of: mtime.bigEndian, toByteOffset: 32, as: Int64.self)
            bytes.storeBytes(of: version.bigEndian, toByteOffset: 40, as: Int32.self)
            bytes.storeBytes(of: cversion.bigEndian, toByteOffset: 44, as: Int32.self)
            bytes.storeBytes(of: aversion.bigEndian, toByteOffset: 48, as: Int32.self)
            bytes.storeBytes(of: ephemeralOwner.bigEndian, toByteOffset: 52, as: Int64.self)
            var crc = CRC32(resumingAfter: contentCRC)
            crc.update(UnsafeRawBufferPointer(bytes))
            return UInt64(crc.value)
        }
    }
}

/// How long a znode lives, as its stored `ephemeralOwner` encodes it.
///
/// - Source: semantics reference, section 4.
package enum ZnodeMode: Equatable, Sendable {
    case persistent
    case ephemeral(SessionID)
    case container
    case ttl(milliseconds: Int64)

    static let containerOwner = Int64.min
    static let longestTTL: Int64 = 0xFF_FFFF_FFFF

    /// The owner that stands for a TTL.
    ///
    /// - Precondition: `milliseconds` is from 1 to 2^40 - 1.
    static func owner(ttl milliseconds: Int64) -> Int64 {
        precondition((0...longestTTL).contains(milliseconds))
        return Int64(bitPattern: 0xFF00_0000_0000_0000) | milliseconds
    }

    /// The TTL that an owner stands for if extended types are on.
    static func ttl(ofOwner owner: Int64) -> Int64? {
        UInt64(bitPattern: owner) >> 40 == 0xFF_0000 ? owner & longestTTL : nil
    }

    init(owner: Int64, extendedTypes: Bool) {
        if owner == 0 {
            self = .persistent
        } else if owner == ZnodeMode.containerOwner {
            self = .container
        } else if extendedTypes, let ttl = ZnodeMode.ttl(ofOwner: owner) {
            self = .ttl(milliseconds: ttl)
        } else {
            self = .ephemeral(SessionID(rawValue: owner))
        }
    }

    var isEphemeral: Bool {
        if case .ephemeral = self { true } else { false }
    }
}
