internal import Glibc
internal import Synchronization

/// HTTP/1.1 and 1.0 on one port, by libmicrohttpd, with loops of our own around it.
///
/// The handler is called on the loops' threads. Framing, size and speed of requests are checked
/// before it is.
package final class HTTPServer: Sendable {
    private struct Running {
        var port: Int
        var loops: [EventLoop]
    }

    private let configuration: HTTPServerConfiguration
    private let handler: any HTTPHandler
    private let counters: Counters
    private let running = Mutex<Running?>(nil)

    package init(_ configuration: HTTPServerConfiguration, handler: any HTTPHandler) {
        precondition(configuration.loops > 0)
        self.configuration = configuration
        self.handler = handler
        let limit = max(1, configuration.connectionLimit)
        let surplus = HTTPServer.otherDescriptors + limit / 16
        let descriptors = raiseDescriptorLimit(to: limit + surplus)
        counters = Counters(connectionLimit: min(limit, max(16, descriptors - surplus)))
    }

    /// Left for log, peers and the rest of the process.
    private static let otherDescriptors = 1_000

    /// Which libmicrohttpd runs.
    package static var libraryVersion: String { Daemon.libraryVersion }

    /// Listens and starts the loops.
    ///
    /// - Throws: What to tell the user; nothing is left running.
    package func start() throws(HTTPServerError) {
        let (socket, port) = try listen(on: configuration.address, port: configuration.port)
        var loops: [EventLoop] = []
        do throws(HTTPServerError) {
            for number in 0..<configuration.loops {
                // Each daemon closes its own descriptor of the one socket.
                let own = number == 0 ? socket : fcntl(socket, F_DUPFD_CLOEXEC, 0)
                guard own >= 0 else { throw .cannotStart(reason: systemError()) }
                let loop = try EventLoop(
                    configuration: configuration, handler: handler, counters: counters)
                try loop.start(socket: own)
                loops.append(loop)
            }
        } catch {
            stop(loops)
            throw error
        }
        running.withLock { $0 = Running(port: port, loops: loops) }
    }

    /// The port that is listened on; 0 before `start` and after `stop`.
    package var port: Int { running.withLock { $0?.port ?? 0 } }

    /// Sends everything that `HTTPExchange.respond(_:flush:)` and `HTTPBodyStream.write(_:flush:)`
    /// have only queued. Costs next to nothing if they have queued nothing.
    package func flush() {
        running.withLock { running in
            for loop in running?.loops ?? [] { loop.flush() }
        }
    }

    /// Refuses new connections, answers 503 to all that wait, finishes all streams, sends what is
    /// answered, and ends the threads. Blocks for at most `stopGrace` and a little.
    ///
    /// - Precondition: Not called on a loop's thread, which it waits for.
    package func stop() {
        let loops = running.withLock { running in
            defer { running = nil }
            return running?.loops ?? []
        }
        stop(loops)
    }

    private func stop(_ loops: [EventLoop]) {
        for loop in loops { loop.requestStop() }
        for loop in loops { loop.join() }
    }

    package var statistics: HTTPServerStatistics {
        HTTPServerStatistics(
            connections: counters.connections.load(ordering: .relaxed),
            connectionLimit: counters.connectionLimit,
            waiting: counters.waiting.load(ordering: .relaxed),
            outside: counters.outside.load(ordering: .relaxed),
            streams: counters.streams.load(ordering: .relaxed),
            requests: counters.requests.load(ordering: .relaxed),
            refused: counters.refused.load(ordering: .relaxed))
    }
}

package struct HTTPServerStatistics: Equatable, Sendable {
    package let connections: Int
    /// May be lower than configured, when the system gives fewer descriptors.
    package let connectionLimit: Int
    /// Requests that were not answered at once and still wait.
    package let waiting: Int
    /// Connections that cost the library nothing: they have waited for more than a second.
    package let outside: Int
    /// Answers whose bodies are not finished.
    package let streams: Int
    /// Heads read since the start.
    package let requests: Int
    /// Requests that the server refused by itself.
    package let refused: Int
}

/// Numbers that all loops share.
final class Counters: Sendable {
    let connectionLimit: Int
    let connections = Atomic(0)
    let waiting = Atomic(0)
    let outside = Atomic(0)
    let streams = Atomic(0)
    let requests = Atomic(0)
    let refused = Atomic(0)

    init(connectionLimit: Int) {
        self.connectionLimit = connectionLimit
    }
}
