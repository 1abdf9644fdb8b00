/// One znode in 104 bytes; its name and data are in the `PayloadArena`.
///
/// Links are numbers of other records. 0 is the root, which is nobody's child, and so also means
/// "none" in every link.
struct ZnodeRecord: BitwiseCopyable, Sendable {
    struct Flags: OptionSet, BitwiseCopyable, Sendable {
        var rawValue: UInt32

        static let inUse = Flags(rawValue: 1 << 31)
        /// Lies below `/zookeeper`, so it has no part in the digest.
        static let system = Flags(rawValue: 1 << 30)
        /// Linked into the list of its session; has no children.
        static let ephemeral = Flags(rawValue: 1 << 29)
        static let all: Flags = [.inUse, .system, .ephemeral]
    }

    static let none: UInt32 = 0

    var stat = StoredStat()
    /// Number of the ACL in the `ACLTable`.
    var acl: UInt32 = 0
    var parent: UInt32 = 0
    /// The siblings with smaller names below this one in the treap of the parent's children; of a
    /// free record, the next free one.
    var left: UInt32 = 0
    /// The siblings with larger names below this one in the treap.
    var right: UInt32 = 0
    private var firstLink: UInt32 = 0
    private var secondLink: UInt32 = 0
    /// Of the whole path. Also the record's priority in the treap.
    var hash: UInt32 = 0
    /// Where name and data are; meaningless if both are empty.
    var payload: UInt32 = 0
    private var nameLengthAndFlags: UInt32 = 0
    /// -1 for null data.
    var dataLength: Int32 = -1
    /// CRC-32 of path and data, with which the digest begins.
    var contentCRC: UInt32 = 0

    /// Paths are shorter than 2^21 bytes, so the flags fit above the length.
    var nameLength: Int {
        get { Int(nameLengthAndFlags & ~Flags.all.rawValue) }
        set {
            precondition(newValue <= 1 << 24)
            nameLengthAndFlags = nameLengthAndFlags & Flags.all.rawValue | UInt32(newValue)
        }
    }

    var flags: Flags {
        get { Flags(rawValue: nameLengthAndFlags).intersection(.all) }
        set {
            nameLengthAndFlags =
                nameLengthAndFlags & ~Flags.all.rawValue | newValue.rawValue
        }
    }

    var payloadLength: Int { nameLength + Int(max(0, dataLength)) }

    /// The root of the treap of children.
    var children: UInt32 {
        get { flags.contains(.ephemeral) ? ZnodeRecord.none : firstLink }
        set {
            precondition(!flags.contains(.ephemeral))
            firstLink = newValue
        }
    }

    var childCount: UInt32 {
        get { flags.contains(.ephemeral) ? 0 : secondLink }
        set {
            precondition(!flags.contains(.ephemeral))
            secondLink = newValue
        }
    }

    // An ephemeral has no children; the same bytes link it to the others of its session.

    var previousOfSession: UInt32 {
        get { firstLink }
        set {
            precondition(flags.contains(.ephemeral))
            firstLink = newValue
        }
    }

    var nextOfSession: UInt32 {
        get { secondLink }
        set {
            precondition(flags.contains(.ephemeral))
            secondLink = newValue
        }
    }

    /// The znode's share of the tree's digest.
    var digest: UInt64 {
        flags.contains(.system) ? 0 : stat.digest(contentCRC: contentCRC)
    }
}
