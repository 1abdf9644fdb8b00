import Synchronization

/// Compares the wall clock with one that only runs, and with those of the other members.
///
/// No promise depends on the wall clock; the times of transactions, of history by time and of
/// certificates do.
struct ClockWatch: Sendable {
    /// A larger difference is told.
    static let tolerance = Duration.seconds(1)
    /// How long a jump is told.
    static let memory = Duration.seconds(60)

    private var last: (wall: Duration, steady: ContinuousClock.Instant)?
    private var jumpedAt: ContinuousClock.Instant?
    private(set) var jumps = 0
    /// How far the others' clocks are ahead of this one.
    private(set) var isSkewed = false

    /// Looks at both clocks.
    ///
    /// - Parameters:
    ///   - wall: Time since 1970.
    ///   - steady: At the same moment.
    /// - Returns: By how much the wall clock has jumped; nil if it has not.
    mutating func look(wall: Duration, steady: ContinuousClock.Instant) -> Duration? {
        defer { last = (wall, steady) }
        guard let last else { return nil }
        let jump = (wall - last.wall) - (steady - last.steady)
        guard jump > ClockWatch.tolerance || jump < .zero - ClockWatch.tolerance else { return nil }
        jumps += 1
        jumpedAt = steady
        return jump
    }

    func hasJumped(now: ContinuousClock.Instant) -> Bool {
        jumpedAt.map { now - $0 < ClockWatch.memory } ?? false
    }

    /// Compares with the others. Whoever differs from half of all clocks or more is the one that
    /// is wrong, or one of two.
    ///
    /// - Parameter offsets: How far each of the others is ahead, as little as what was measured
    ///   allows.
    /// - Returns: Whether this has become true just now.
    mutating func compare(_ offsets: [Duration]) -> Bool {
        let far = offsets.count { $0 > ClockWatch.tolerance || $0 < .zero - ClockWatch.tolerance }
        let wasSkewed = isSkewed
        isSkewed = far > 0 && 2 * far >= offsets.count + 1
        return isSkewed && !wasSkewed
    }
}
