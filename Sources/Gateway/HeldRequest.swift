import HTTPServer
import Jute
import Node
import Synchronization
import Waits

/// Why an answer is attempted.
enum Occasion: Equatable, Sendable {
    /// The request has come.
    case arrival
    /// Something it waits for changed in this transaction, and nothing before it did.
    case change(Zxid)
    /// There is no telling what changed.
    case anything
    /// The wait is over. Nothing changed up to `quietThrough`, if that is known.
    case last(quietThrough: Zxid?)

    var isLast: Bool {
        if case .last = self { true } else { false }
    }

    /// One attempt for this and for what came before it.
    func joining(_ earlier: Occasion?) -> Occasion {
        switch (earlier, self) {
        case (nil, _): self
        case (.last, _), (_, .last): .last(quietThrough: nil)
        case (.change(let zxid), .change): .change(zxid)
        default: .anything
        }
    }

    init(_ signal: WaitService.Signal) {
        switch signal {
        case .changed(let zxid): self = .change(zxid)
        case .replaced, .poked: self = .anything
        case .deadline(let quiet): self = .last(quietThrough: quiet)
        }
    }
}

/// Tries to answer a request. Nil means to go on waiting, which is not allowed the last time.
typealias Attempt = @Sendable (Occasion) throws(Problem) -> HTTPResponse?

/// A request that waits for a change, and is answered exactly once: when an attempt succeeds, when
/// its time has come, or when its client has left.
final class HeldRequest: Sendable {
    private struct State {
        var wait: WaitService.ID?
        var isAnswered = false
        /// The first attempt is under way, on the thread that the request came on.
        var isArriving = true
        /// What was told meanwhile, to be tried after it: attempts never run side by side.
        var postponed: Occasion?
    }

    private let gateway: Gateway
    private let call: Call
    private let attempt: Attempt
    private let onLeave: (@Sendable () -> Void)?
    private let state = Mutex(State())

    private init(
        _ call: Call, _ gateway: Gateway, onLeave: (@Sendable () -> Void)?,
        _ attempt: @escaping Attempt
    ) {
        self.call = call
        self.gateway = gateway
        self.attempt = attempt
        self.onLeave = onLeave
    }

    /// Begins to wait.
    ///
    /// - Parameters:
    ///   - call: Has a wait.
    ///   - kind: What it is called in the list of those who wait.
    ///   - interests: What may make an attempt succeed.
    ///   - gateway: Whose call it is.
    ///   - onLeave: Called when the client has left before there was an answer.
    ///   - attempt: Called here once more, since something may have changed since the last time,
    ///     and then after each change on the waits' queue.
    /// - Returns: The answer, if there is one by now.
    /// - Throws: `busy` when as many wait as may, and what the attempt does.
    static func begin(
        _ call: Call, _ kind: String, _ interests: [Interest], _ gateway: Gateway,
        onLeave: (@Sendable () -> Void)?, _ attempt: @escaping Attempt
    ) throws(Problem) -> HTTPResponse? {
        let held = HeldRequest(call, gateway, onLeave: onLeave, attempt)
        let id = gateway.node.waits.begin(
            WaitService.Description(
                kind: kind, interests: interests, address: call.request.head.peerAddress,
                session: call.session),
            for: call.wait?.duration, isAlive: call.client.isAlive,
            signal: { held.proceed($0) })
        guard let id else { throw Problem(.busy, "As many requests wait as may.") }
        held.begun(id)
        let response: HTTPResponse?
        do throws(Problem) {
            response = try attempt(.arrival)
        } catch {
            // A change may have answered it meanwhile.
            guard held.claim() else { return nil }
            throw error
        }
        if let response { return held.claim() ? response : nil }
        held.arrived()
        call.client.onGone { held.leave() }
        return nil
    }

    private func begun(_ id: WaitService.ID) {
        let isOver = state.withLock { state in
            state.wait = id
            return state.isAnswered
        }
        if isOver { gateway.node.waits.end(id) }
    }

    /// - Returns: Whether the caller is the one to answer.
    private func claim() -> Bool {
        let (isFirst, wait) = state.withLock { state in
            defer { state.isAnswered = true }
            return (!state.isAnswered, state.wait)
        }
        if let wait { gateway.node.waits.end(wait) }
        return isFirst
    }

    private func proceed(_ signal: WaitService.Signal) {
        let occasion = Occasion(signal)
        let mayTry = state.withLock { state in
            if state.isAnswered { return false }
            if state.isArriving { state.postponed = occasion.joining(state.postponed) }
            return !state.isArriving
        }
        if mayTry { answer(occasion) }
    }

    private func arrived() {
        let mustTryAgain = state.withLock { state in
            state.isArriving = state.postponed != nil
            return state.isArriving
        }
        // What is told until then is added to it.
        if mustTryAgain { gateway.node.waits.perform { self.catchUp() } }
    }

    private func catchUp() {
        let occasion = state.withLock { state in
            state.isArriving = false
            return state.isAnswered ? nil : state.postponed
        }
        if let occasion { answer(occasion) }
    }

    /// The client has closed its side: one that only stopped sending still gets the answer of this
    /// moment, and nobody waits any longer.
    private func leave() {
        gateway.node.waits.perform {
            guard let onLeave = self.onLeave else {
                return self.answer(.last(quietThrough: nil))
            }
            guard self.claim() else { return }
            onLeave()
            self.gateway.complete(self.call) { () throws(Problem) in
                throw Problem(.requestTimeout, "The connection was closed before the answer.")
            }
        }
    }

    private func answer(_ occasion: Occasion) {
        do throws(Problem) {
            guard let response = try attempt(occasion) else {
                precondition(!occasion.isLast, "the last attempt answers")
                return
            }
            if claim() { gateway.complete(call) { () throws(Problem) in response } }
        } catch {
            let problem = error
            if claim() { gateway.complete(call) { () throws(Problem) in throw problem } }
        }
    }
}

extension Gateway {
    /// Answers now, or holds the request until it can be answered.
    ///
    /// - Parameters:
    ///   - call: With or without a wait.
    ///   - kind: What it is called in the list of those who wait.
    ///   - interests: What may make an attempt succeed.
    ///   - onLeave: Called when the client has left before there was an answer.
    ///   - attempt: Reads the served state; called on several threads, never at the same time as
    ///     an answer is sent.
    /// - Returns: The answer, or nil when it comes later.
    /// - Throws: What the attempt does, and `busy`.
    func hold(
        _ call: Call, _ kind: String, _ interests: [Interest],
        onLeave: (@Sendable () -> Void)? = nil, _ attempt: @escaping Attempt
    ) throws(Problem) -> HTTPResponse? {
        let attempt: Attempt = { [attempt] occasion throws(Problem) in
            try self.outsideRestore(call) { () throws(Problem) in try attempt(occasion) }
        }
        let occasion = call.wait == nil ? Occasion.last(quietThrough: nil) : .arrival
        if let response = try attempt(occasion) { return response }
        return try HeldRequest.begin(call, kind, interests, self, onLeave: onLeave, attempt)
    }
}
