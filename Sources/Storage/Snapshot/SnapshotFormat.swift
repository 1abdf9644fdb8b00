package import Jute

/// ZooKeeper's snapshot file, without what is in its body.
///
/// - Source: storage format reference, section 4.1.
package enum SnapshotFormat {
    /// "ZKSN", version 2, database id -1.
    package static let header: [UInt8] = [
        0x5A, 0x4B, 0x53, 0x4E, 0, 0, 0, 2, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
    ]
    /// How the body and each seal end: the string "/".
    static let end: [UInt8] = [0, 0, 0, 1, 0x2F]
    /// Adler-32 of everything before it, as a long, and `end`.
    static let sealSize = 13
    static let digestSize = 20
    /// Since 3.9: the last processed zxid.
    static let lastZxidSize = 8
}

/// The digest of the tree after the last transaction whose effects may be in the snapshot.
package struct SnapshotDigest: Equatable, Sendable {
    package var zxid: Zxid
    package var digest: UInt64

    package init(zxid: Zxid, digest: UInt64) {
        self.zxid = zxid
        self.digest = digest
    }
}

/// A snapshot that has been read to its end.
package struct SnapshotSummary: Equatable, Sendable {
    package var name: SnapshotName
    /// Nil when the file has none that counts.
    package var digest: SnapshotDigest?

    package init(name: SnapshotName, digest: SnapshotDigest?) {
        self.name = name
        self.digest = digest
    }

    /// The last transaction whose effects may be in the snapshot; nil when that is not known.
    ///
    /// - Source: storage format reference, section 3.4.
    package var upperBound: Zxid? {
        if let digest, digest.zxid >= name.zxid { return digest.zxid }
        return nil
    }
}
