internal import Glibc

/// An answer. `Content-Length`, `Date` and `Connection` are the server's to add.
///
/// For HEAD give what GET would get: the body is not sent, its length is stated.
package struct HTTPResponse: Sendable {
    package var status: Int
    package var headers: HTTPResponseHeaders
    package var body: [UInt8]
    /// A body that comes in pieces, instead of `body`. Belongs to this one answer.
    package let stream: HTTPBodyStream?
    /// Ends the connection after this answer.
    package var closesConnection = false

    package init(
        status: Int, headers: HTTPResponseHeaders = HTTPResponseHeaders(), body: [UInt8] = []
    ) {
        self.status = status
        self.headers = headers
        self.body = body
        stream = nil
    }

    package init(
        status: Int, headers: HTTPResponseHeaders = HTTPResponseHeaders(), stream: HTTPBodyStream
    ) {
        self.status = status
        self.headers = headers
        body = []
        self.stream = stream
    }
}

/// The header fields of an answer, as one block of NUL-terminated names and values, so that a
/// response costs one allocation however many fields it has.
package struct HTTPResponseHeaders: Sendable {
    private(set) var block: [UInt8] = []

    package init() {}

    package init(reservingBytes capacity: Int) {
        block.reserveCapacity(capacity)
    }

    /// Adds a field. An empty value adds nothing.
    ///
    /// - Precondition: No control characters but the tab: whoever puts data into a header
    ///   encodes it first, or a client could write headers of its own.
    package mutating func add(_ name: StaticString, _ value: String) {
        var value = value
        value.withUTF8 { add(name, bytes: $0) }
    }

    package mutating func add(_ name: StaticString, _ value: StaticString) {
        value.withUTF8Buffer { add(name, bytes: $0) }
    }

    package mutating func add(_ name: StaticString, bytes value: [UInt8]) {
        value.withUnsafeBufferPointer { add(name, bytes: $0) }
    }

    package mutating func add(_ name: StaticString, bytes value: ArraySlice<UInt8>) {
        value.withUnsafeBufferPointer { add(name, bytes: $0) }
    }

    package mutating func add(_ name: StaticString, bytes value: UnsafeBufferPointer<UInt8>) {
        if value.isEmpty { return }
        precondition(
            value.allSatisfy { $0 >= 0x20 && $0 != 0x7F || $0 == UInt8(ascii: "\t") },
            "control character in header \(name)")
        name.withUTF8Buffer { block.append(contentsOf: $0) }
        block.append(0)
        block.append(contentsOf: value)
        block.append(0)
    }

    /// The fields in order, each part with a NUL behind it.
    func forEachField(
        _ body: (_ name: UnsafeBufferPointer<CChar>, _ value: UnsafeBufferPointer<CChar>) -> Void
    ) {
        block.withUnsafeBytes { block in
            guard var next = block.baseAddress?.assumingMemoryBound(to: CChar.self) else { return }
            let end = next + block.count
            func take() -> UnsafeBufferPointer<CChar> {
                let part = UnsafeBufferPointer(start: next, count: strlen(next))
                next += part.count + 1
                return part
            }
            while next < end {
                let name = take()
                body(name, take())
            }
        }
    }

    /// The fields as text, in order.
    package var fields: [(name: String, value: String)] {
        var fields: [(name: String, value: String)] = []
        forEachField { name, value in
            fields.append(
                (
                    String(decoding: UnsafeRawBufferPointer(name), as: UTF8.self),
                    String(decoding: UnsafeRawBufferPointer(value), as: UTF8.self)
                ))
        }
        return fields
    }

    /// The first value of that name, without regard to ASCII case.
    package subscript(_ name: String) -> String? {
        fields.first { field in
            field.name.utf8.elementsEqual(name.utf8) { lowercased($0) == lowercased($1) }
        }?.value
    }
}
