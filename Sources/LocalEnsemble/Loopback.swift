import Glibc

/// What there is to know about a port of this machine, by plain sockets.
enum Loopback {
    /// Nobody listens there.
    static func isFree(_ port: Int) -> Bool {
        withSocket { socket in
            // A port that has only old connections on it is free: what is started sets this too.
            var reuse: Int32 = 1
            setsockopt(
                socket, SOL_SOCKET, SO_REUSEADDR, &reuse, socklen_t(MemoryLayout<Int32>.size))
            return withAddress(of: port) { bind(socket, $0, $1) == 0 }
        }
    }

    /// The status of `GET path`; nil without an answer within a second. Blocks for as long.
    static func status(of path: String, port: Int) -> Int? {
        withSocket { socket -> Int? in
            var limit = timeval(tv_sec: 1, tv_usec: 0)
            let size = socklen_t(MemoryLayout<timeval>.size)
            setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, size)
            setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &limit, size)
            guard withAddress(of: port, { connect(socket, $0, $1) == 0 }) else { return nil }
            let request =
                "GET \(path) HTTP/1.1\r\nHost: 127.0.0.1:\(port)\r\nConnection: close\r\n\r\n"
            let bytes = Array(request.utf8)
            guard send(socket, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count
            else { return nil }
            // "HTTP/1.1 200", which no server splits.
            var answer = [UInt8](repeating: 0, count: 12)
            guard recv(socket, &answer, answer.count, Int32(MSG_WAITALL)) == answer.count
            else { return nil }
            return Int(String(decoding: answer[9...], as: UTF8.self))
        }
    }

    private static func withSocket<Result>(_ body: (Int32) -> Result) -> Result {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        defer { close(descriptor) }
        return body(descriptor)
    }

    private static func withAddress<Result>(
        of port: Int, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
    ) -> Result {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(truncatingIfNeeded: port).bigEndian
        address.sin_addr.s_addr = in_addr_t(0x7f00_0001).bigEndian
        return withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }
}
