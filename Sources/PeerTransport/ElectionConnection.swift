internal import Jute
internal import NIOCore

/// One socket between two servers' election ports.
///
/// Belongs to its event loop and to the transport, which it calls only from socket events and
/// later turns, never from inside `send` or `close`.
final class ElectionConnection: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    /// Why a connection ended.
    enum End: Error, Equatable {
        case closedByPeer
        case badHello(ElectionHello.Refusal)
        case noHello
        case badMessageLength(Int32)
        case failed(String)
    }

    /// The largest message.
    static let longestMessage = 524_288

    private enum Stage {
        case hello
        case messages
        case closed
    }

    let channel: any Channel
    /// Grows with every connection made or accepted.
    let number: Int
    /// Who is at the other end, once it is this server's connection to that peer.
    private(set) var peer: PeerID?
    private weak var transport: ElectionTransport?
    private var stage: Stage
    private var received = ByteBuffer()
    private var end = End.closedByPeer
    private var helloDeadline: Scheduled<Void>?
    /// A write that fails reads what is left in the socket before it returns; that has to wait.
    private var isWriting = false

    /// - Parameters:
    ///   - channel: The socket, whose pipeline this is added to.
    ///   - number: Larger than that of every connection before.
    ///   - transport: Whom it belongs to.
    ///   - helloTimeout: How long the other side has to send its hello; nil when this side dialed,
    ///     and so sends the hello itself.
    init(
        channel: any Channel, number: Int, transport: ElectionTransport, helloTimeout: Duration?
    ) {
        self.channel = channel
        self.number = number
        self.transport = transport
        stage = helloTimeout == nil ? .messages : .hello
        guard let helloTimeout else { return }
        helloDeadline = channel.eventLoop.assumeIsolated().scheduleTask(
            in: TimeAmount(helloTimeout)
        ) { [weak self] in
            self?.fail(.noHello)
        }
    }

    /// Whether a message would go into the socket rather than into memory.
    var isWritable: Bool { stage == .messages && channel.isWritable }

    /// For logs.
    var remoteAddress: String {
        PeerAddress(channel.remoteAddress)?.description ?? "an unknown address"
    }

    func assign(to peer: PeerID) {
        self.peer = peer
    }

    func send(_ message: [UInt8]) {
        guard stage == .messages else { return }
        var buffer = channel.allocator.buffer(capacity: 4 + message.count)
        buffer.writeInteger(Int32(message.count))
        buffer.writeBytes(message)
        isWriting = true
        channel.writeAndFlush(buffer, promise: nil)
        isWriting = false
    }

    /// Writes the hello of the side that dialed.
    ///
    /// - Parameters:
    ///   - hello: All its bytes.
    ///   - closing: Whether that is all this side has to say.
    func send(hello: [UInt8], thenClose closing: Bool) {
        let written = channel.eventLoop.makePromise(of: Void.self)
        isWriting = true
        channel.writeAndFlush(ByteBuffer(bytes: hello), promise: written)
        isWriting = false
        guard closing else { return }
        stage = .closed
        written.futureResult.assumeIsolated().whenComplete { [channel] _ in
            channel.close(promise: nil)
        }
    }

    /// Closes; the transport hears nothing more.
    func close() {
        stage = .closed
        helloDeadline?.cancel()
        transport = nil
        channel.close(promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard stage != .closed else { return }
        guard transport != nil else { return close() }
        var bytes = unwrapInboundIn(data)
        if received.readableBytes == 0 {
            received = bytes
        } else {
            received.writeBuffer(&bytes)
        }
        if isWriting {
            channel.eventLoop.assumeIsolated().execute { [self] in process() }
        } else {
            process()
        }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if !isWriting, isWritable, let peer {
            transport?.canSend(to: peer)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if case .closedByPeer = end { end = .failed("\(error)") }
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        helloDeadline?.cancel()
        guard let transport else { return }
        channel.eventLoop.assumeIsolated().execute { [self] in
            stage = .closed
            // Nil by now when the transport has closed it meanwhile.
            if self.transport != nil { transport.ended(self, end) }
        }
    }

    private func process() {
        do {
            if stage == .hello, let hello = try ElectionHello.read(from: &received) {
                helloDeadline?.cancel()
                stage = .messages
                transport?.received(hello, on: self)
            }
            while stage == .messages, let message = try nextMessage(), let peer {
                transport?.received(message, from: peer)
            }
        } catch let refusal as ElectionHello.Refusal {
            fail(.badHello(refusal))
        } catch {
            fail(error as? End ?? .failed("\(error)"))
        }
        if received.readableBytes == 0 {
            received = ByteBuffer()
        } else {
            received.discardReadBytes()
        }
    }

    private func nextMessage() throws(End) -> [UInt8]? {
        let start = received.readerIndex
        guard let length = received.getInteger(at: start, as: Int32.self) else { return nil }
        guard length > 0, length <= ElectionConnection.longestMessage else {
            throw .badMessageLength(length)
        }
        guard received.readableBytes >= 4 + Int(length) else { return nil }
        received.moveReaderIndex(forwardBy: 4)
        return received.readBytes(length: Int(length))
    }

    private func fail(_ end: End) {
        guard stage != .closed else { return }
        self.end = end
        stage = .closed
        channel.close(promise: nil)
    }
}
