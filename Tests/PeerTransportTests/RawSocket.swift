import NIOCore
import NIOPosix
import PeerTransport
import Testing

/// A plain socket in the place of another server: writes what a test says and remembers what
/// comes back.
actor RawSocket {
    private let loop: any EventLoop
    private var channel: (any Channel)?
    /// Every read as it came.
    private(set) var reads: [[UInt8]] = []
    private(set) var isClosed = false

    nonisolated var unownedExecutor: UnownedSerialExecutor {
        loop.executor.asUnownedSerialExecutor()
    }

    init(on loop: any EventLoop) {
        self.loop = loop
    }

    var received: [UInt8] { reads.flatMap(\.self) }

    /// Forgets the first bytes that came.
    func forget(_ count: Int) {
        reads = [Array(received.dropFirst(count))]
    }

    static func connect(to address: PeerAddress, on loop: any EventLoop) async throws -> RawSocket {
        let socket = RawSocket(on: loop)
        let channel = try await ClientBootstrap(group: loop)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Recorder(socket))
                }
            }
            .connect(host: address.host, port: address.port).get()
        await socket.adopt(channel)
        return socket
    }

    func write(_ bytes: [UInt8]) async throws {
        try await channel?.writeAndFlush(ByteBuffer(bytes: bytes))
    }

    func write(eachOf bytes: [UInt8]) async throws {
        for byte in bytes {
            try await write([byte])
        }
    }

    /// Writes to a socket that the other side may close at any moment.
    func tryToWrite(_ bytes: [UInt8]) async {
        do { try await write(bytes) } catch { isClosed = true }
    }

    func stopReading() async throws {
        try await channel?.setOption(.autoRead, value: false).get()
    }

    func startReading() async throws {
        try await channel?.setOption(.autoRead, value: true).get()
    }

    func close() {
        channel?.close(promise: nil)
    }

    fileprivate func adopt(_ channel: any Channel) {
        self.channel = channel
        if !channel.isActive { isClosed = true }
    }

    fileprivate func add(_ bytes: [UInt8]) {
        reads.append(bytes)
    }

    fileprivate func ended() {
        isClosed = true
    }
}

/// A plain port in the place of another server's.
actor RawListener {
    private let loop: any EventLoop
    private var channel: (any Channel)?
    private(set) var accepted: [RawSocket] = []

    nonisolated var unownedExecutor: UnownedSerialExecutor {
        loop.executor.asUnownedSerialExecutor()
    }

    init(on loop: any EventLoop) {
        self.loop = loop
    }

    static func listen(on loop: any EventLoop) async throws -> (RawListener, PeerAddress) {
        let listener = RawListener(on: loop)
        let channel = try await ServerBootstrap(group: loop)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try listener.assumeIsolated { try $0.accept(channel) }
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        await listener.adopt(channel)
        let port = channel.localAddress?.port ?? 0
        return (listener, PeerAddress(host: "127.0.0.1", port: port))
    }

    func close() {
        channel?.close(promise: nil)
    }

    /// The first connection; the other side can know of it earlier than this one.
    func first() async throws -> RawSocket {
        try await eventually("somebody connects") { !accepted.isEmpty }
        return try #require(accepted.first)
    }

    private func adopt(_ channel: any Channel) {
        self.channel = channel
    }

    private func accept(_ channel: any Channel) throws {
        let socket = RawSocket(on: loop)
        socket.assumeIsolated { $0.adopt(active: channel) }
        try channel.pipeline.syncOperations.addHandler(Recorder(socket))
        accepted.append(socket)
    }
}

extension RawSocket {
    fileprivate func adopt(active channel: any Channel) {
        self.channel = channel
    }
}

private final class Recorder: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    let socket: RawSocket

    init(_ socket: RawSocket) {
        self.socket = socket
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = Array(unwrapInboundIn(data).readableBytesView)
        socket.assumeIsolated { $0.add(bytes) }
    }

    func channelInactive(context: ChannelHandlerContext) {
        socket.assumeIsolated { $0.ended() }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}
