import NIOCore
import NIOHTTP1
import NIOPosix

/// One GET from another member, on a connection of its own.
enum PeerRequest {
    private static let connectTimeout = TimeAmount.milliseconds(500)
    private static let timeout = TimeAmount.seconds(1)

    /// Asks and waits for at most a second.
    ///
    /// - Parameters:
    ///   - path: Of the resource.
    ///   - address: `host:port`, an IPv6 address in brackets.
    /// - Returns: The body of a 200, or nil for every other answer and for none: that a member
    ///   does not answer is what its asker wants to know.
    static func get(_ path: String, from address: String) async -> [UInt8]? {
        guard let (host, port) = split(address) else { return nil }
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let answer = loop.makePromise(of: [UInt8]?.self)
        let bootstrap = ClientBootstrap(group: loop)
            .connectTimeout(connectTimeout)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHTTPClientHandlers()
                    try channel.pipeline.syncOperations.addHandler(
                        PeerResponseHandler(path: path, host: address, answer: answer))
                }
            }
        bootstrap.connect(host: host, port: port).whenFailure { _ in answer.succeed(nil) }
        loop.scheduleTask(in: timeout) { answer.succeed(nil) }
        do {
            return try await answer.futureResult.get()
        } catch {
            return nil
        }
    }

    private static func split(_ address: String) -> (host: String, port: Int)? {
        guard let colon = address.lastIndex(of: ":"),
            let port = Int(address[address.index(after: colon)...])
        else { return nil }
        var host = address[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
        return (String(host), port)
    }
}

/// Sends the request when connected, gathers the answer, closes.
private final class PeerResponseHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPClientResponsePart
    typealias OutboundOut = HTTPClientRequestPart

    private let path: String
    private let host: String
    private let answer: EventLoopPromise<[UInt8]?>
    private var body: [UInt8] = []
    private var isGood = false

    private static let largestBody = 256 << 10

    init(path: String, host: String, answer: EventLoopPromise<[UInt8]?>) {
        self.path = path
        self.host = host
        self.answer = answer
    }

    func channelActive(context: ChannelHandlerContext) {
        let channel = context.channel
        // Closes the connection also when nobody waits for the answer any more.
        answer.futureResult.whenComplete { _ in channel.close(promise: nil) }
        var head = HTTPRequestHead(version: .http1_1, method: .GET, uri: path)
        head.headers = ["Host": host, "Connection": "close"]
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            isGood = head.status == .ok
        case .body(let part):
            body.append(contentsOf: part.readableBytesView)
            if body.count > PeerResponseHandler.largestBody { finish(nil) }
        case .end:
            finish(isGood ? body : nil)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        finish(nil)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        finish(nil)
    }

    /// The first end counts: a promise that is kept already ignores the others.
    private func finish(_ result: [UInt8]?) {
        answer.succeed(result)
    }
}
