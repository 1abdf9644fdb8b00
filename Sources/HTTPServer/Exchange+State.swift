/// What has become of the request that a connection carries: the part of a connection that any
/// thread may touch.
///
/// A connection is suspended from `parked` to its one resume. `parked` is entered before the
/// library is told to suspend, but the resume happens on the same thread as the suspend, so it
/// cannot overtake it.
struct ExchangeState {
    enum Stage: Equatable {
        /// Between requests, or answered: nobody may answer.
        case closed
        /// The handler is being called.
        case running
        /// Suspended until somebody answers.
        case parked
        /// Answered, not yet back on its loop.
        case resuming
    }

    private(set) var stage = Stage.closed
    private(set) var number: UInt64 = 0
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
        case .closed, .resuming:
            return (false, false)
        case .running:
            self.response = response
            return (true, false)
        case .parked:
            self.response = response
            stage = .resuming
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
    mutating func end() {
        stage = .closed
        response = nil
        goneAction = nil
        isGone = false
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
        guard number == self.number, stage != .closed, stage != .resuming else { return nil }
        if isGone { return action }
        goneAction = action
        return nil
    }
}
