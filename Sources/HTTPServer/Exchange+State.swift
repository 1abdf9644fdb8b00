/// What has become of the request that a connection carries: the part of a connection that any
/// thread may touch.
///
/// A connection is suspended from `parked` or `drained` to its one resume. These are entered
/// before the library is told to suspend, but the resume happens on the same thread as the
/// suspend, so it cannot overtake it.
struct ExchangeState {
    enum Stage: Equatable {
        /// Between requests, or answered: nobody may answer.
        case closed
        /// The handler is being called.
        case running
        /// Suspended until somebody answers.
        case parked
        /// Answered with a body that comes in pieces: the library sends some or asks for more.
        case streaming
        /// Suspended until there is more of the body.
        case drained
        /// Answered or refilled, not yet back on its loop.
        case resuming
    }

    private(set) var stage = Stage.closed
    private(set) var number: UInt64 = 0
    /// The kernel asks the peer of this connection whether it is there.
    var isProbed = false
    private var response: HTTPResponse?
    private var goneAction: (@Sendable () -> Void)?
    private var isGone = false

    /// - Returns: The number of the request that begins.
    mutating func begin() -> UInt64 {
        number += 1
        stage = .running
        return number
    }

    /// Takes an answer for request `number` if nobody has answered it.
    ///
    /// - Returns: Whether it was taken, and whether the connection must be resumed now.
    mutating func answer(
        _ number: UInt64, with response: HTTPResponse
    ) -> (taken: Bool, resume: Bool) {
        guard number == self.number, self.response == nil else { return (false, false) }
        switch stage {
        case .closed, .streaming, .drained, .resuming:
            return (false, false)
        case .running:
            self.response = response
            return (true, false)
        case .parked:
            self.response = response
            stage = .resuming
            // Of no more use, and better freed here than by the loop, which is the busier one.
            goneAction = nil
            return (true, true)
        }
    }

    /// The handler has returned.
    ///
    /// - Returns: The answer; nil when the connection is to be suspended.
    mutating func returned(_ direct: HTTPResponse?) -> HTTPResponse? {
        guard let answer = response ?? direct else {
            stage = .parked
            return nil
        }
        end()
        return answer
    }

    /// The connection is back on its loop.
    mutating func resumed() -> HTTPResponse? {
        let answer = response
        end()
        return answer
    }

    /// Nobody may answer any more.
    ///
    /// - Returns: An answer that was taken and will not be sent.
    @discardableResult
    mutating func end() -> HTTPResponse? {
        defer {
            stage = .closed
            response = nil
            goneAction = nil
            isGone = false
        }
        return response
    }

    /// The answer that was just taken has a body that comes in pieces.
    ///
    /// - Returns: The number of the stream; that of the request is no longer good for anything.
    mutating func beginStream() -> UInt64 {
        number += 1
        stage = .streaming
        return number
    }

    /// There is nothing to send, and the connection is to be suspended.
    mutating func drain() {
        precondition(stage == .streaming, "a body is read in stage \(stage)")
        stage = .drained
    }

    /// There is more of the body, or no more to come.
    ///
    /// - Returns: Whether the connection must be resumed now.
    mutating func refill(_ number: UInt64) -> Bool {
        guard number == self.number, stage == .drained else { return false }
        stage = .resuming
        return true
    }

    /// The library asks for more of the body; it may have been suspended.
    mutating func refilled() {
        if stage == .resuming { stage = .streaming }
    }

    /// Whether request or stream `number` still has the connection.
    func holds(_ number: UInt64) -> Bool {
        number == self.number && stage != .closed
    }

    /// The client has left, or will not be served.
    ///
    /// - Returns: What to do about it; nothing once there is an answer.
    mutating func noticeGone() -> (@Sendable () -> Void)? {
        guard stage == .parked else { return nil }
        isGone = true
        defer { goneAction = nil }
        return goneAction
    }

    /// - Returns: The action, when it is due at once.
    mutating func setGoneAction(
        for number: UInt64, _ action: @escaping @Sendable () -> Void
    ) -> (@Sendable () -> Void)? {
        guard number == self.number, stage == .running || stage == .parked else { return nil }
        if isGone { return action }
        goneAction = action
        return nil
    }
}
