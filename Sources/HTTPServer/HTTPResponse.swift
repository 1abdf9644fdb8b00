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

    /// The fields as text, in order.
    package var fields: [(name: String, value: String)] {
        let parts = block.split(separator: 0, omittingEmptySubsequences: false).dropLast()
        return stride(from: 0, to: parts.count, by: 2).map { index in
            (
                String(decoding: parts[index], as: UTF8.self),
                String(decoding: parts[index + 1], as: UTF8.self)
            )
        }
    }

    /// The first value of that name, without regard to ASCII case.
    package subscript(_ name: String) -> String? {
        fields.first { field in
            field.name.utf8.elementsEqual(name.utf8) { lowercased($0) == lowercased($1) }
        }?.value
    }
}
