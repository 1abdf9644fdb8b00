import Glibc

/// A raw connection to a server under test.
final class Client {
    private(set) var socket: Int32
    private var received: [UInt8] = []

    init(address text: String = "127.0.0.1", port: Int) throws {
        socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard socket >= 0 else { throw ClientError.system(errno) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(UInt16(port).bigEndian)
        inet_pton(AF_INET, text, &address.sin_addr)
        let code = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard code == 0 else { throw ClientError.system(errno) }
        var on: Int32 = 1
        setsockopt(socket, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(4))
        var limit = timeval(tv_sec: 20, tv_usec: 0)
        setsockopt(
            socket, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    }

    deinit {
        disconnect()
    }

    func disconnect() {
        if socket >= 0 { close(socket) }
        socket = -1
    }

    func finishSending() {
        shutdown(socket, Int32(SHUT_WR))
    }

    func send(_ text: String) throws {
        try send(Array(text.utf8))
    }

    func send(_ bytes: [UInt8]) throws {
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes {
                Glibc.send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { throw ClientError.system(errno) }
            sent += count
        }
    }

    /// Reads one answer; nil when the server has closed instead.
    func response(toHead: Bool = false) throws -> Response? {
        while true {
            if let end = endOfHead() {
                let head = String(decoding: received[..<end], as: UTF8.self)
                let response = Response(head: head)
                let length =
                    toHead || [204, 304].contains(response.status) || response.status < 200
                    ? 0 : Int(response["content-length"] ?? "0") ?? 0
                while received.count < end + length {
                    guard try readMore() else { return nil }
                }
                defer { received.removeFirst(end + length) }
                return response.with(body: Array(received[end..<(end + length)]))
            }
            guard try readMore() else { return nil }
        }
    }

    /// Reads an answer with a long body, and throws it away.
    ///
    /// - Returns: How much there was of it, up to `count`.
    func bodyLength(of count: Int) throws -> Int {
        guard try head() != nil else { return 0 }
        var length = received.count
        while length < count {
            received = []
            guard try readMore() else { break }
            length += received.count
        }
        received = []
        return length
    }

    /// Reads the head of an answer whose body comes in pieces.
    func head() throws -> Response? {
        while true {
            if let end = endOfHead() {
                defer { received.removeFirst(end) }
                return Response(head: String(decoding: received[..<end], as: UTF8.self))
            }
            guard try readMore() else { return nil }
        }
    }

    /// Reads one chunk; empty for the last, nil when the server has closed instead.
    func chunk() throws -> String? {
        while true {
            if let line = received.firstIndex(of: 10) {
                let text = String(decoding: received[..<(line - 1)], as: UTF8.self)
                guard let size = Int(text, radix: 16) else { throw ClientError.notAChunk(text) }
                let end = line + 1 + size
                if received.count >= end + 2 {
                    defer { received.removeFirst(end + 2) }
                    return String(decoding: received[(line + 1)..<end], as: UTF8.self)
                }
            }
            guard try readMore() else { return nil }
        }
    }

    /// Reads chunks until they make up `count` bytes.
    func chunks(upTo count: Int) throws -> String {
        var text = ""
        while text.utf8.count < count, let next = try chunk(), !next.isEmpty { text += next }
        return text
    }

    /// Makes the end of this connection a reset.
    func disconnectHard() {
        var linger = linger(l_onoff: 1, l_linger: 0)
        setsockopt(
            socket, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout<Glibc.linger>.size))
        disconnect()
    }

    /// Whether the server closes without sending more.
    func isClosed() throws -> Bool {
        guard received.isEmpty else { return false }
        return try !readMore()
    }

    /// Everything until the server closes.
    func rest() throws -> String {
        while try readMore() {}
        return String(decoding: received, as: UTF8.self)
    }

    private func endOfHead() -> Int? {
        guard received.count >= 4 else { return nil }
        for index in 3..<received.count
        where received[index] == 10 && received[index - 2] == 10 && received[index - 1] == 13 {
            return index + 1
        }
        return nil
    }

    /// - Returns: False at the end of the connection.
    private func readMore() throws -> Bool {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        let count = recv(socket, &buffer, buffer.count, 0)
        if count == 0 || (count < 0 && errno == ECONNRESET) { return false }
        guard count > 0 else { throw ClientError.system(errno) }
        received.append(contentsOf: buffer[..<count])
        return true
    }
}

enum ClientError: Error {
    case system(Int32)
    case timeout
    case notAChunk(String)
}

struct Response {
    var status: Int
    private var fields: [(name: String, value: String)]
    var body: [UInt8] = []

    init(head: String) {
        let lines = head.split(separator: "\r\n")
        status = Int(lines.first?.split(separator: " ")[1] ?? "") ?? 0
        fields = lines.dropFirst().map { line in
            let parts = line.split(separator: ":", maxSplits: 1)
            return (parts[0].lowercased(), String(parts[1].drop { $0 == " " }))
        }
    }

    func with(body: [UInt8]) -> Response {
        var copy = self
        copy.body = body
        return copy
    }

    subscript(_ name: String) -> String? { fields.first { $0.name == name }?.value }
    var allFields: [String: String] { Dictionary(uniqueKeysWithValues: fields) }
    var text: String { String(decoding: body, as: UTF8.self) }
}

/// Waits for a condition, and fails rather than wait for ever.
func eventually(_ condition: () -> Bool) throws {
    for _ in 0..<20_000 {
        if condition() { return }
        usleep(1_000)
    }
    throw ClientError.timeout
}
