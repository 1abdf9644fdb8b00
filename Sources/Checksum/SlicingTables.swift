/// The sixteen tables with which a reflected CRC takes sixteen bytes a step.
///
/// Table k holds, for every byte, what it becomes after k more bytes of zero.
struct SlicingTables: Sendable {
    static let castagnoli = SlicingTables(reflectedPolynomial: 0x82F6_3B78)

    /// 16 times 256 entries, one table after the other. Never freed, as the one instance lives
    /// as long as the process; never written after `init`, so it may be shared.
    private nonisolated(unsafe) let entries: UnsafePointer<UInt32>

    private init(reflectedPolynomial: UInt32) {
        let table = UnsafeMutablePointer<UInt32>.allocate(capacity: 16 * 256)
        for byte in 0..<256 {
            var register = UInt32(byte)
            for _ in 0..<8 {
                register = register & 1 == 1 ? register >> 1 ^ reflectedPolynomial : register >> 1
            }
            table[byte] = register
        }
        for index in 256..<16 * 256 {
            let previous = table[index - 256]
            table[index] = previous >> 8 ^ table[Int(previous & 0xFF)]
        }
        entries = UnsafePointer(table)
    }

    /// The register after all of `bytes`.
    func advance(_ register: UInt32, over bytes: UnsafeRawBufferPointer) -> UInt32 {
        var register = register
        var offset = 0
        while bytes.count - offset >= 16 {
            let low = UInt64(
                littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
            let high = UInt64(
                littleEndian: bytes.loadUnaligned(fromByteOffset: offset + 8, as: UInt64.self))
            register =
                sliced(low ^ UInt64(register), from: 15) ^ sliced(high, from: 7)
            offset += 16
        }
        while offset < bytes.count {
            register =
                register >> 8 ^ entries[Int(UInt8(truncatingIfNeeded: register) ^ bytes[offset])]
            offset += 1
        }
        return register
    }

    /// Looks eight bytes up, the first in table `table` and each next one a table below.
    @inline(__always)
    private func sliced(_ word: UInt64, from table: Int) -> UInt32 {
        let base = entries + (table - 7) * 256
        let first =
            base[7 * 256 + Int(word & 0xFF)] ^ base[6 * 256 + Int(word >> 8 & 0xFF)]
            ^ base[5 * 256 + Int(word >> 16 & 0xFF)] ^ base[4 * 256 + Int(word >> 24 & 0xFF)]
        let second =
            base[3 * 256 + Int(word >> 32 & 0xFF)] ^ base[2 * 256 + Int(word >> 40 & 0xFF)]
            ^ base[256 + Int(word >> 48 & 0xFF)] ^ base[Int(word >> 56)]
        return first ^ second
    }
}
