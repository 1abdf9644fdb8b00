import NIOCore
import NIOHTTP1
import NIOPosix

/// One request to another member, on a connection of its own.
package struct PeerRequest: Sendable {
    private static let connectTimeout = TimeAmount.milliseconds(500)

    /// Path and query of the resource.
    package var target: String
    package var headers: [(name: String, value: String)] = []
    /// Makes the request a POST; nil for a GET.
    package var posted: [UInt8]?
    /// How long to wait for all of the answer.
    package var timeout = Duration.seconds(1)
    /// A longer body is no answer.
    package var largestBody = 256 << 10

    package init(_ target: String) {
        self.target = target
    }

    /// Asks once.
    ///
    /// - Parameter address: `host:port`, an IPv6 address in brackets.
    /// - Returns: The body of a 200, or nil for every other answer and for none: that a member
    ///   does not answer is what its asker wants to know.
    package func get(from address: String) async -> [UInt8]? {
        await ask(address).body
    }

    /// Asks once.
    ///
    /// - Parameter address: `host:port`, an IPv6 address in brackets.
    /// - Returns: What came, or how it did not.
    package func ask(_ address: String) async -> PeerAnswer {
        guard let (host, port) = PeerRequest.split(address) else { return .useless }
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let answer = loop.makePromise(of: PeerAnswer.self)
        let bootstrap = ClientBootstrap(group: loop)
            .connectTimeout(PeerRequest.connectTimeout)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHTTPClientHandlers()
                    try channel.pipeline.syncOperations.addHandler(
                        PeerResponseHandler(self, host: address, answer: answer))
                }
            }
        bootstrap.connect(host: host, port: port).whenFailure { error in
            answer.succeed(PeerRequest.isRefusal(error) ? .refused : .silence)
        }
        loop.scheduleTask(in: .nanoseconds(timeout.nanoseconds)) { answer.succeed(.silence) }
        do {
            return try await answer.futureResult.get()
        } catch {
            return .silence
        }
    }

    private static func isRefusal(_ error: any Error) -> Bool {
        switch error {
        case let error as NIOConnectionError:
            !error.connectionErrors.isEmpty
                && error.connectionErrors.allSatisfy { isRefusal($0.error) }
        case let error as IOError:
            error.errnoCode == ECONNREFUSED
        default:
            false
        }
    }

    /// Whether anybody accepts connections at an address.
    ///
    /// - Parameter address: `host:port`, an IPv6 address in brackets.
    /// - Returns: False also for an address that cannot be understood.
    package static func isListening(at address: String) async -> Bool {
        guard let (host, port) = split(address) else { return false }
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let bootstrap = ClientBootstrap(group: loop).connectTimeout(connectTimeout)
        do {
            let channel = try await bootstrap.connect(host: host, port: port).get()
            channel.close(promise: nil)
            return true
        } catch {
            return false
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

/// What came of a question to another member.
package enum PeerAnswer: Equatable, Sendable {
    /// The body of a 200.
    case body([UInt8])
    /// Something else, or nothing that could be asked.
    case useless
    /// Nobody listens at the address, or whoever did has closed the connection.
    case refused
    case silence

    package var body: [UInt8]? {
        if case .body(let bytes) = self { bytes } else { nil }
    }
}

/// Sends the request when connected, gathers the answer, closes.
private final class PeerResponseHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPClientResponsePart
    typealias OutboundOut = HTTPClientRequestPart

    private let request: PeerRequest
    private let host: String
    private let answer: EventLoopPromise<PeerAnswer>
    private var body: [UInt8] = []
    private var isGood = false

    init(_ request: PeerRequest, host: String, answer: EventLoopPromise<PeerAnswer>) {
        self.request = request
        self.host = host
        self.answer = answer
    }

    func channelActive(context: ChannelHandlerContext) {
        let channel = context.channel
        // Closes the connection also when nobody waits for the answer any more.
        answer.futureResult.whenComplete { _ in channel.close(promise: nil) }
        var head = HTTPRequestHead(
            version: .http1_1, method: request.posted == nil ? .GET : .POST, uri: request.target)
        head.headers = ["Host": host, "Connection": "close"]
        for (name, value) in request.headers { head.headers.add(name: name, value: value) }
        if let body = request.posted {
            head.headers.add(name: "Content-Length", value: "\(body.count)")
        }
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        if let body = request.posted {
            let buffer = context.channel.allocator.buffer(bytes: body)
            context.write(wrapOutboundOut(.body(.byteBuffer(buffer))), promise: nil)
        }
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            isGood = head.status == .ok
        case .body(let part):
            body.append(contentsOf: part.readableBytesView)
            if body.count > request.largestBody { finish(.useless) }
        case .end:
            finish(isGood ? .body(body) : .useless)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        finish(.refused)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // A reset too is an end that somebody has made; what is no HTTP is not the member.
        finish(error is IOError ? .refused : .useless)
    }

    /// The first end counts: a promise that is kept already ignores the others.
    private func finish(_ result: PeerAnswer) {
        answer.succeed(result)
    }
}

extension Duration {
    fileprivate var nanoseconds: Int64 {
        components.seconds * 1_000_000_000 + components.attoseconds / 1_000_000_000
    }
}
