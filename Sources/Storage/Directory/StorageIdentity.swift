package import Jute

/// Whose data this is. Written once, when a data directory is first used.
///
/// - Source: rules of soundness, section 6.
package struct StorageIdentity: Equatable, Sendable {
    /// Of the ensemble's history: zxids of different histories do not compare.
    package var history: UInt64
    package var node: PeerID
    /// Drawn at random: tells a disk from its copy.
    package var disk: UInt64

    package init(history: UInt64, node: PeerID, disk: UInt64) {
        self.history = history
        self.node = node
        self.disk = disk
    }
}

extension StorageIdentity {
    /// - Returns: nil when the bytes are not what was written.
    init?(_ bytes: [UInt8]) {
        guard let text = ChecksummedText(bytes),
            let history = text["history"].flatMap({ UInt64($0, radix: 16) }),
            let node = text["node"].flatMap({ PeerID($0) }),
            let disk = text["disk"].flatMap({ UInt64($0, radix: 16) })
        else { return nil }
        self.init(history: history, node: node, disk: disk)
    }

    /// As the file holds it.
    package var bytes: [UInt8] {
        var text = ChecksummedText()
        text["history"] = hexadecimal(history)
        text["node"] = String(node)
        text["disk"] = hexadecimal(disk)
        return text.bytes
    }
}

/// What a node may have acknowledged once and has no longer. It stays written down until a
/// synchronization has made up for it.
///
/// - Source: rules of soundness, section 6.
package enum Loss: Equatable, Sendable {
    /// Nothing above this transaction was ever on the disk.
    case through(Zxid)
    case unknown

    /// The worse of two.
    package func joined(with other: Loss?) -> Loss {
        switch (self, other) {
        case (_, nil): self
        case (.through(let one), .through(let two)): .through(max(one, two))
        case (.unknown, _), (_, .unknown): .unknown
        }
    }
}

extension Loss {
    /// - Returns: `.unknown` when the bytes are not what was written.
    init(_ bytes: [UInt8]) {
        if let through = ChecksummedText(bytes)?["through"],
            let zxid = UInt64(through, radix: 16)
        {
            self = .through(Zxid(rawValue: Int64(bitPattern: zxid)))
        } else {
            self = .unknown
        }
    }

    var bytes: [UInt8] {
        var text = ChecksummedText()
        switch self {
        case .through(let zxid): text["through"] = zxid.description
        case .unknown: text["through"] = "unknown"
        }
        return text.bytes
    }
}
