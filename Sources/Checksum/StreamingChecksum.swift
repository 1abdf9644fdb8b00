/// A checksum that is fed piece by piece; how the bytes are cut does not matter.
package protocol StreamingChecksum: Sendable {
    init()

    /// The checksum of everything fed in so far.
    var value: UInt32 { get }

    mutating func update(_ bytes: UnsafeRawBufferPointer)
}

extension StreamingChecksum {
    @inlinable
    package mutating func update(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { update($0) }
    }

    @inlinable
    package mutating func update(_ bytes: ArraySlice<UInt8>) {
        bytes.withUnsafeBytes { update($0) }
    }

    /// Feeds an integer as jute writes it.
    @inlinable
    package mutating func update(bigEndian integer: some FixedWidthInteger) {
        withUnsafeBytes(of: integer.bigEndian) { update($0) }
    }

    /// The checksum of one array.
    @inlinable
    package static func checksum(of bytes: [UInt8]) -> UInt32 {
        var checksum = Self()
        checksum.update(bytes)
        return checksum.value
    }

    /// The checksum of a part of an array.
    @inlinable
    package static func checksum(of bytes: ArraySlice<UInt8>) -> UInt32 {
        var checksum = Self()
        checksum.update(bytes)
        return checksum.value
    }
}
