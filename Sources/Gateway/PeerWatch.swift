import Jute
import Node
import PeerHTTP
import Synchronization
import Zab

/// What a node finds out of the others' health and of its own clock, a few times a second, and
/// tells the log once.
final class PeerWatch: Sendable {
    private struct State {
        var detector: FailureDetector
        var clock = ClockWatch()
        var connected: Set<PeerID> = []
        var isDiskSlow = false
    }

    private let state: Mutex<State>

    /// - Parameter patience: `syncLimit` ticks.
    init(patience: Duration) {
        state = Mutex(State(detector: FailureDetector(patience: patience, now: .now)))
    }

    func health(of peer: PeerID) -> PeerHealth { state.withLock { $0.detector.health(of: peer) } }

    func counts(of peer: PeerID) -> [PeerFailure: Int] {
        state.withLock { $0.detector.counts(of: peer) }
    }

    /// Whether it is worth asking everybody often.
    var isWorried: Bool { state.withLock { $0.detector.isWorried } }

    /// How the node's own clock is.
    var clock: ClockWatch { state.withLock { $0.clock } }

    /// Looks at what came in.
    ///
    /// - Parameters:
    ///   - evidence: Of each of the other members.
    ///   - status: The node's own.
    ///   - offsets: How far the others' clocks are ahead at least.
    /// - Returns: Lines for the log, and whose connections were lost since the last time.
    func look(
        _ evidence: [PeerID: PeerEvidence], _ status: NodeStatus, offsets: [Duration]
    ) -> (lines: [String], lost: Set<PeerID>) {
        state.withLock { state in
            let now = ContinuousClock.now
            var lines = state.detector.look(at: evidence, now: now).map(\.line)
            let wall = WallClock.now
            // Whoever was interrupted between the two clocks looks again next time.
            let steady = ContinuousClock.now
            if steady - now < .milliseconds(100) {
                if let jump = state.clock.look(wall: wall, steady: steady) {
                    lines.append("the wall clock has jumped by \(jump.milliseconds) ms")
                }
            }
            if state.clock.compare(offsets) {
                lines.append("the wall clock differs from the other members'")
            }
            if status.isDiskSlow, !state.isDiskSlow {
                lines.append("the disk is slow: a sync of the log takes longer than it may")
            }
            state.isDiskSlow = status.isDiskSlow
            defer { state.connected = status.connected }
            return (lines, state.connected.subtracting(status.connected))
        }
    }
}

extension FailureDetector.News {
    fileprivate var line: String {
        let milliseconds = after.milliseconds
        guard let failure else { return "server \(peer) is well again, after \(milliseconds) ms" }
        return
            "server \(peer) has failed: \(failure.explanation), last heard \(milliseconds) ms ago"
    }
}
