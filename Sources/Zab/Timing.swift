/// Milliseconds of a monotonic clock. Only differences mean anything; it never goes back.
package typealias Milliseconds = Int64

/// The periods of the protocol, under ZooKeeper's names and with its defaults.
///
/// - Source: quorum protocol reference, section 1.
package struct Timing: Equatable, Sendable {
    /// One tick; the limits below count in ticks.
    package var tickTime: Milliseconds = 2000
    /// Ticks for connecting to a leader and for each step up to UPTODATE.
    package var initLimit: Int64 = 10
    /// Ticks of silence after which a peer counts as gone.
    package var syncLimit: Int64 = 5
    /// First wait for an answer while looking; doubles with every wait that brings none.
    package var minNotificationInterval: Milliseconds = 200
    /// Where the doubling ends. The original's 60 s can leave a healed network without a leader
    /// for a minute; repeating a notification costs next to nothing.
    package var maxNotificationInterval: Milliseconds = 1600
    /// How long a quorum of equal votes must stay unbeaten.
    package var finalizeWait: Milliseconds = 200
    /// Pause between two attempts to reach a leader that may not listen yet.
    package var leaderConnectDelay: Milliseconds = 25

    /// How long a leader that refuses connections is tried: it may have decided a little later
    /// than its followers, or not at all.
    package var leaderConnectPeriod: Milliseconds = 2000

    package init() {}

    var initPeriod: Milliseconds { tickTime * initLimit }
    var syncPeriod: Milliseconds { tickTime * syncLimit }
    var pingInterval: Milliseconds { max(1, tickTime / 2) }
}
