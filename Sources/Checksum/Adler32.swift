import CDeflate

/// Adler-32 of RFC 1950, the checksum of ZooKeeper's log records and snapshot seals.
///
/// - Source: storage format reference, sections 2.2 and 4.1.
package struct Adler32: StreamingChecksum, Equatable {
    /// The checksum of everything fed in so far.
    package private(set) var value: UInt32 = 1

    package init() {}

    package mutating func update(_ bytes: UnsafeRawBufferPointer) {
        // Without a place libdeflate takes it for the beginning.
        guard let start = bytes.baseAddress else { return }
        value = libdeflate_adler32(value, start, bytes.count)
    }
}
