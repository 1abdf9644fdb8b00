/// Writes the messages of `text/event-stream`.
///
/// - Source: WHATWG HTML, section 9.2 (Server-sent events).
struct ServerSentEvents: Sendable {
    private(set) var bytes: [UInt8] = []

    init(reserving capacity: Int = 256) {
        bytes.reserveCapacity(capacity)
    }

    /// - Parameters:
    ///   - name: `event`.
    ///   - id: What the client sends as `Last-Event-ID` when it comes back; nil leaves its last.
    ///   - data: JSON, which has no line ends.
    mutating func message(_ name: String, id: String? = nil, data: [UInt8]) {
        if let id { line("id: ", Array(id.utf8)) }
        line("event: ", Array(name.utf8))
        line("data: ", data)
        bytes.append(UInt8(ascii: "\n"))
    }

    /// Something that clients pass over: it shows that the connection lives.
    mutating func heartbeat() {
        bytes.append(contentsOf: ":\n\n".utf8)
    }

    private mutating func line(_ field: StaticString, _ value: [UInt8]) {
        field.withUTF8Buffer { bytes.append(contentsOf: $0) }
        bytes.append(contentsOf: value)
        bytes.append(UInt8(ascii: "\n"))
    }
}
