internal import Glibc

/// What is left to send to a client without the library.
struct Outbox {
    private var head: [UInt8] = []
    private var body: [UInt8] = []
    private var sent = 0
    /// Whether the answer ends behind it.
    private(set) var isLast = false
    /// When the system has last taken some of it, in nanoseconds of the loop's clock.
    private(set) var movedAt: UInt64 = 0

    init() {}

    init(head: [UInt8], body: [UInt8] = [], isLast: Bool, now: UInt64) {
        self.head = head
        self.body = body
        self.isLast = isLast
        movedAt = now
    }

    enum Outcome {
        case sent
        /// The client has to read first.
        case full
        case broken
    }

    /// Sends as much as the system takes.
    mutating func send(on socket: Int32, now: UInt64) -> Outcome {
        while sent < head.count + body.count {
            let skipped = max(0, sent - head.count)
            let count = head.withUnsafeBytes { head in
                body.withUnsafeBytes { body in
                    sendBytes(
                        UnsafeRawBufferPointer(rebasing: head[min(sent, head.count)...]),
                        UnsafeRawBufferPointer(rebasing: body[skipped...]), on: socket)
                }
            }
            guard count >= 0 else {
                if errno == EINTR { continue }
                return errno == EAGAIN || errno == EWOULDBLOCK ? .full : .broken
            }
            sent += count
            movedAt = now
        }
        head = []
        body = []
        sent = 0
        return .sent
    }
}

/// - Returns: How many bytes the system took; negative with `errno` when it took none.
private func sendBytes(
    _ first: UnsafeRawBufferPointer, _ second: UnsafeRawBufferPointer, on socket: Int32
) -> Int {
    // The system writes to neither, whatever the type says.
    var parts = (
        iovec(
            iov_base: UnsafeMutableRawPointer(mutating: first.baseAddress), iov_len: first.count),
        iovec(
            iov_base: UnsafeMutableRawPointer(mutating: second.baseAddress), iov_len: second.count)
    )
    return withUnsafeMutablePointer(to: &parts) { pointer in
        pointer.withMemoryRebound(to: iovec.self, capacity: 2) { both in
            var message = msghdr()
            message.msg_iov = both
            message.msg_iovlen = 2
            return sendmsg(socket, &message, Int32(MSG_DONTWAIT | MSG_NOSIGNAL))
        }
    }
}
