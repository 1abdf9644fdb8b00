/// Adler-32 of RFC 1950, the checksum of ZooKeeper's log records and snapshot seals.
///
/// - Source: storage format reference, sections 2.2 and 4.1.
package struct Adler32: StreamingChecksum, Equatable {
    private var low: UInt32 = 1
    private var high: UInt32 = 0

    package init() {}

    /// The checksum of everything fed in so far.
    package var value: UInt32 { high << 16 | low }

    package mutating func update(_ bytes: UnsafeRawBufferPointer) {
        var offset = 0
        while offset < bytes.count {
            let length = min(bytes.count - offset, Adler32.longestRun)
            update(run: UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + length]))
            offset += length
        }
    }

    /// The most bytes whose sums stay below 2^32 without a reduction.
    private static let longestRun = 5552
    private static let base: UInt32 = 65521

    /// Sixteen sums run side by side, one for each byte position modulo 16; they are folded into
    /// the two of the definition at the end of the run.
    private mutating func update(run: UnsafeRawBufferPointer) {
        let vectors = run.count / 16
        if vectors > 0 {
            var sums = SIMD16<UInt32>(repeating: 0)
            var weighted = SIMD16<UInt32>(repeating: 0)
            for index in 0..<vectors {
                let lane = run.loadUnaligned(fromByteOffset: index * 16, as: SIMD16<UInt8>.self)
                sums &+= SIMD16<UInt32>(truncatingIfNeeded: lane)
                weighted &+= sums
            }
            // Byte i of vector k counts 16 * (vectors - k) - i times in `high`.
            high &+= UInt32(vectors * 16) &* low
            high &+= 16 &* weighted.wrappedSum()
            high &-= (sums &* Adler32.positions).wrappedSum()
            low &+= sums.wrappedSum()
        }
        for index in vectors * 16..<run.count {
            low &+= UInt32(run[index])
            high &+= low
        }
        low %= Adler32.base
        high %= Adler32.base
    }

    private static let positions = SIMD16<UInt32>(
        0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)
}
