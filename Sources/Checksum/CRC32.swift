/// CRC-32 with zlib's polynomial: the digest of a znode.
///
/// - Source: storage format reference, section 6.
package struct CRC32: StreamingChecksum, Equatable {
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
        register = SlicingTables.zlib.advance(register, over: bytes)
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
