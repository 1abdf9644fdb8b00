package import Jute

/// The leader's record of when each session expires and which server it was last used at.
///
/// Times are milliseconds of a clock that never goes back. A session expires at the end of the
/// tick in which its timeout has passed, so it lives longer than its timeout by at most a tick.
///
/// - Source: semantics reference, section 12.
package struct SessionTracker: Sendable {
    private struct Tracked: Sendable {
        var expiry: Int64
        var isClosing = false
        var owner: Int64?
    }

    private let tickMs: Int64
    private var tracked: [SessionID: Tracked] = [:]
    /// Sessions by the time at which they expire, a multiple of the tick.
    private var buckets: [Int64: Set<SessionID>] = [:]
    /// No bucket is earlier.
    private var earliest = Int64.max

    /// - Precondition: `tickMs` is more than 0.
    package init(tickMs: Int64) {
        precondition(tickMs > 0)
        self.tickMs = tickMs
    }

    package var count: Int { tracked.count }

    package func isTracked(_ session: SessionID) -> Bool { tracked[session] != nil }

    package func isClosing(_ session: SessionID) -> Bool { tracked[session]?.isClosing ?? false }

    /// Begins to watch a session: it was created, or this server begins to lead.
    package mutating func track(_ session: SessionID, timeoutMs: Int32, now: Int64) {
        guard tracked[session] == nil else {
            touch(session, timeoutMs: timeoutMs, now: now)
            return
        }
        let expiry = expiry(timeoutMs: timeoutMs, now: now)
        tracked[session] = Tracked(expiry: expiry)
        insert(session, at: expiry)
    }

    /// Gives a session a full timeout from now.
    ///
    /// - Parameters:
    ///   - session: The session that was heard of.
    ///   - timeoutMs: The timeout of its connection.
    ///   - now: The present time.
    /// - Returns: False if there is no such session or it is closing.
    @discardableResult
    package mutating func touch(_ session: SessionID, timeoutMs: Int32, now: Int64) -> Bool {
        guard let entry = tracked[session], !entry.isClosing else { return false }
        let expiry = expiry(timeoutMs: timeoutMs, now: now)
        if expiry != entry.expiry {
            remove(session, at: entry.expiry)
            insert(session, at: expiry)
            tracked[session]?.expiry = expiry
        }
        return true
    }

    /// Takes the sessions whose time has come; each is closing from now on and is returned once.
    ///
    /// - Parameter now: The present time.
    /// - Returns: Their ids, ascending.
    package mutating func expired(now: Int64) -> [SessionID] {
        guard earliest <= now else { return [] }
        let due = buckets.keys.filter { $0 <= now }
        var sessions: [SessionID] = []
        for expiry in due { sessions += buckets.removeValue(forKey: expiry) ?? [] }
        earliest = buckets.keys.min() ?? .max
        for session in sessions { tracked[session]?.isClosing = true }
        return sessions.sorted()
    }

    /// When `expired` has something next, or nil without sessions that can expire.
    package var nextExpiry: Int64? { buckets.keys.min() }

    /// Notes that a session's closeSession is under way; it does not expire any more.
    package mutating func markClosing(_ session: SessionID) {
        guard let entry = tracked[session], !entry.isClosing else { return }
        remove(session, at: entry.expiry)
        tracked[session]?.isClosing = true
    }

    /// Forgets a session that is closed.
    package mutating func remove(_ session: SessionID) {
        guard let entry = tracked.removeValue(forKey: session) else { return }
        remove(session, at: entry.expiry)
    }

    /// Where the session was used last; nil if nobody has used it since this server leads.
    package func owner(of session: SessionID) -> Int64? { tracked[session]?.owner }

    package mutating func setOwner(_ owner: Int64, of session: SessionID) {
        tracked[session]?.owner = owner
    }

    /// The timeout that a client gets.
    ///
    /// - Parameters:
    ///   - requestedMs: What it asks for.
    ///   - tickMs: The tick.
    ///   - minMs: The least; 2 ticks unless it is given.
    ///   - maxMs: The most; 20 ticks unless it is given.
    /// - Returns: The nearest timeout that is allowed.
    package static func negotiated(
        requestedMs: Int32, tickMs: Int32, minMs: Int32? = nil, maxMs: Int32? = nil
    ) -> Int32 {
        let least = minMs ?? tickMs.multipliedReportingOverflow(by: 2).partialValue
        let most = maxMs ?? tickMs.multipliedReportingOverflow(by: 20).partialValue
        return max(least, min(most, requestedMs))
    }

    private func expiry(timeoutMs: Int32, now: Int64) -> Int64 {
        ((now + Int64(timeoutMs)) / tickMs + 1) * tickMs
    }

    private mutating func insert(_ session: SessionID, at expiry: Int64) {
        buckets[expiry, default: []].insert(session)
        earliest = min(earliest, expiry)
    }

    private mutating func remove(_ session: SessionID, at expiry: Int64) {
        buckets[expiry]?.remove(session)
        if buckets[expiry]?.isEmpty == true { buckets[expiry] = nil }
    }
}
