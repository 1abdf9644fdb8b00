import Dispatch
package import Jute
import NIOCore
import Synchronization
package import Waits
import ZnodeTree

/// Everybody on this node who waits for a change or for a time: held requests, streams, watches.
///
/// The replica's thread says what has changed and goes on; the waiters are called on a queue of
/// this service's own, one after the other, and woken with one wake-up a batch.
package final class WaitService: Sendable {
    package typealias ID = WaitTable.ID

    /// Who waits, for those who look after the node.
    package struct Description: Sendable {
        /// `znode`, `children`, `acl`, `events`, `lock` …
        package var kind: String
        package var interests: [Interest]
        /// Of the client.
        package var address: String
        package var session: SessionID?
        /// Milliseconds since 1970.
        package var since: Int64

        package init(
            kind: String, interests: [Interest], address: String, session: SessionID?
        ) {
            self.kind = kind
            self.interests = interests
            self.address = address
            self.session = session
            since = currentTimeMillis()
        }
    }

    /// What a waiter is told.
    package enum Signal: Equatable, Sendable {
        /// A change of what it waits for, in this transaction or a later one.
        case changed(Zxid)
        /// The served state is another one: whatever it knew may be wrong.
        case replaced(Zxid)
        /// The state of the cluster may have changed.
        case poked
        /// Its time has come. Nothing that it waits for has changed up to `quietThrough`, since it
        /// was last told of a change or began; nil when a change is about to be told.
        case deadline(quietThrough: Zxid?)
    }

    private typealias Wheel = TimerWheel<ID>

    private struct Waiter: Sendable {
        var description: Description
        var signal: @Sendable (Signal) -> Void
        /// Whether the client at the other end of a connection still answers.
        var isAlive: (@Sendable () -> Bool)?
        var timer: Wheel.Timer?
        /// Told and not called yet.
        var isSignalled = false
    }

    private struct State: Sendable {
        var table = WaitTable()
        var waiters: [ID: Waiter] = [:]
        var wheel: Wheel
        var signalled: [(ID, Signal)] = []
        /// Waits have been compared with the changes up to here.
        var applied = Zxid.zero
        var isTurnDue = false
        var isTickDue = false
        /// Waits that keep a session alive.
        var sessions: [ID: SessionID] = [:]
        var isRenewalDue = false
    }

    private static let batchSize = 256

    private let state: Mutex<State>
    private let queue = DispatchQueue(label: "aviary.waits", qos: .userInitiated)
    private let limit: Int
    private let owner = Mutex(Owner())

    /// A struct around the closures: see `BatchListener`.
    private struct Owner: Sendable {
        var batchEnded: @Sendable () -> Void = {}
        var renew: @Sendable ([SessionID]) -> Void = { _ in }
    }

    /// - Parameter limit: How many may wait at once (`http.waits.max`).
    package init(limit: Int) {
        self.limit = limit
        state = Mutex(State(wheel: Wheel(now: monotonicMillis())))
    }

    /// Who is told after each batch of calls, so that one wake-up serves all of them.
    package func onBatchEnded(_ action: @escaping @Sendable () -> Void) {
        owner.withLock { $0.batchEnded = action }
    }

    func onRenewal(_ action: @escaping @Sendable ([SessionID]) -> Void) {
        owner.withLock { $0.renew = action }
    }

    // MARK: Waiting

    /// Begins to wait.
    ///
    /// - Parameters:
    ///   - description: Who and for what.
    ///   - duration: After which `deadline` is told, once; nil for never.
    ///   - isAlive: Asked about once a second while the wait keeps a session alive.
    ///   - signal: Called on this service's queue, never twice at once, until `end`. Several
    ///     changes may be told as one.
    /// - Returns: What to end it with; nil when as many wait as may.
    package func begin(
        _ description: Description, for duration: Duration? = nil,
        isAlive: (@Sendable () -> Bool)? = nil, signal: @escaping @Sendable (Signal) -> Void
    ) -> ID? {
        state.withLock { state in
            guard state.waiters.count < limit else { return nil }
            let id = state.table.insert(description.interests, .persistent)
            state.waiters[id] = Waiter(
                description: description, signal: signal, isAlive: isAlive,
                timer: duration.map { setTimer(id, $0, &state) })
            if let session = description.session {
                state.sessions[id] = session
                scheduleRenewal(&state)
            }
            return id
        }
    }

    /// Tells `deadline` after a duration from now, instead of when it was to be told.
    package func postpone(_ id: ID, by duration: Duration) {
        state.withLock { state in
            guard var waiter = state.waiters[id] else { return }
            if let timer = waiter.timer { state.wheel.cancel(timer) }
            waiter.timer = setTimer(id, duration, &state)
            state.waiters[id] = waiter
        }
    }

    /// Ends a wait; nothing more is told, except for a call that is under way on the queue. One
    /// that has ended already is fine.
    package func end(_ id: ID) {
        state.withLock { state in
            guard let waiter = state.waiters.removeValue(forKey: id) else { return }
            if let timer = waiter.timer { state.wheel.cancel(timer) }
            state.table.remove(id)
            state.sessions[id] = nil
        }
    }

    /// Runs something on the queue on which waiters are called, then ends the batch.
    package func perform(_ action: @escaping @Sendable () -> Void) {
        queue.async {
            action()
            self.owner.withLock { $0 }.batchEnded()
        }
    }

    package var count: Int { state.withLock { $0.waiters.count } }

    /// Who waits now, the oldest first.
    package var descriptions: [Description] {
        state.withLock { state in state.waiters.values.map(\.description) }
            .sorted { $0.since < $1.since }
    }

    // MARK: What happens, on the replica's thread

    func applied(_ result: TxnResult) {
        let mustTurn = state.withLock { state in
            state.applied = result.zxid
            guard !result.changes.isEmpty else { return false }
            for id in state.table.take(result.changes) {
                signal(id, .changed(result.zxid), &state)
            }
            return claimTurn(&state)
        }
        if mustTurn { queue.async { self.turn() } }
    }

    func replacedState(through zxid: Zxid) {
        let mustTurn = state.withLock { state in
            state.applied = zxid
            for id in state.waiters.keys { signal(id, .replaced(zxid), &state) }
            return claimTurn(&state)
        }
        if mustTurn { queue.async { self.turn() } }
    }

    /// Tells all waits of one kind to look again.
    package func poke(_ kind: String) {
        let mustTurn = state.withLock { state in
            for (id, waiter) in state.waiters where waiter.description.kind == kind {
                signal(id, .poked, &state)
            }
            return claimTurn(&state)
        }
        if mustTurn { queue.async { self.turn() } }
    }

    private func signal(_ id: ID, _ signal: Signal, _ state: inout State) {
        // A waiter that has not looked yet will see this too when it does. A replaced state is
        // another matter than a change.
        if case .changed = signal, state.waiters[id]?.isSignalled != false { return }
        state.waiters[id]?.isSignalled = true
        state.signalled.append((id, signal))
    }

    private func claimTurn(_ state: inout State) -> Bool {
        guard !state.signalled.isEmpty, !state.isTurnDue else { return false }
        state.isTurnDue = true
        return true
    }

    // MARK: On the queue

    private func turn() {
        let signalled = state.withLock { state in
            state.isTurnDue = false
            defer { state.signalled = [] }
            return state.signalled
        }
        for (count, (id, signal)) in signalled.enumerated() {
            // A crowd is answered while the rest of it is still being told.
            if count > 0, count % WaitService.batchSize == 0 {
                owner.withLock { $0 }.batchEnded()
            }
            let waiter = state.withLock { state in
                state.waiters[id]?.isSignalled = false
                return state.waiters[id]
            }
            waiter?.signal(signal)
        }
        owner.withLock { $0 }.batchEnded()
    }

    private func setTimer(_ id: ID, _ duration: Duration, _ state: inout State) -> Wheel.Timer {
        // A wheel that stood still has its time moved on first, or the timer would come early.
        if state.wheel.count == 0 { _ = state.wheel.advance(to: monotonicMillis()) }
        defer { scheduleTick(&state) }
        return state.wheel.set(id, at: monotonicMillis() + duration.inMilliseconds)
    }

    private func scheduleTick(_ state: inout State) {
        guard !state.isTickDue, state.wheel.count > 0 else { return }
        state.isTickDue = true
        let delay = max(1, state.wheel.nextTick - monotonicMillis())
        queue.asyncAfter(deadline: .now() + .milliseconds(Int(delay))) { self.tick() }
    }

    private func tick() {
        let due = state.withLock { state in
            state.isTickDue = false
            let due = state.wheel.advance(to: monotonicMillis())
            for id in due {
                state.waiters[id]?.timer = nil
                let isQuiet = state.waiters[id]?.isSignalled == false
                state.signalled.append(
                    (id, .deadline(quietThrough: isQuiet ? state.applied : nil)))
            }
            scheduleTick(&state)
            return !due.isEmpty
        }
        if due { turn() }
    }

    // MARK: Sessions

    private func scheduleRenewal(_ state: inout State) {
        guard !state.isRenewalDue, !state.sessions.isEmpty else { return }
        state.isRenewalDue = true
        queue.asyncAfter(deadline: .now() + .seconds(1)) { self.renewSessions() }
    }

    /// A held request renews its session as long as the client's TCP answers: one that vanished
    /// must not keep a lock.
    private func renewSessions() {
        let held = state.withLock { state in
            state.isRenewalDue = false
            scheduleRenewal(&state)
            return state.sessions.map { ($0.value, state.waiters[$0.key]?.isAlive) }
        }
        let alive = Set(held.filter { $0.1?() ?? true }.map(\.0))
        if !alive.isEmpty { owner.withLock { $0 }.renew(alive.sorted()) }
    }
}

/// Of a clock that only goes forward.
private func monotonicMillis() -> Int64 {
    Int64(NIODeadline.now().uptimeNanoseconds / 1_000_000)
}
