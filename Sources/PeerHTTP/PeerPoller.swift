package import Jute
import Synchronization

/// Asks other members for one resource again and again and keeps what they said last, so that
/// whoever wants to know is told at once, with or without a quorum.
///
/// - Source: SOUNDNESS, section 7.
package final class PeerPoller: Sendable {
    /// What is known of one member.
    package struct Report: Equatable, Sendable {
        /// Its last answer; nil if there never was one.
        package var body: [UInt8]?
        /// When that came.
        package var receivedAt: ContinuousClock.Instant?
        /// When that answer was asked for and had come, by the wall clock, since 1970.
        package var askedAtWallClock: Duration?
        package var receivedAtWallClock: Duration?
        /// Whether the latest attempt brought an answer.
        package var isReachable = false
        /// Whether nobody listened at its address in the latest attempt.
        package var isRefused = false

        package init() {}
    }

    private struct State {
        var reports: [PeerID: Report] = [:]
        var lastAttempt: [PeerID: ContinuousClock.Instant] = [:]
        var underWay: Set<PeerID> = []
        var task: Task<Void, Never>?
    }

    private let path: String
    private let state = Mutex(State())

    private static let tick = Duration.milliseconds(100)
    /// Between two questions, and for an answer.
    private let calmInterval: Duration

    /// - Parameters:
    ///   - path: Of the resource, with its slash.
    ///   - patience: Within this a member that says nothing is to be missed: it is asked about four
    ///     times.
    package init(path: String, patience: Duration = .seconds(4)) {
        self.path = path
        calmInterval = max(PeerPoller.tick, min(.seconds(1), patience / 4))
    }

    /// What every member said last, by id.
    package var reports: [PeerID: Report] { state.withLock { $0.reports } }

    /// Asks a member at the next moment, whenever it was asked last.
    package func hurry(_ peer: PeerID) {
        state.withLock { $0.lastAttempt[peer] = nil }
    }

    /// Begins to ask: about once a second, or ten times while there is a hurry.
    ///
    /// - Parameters:
    ///   - addresses: Where each of the others is reached, as `host:port`. Asked at every tick.
    ///   - isInHurry: Whether things are changing. Asked at every tick.
    package func start(
        addresses: @escaping @Sendable () -> [PeerID: String],
        isInHurry: @escaping @Sendable () -> Bool
    ) {
        let task = Task { [weak self, path, calmInterval] in
            await withDiscardingTaskGroup { group in
                while !Task.isCancelled, let self {
                    let interval = isInHurry() ? PeerPoller.tick : calmInterval
                    for (peer, address) in self.due(addresses(), interval) {
                        group.addTask {
                            var request = PeerRequest(path)
                            request.timeout = calmInterval
                            let asked = WallClock.now
                            self.ended(peer, await request.ask(address), asked: asked)
                        }
                    }
                    do {
                        try await Task.sleep(for: PeerPoller.tick)
                    } catch {
                        break
                    }
                }
                group.cancelAll()
            }
        }
        state.withLock { $0.task = task }
    }

    /// Stops asking; returns when nothing is under way any more.
    package func stop() async {
        let task = state.withLock { state in
            defer { state.task = nil }
            return state.task
        }
        task?.cancel()
        await task?.value
    }

    /// Whom to ask now; marks them as being asked.
    private func due(
        _ addresses: [PeerID: String], _ interval: Duration
    ) -> [(PeerID, String)] {
        let now = ContinuousClock.now
        return state.withLock { state in
            var due: [(PeerID, String)] = []
            for (peer, address) in addresses.sorted(by: { $0.key < $1.key }) {
                guard !state.underWay.contains(peer) else { continue }
                if let last = state.lastAttempt[peer], now - last < interval { continue }
                state.lastAttempt[peer] = now
                state.underWay.insert(peer)
                due.append((peer, address))
            }
            return due
        }
    }

    private func ended(_ peer: PeerID, _ answer: PeerAnswer, asked: Duration) {
        let now = ContinuousClock.now
        state.withLock { state in
            state.underWay.remove(peer)
            var report = state.reports[peer] ?? Report()
            report.isReachable = answer.body != nil
            report.isRefused = answer == .refused
            if let body = answer.body {
                report.body = body
                report.receivedAt = now
                report.askedAtWallClock = asked
                report.receivedAtWallClock = WallClock.now
            }
            state.reports[peer] = report
        }
    }
}
