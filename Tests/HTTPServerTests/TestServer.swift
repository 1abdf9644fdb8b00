import HTTPServer
import Synchronization

/// A server on a free port with a small handler, stopped at the end of `body`.
func withServer(
    _ configure: (inout HTTPServerConfiguration) -> Void = { _ in },
    _ body: (HTTPServer, TestHandler) throws -> Void
) throws {
    var configuration = HTTPServerConfiguration()
    configure(&configuration)
    let handler = TestHandler()
    let server = HTTPServer(configuration, handler: handler)
    try server.start()
    defer { server.stop() }
    try body(server, handler)
}

/// Answers `/echo` with method, target and body, parks `/park` until `release`, answers `/stream`
/// with a stream to be written to, `/late` with one when it is released, `/endless` with one that
/// never runs dry, and everything else with `ok`. Bodies are limited to 1,000 bytes, those of `/large` to 10 MiB.
final class TestHandler: HTTPHandler {
    private let parked = Mutex<[HTTPExchange]>([])
    private let goneCount = Mutex(0)
    private let handled = Mutex(0)
    private let opened = Mutex<[TestStream]>([])
    private let uploads = Mutex<[TestReceiver]>([])

    var parkedCount: Int { parked.withLock { $0.count } }
    var handledCount: Int { handled.withLock { $0 } }
    var streams: [TestStream] { opened.withLock { $0 } }
    var receivers: [TestReceiver] { uploads.withLock { $0 } }
    var gone: Int { goneCount.withLock { $0 } }

    func bodyPolicy(for head: HTTPRequestHead) -> BodyPolicy {
        if head.headers.contains("X-Refuse") {
            return .refuse(HTTPResponse(status: 403, body: Array("no".utf8)))
        }
        if head.rawPath.elementsEqual("/upload".utf8) {
            let receiver = TestReceiver(
                pausesAfter: head.headers.contains("X-Pause") ? 20_000 : nil)
            uploads.withLock { $0.append(receiver) }
            return .receive(receiver, limit: 10 << 20)
        }
        return .accept(limit: head.rawPath.elementsEqual("/large".utf8) ? 10 << 20 : 1_000)
    }

    func handle(_ request: HTTPRequest, _ exchange: HTTPExchange) -> HTTPResponse? {
        handled.withLock { $0 += 1 }
        var response = HTTPResponse(status: 200, body: Array("ok".utf8))
        switch String(decoding: request.rawPath, as: UTF8.self) {
        case "/echo":
            let query = request.rawQuery.map { "?" + String(decoding: $0, as: UTF8.self) } ?? ""
            response.headers.add("X-Request", "\(request.method) /echo\(query)")
            if let value = request.headers["x-copy"] {
                response.headers.add("X-Copy", bytes: value)
            }
            response.body = request.body
        case "/upload":
            guard let receiver = request.receiver as? TestReceiver else { break }
            response.body = Array("\(receiver.bytes.count)".utf8)
        case "/measured":
            return measured(isShort: request.rawQuery != nil)
        case "/peer":
            response.body = Array(request.peerAddress.utf8)
        case "/long":
            response.body = [UInt8](repeating: UInt8(ascii: "x"), count: 1 << 20)
        case "/empty":
            response = HTTPResponse(status: 204)
        case "/early":
            exchange.respond(HTTPResponse(status: 202))
            return nil
        case "/stream":
            return stream().response
        case "/endless":
            let endless = stream()
            endless.produce(pieceBytes: 1_000)
            return endless.response
        case "/park":
            exchange.onGone { self.goneCount.withLock { $0 += 1 } }
            parked.withLock { $0.append(exchange) }
            return nil
        default:
            break
        }
        return response
    }

    /// 100,000 bytes, or one too few.
    private func measured(isShort: Bool) -> HTTPResponse {
        let stream = HTTPBodyStream(lengthBytes: 100_000)
        stream.write([UInt8](repeating: UInt8(ascii: "m"), count: 99_999))
        if !isShort { stream.write([UInt8(ascii: "!")]) }
        stream.finish()
        return HTTPResponse(status: 200, stream: stream)
    }

    /// Answers everything that is parked with a body of known length.
    func releaseMeasured(isShort: Bool = false) {
        let exchanges = parked.withLock { parked in
            defer { parked = [] }
            return parked
        }
        for exchange in exchanges { exchange.respond(measured(isShort: isShort)) }
    }

    private func stream() -> TestStream {
        let stream = TestStream()
        opened.withLock { $0.append(stream) }
        return stream
    }

    func response(to refusal: HTTPRefusal, head: HTTPRequestHead?) -> HTTPResponse {
        var response = HTTPResponse(status: refusal.status, body: Array(refusal.detail.utf8))
        response.headers.add("X-Code", refusal.code)
        return response
    }

    /// Answers everything that is parked.
    ///
    /// - Returns: How many answers were taken.
    @discardableResult
    func release(_ body: String = "released", flush: Bool = true) -> Int {
        releaseAll(with: HTTPResponse(status: 200, body: Array(body.utf8)), flush: flush)
    }

    func releaseAll(with response: HTTPResponse, flush: Bool = true) -> Int {
        let exchanges = parked.withLock { parked in
            defer { parked = [] }
            return parked
        }
        return exchanges.count { $0.respond(response, flush: flush) }
    }

    /// The exchanges that are parked, to misuse them.
    var exchanges: [HTTPExchange] { parked.withLock { $0 } }
}

/// A stream, and what was heard of it.
final class TestStream: Sendable {
    let body = HTTPBodyStream()
    private let closedCount = Mutex(0)
    private let drainedCount = Mutex(0)

    init() {
        body.onClosed { [self] in closedCount.withLock { $0 += 1 } }
        body.onDrained { [self] in drainedCount.withLock { $0 += 1 } }
        body.onStopping { [body] in body.write(Array("bye".utf8)) }
    }

    var closed: Int { closedCount.withLock { $0 } }
    var drained: Int { drainedCount.withLock { $0 } }

    var response: HTTPResponse {
        var headers = HTTPResponseHeaders()
        headers.add("Content-Type", "text/event-stream")
        return HTTPResponse(status: 200, headers: headers, stream: body)
    }

    /// Writes a piece whenever the one before it is on its way.
    func produce(pieceBytes: Int) {
        let piece = [UInt8](repeating: UInt8(ascii: "x"), count: pieceBytes)
        body.onDrained { [self] in
            drainedCount.withLock { $0 += 1 }
            body.write(piece)
        }
    }

    @discardableResult
    func write(_ text: String, flush: Bool = true) -> Bool {
        body.write(Array(text.utf8), flush: flush)
    }
}

/// Gathers a body, and may ask for a pause in the middle of it.
final class TestReceiver: HTTPBodyReceiver {
    private struct State {
        var bytes: [UInt8] = []
        var resume: (@Sendable () -> Void)?
        var pauses = 0
        var abandoned = 0
    }

    private let state = Mutex(State())
    private let pausesAfter: Int?

    init(pausesAfter: Int?) {
        self.pausesAfter = pausesAfter
    }

    func receive(_ piece: [UInt8], resume: @escaping @Sendable () -> Void) -> Bool {
        state.withLock { state in
            let before = state.bytes.count
            state.bytes += piece
            guard let pausesAfter, before < pausesAfter, state.bytes.count >= pausesAfter else {
                return true
            }
            state.pauses += 1
            state.resume = resume
            return false
        }
    }

    func abandon() { state.withLock { $0.abandoned += 1 } }

    func resume() { state.withLock { $0.resume.take() }?() }

    var bytes: [UInt8] { state.withLock { $0.bytes } }
    var abandoned: Int { state.withLock { $0.abandoned } }
    var isPaused: Bool { state.withLock { $0.resume != nil } }
}
