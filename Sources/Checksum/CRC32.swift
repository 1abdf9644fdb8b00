import CDeflate

/// CRC-32 with zlib's polynomial: the digest of a znode.
///
/// - Source: storage format reference, section 6.
package struct CRC32: StreamingChecksum, Equatable {
    package private(set) var value: UInt32 = 0

    package init() {}

    /// Continues after bytes whose checksum is `value`, without having them at hand.
    package init(resumingAfter value: UInt32) {
        self.value = value
    }

    package mutating func update(_ bytes: UnsafeRawBufferPointer) {
        // Without a place libdeflate takes it for the beginning.
        guard let start = bytes.baseAddress else { return }
        value = libdeflate_crc32(value, start, bytes.count)
    }
}

/// CRC-32C, with Castagnoli's polynomial: what Aviary's own files carry.
package struct CRC32C: StreamingChecksum, Equatable {
    private var register: UInt32

    package init() {
        register = .max
    }

    /// Continues after bytes whose checksum is `value`, without having them at hand.
    package init(resumingAfter value: UInt32) {
        register = ~value
    }

    package var value: UInt32 { ~register }

    package mutating func update(_ bytes: UnsafeRawBufferPointer) {
        register = SlicingTables.castagnoli.advance(register, over: bytes)
    }
}
