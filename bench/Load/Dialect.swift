import Glibc

/// How a request is written and its answer recognized.
protocol Dialect {
    /// What opens a connection, before any request; empty if nothing does.
    var greeting: [UInt8] { get }

    /// The length of the answer to the greeting that `bytes` begin with, or nil if it is not whole.
    func welcomeLength(_ bytes: UnsafeRawBufferPointer) -> Int?

    /// - Parameters:
    ///   - number: Of the request on its connection, from 1.
    ///   - key: Which of the keys is meant.
    func appendRequest(number: Int32, key: UInt32, to buffer: inout [UInt8])

    /// The answer that `bytes` begin with, or nil if it is not whole.
    func answer(_ bytes: UnsafeRawBufferPointer) -> (length: Int, isGood: Bool)?
}

/// Text in which `{}` stands for eight digits of the key, filled in where it is written; a second
/// one for those of the next key, and so on.
///
/// Eight digits are also BASE64, of six bytes.
struct Template {
    private let parts: [[UInt8]]

    init(_ text: String) {
        parts = text.split(separator: "{}", omittingEmptySubsequences: false).map { Array($0.utf8) }
    }

    func append(_ key: UInt32, to buffer: inout [UInt8]) {
        buffer.append(contentsOf: parts[0])
        for (offset, part) in parts.dropFirst().enumerated() {
            let key = key + UInt32(offset)
            var power: UInt32 = 10_000_000
            while power > 0 {
                buffer.append(UInt8(ascii: "0") + UInt8(key / power % 10))
                power /= 10
            }
            buffer.append(contentsOf: part)
        }
    }

    /// In bytes, whatever the key.
    var length: Int { parts.reduce(0) { $0 + $1.count } + 8 * (parts.count - 1) }
}

/// HTTP/1.1 with keep-alive; answers carry Content-Length, or have no body.
struct HTTPDialect: Dialect {
    private let request: Template

    init(method: String, authority: String, target: String, headers: [String], body: String) {
        var head = "\(method) \(target) HTTP/1.1\r\nHost: \(authority)\r\n"
        for header in headers { head += header + "\r\n" }
        if method != "GET" { head += "Content-Length: \(Template(body).length)\r\n" }
        request = Template(head + "\r\n" + body)
    }

    var greeting: [UInt8] { [] }
    func welcomeLength(_: UnsafeRawBufferPointer) -> Int? { 0 }

    func appendRequest(number _: Int32, key: UInt32, to buffer: inout [UInt8]) {
        request.append(key, to: &buffer)
    }

    func answer(_ bytes: UnsafeRawBufferPointer) -> (length: Int, isGood: Bool)? {
        guard let end = Self.find("\r\n\r\n", in: bytes) else { return nil }
        let head = UnsafeRawBufferPointer(rebasing: bytes[..<end])
        var length = end + 4
        if let start = Self.find("-Length: ", in: head) {
            length += head[(start + 9)...].prefix { $0 >= 0x30 && $0 <= 0x39 }
                .reduce(0) { $0 * 10 + Int($1 - 0x30) }
        }
        // "HTTP/1.1 2.."
        return bytes.count < length ? nil : (length, bytes[9] == UInt8(ascii: "2"))
    }

    /// Where `text` begins; a first byte that is rare makes this fast.
    private static func find(_ text: StaticString, in bytes: UnsafeRawBufferPointer) -> Int? {
        guard let start = bytes.baseAddress else { return nil }
        let length = text.utf8CodeUnitCount
        var position = 0
        while position + length <= bytes.count,
            let hit = memchr(
                start + position, Int32(text.utf8Start.pointee), bytes.count - length + 1 - position
            )
        {
            if memcmp(hit, text.utf8Start, length) == 0 { return UnsafeRawPointer(hit) - start }
            position = UnsafeRawPointer(hit) - start + 1
        }
        return nil
    }
}

/// The client protocol of ZooKeeper, as far as load needs it.
struct ZooKeeperDialect: Dialect {
    enum Operation: String, CaseIterable { case get, set, create }

    private let operation: Operation
    private let path: Template
    private let value: [UInt8]

    init(_ operation: Operation, path: String, value: String) {
        self.operation = operation
        self.path = Template(path)
        self.value = Array(value.utf8)
    }

    /// A ConnectRequest: a new session of 30 s, which may be read-only.
    var greeting: [UInt8] {
        var buffer: [UInt8] = []
        Self.append(Int32(45), to: &buffer)
        Self.append(Int32(0), to: &buffer)  // protocol version
        Self.append(Int64(0), to: &buffer)  // last zxid seen
        Self.append(Int32(30_000), to: &buffer)  // timeout
        Self.append(Int64(0), to: &buffer)  // session
        Self.append(Int32(16), to: &buffer)  // password
        buffer.append(contentsOf: [UInt8](repeating: 0, count: 16))
        buffer.append(0)
        return buffer
    }

    func welcomeLength(_ bytes: UnsafeRawBufferPointer) -> Int? { Self.frame(bytes) }

    func appendRequest(number: Int32, key: UInt32, to buffer: inout [UInt8]) {
        let start = buffer.count
        Self.append(Int32(0), to: &buffer)
        Self.append(number, to: &buffer)
        switch operation {
        case .get:
            Self.append(Int32(4), to: &buffer)
            appendPath(key, to: &buffer)
            buffer.append(0)  // no watch
        case .set:
            Self.append(Int32(5), to: &buffer)
            appendPath(key, to: &buffer)
            appendValue(to: &buffer)
            Self.append(Int32(-1), to: &buffer)  // any version
        case .create:
            Self.append(Int32(1), to: &buffer)
            appendPath(key, to: &buffer)
            appendValue(to: &buffer)
            Self.append(Int32(1), to: &buffer)  // ACL: one entry, all permissions
            Self.append(Int32(31), to: &buffer)
            for text in ["world", "anyone"] {
                Self.append(Int32(text.utf8.count), to: &buffer)
                buffer.append(contentsOf: text.utf8)
            }
            Self.append(Int32(0), to: &buffer)  // persistent
        }
        let length = UInt32(buffer.count - start - 4)
        for byte in 0..<4 {
            buffer[start + byte] = UInt8(truncatingIfNeeded: length >> (24 - 8 * byte))
        }
    }

    func answer(_ bytes: UnsafeRawBufferPointer) -> (length: Int, isGood: Bool)? {
        guard let length = Self.frame(bytes) else { return nil }
        // A ReplyHeader: xid, zxid, error.
        return (length, length >= 20 && bytes[16..<20].allSatisfy { $0 == 0 })
    }

    private func appendPath(_ key: UInt32, to buffer: inout [UInt8]) {
        Self.append(Int32(path.length), to: &buffer)
        path.append(key, to: &buffer)
    }

    private func appendValue(to buffer: inout [UInt8]) {
        Self.append(Int32(value.count), to: &buffer)
        buffer.append(contentsOf: value)
    }

    private static func append<I: FixedWidthInteger>(_ value: I, to buffer: inout [UInt8]) {
        withUnsafeBytes(of: value.bigEndian) { buffer.append(contentsOf: $0) }
    }

    private static func frame(_ bytes: UnsafeRawBufferPointer) -> Int? {
        guard bytes.count >= 4 else { return nil }
        let length = 4 + Int(UInt32(bigEndian: bytes.loadUnaligned(as: UInt32.self)))
        return bytes.count < length ? nil : length
    }
}
