/// The hash of paths in the index: multiplications of 64 by 64 bits, as in wyhash.
///
/// With a seed that nobody outside the process knows, nobody can choose paths that collide.
enum PathHash {
    static func hash(_ bytes: UnsafeRawBufferPointer, seed: UInt64) -> UInt32 {
        var state = seed ^ 0xA076_1D64_78BD_642F
        var offset = 0
        while bytes.count - offset >= 8 {
            let word = bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
            state = folded(state ^ UInt64(littleEndian: word), 0xE703_7ED1_A0B4_28DB)
            offset += 8
        }
        var tail: UInt64 = 0
        while offset < bytes.count {
            tail = tail << 8 | UInt64(bytes[offset])
            offset += 1
        }
        state = folded(state ^ tail, 0x8EBC_6AF0_9C88_C6E3)
        state = folded(state ^ UInt64(bytes.count), 0x5899_65CC_7537_4CC3)
        return UInt32(truncatingIfNeeded: state ^ state >> 32)
    }

    private static func folded(_ left: UInt64, _ right: UInt64) -> UInt64 {
        let product = left.multipliedFullWidth(by: right)
        return product.high ^ product.low
    }
}

/// How two names stand to each other as bytes.
enum NameOrder {
    static func isLess(_ left: UnsafeRawBufferPointer, _ right: UnsafeRawBufferPointer) -> Bool {
        let common = min(left.count, right.count)
        var offset = 0
        while common - offset >= 8 {
            let first = left.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
            let second = right.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
            if first != second {
                return UInt64(bigEndian: first) < UInt64(bigEndian: second)
            }
            offset += 8
        }
        while offset < common {
            if left[offset] != right[offset] { return left[offset] < right[offset] }
            offset += 1
        }
        return left.count < right.count
    }

    static func isEqual(_ left: UnsafeRawBufferPointer, _ right: UnsafeRawBufferPointer) -> Bool {
        guard left.count == right.count else { return false }
        var offset = 0
        while left.count - offset >= 8 {
            let first = left.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
            let second = right.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
            if first != second { return false }
            offset += 8
        }
        while offset < left.count {
            if left[offset] != right[offset] { return false }
            offset += 1
        }
        return true
    }
}
