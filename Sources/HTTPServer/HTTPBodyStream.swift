internal import Synchronization

/// A body that is written while it is being sent: with its `Content-Length` where that is known
/// beforehand, otherwise chunked for HTTP/1.1 and ended by the end of the connection for HTTP/1.0.
///
/// What is written is kept until the client's connection takes it, so a producer should write one
/// bounded piece, wait for `onDrained`, and keep no more than its place meanwhile. A client that
/// stops sending is taken to have left: unlike a request that waits, a stream has no last answer
/// that it could be waiting for.
///
/// The lock is taken before that of the connection's exchange, never after it. Actions are called
/// without any.
package final class HTTPBodyStream: Sendable {
    fileprivate enum Phase {
        case open
        /// What is left is sent, then the body ends.
        case finished
        /// All of it was handed over.
        case complete
        /// Given up before that.
        case closed
    }

    fileprivate struct State {
        var phase = Phase.open
        var bytes: [UInt8] = []
        /// How many of `bytes` have been handed over.
        var taken = 0
        /// Who sends it; nil before the answer was given, and at the end.
        var carrier: (connection: Connection, number: UInt64)?
        var drainedAction: (@Sendable () -> Void)?
        var closedAction: (@Sendable () -> Void)?
        var stoppingAction: (@Sendable () -> Void)?

        /// - Returns: The connection when it is suspended for want of more, which it gets now.
        func refill() -> Connection? {
            guard let carrier, carrier.connection.refill(carrier.number) else { return nil }
            return carrier.connection
        }

        /// Lets go of all that the stream keeps alive.
        mutating func end(_ phase: Phase) {
            self.phase = phase
            bytes = []
            taken = 0
            carrier = nil
            drainedAction = nil
            closedAction = nil
            stoppingAction = nil
        }
    }

    /// How long the body is, if that is known. Exactly so much has to be written.
    let lengthBytes: Int?
    private let state = Mutex(State())

    package init() {
        lengthBytes = nil
    }

    /// A body whose length the head tells. When it is finished before all of it was written, the
    /// connection is closed, which tells the client that something is missing.
    package init(lengthBytes: Int) {
        self.lengthBytes = lengthBytes
    }

    /// Appends to the body. Any thread.
    ///
    /// - Parameters:
    ///   - bytes: What to append. They arrive in one chunk only if they are few.
    ///   - flush: False only queues them, for a caller that writes to many streams and then calls
    ///     `HTTPServer.flush` once.
    /// - Returns: False once the stream is finished or closed. True does not mean that the client
    ///   gets them.
    @discardableResult
    package func write(_ bytes: [UInt8], flush: Bool = true) -> Bool {
        let (taken, suspended) = state.withLock { state -> (Bool, Connection?) in
            guard state.phase == .open else { return (false, nil) }
            if bytes.isEmpty { return (true, nil) }
            if state.bytes.isEmpty {
                state.bytes = bytes
            } else {
                state.bytes.append(contentsOf: bytes)
            }
            return (true, state.refill())
        }
        suspended?.resumeLater(flush: flush)
        return taken
    }

    /// Ends the body behind what was written. Any thread; nothing when it has ended.
    package func finish(flush: Bool = true) {
        let suspended = state.withLock { state -> Connection? in
            guard state.phase == .open else { return nil }
            state.phase = .finished
            state.drainedAction = nil
            state.stoppingAction = nil
            return state.refill()
        }
        suspended?.resumeLater(flush: flush)
    }

    /// Sets what to do when all that was written is on its way and there is room for more, which
    /// is also so before the first piece: on the loop's thread, and it must not block. It may
    /// write at once, or somebody may later, from any thread; it is called again once that is on
    /// its way.
    package func onDrained(_ action: @escaping @Sendable () -> Void) {
        state.withLock { state in
            if state.phase == .open { state.drainedAction = action }
        }
    }

    /// Sets what to do when the stream is over before all of it, up to a `finish`, was handed to
    /// the connection: the client has left, or asked for the head only, or the answer was not
    /// taken. Called once, on the loop's thread or, when the stream is closed already, at once.
    package func onClosed(_ action: @escaping @Sendable () -> Void) {
        let isLate = state.withLock { state in
            switch state.phase {
            case .open, .finished: state.closedAction = action
            case .complete, .closed: break
            }
            return state.phase == .closed
        }
        if isLate { action() }
    }

    /// Sets what to do when the server stops: on the loop's thread. What it writes is sent, then
    /// the server finishes the stream.
    package func onStopping(_ action: @escaping @Sendable () -> Void) {
        state.withLock { state in
            if state.phase == .open { state.stoppingAction = action }
        }
    }

    /// Whether the client's TCP has answered lately; see `HTTPExchange.peerAnswers`.
    package var peerAnswers: Bool {
        guard let carrier = state.withLock({ $0.carrier }) else { return false }
        return carrier.connection.peerAnswers(carrier.number)
    }
}

// MARK: - The connection's side, on the loop's thread

extension HTTPBodyStream {
    enum Piece {
        case bytes(Int)
        /// Nothing now; `suspend` was called.
        case drained
        case end
        case closed
    }

    /// The answer that this is the body of is on its way.
    func begin(on connection: Connection, number: UInt64) {
        state.withLock { state in
            switch state.phase {
            case .open, .finished: state.carrier = (connection, number)
            case .complete, .closed: break
            }
        }
    }

    /// Takes what is next, asking for more when there is nothing.
    ///
    /// - Parameters:
    ///   - buffer: Where to put it.
    ///   - suspend: Called, under the stream's lock, when there still is nothing.
    /// - Returns: How much it was, or why it was nothing.
    func next(into buffer: UnsafeMutableRawBufferPointer, orElse suspend: () -> Void) -> Piece {
        let (piece, action) = state.withLock { state -> (Piece?, (@Sendable () -> Void)?) in
            (state.take(into: buffer), state.drainedAction)
        }
        if let piece { return piece }
        action?()
        return state.withLock { state in
            if let piece = state.take(into: buffer) { return piece }
            suspend()
            return .drained
        }
    }

    /// Nobody will send the rest.
    ///
    /// - Returns: Whether there was a rest.
    @discardableResult
    func close() -> Bool {
        let (isNews, action, suspended) = state.withLock {
            state -> (Bool, (@Sendable () -> Void)?, Connection?) in
            switch state.phase {
            case .complete, .closed: return (false, nil, nil)
            case .open, .finished: break
            }
            let action = state.closedAction
            let suspended = state.refill()
            state.end(.closed)
            return (true, action, suspended)
        }
        suspended?.resumeLater(flush: true)
        action?()
        return isNews
    }

    /// Lets the owner write a last piece, then finishes.
    func stop() {
        let action = state.withLock { state in
            defer { state.stoppingAction = nil }
            return state.stoppingAction
        }
        action?()
        finish()
    }
}

extension HTTPBodyStream.State {
    mutating func take(
        into buffer: UnsafeMutableRawBufferPointer
    ) -> HTTPBodyStream.Piece? {
        switch phase {
        case .closed, .complete:
            return .closed
        case .open, .finished:
            break
        }
        let count = min(bytes.count - taken, buffer.count)
        if count > 0 {
            bytes.withUnsafeBytes { source in
                buffer.copyMemory(
                    from: UnsafeRawBufferPointer(rebasing: source[taken..<(taken + count)]))
            }
            taken += count
            if taken == bytes.count {
                bytes = []
                taken = 0
            }
            return .bytes(count)
        }
        if phase == .open { return nil }
        end(.complete)
        return .end
    }
}
