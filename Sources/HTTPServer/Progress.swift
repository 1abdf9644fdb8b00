/// How a request comes along, against clients that are slow on purpose. Times are nanoseconds of
/// the loop's clock.
///
/// The library's own timeout starts anew with every byte, and it says nothing before a request
/// line is complete; hence the look at how many bytes the kernel has received.
struct Progress {
    private var idleSince: UInt64
    private var hasServed = false
    /// Received by the first look at an idle connection.
    private var idleReceived: UInt64?
    /// When bytes of an incomplete request line were first noticed.
    private var dribblingSince: UInt64?
    private var headSince: UInt64 = 0
    private var bodySince: UInt64 = 0
    var lastByteAt: UInt64 = 0
    var bodyBytes = 0

    init(now: UInt64) {
        idleSince = now
    }

    mutating func headBegan(now: UInt64) {
        headSince = hasServed ? dribblingSince ?? now : idleSince
    }

    mutating func bodyBegan(now: UInt64) {
        bodySince = now
        lastByteAt = now
        bodyBytes = 0
    }

    mutating func requestEnded(now: UInt64) {
        idleSince = now
        hasServed = true
        idleReceived = nil
        dribblingSince = nil
    }

    enum Idleness {
        case inTime
        /// Connected and never sent a byte.
        case silent
        /// Takes too long over a request line.
        case dribbling
    }

    mutating func checkIdle(now: UInt64, limit: Duration, received: UInt64?) -> Idleness {
        guard hasServed else {
            if elapsed(from: idleSince, to: now) <= limit { return .inTime }
            return received == 0 ? .silent : .dribbling
        }
        guard let received else { return .inTime }
        guard let idleReceived else {
            idleReceived = received
            return .inTime
        }
        guard received > idleReceived else { return .inTime }
        guard let dribblingSince else {
            dribblingSince = now
            return .inTime
        }
        return elapsed(from: dribblingSince, to: now) > limit ? .dribbling : .inTime
    }

    func isHeadLate(now: UInt64, limit: Duration) -> Bool {
        elapsed(from: headSince, to: now) > limit
    }

    /// - Parameters:
    ///   - now: The loop's time.
    ///   - limit: The longest pause, and the time after which the rate counts.
    ///   - rate: Bytes a second, on average.
    /// - Returns: Whether the body pauses too long or is too slow.
    func isBodyLate(now: UInt64, limit: Duration, rate: Int) -> Bool {
        if elapsed(from: lastByteAt, to: now) > limit { return true }
        let total = elapsed(from: bodySince, to: now)
        return total > limit && bodyBytes < rate * Int(total.components.seconds)
    }

    private func elapsed(from start: UInt64, to now: UInt64) -> Duration {
        .nanoseconds(now > start ? Int64(now - start) : 0)
    }
}
