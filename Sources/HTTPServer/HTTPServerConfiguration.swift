package struct HTTPServerConfiguration: Sendable {
    /// A numeric address or a name.
    package var address = "127.0.0.1"
    /// 0 lets the system choose.
    package var port = 0
    /// Threads, each with its own connections; they share the listening socket.
    package var loops = 1
    /// Over it a client gets 429 and is closed.
    package var connectionLimit = 10_000
    package var targetLimitBytes = 16 * 1024
    /// Of all header fields together, their line ends included.
    package var headerLimitBytes = 16 * 1024
    package var headerFieldLimit = 100
    /// From the connection, or from the first byte of a later request, to the end of its head.
    package var headTimeout: Duration = .seconds(10)
    /// The longest pause within a body; also how long a body may be slower than
    /// `bodyBytesPerSecond`.
    package var bodyTimeout: Duration = .seconds(30)
    package var bodyBytesPerSecond = 1024
    /// Without any traffic: between requests, or while the client does not read its answer.
    package var idleTimeout: Duration = .seconds(75)
    /// How long the system of a client that is asked for may be silent before `peerAnswers` is
    /// false; at least two seconds more than a round trip.
    package var peerTimeout: Duration = .seconds(5)
    /// How long a stream's client may let all buffers stay full, or acknowledge nothing: longer,
    /// since the program that reads may be slow, and loses only its connection.
    package var stallTimeout: Duration = .seconds(30)
    /// How much of a refused body is read and thrown away so that the client, which may not look
    /// for an answer before it has sent everything, gets to see it.
    package var drainLimitBytes = 16 * 1024 * 1024
    /// How long `stop` waits for answers to be sent.
    package var stopGrace: Duration = .seconds(2)

    package init() {}
}

/// Why a server could not start.
package enum HTTPServerError: Error, Equatable, Sendable, CustomStringConvertible {
    case unknownAddress(String, reason: String)
    case cannotListen(address: String, port: Int, reason: String)
    /// A resource of the system is used up: descriptors, threads, memory.
    case cannotStart(reason: String)

    package var description: String {
        switch self {
        case .unknownAddress(let address, let reason):
            "HTTP address \(address): \(reason)"
        case .cannotListen(let address, let port, let reason):
            "cannot serve HTTP on \(address) port \(port): \(reason)"
        case .cannotStart(let reason):
            "cannot serve HTTP: \(reason)"
        }
    }
}
