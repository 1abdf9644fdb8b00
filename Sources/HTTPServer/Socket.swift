internal import Glibc

/// Opens a listening socket.
///
/// - Parameters:
///   - address: A numeric address or a name; of a name's addresses the first that works.
///   - port: 0 lets the system choose.
/// - Returns: The socket, not blocking, closed on exec; and its port.
/// - Throws: What the system has against the address or the port.
func listen(on address: String, port: Int) throws(HTTPServerError) -> (socket: Int32, port: Int) {
    guard (0...65_535).contains(port) else {
        throw .cannotListen(address: address, port: port, reason: "no such port")
    }
    var hints = addrinfo()
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV
    var found: UnsafeMutablePointer<addrinfo>?
    let code = getaddrinfo(address, String(port), &hints, &found)
    guard code == 0 else {
        throw .unknownAddress(address, reason: String(cString: gai_strerror(code)))
    }
    defer { freeaddrinfo(found) }
    var reason = "no address"
    var candidate = found
    while let info = candidate?.pointee {
        candidate = info.ai_next
        let socket = socket(
            info.ai_family,
            Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
                | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard socket >= 0 else {
            reason = systemError()
            continue
        }
        setOption(socket, SOL_SOCKET, SO_REUSEADDR)
        if bind(socket, info.ai_addr, info.ai_addrlen) == 0, listen(socket, backlog) == 0 {
            return (socket, localPort(of: socket))
        }
        reason = systemError()
        close(socket)
    }
    throw .cannotListen(address: address, port: port, reason: reason)
}

private let backlog: Int32 = 1024

/// What errno says.
func systemError() -> String {
    String(cString: strerror(errno))
}

private func setOption(_ socket: Int32, _ level: Int32, _ name: Int32, _ value: Int32 = 1) {
    var value = value
    setsockopt(socket, level, name, &value, socklen_t(MemoryLayout<Int32>.size))
}

private func localPort(of socket: Int32) -> Int {
    var storage = sockaddr_storage()
    var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    return withUnsafeMutablePointer(to: &storage) { pointer in
        let address = UnsafeMutableRawPointer(pointer).assumingMemoryBound(to: sockaddr.self)
        guard getsockname(socket, address, &length) == 0 else { return 0 }
        // The port has the same place in addresses of both families.
        let ipv4 = UnsafeRawPointer(pointer).assumingMemoryBound(to: sockaddr_in.self)
        return Int(UInt16(bigEndian: ipv4.pointee.sin_port))
    }
}

/// The address of the other side; all zeros of a peer that has left.
func withPeerAddress<Result>(
    of socket: Int32, _ body: (UnsafeMutablePointer<sockaddr>, socklen_t) -> Result
) -> Result {
    var storage = sockaddr_storage()
    var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    return withUnsafeMutablePointer(to: &storage) { pointer in
        let address = UnsafeMutableRawPointer(pointer).assumingMemoryBound(to: sockaddr.self)
        if getpeername(socket, address, &length) != 0 {
            length = socklen_t(MemoryLayout<sockaddr_in>.size)
        }
        return body(address, length)
    }
}

/// The numeric form of a socket address, without port and zone; empty for other families.
func numericAddress(_ address: UnsafeRawPointer) -> String {
    // Every socket address begins with its family.
    let family = address.load(as: sa_family_t.self)
    var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN) + 1)
    switch Int32(family) {
    case AF_INET:
        var ipv4 = address.assumingMemoryBound(to: sockaddr_in.self).pointee.sin_addr
        inet_ntop(AF_INET, &ipv4, &text, socklen_t(text.count))
    case AF_INET6:
        var ipv6 = address.assumingMemoryBound(to: sockaddr_in6.self).pointee.sin6_addr
        inet_ntop(AF_INET6, &ipv6, &text, socklen_t(text.count))
    default:
        break
    }
    let string = text.withUnsafeBufferPointer { bytes in
        String(decoding: bytes.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
    let mapped = "::ffff:"
    return string.hasPrefix(mapped) && string.contains(".")
        ? String(string.dropFirst(mapped.count)) : string
}

/// Whether the peer has closed its sending side or the connection is broken. Bytes that it sent
/// meanwhile stay where they are.
func isClosedByPeer(_ socket: Int32) -> Bool {
    var byte: UInt8 = 0
    let count = recv(socket, &byte, 1, Int32(MSG_PEEK | MSG_DONTWAIT))
    if count > 0 { return false }
    return count == 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
}

/// How many bytes have come in on a TCP connection; nil when the kernel does not say.
func receivedByteCount(_ socket: Int32) -> UInt64? {
    // `tcpi_bytes_received` of Linux's `struct tcp_info`, which glibc's copy lacks: 8 bytes of
    // small fields, 24 of 4 bytes, 3 of 8 bytes before it.
    tcpInformation(socket, at: 8 + 24 * 4 + 3 * 8, as: UInt64.self)
}

/// A socket of no connection, which fails whatever is asked of it; negative on failure.
func makeDeadSocket() -> Int32 {
    socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
}

/// Another descriptor of the same socket; nil when the system has none left.
func duplicate(_ socket: Int32) -> Int32? {
    let copy = fcntl(socket, F_DUPFD_CLOEXEC, 0)
    return copy < 0 ? nil : copy
}

/// Milliseconds since the peer's TCP has last acknowledged anything, a keep-alive probe included;
/// nil for a socket that is no TCP connection.
func silenceMilliseconds(_ socket: Int32) -> UInt32? {
    // `tcpi_last_ack_recv`, the thirteenth of the fields of 4 bytes.
    tcpInformation(socket, at: 8 + 12 * 4, as: UInt32.self)
}

private func tcpInformation<Value: BitwiseCopyable>(
    _ socket: Int32, at offset: Int, as type: Value.Type
) -> Value? {
    withUnsafeTemporaryAllocation(byteCount: 256, alignment: 8) { info in
        var length = socklen_t(info.count)
        guard getsockopt(socket, Int32(IPPROTO_TCP), TCP_INFO, info.baseAddress, &length) == 0,
            Int(length) >= offset + MemoryLayout<Value>.size
        else { return nil }
        return info.load(fromByteOffset: offset, as: type)
    }
}

/// Lets the kernel ask a silent peer every two seconds, and break the connection when it has not
/// answered for four times the `timeout` after which it is not trusted any more.
///
/// Only where somebody wants to know: the probes of many thousand connections come in bursts that
/// are longer than the queues they pass, and connections break whose peers are there.
func probePeer(_ socket: Int32, timeout: Duration) {
    let seconds = Int32(clamping: timeout.components.seconds)
    setOption(socket, Int32(IPPROTO_TCP), TCP_KEEPIDLE, 2)
    setOption(socket, Int32(IPPROTO_TCP), TCP_KEEPINTVL, 2)
    setOption(socket, Int32(IPPROTO_TCP), TCP_KEEPCNT, max(1, 2 * seconds - 1))
    setOption(socket, SOL_SOCKET, SO_KEEPALIVE)
}

/// Lets the kernel break the connection when what is under way to the peer is not acknowledged,
/// or not taken because its window is shut, for `timeout`.
func limitSilence(_ socket: Int32, timeout: Duration) {
    let (seconds, attoseconds) = timeout.components
    let milliseconds = seconds * 1_000 + attoseconds / 1_000_000_000_000_000
    setOption(socket, Int32(IPPROTO_TCP), TCP_USER_TIMEOUT, Int32(clamping: milliseconds))
}

/// Keeps the kernel from holding back small pieces.
func sendAtOnce(_ socket: Int32) {
    setOption(socket, Int32(IPPROTO_TCP), TCP_NODELAY)
}

/// Sends what fits without waiting, then ends the connection in both directions.
func sendAndShutDown(_ socket: Int32, _ bytes: [UInt8]) {
    if !bytes.isEmpty {
        // As much as the system allows; the kernel sends it after the shutdown too.
        setOption(socket, SOL_SOCKET, SO_SNDBUF, Int32(clamping: bytes.count + 65_536))
        send(socket, bytes, bytes.count, Int32(MSG_DONTWAIT | MSG_NOSIGNAL))
    }
    shutdown(socket, Int32(SHUT_RDWR))
}

/// Lets this process hold `wanted` descriptors if the system's limit allows it.
///
/// - Returns: How many it may hold now.
func raiseDescriptorLimit(to wanted: Int) -> Int {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return wanted }
    if limit.rlim_cur < rlim_t(wanted), limit.rlim_cur < limit.rlim_max {
        limit.rlim_cur = min(rlim_t(wanted), limit.rlim_max)
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }
    return Int(clamping: limit.rlim_cur)
}
