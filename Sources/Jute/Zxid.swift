/// A transaction id: the leader's epoch in the upper 32 bits, a counter in the lower 32.
///
/// Ordered as ZooKeeper orders it, as a signed 64-bit number, so `.untrusted` is below every
/// real zxid. Two zxids are comparable only within one history.
///
/// - Source: quorum protocol reference, section 6.1.
package struct Zxid: Hashable, Sendable, RawRepresentable {
    package var rawValue: Int64

    @inlinable
    package init(rawValue: Int64) {
        self.rawValue = rawValue
    }

    @inlinable
    package init(epoch: Epoch, counter: UInt32) {
        rawValue = epoch << 32 | Int64(counter)
    }

    /// Before the first transaction of all.
    package static let zero = Zxid(rawValue: 0)

    /// "My database is not to be trusted": neither a vote nor a candidate (storage format
    /// reference, section 8).
    package static let untrusted = Zxid(rawValue: -1)

    /// The arithmetic shift of the original: `.untrusted` has epoch -1.
    @inlinable
    package var epoch: Epoch { rawValue >> 32 }

    @inlinable
    package var counter: UInt32 { UInt32(truncatingIfNeeded: rawValue) }

    /// True of `e|0`, the zxid with which an epoch begins; no transaction carries one.
    @inlinable
    package var beginsEpoch: Bool { counter == 0 }

    /// The zxid that follows in the same epoch.
    @inlinable
    package var next: Zxid { Zxid(rawValue: rawValue + 1) }

    /// Whether a transaction with this zxid may directly follow one with `previous`: the next
    /// counter of the same epoch, or the first of a later epoch.
    @inlinable
    package func directlyFollows(_ previous: Zxid) -> Bool {
        rawValue == previous.rawValue + 1 || (counter == 1 && epoch > previous.epoch)
    }
}

extension Zxid: Comparable {
    @inlinable
    package static func < (left: Zxid, right: Zxid) -> Bool { left.rawValue < right.rawValue }
}

extension Zxid: CustomStringConvertible {
    /// 16 lower-case hex digits, which sort as text: the form of the HTTP contract.
    package var description: String { hexadecimal(UInt64(bitPattern: rawValue)) }

    /// The suffix of log and snapshot file names: lower-case hex without leading zeros.
    package var fileSuffix: String { String(UInt64(bitPattern: rawValue), radix: 16) }
}

/// The number of a leader's reign. -1 stands for "unknown, do not count me".
package typealias Epoch = Int64

/// A server id (`myid`). Negative ids are those a leader invents for unlisted observers.
package typealias PeerID = Int64

/// A session id: the creating server's id in the top byte, then clock and counter.
package struct SessionID: Hashable, Sendable, RawRepresentable, Comparable {
    package var rawValue: Int64

    @inlinable
    package init(rawValue: Int64) {
        self.rawValue = rawValue
    }

    /// No session: the owner of a znode that is not ephemeral.
    package static let none = SessionID(rawValue: 0)

    @inlinable
    package static func < (left: SessionID, right: SessionID) -> Bool {
        left.rawValue < right.rawValue
    }
}

extension SessionID: CustomStringConvertible {
    package var description: String { hexadecimal(UInt64(bitPattern: rawValue)) }
}

/// 16 lower-case digits, as zxids and other names of 64 bits are written.
package func hexadecimal(_ value: UInt64) -> String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
}
