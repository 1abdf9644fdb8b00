import Jute
import Logging
import NIOCore
import PeerTransport

/// A server as far as elections need one: a transport on an event loop, and what it heard.
actor ElectionServer {
    struct Message: Equatable {
        let sender: PeerID
        let bytes: [UInt8]
    }

    private let loop: any EventLoop
    private var transport: ElectionTransport
    private(set) var messages: [Message] = []
    /// Positive when a peer connected, negative when it was lost.
    private(set) var changes: [PeerID] = []
    private var isCalling = false

    nonisolated var unownedExecutor: UnownedSerialExecutor {
        loop.executor.asUnownedSerialExecutor()
    }

    init(
        _ id: PeerID, on loop: any EventLoop, peers: [PeerID: PeerAddress] = [:],
        configure: @Sendable (inout ElectionTransport.Configuration) -> Void = { _ in }
    ) {
        self.loop = loop
        var configuration = ElectionTransport.Configuration(
            myID: id, listenAddress: PeerAddress(host: "127.0.0.1", port: 0), peers: peers)
        configure(&configuration)
        var logger = Logger(label: "election")
        logger.logLevel = .critical
        transport = ElectionTransport(configuration, eventLoop: loop, logger: logger)
    }

    @discardableResult
    func start() async throws -> PeerAddress {
        transport.onMessage = { [self] sender, bytes in
            precondition(!isCalling)
            messages.append(Message(sender: sender, bytes: bytes))
        }
        transport.onPeerConnected = { [self] peer in
            precondition(!isCalling)
            changes.append(peer)
        }
        transport.onPeerLost = { [self] peer in
            precondition(!isCalling)
            changes.append(-peer)
        }
        return try await withCheckedThrowingContinuation { continuation in
            call { $0.start { continuation.resume(with: $0) } }
        }
    }

    func send(_ bytes: [UInt8], to peer: PeerID) {
        call { $0.send(bytes, to: peer) }
    }

    func connectAll() {
        call { $0.connectAll() }
    }

    func setPeers(_ peers: [PeerID: PeerAddress]) {
        call { $0.setPeers(peers) }
    }

    func stop() {
        call { $0.stop() }
    }

    var connectedPeers: Set<PeerID> { transport.connectedPeers }
    var haveDelivered: Bool { transport.haveDelivered }
    func messages(from sender: PeerID) -> [[UInt8]] {
        messages.filter { $0.sender == sender }.map(\.bytes)
    }

    /// No callback may come from inside a call.
    private func call(_ body: (ElectionTransport) -> Void) {
        isCalling = true
        body(transport)
        isCalling = false
    }
}
