internal import NIOCore
internal import NIOPosix

/// An address that could not be listened on, after all tries.
package struct BindError: Error, Equatable, Sendable, CustomStringConvertible {
    package let address: PeerAddress
    package let problem: String

    package var description: String { "cannot listen on \(address): \(problem)" }
}

/// A port that accepts connections on one event loop.
///
/// Belongs to its event loop, like everything it calls.
final class ListeningSocket {
    private let eventLoop: any EventLoop
    private let accept: (any Channel) throws -> Void
    private var channel: (any Channel)?
    private var isClosed = false

    /// - Parameters:
    ///   - eventLoop: Serves the port and its connections.
    ///   - accept: Adds the handlers of a new connection.
    init(eventLoop: any EventLoop, accept: @escaping (any Channel) throws -> Void) {
        self.eventLoop = eventLoop
        self.accept = accept
    }

    /// Where it listens, with the port that it got.
    var address: PeerAddress? { PeerAddress(channel?.localAddress) }

    /// Starts to listen; a port in use is tried again.
    ///
    /// - Parameters:
    ///   - address: Where to listen. A name is resolved before every try.
    ///   - attempts: How often to try.
    ///   - retryDelay: How long to wait between tries.
    ///   - whenBound: Called once, from a later turn; not at all when closed before.
    func open(
        on address: PeerAddress, attempts: Int, retryDelay: Duration,
        _ whenBound: @escaping (Result<PeerAddress, BindError>) -> Void
    ) {
        guard !isClosed else { return }
        resolve(address).assumeIsolated().flatMap { [bootstrap] in bootstrap.bind(to: $0) }
            .whenComplete { [self] result in
                switch result {
                case .success(let channel) where isClosed:
                    channel.close(promise: nil)
                case .success(let channel):
                    self.channel = channel
                    eventLoop.assumeIsolated().execute { [self] in
                        if !isClosed { whenBound(.success(self.address ?? address)) }
                    }
                case .failure where isClosed:
                    break
                case .failure where attempts > 1:
                    eventLoop.assumeIsolated().scheduleTask(in: TimeAmount(retryDelay)) { [self] in
                        open(
                            on: address, attempts: attempts - 1, retryDelay: retryDelay, whenBound)
                    }
                case .failure(let error):
                    eventLoop.assumeIsolated().execute { [self] in
                        guard !isClosed else { return }
                        whenBound(.failure(BindError(address: address, problem: "\(error)")))
                    }
                }
            }
    }

    func close() {
        isClosed = true
        channel?.close(promise: nil)
        channel = nil
    }

    private var bootstrap: ServerBootstrap {
        let bound = NIOLoopBound(self, eventLoop: eventLoop)
        return ServerBootstrap(group: eventLoop)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .serverChannelOption(.backlog, value: 128)
            .childChannelOption(.socketOption(.so_keepalive), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try bound.value.accept(channel) }
            }
    }

    /// Resolving a name blocks, so it does not happen on the loop.
    private func resolve(_ address: PeerAddress) -> EventLoopFuture<SocketAddress> {
        let host = address.host.isEmpty ? "0.0.0.0" : address.host
        let port = address.port
        if let literal = try? SocketAddress(ipAddress: host, port: port) {
            return eventLoop.makeSucceededFuture(literal)
        }
        return NIOSingletons.posixBlockingThreadPool.runIfActive(eventLoop: eventLoop) {
            try SocketAddress.makeAddressResolvingHost(host, port: port)
        }
    }
}
