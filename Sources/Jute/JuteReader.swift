/// Why bytes could not be read as jute. Bytes come from peers, clients and disks: this is always
/// their fault, never ours.
package enum JuteError: Error, Equatable, Sendable {
    /// The bytes end inside a field.
    case truncated
    /// A length or count that is negative (other than -1 for null) or over the limit.
    case badLength(Int32)
    /// A null where the record has no null.
    case unexpectedNull
    /// A transaction or request type that is not known.
    case unknownType(Int32)
    /// A field with a value that its record does not allow.
    case badValue
}

/// The largest string or buffer, and the largest request, proposal or log record: 2,097,150 bytes.
///
/// - Source: quorum protocol reference, section 0.2.
package let juteMaximumLength = 2_097_150

/// Reads jute primitives, big-endian, from a part of a byte array.
///
/// Every read is checked against the bytes that are left before anything is allocated.
package struct JuteReader: Sendable {
    @usableFromInline let bytes: [UInt8]
    /// Position of the next byte to read, as an index into the array given to `init`.
    package private(set) var index: Int
    /// The index after the last byte that may be read.
    package let end: Int

    package init(_ bytes: [UInt8]) {
        self.bytes = bytes
        index = 0
        end = bytes.count
    }

    /// - Precondition: `range` lies within `bytes`.
    package init(_ bytes: [UInt8], in range: Range<Int>) {
        precondition(range.lowerBound >= 0 && range.upperBound <= bytes.count)
        self.bytes = bytes
        index = range.lowerBound
        end = range.upperBound
    }

    package var remaining: Int { end - index }

    package mutating func skip(_ count: Int) throws(JuteError) {
        guard count >= 0, count <= remaining else { throw .truncated }
        index += count
    }

    package mutating func readByte() throws(JuteError) -> UInt8 {
        guard index < end else { throw .truncated }
        defer { index += 1 }
        return bytes[index]
    }

    package mutating func readBool() throws(JuteError) -> Bool {
        try readByte() != 0
    }

    package mutating func readInt() throws(JuteError) -> Int32 {
        guard remaining >= 4 else { throw .truncated }
        defer { index += 4 }
        return bytes.withUnsafeBytes {
            Int32(bigEndian: $0.loadUnaligned(fromByteOffset: index, as: Int32.self))
        }
    }

    package mutating func readLong() throws(JuteError) -> Int64 {
        guard remaining >= 8 else { throw .truncated }
        defer { index += 8 }
        return bytes.withUnsafeBytes {
            Int64(bigEndian: $0.loadUnaligned(fromByteOffset: index, as: Int64.self))
        }
    }

    package mutating func readZxid() throws(JuteError) -> Zxid {
        Zxid(rawValue: try readLong())
    }

    package mutating func readSessionID() throws(JuteError) -> SessionID {
        SessionID(rawValue: try readLong())
    }

    /// The extent of a buffer or string, or nil for null; the reader moves behind it.
    package mutating func readBufferRange() throws(JuteError) -> Range<Int>? {
        let length = try readInt()
        if length == -1 { return nil }
        guard length >= 0, length <= juteMaximumLength else { throw .badLength(length) }
        guard Int(length) <= remaining else { throw .truncated }
        defer { index += Int(length) }
        return index..<index + Int(length)
    }

    /// A buffer; nil and empty are different values in ZooKeeper and stay so.
    package mutating func readBuffer() throws(JuteError) -> [UInt8]? {
        guard let range = try readBufferRange() else { return nil }
        return Array(bytes[range])
    }

    /// The bytes of a non-null string, unchecked as to UTF-8.
    package mutating func readStringBytes() throws(JuteError) -> [UInt8] {
        guard let bytes = try readBuffer() else { throw .unexpectedNull }
        return bytes
    }

    /// A non-null string; invalid UTF-8 becomes U+FFFD, as in the original's lenient reader.
    package mutating func readString() throws(JuteError) -> String {
        String(decoding: try readStringBytes(), as: UTF8.self)
    }

    package mutating func readPath() throws(JuteError) -> ZnodePath {
        ZnodePath(bytes: try readStringBytes())
    }

    /// A vector; null and every other count below 1 read as empty, as in the original.
    ///
    /// - Parameters:
    ///   - minimumSize: The least number of bytes one element takes, so that a count can be
    ///     refused before memory is set aside for it.
    ///   - element: Reads one element.
    /// - Returns: The elements in order.
    /// - Throws: `.badLength` for a count that cannot fit, and what `element` throws.
    package mutating func readVector<Element>(
        minimumSize: Int,
        _ element: (inout JuteReader) throws(JuteError) -> Element
    ) throws(JuteError) -> [Element] {
        let count = try readInt()
        guard count > 0 else { return [] }
        guard Int(count) <= remaining / max(1, minimumSize) else { throw .badLength(count) }
        var elements: [Element] = []
        elements.reserveCapacity(Int(count))
        for _ in 0..<count {
            elements.append(try element(&self))
        }
        return elements
    }

    /// The bytes that have not been read yet.
    package func rest() -> [UInt8] {
        Array(bytes[index..<end])
    }
}
