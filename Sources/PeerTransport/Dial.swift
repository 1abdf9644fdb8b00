internal import NIOCore
internal import NIOPosix

/// One attempt to connect to a peer, which can be given up.
///
/// The name is resolved anew for each (ZOOKEEPER-1506: an address that is kept outlives the
/// machine that had it). Belongs to its event loop.
final class Dial {
    private let eventLoop: any EventLoop
    /// Sockets on the way: several when the name has several addresses.
    private var sockets: [any Channel] = []
    private var isCancelled = false

    init(eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
    }

    /// Connects.
    ///
    /// - Parameters:
    ///   - address: Whom to connect to.
    ///   - timeout: How long that may take.
    ///   - whenDone: Called once, from a later turn, and before anything is read; not at all after
    ///     `cancel`.
    func start(
        to address: PeerAddress, timeout: Duration,
        _ whenDone: @escaping (Result<any Channel, any Error>) -> Void
    ) {
        let bound = NIOLoopBound(self, eventLoop: eventLoop)
        let connected = ClientBootstrap(group: eventLoop)
            .channelOption(.socketOption(.so_keepalive), value: 1)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .connectTimeout(TimeAmount(timeout))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try bound.value.adopt(channel) }
            }
            .connect(host: address.host, port: address.port)
        connected.assumeIsolated().whenComplete { [self] result in
            sockets = []
            switch result {
            case .success(let channel) where isCancelled: channel.close(promise: nil)
            case .failure where isCancelled: break
            default: whenDone(result)
            }
        }
    }

    /// Gives up: closes the sockets on the way.
    func cancel() {
        isCancelled = true
        for socket in sockets {
            socket.close(promise: nil)
        }
        sockets = []
    }

    private func adopt(_ channel: any Channel) throws {
        guard !isCancelled else { throw ChannelError.ioOnClosedChannel }
        sockets.append(channel)
    }
}
