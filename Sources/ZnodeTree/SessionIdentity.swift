package import Jute

/// Makes session ids as ZooKeeper does: the server's id, 40 bits of a clock, and a counter.
///
/// - Source: quorum protocol reference, section 6.4.
package struct SessionIDGenerator: Sendable {
    private var next: Int64

    /// Begins a row of ids.
    ///
    /// - Parameters:
    ///   - serverID: From 0 to 254: 255 would look like a TTL. The lowest 8 bits count.
    ///   - clockMs: Read once at the start; the lowest 40 bits count.
    package init(serverID: PeerID, clockMs: Int64) {
        next = serverID << 56 | (clockMs & 0xFF_FFFF_FFFF) << 16
    }

    /// The next id that nobody uses.
    ///
    /// - Parameter isTaken: Whether a session of that id is known; clocks may repeat themselves.
    /// - Returns: An id that has not been returned before.
    package mutating func next(isTaken: (SessionID) -> Bool) -> SessionID {
        while true {
            let session = SessionID(rawValue: next)
            next &+= 1
            if session != .none, !isTaken(session) { return session }
        }
    }
}

/// A session's password, which any server can derive: the first 16 bytes of `java.util.Random`
/// seeded with the id and a constant.
///
/// Public knowledge, therefore no secret.
///
/// - Source: quorum protocol reference, section 6.4.
package func sessionPassword(of session: SessionID) -> [UInt8] {
    let multiplier: UInt64 = 0x5_DEEC_E66D
    let mask: UInt64 = 1 << 48 - 1
    let seed = UInt64(bitPattern: session.rawValue) ^ 0xB341_5C00
    var state = (seed ^ multiplier) & mask
    var password: [UInt8] = []
    for _ in 0..<4 {
        state = (state &* multiplier &+ 0xB) & mask
        let word = UInt32(truncatingIfNeeded: state >> 16)
        withUnsafeBytes(of: word.littleEndian) { password.append(contentsOf: $0) }
    }
    return password
}
