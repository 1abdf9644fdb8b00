/// Appends jute primitives, big-endian, to a growing byte array.
package struct JuteWriter: Sendable {
    package private(set) var bytes: [UInt8]

    package init(reserving capacity: Int = 64) {
        bytes = []
        bytes.reserveCapacity(capacity)
    }

    package mutating func write(byte: UInt8) {
        bytes.append(byte)
    }

    package mutating func write(bool: Bool) {
        bytes.append(bool ? 1 : 0)
    }

    package mutating func write(int: Int32) {
        withUnsafeBytes(of: int.bigEndian) { bytes.append(contentsOf: $0) }
    }

    package mutating func write(long: Int64) {
        withUnsafeBytes(of: long.bigEndian) { bytes.append(contentsOf: $0) }
    }

    package mutating func write(zxid: Zxid) {
        write(long: zxid.rawValue)
    }

    package mutating func write(session: SessionID) {
        write(long: session.rawValue)
    }

    /// A buffer with its length in front; nil is the null buffer.
    package mutating func write(buffer: [UInt8]?) {
        guard let buffer else {
            write(int: -1)
            return
        }
        write(int: Int32(buffer.count))
        bytes.append(contentsOf: buffer)
    }

    package mutating func write(string: String) {
        let utf8 = string.utf8
        write(int: Int32(utf8.count))
        bytes.append(contentsOf: utf8)
    }

    package mutating func write(path: ZnodePath) {
        write(buffer: path.bytes)
    }

    package mutating func write<Element>(
        vector: [Element],
        _ element: (inout JuteWriter, Element) -> Void
    ) {
        write(int: Int32(vector.count))
        for item in vector {
            element(&self, item)
        }
    }

    /// Bytes as they are, without a length.
    package mutating func write(raw: [UInt8]) {
        bytes.append(contentsOf: raw)
    }

    package mutating func write(raw: UnsafeRawBufferPointer) {
        bytes.append(contentsOf: raw)
    }
}
