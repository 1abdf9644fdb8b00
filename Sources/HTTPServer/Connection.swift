internal import Glibc
internal import Synchronization

/// One client connection and the request on it.
///
/// Unchecked: everything but `exchange` belongs to the loop's thread, on which the library calls
/// back; `exchange` has its lock, and the rest that other threads read never changes.
final class Connection: @unchecked Sendable {
    /// Where the request is. The library calls `requestLineRead`, `proceed` (head complete),
    /// `receive` for each piece of body, `proceed` (request complete), and once more `proceed`
    /// after a resume; then `requestEnded`.
    enum Stage {
        case idle
        case readingHead
        /// The handler gets the body.
        case receiving(HTTPRequestHead, limit: Int)
        /// Somebody else gets it; suspended while that one has no room.
        case forwarding(HTTPRequestHead, any HTTPBodyReceiver, limit: Int)
        /// The body is thrown away; the answer is known.
        case discarding(HTTPResponse)
        /// With the handler, or suspended for it.
        case handling
        case answered
        /// Answered with a body that comes in pieces; suspended while there is none.
        case streaming(HTTPBodyStream)
    }

    let loop: EventLoop
    /// Another one once the connection has left the library; changes under the exchange's lock.
    private(set) var socket: Int32
    /// The library's side; nil while the connection is outside.
    private(set) var handle: ConnectionHandle?
    private let peerAddress: String
    /// Came when the server held as many as it may; gets one answer, which says so.
    private let isSurplus: Bool
    /// Where the loop's lists have it.
    var place = ConnectionPlace()
    /// Waits for its resume, be it in the library or outside.
    private(set) var isSuspended = false
    /// Suspended since before the last look at it.
    private var wasSuspended = false

    /// Whether the loop is told of what the peer does without looking.
    private(set) var isWatched = false
    private(set) var hasPeerFinished = false
    private(set) var isBroken = false
    private(set) var isHead = false
    private(set) var speaksVersion11 = false
    /// Whether the answer is the last one: the client or we want it so.
    var endsConnection = false

    var stage = Stage.idle
    /// Of heads and bodies since the connection began; at most what the library has read.
    private(set) var consumedBytes = 0
    private var methodAddress: UInt = 0
    private var progress: Progress
    private var target: [UInt8] = []
    private var targetAddress: UInt = 0
    private var body: [UInt8] = []
    /// What is being sent while the connection is outside.
    var outbox = Outbox()
    /// The loop tells when there is room to send.
    var awaitsRoom = false

    /// Suspended until the receiver of the body has room.
    private let isBodyHeldUp = Atomic(false)
    /// What is left of a body of known length that is sent outside.
    var bytesLeft: Int?
    let exchange = Mutex(ExchangeState())

    init(_ handle: ConnectionHandle, loop: EventLoop, isSurplus: Bool) {
        self.handle = handle
        self.loop = loop
        self.isSurplus = isSurplus
        socket = handle.socket
        peerAddress = handle.peerAddress
        progress = Progress(now: loop.now)
    }
}

// MARK: - In the library and outside

extension Connection {
    var isOutside: Bool { handle == nil }

    /// Whether what the library says of `handle` concerns this connection: the library may still
    /// close what is left of a connection that is outside, or is back by another handle.
    func isServed(by handle: ConnectionHandle) -> Bool {
        self.handle == handle
    }

    /// The library has no part in it any more; this descriptor is our own.
    func move(to socket: Int32) {
        target = []
        outbox = Outbox()
        handle = nil
        self.socket = socket
    }

    func move(to handle: ConnectionHandle) {
        self.handle = handle
    }
}

// MARK: - Called by the library, through `Daemon.swift`

extension Connection {
    func requestLineRead(target: UnsafeBufferPointer<UInt8>) {
        self.target.removeAll(keepingCapacity: true)
        self.target.append(contentsOf: target)
        targetAddress = UInt(bitPattern: target.baseAddress)
        stage = .readingHead
        progress.headBegan(now: loop.now)
    }

    /// - Returns: False to close the connection without an answer.
    func proceed(method: UnsafePointer<CChar>, version: UnsafePointer<CChar>) -> Bool {
        switch stage {
        case .readingHead:
            guard let handle else { return false }
            let raw = handle.head(
                method: method, version: version, target: target, targetAddress: targetAddress)
            return headCompleted(raw)
        case .receiving(let head, _):
            let request = HTTPRequest(head: head, body: body)
            body = []
            return bodyCompleted(request)
        case .forwarding(let head, let receiver, _):
            return bodyCompleted(HTTPRequest(head: head, body: [], receiver: receiver))
        case .discarding(let response):
            return answer(response)
        case .handling:
            loop.waiting -= 1
            guard let response = exchange.withLock({ $0.resumed() }) else { return false }
            return answer(response)
        case .idle, .answered, .streaming:
            return false
        }
    }

    /// Takes a piece of the body.
    ///
    /// - Returns: False to close the connection; what there was to say has then been sent.
    func receive(_ bytes: UnsafeRawBufferPointer) -> Bool {
        progress.bodyBytes += bytes.count
        consumedBytes += bytes.count
        progress.lastByteAt = loop.now
        switch stage {
        case .receiving(let head, let limit):
            if bytes.count > limit - body.count {
                body = []
                stage = .discarding(refuse(.bodyTooLarge, head: head))
            } else {
                body.append(contentsOf: bytes)
            }
            return true
        case .forwarding(let head, let receiver, let limit):
            forward(bytes, of: head, to: receiver, limit: limit)
            return true
        case .discarding(let response):
            if progress.bodyBytes <= loop.configuration.drainLimitBytes { return true }
            // The library takes no answer in the middle of a body; it has nothing of its own to
            // send either.
            sendAndShutDown(socket, response.lastMessage())
            return false
        case .idle, .readingHead, .handling, .answered, .streaming:
            return false
        }
    }

    private func forward(
        _ bytes: UnsafeRawBufferPointer, of head: HTTPRequestHead,
        to receiver: any HTTPBodyReceiver, limit: Int
    ) {
        if progress.bodyBytes > limit {
            receiver.abandon()
            stage = .discarding(refuse(.bodyTooLarge, head: head))
            return
        }
        // Taken back by whoever resumes: the receiver, or the end of the server.
        isBodyHeldUp.store(true, ordering: .releasing)
        let hasRoom = receiver.receive(Array(bytes)) { [self] in
            if isBodyHeldUp.exchange(false, ordering: .acquiringAndReleasing) {
                loop.enqueue(self, flush: true)
            }
        }
        if hasRoom {
            isBodyHeldUp.store(false, ordering: .releasing)
        } else {
            suspend()
        }
    }

    /// Gives the library what is next of a streamed body.
    func readBody(into buffer: UnsafeMutableRawBufferPointer) -> HTTPBodyStream.Piece {
        let piece = nextPiece(into: buffer)
        if case .drained = piece { suspend() }
        return piece
    }

    func nextPiece(into buffer: UnsafeMutableRawBufferPointer) -> HTTPBodyStream.Piece {
        guard case .streaming(let stream) = stage else { return .closed }
        exchange.withLock { $0.refilled() }
        return stream.next(into: buffer) {
            exchange.withLock { $0.drain() }
        }
    }

    func requestEnded() {
        switch stage {
        case .handling:
            // The client left while its request waited: the library ends the connection at the
            // resume without asking us again.
            loop.waiting -= 1
        case .streaming(let stream):
            loop.counters.streams.subtract(1, ordering: .relaxed)
            stream.close()
            // A later answer may be read as slowly as any.
            limitSilence(socket, timeout: .zero)
        case .forwarding(_, let receiver, _):
            receiver.abandon()
        case .idle, .readingHead, .receiving, .discarding, .answered:
            break
        }
        exchange.withLock { $0.end() }?.stream?.close()
        body = []
        stage = .idle
        progress.requestEnded(now: loop.now)
    }
}

// MARK: - From head to answer

extension Connection {
    private func headCompleted(_ raw: RawHead) -> Bool {
        loop.counters.requests.add(1, ordering: .relaxed)
        methodAddress = UInt(bitPattern: raw.method.baseAddress)
        speaksVersion11 = raw.isVersion11
        endsConnection = raw.asksToClose
        consumedBytes += raw.sizeBytes
        // An answer queued at this point makes the library close the connection behind it.
        let length: Int?
        do throws(HTTPRefusal) {
            length = try loop.gate.check(raw)
        } catch {
            return answer(refuse(error, head: nil))
        }
        let head = raw.copied(peerAddress: peerAddress, contentLength: length)
        isHead = head.method == .head
        if isSurplus { return answer(refuse(.busy, head: head)) }
        if loop.isStopping { return answer(refuse(.stopping, head: head)) }
        switch loop.handler.bodyPolicy(for: head) {
        case .accept(let limit):
            if let length, length > limit {
                return reject(head, with: refuse(.bodyTooLarge, head: head))
            }
            body.reserveCapacity(min(length ?? 0, Connection.reservedBodyBytes))
            stage = .receiving(head, limit: limit)
        case .receive(let receiver, let limit):
            if let length, length > limit {
                receiver.abandon()
                return reject(head, with: refuse(.bodyTooLarge, head: head))
            }
            stage = .forwarding(head, receiver, limit: limit)
        case .refuse(let response):
            return reject(head, with: response)
        }
        progress.bodyBegan(now: loop.now)
        return true
    }

    /// More is only set aside as it comes: a stated length is no promise.
    private static let reservedBodyBytes = 128 * 1024

    /// Answers without the body. A client that waits for `100 Continue` gets the answer at once;
    /// others send the body first and might never see an answer from a closed connection, so it
    /// is read, up to a limit.
    private func reject(_ head: HTTPRequestHead, with response: HTTPResponse) -> Bool {
        let length = head.contentLength ?? 0
        if head.headers.contains("expect") || length > loop.configuration.drainLimitBytes {
            return answer(response)
        }
        stage = .discarding(response)
        progress.bodyBegan(now: loop.now)
        return true
    }

    private func bodyCompleted(_ request: HTTPRequest) -> Bool {
        if loop.isStopping {
            request.receiver?.abandon()
            return answer(refuse(.stopping, head: request.head))
        }
        stage = .handling
        let number = exchange.withLock { $0.begin() }
        let direct = loop.handler.handle(
            request, HTTPExchange(connection: self, number: number))
        if let response = exchange.withLock({ $0.returned(direct) }) {
            return answer(response)
        }
        loop.waiting += 1
        suspend()
        if !isWatched { watchPeer() }
        if hasPeerFinished { peerLeft() }
        return true
    }

    private func suspend() {
        beSuspended()
        loop.suspended += 1
        handle?.suspend()
    }

    func beSuspended() {
        isSuspended = true
        wasSuspended = false
    }

    private func answer(_ response: HTTPResponse) -> Bool {
        precondition((200...599).contains(response.status), "no final status: \(response.status)")
        stage = .answered
        var response = response
        if loop.isStopping { response.closesConnection = true }
        if response.closesConnection { endsConnection = true }
        guard let handle else { return false }
        guard let stream = response.stream else { return handle.queue(response) }
        if isHead {
            stream.close()
            return handle.queueHead(response)
        }
        begin(stream)
        return handle.queue(response, bodyFrom: self)
    }

    /// The answer's head is on its way, and this is its body.
    func begin(_ stream: HTTPBodyStream) {
        stage = .streaming(stream)
        loop.counters.streams.add(1, ordering: .relaxed)
        stream.begin(on: self, number: exchange.withLock { $0.beginStream() })
        if !isWatched { watchPeer() }
        limitSilence(socket, timeout: loop.configuration.stallTimeout)
        if loop.isStopping { stream.stop() }
        if hasPeerFinished { peerLeft() }
    }

    func refuse(_ refusal: HTTPRefusal, head: HTTPRequestHead?) -> HTTPResponse {
        loop.counters.refused.add(1, ordering: .relaxed)
        return loop.handler.response(to: refusal, head: head)
    }
}

// MARK: - From other threads

extension Connection {
    func respond(to number: UInt64, with response: HTTPResponse, flush: Bool) -> Bool {
        let outcome = exchange.withLock { $0.answer(number, with: response) }
        if outcome.resume { loop.enqueue(self, flush: flush) }
        if !outcome.taken { response.stream?.close() }
        return outcome.taken
    }

    func setGoneAction(for number: UInt64, _ action: @escaping @Sendable () -> Void) {
        exchange.withLock { $0.setGoneAction(for: number, action) }?()
    }

    /// There is more of the body of answer `number`.
    ///
    /// - Returns: Whether `resumeLater` must follow.
    func refill(_ number: UInt64) -> Bool {
        exchange.withLock { $0.refill(number) }
    }

    func resumeLater(flush: Bool) {
        loop.enqueue(self, flush: flush)
    }

    func peerAnswers(_ number: UInt64) -> Bool {
        let limit = loop.configuration.peerTimeout
        // The socket is not closed before the exchange has ended, and that takes the lock.
        return exchange.withLock { state in
            guard state.holds(number) else { return false }
            if !state.isProbed {
                state.isProbed = true
                probePeer(socket, timeout: limit)
            }
            guard let silence = silenceMilliseconds(socket) else { return false }
            return .milliseconds(silence) <= limit
        }
    }
}

// MARK: - The peer

extension Connection {
    /// Asks to be told when the peer leaves; for the rest of the connection.
    func watchPeer() {
        isWatched = loop.watch(self)
        // It may have stopped sending right behind its request, which is then in our hands.
        if isClosedByPeer(socket) { hasPeerFinished = true }
    }

    /// The peer has closed its sending side, or the connection is broken.
    func hungUp(isBroken: Bool) {
        hasPeerFinished = true
        if isBroken { self.isBroken = true }
        peerLeft()
    }

    private func peerLeft() {
        switch stage {
        case .handling where isSuspended:
            exchange.withLock { $0.noticeGone() }?()
            if isBroken {
                // Never sent; it makes the library look at the socket and let go of it.
                let response = refuse(.gone, head: nil)
                let number = exchange.withLock { $0.number }
                _ = respond(to: number, with: response, flush: true)
            }
        case .streaming(let stream):
            // Once: this is news to the watch too.
            if stream.close() { shutdown(socket, Int32(SHUT_RDWR)) }
            if isOutside { peerLeftOutside() }
        case .answered where isOutside:
            peerLeftOutside()
        case .idle, .readingHead, .receiving, .forwarding, .discarding, .handling, .answered:
            // The library notices by itself.
            break
        }
    }
}

// MARK: - Called by the loop

extension Connection {
    /// The second half of an answer to a suspended request, or of more for a drained stream.
    func resume() {
        isSuspended = false
        if place.list == .settled { loop.move(self, to: .active) }
        // It was not the client that paused.
        if case .forwarding = stage { progress.lastByteAt = loop.now }
        guard let handle else { return resumeOutside() }
        loop.suspended -= 1
        if hasPeerFinished, !isBroken { answerHalfClosed() }
        handle.resume()
    }

    /// Answers a client that has only stopped sending. The library would take that for the end of
    /// the connection as soon as it gets it back, and say nothing.
    private func answerHalfClosed() {
        guard case .handling = stage, let response = exchange.withLock({ $0.resumed() }) else {
            return
        }
        loop.waiting -= 1
        stage = .answered
        response.stream?.close()
        sendAndShutDown(socket, response.lastMessage(withBody: !isHead))
    }

    /// Whether an answer is under way or being waited for.
    var isBusy: Bool {
        switch stage {
        case .idle, .readingHead: false
        case .receiving, .forwarding, .discarding, .handling, .answered, .streaming: true
        }
    }

    /// Ends what takes too long, once a second. A connection that stays suspended is left alone
    /// after this: the system tells when its peer leaves.
    func inspect() {
        if isSuspended {
            if !isWatched {
                if !hasPeerFinished, isClosedByPeer(socket) { hungUp(isBroken: false) }
            } else if wasSuspended {
                if !isOutside, !leave() { trimMemory() }
                loop.move(self, to: .settled)
            }
            wasSuspended = true
            return
        }
        if isOutside { return inspectOutside() }
        let limits = loop.configuration
        switch stage {
        case .idle:
            switch progress.checkIdle(
                now: loop.now, limit: limits.headTimeout, received: receivedByteCount(socket))
            {
            case .inTime: break
            case .silent: sendAndShutDown(socket, [])
            case .dribbling: timeOut(.headTimeout)
            }
        case .readingHead:
            if progress.isHeadLate(now: loop.now, limit: limits.headTimeout) {
                timeOut(.headTimeout)
            }
        case .receiving, .forwarding, .discarding:
            if progress.isBodyLate(
                now: loop.now, limit: limits.bodyTimeout, rate: limits.bodyBytesPerSecond)
            {
                timeOut(.bodyTimeout)
            }
        case .handling, .answered, .streaming:
            break
        }
    }

    /// Gives back what the library does not need of the connection's memory while it is suspended.
    ///
    /// It clears all of its pool after each request, and half of it before each answer, and so
    /// keeps pages that hold nothing but zeros.
    private func trimMemory() {
        target = []
        // The request begins where the pool does, unless blank lines came before it; a whole page
        // of them would show as bytes that no request had.
        guard loop.gate.keepsLayout, let received = receivedByteCount(socket),
            received < UInt64(consumedBytes) + 4096
        else { return }
        handle?.releaseZeroPages(ofPoolAt: methodAddress)
    }

    /// Answers a request that waits, because nobody else will, or finishes a stream.
    func cancel() {
        if case .streaming(let stream) = stage { stream.stop() }
        if case .forwarding(let head, let receiver, _) = stage {
            receiver.abandon()
            stage = .discarding(refuse(.stopping, head: head))
            if isBodyHeldUp.exchange(false, ordering: .acquiringAndReleasing) { resume() }
        }
        guard case .handling = stage, isSuspended else { return }
        let response = refuse(.stopping, head: nil)
        let (gone, resume) = exchange.withLock { state in
            let gone = state.noticeGone()
            return (gone, state.answer(state.number, with: response).resume)
        }
        gone?()
        if resume { self.resume() }
    }

    /// The library has nothing under way in these stages, so we may write to its socket. It sees
    /// the end of the connection next.
    private func timeOut(_ refusal: HTTPRefusal) {
        sendAndShutDown(socket, refuse(refusal, head: nil).lastMessage())
    }
}
