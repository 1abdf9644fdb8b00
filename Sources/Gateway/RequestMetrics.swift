import HTTPServer
import Synchronization

/// Counts of requests and how long they took, since the start.
///
/// One short lock a request: the counters are plain arrays, made once.
final class RequestMetrics: Sendable {
    private struct State {
        /// By route, method and status.
        var requests = [Int](
            repeating: 0, count: routes.count * methods.count * RequestMetrics.statuses.count)
        var durations = [Histogram](repeating: Histogram(), count: routes.count)
        var received = Histogram()
        var committed = Histogram()
    }

    private let state = Mutex(State())

    static let routes = [
        "none", "znodes", "children", "acl", "transactions", "reads", "sessions", "session",
        "keepalive", "cluster", "node", "metrics", "livez", "readyz", "openapi", "problems",
        "events", "watchers", "locks", "elections",
        "peer", "recovery", "detached", "snapshots", "snapshot", "restore", "history",
        "rollbacks",
    ]
    static let methods = ["GET", "HEAD", "PUT", "POST", "DELETE", "PATCH", "OPTIONS", "other"]
    static let statuses =
        [0] + Set(ProblemCode.allCases.map(\.status) + [200, 201, 202, 204, 304, 307]).sorted()

    /// Place of each status from 200 on in `statuses`.
    private static let places: [Int] = (200..<600).map { statuses.firstIndex(of: $0) ?? 0 }

    /// - Parameters:
    ///   - route: Nil for a request that led to no resource.
    ///   - method: As sent.
    ///   - status: Of the answer.
    ///   - start: When the head was complete; nil if the time means nothing.
    func count(
        _ route: Route?, _ method: HTTPMethod, status: Int, since start: ContinuousClock.Instant?
    ) {
        let place = route?.metricPlace ?? 0
        let row = place * RequestMetrics.methods.count + method.metricPlace
        let index = row * RequestMetrics.statuses.count + RequestMetrics.places[status - 200]
        let duration = start.map { ContinuousClock.now - $0 }
        state.withLock { state in
            state.requests[index] += 1
            if let duration { state.durations[place].add(duration) }
        }
    }

    /// - Parameters:
    ///   - start: When the head of the request was complete.
    ///   - submitted: When the replica got it.
    ///   - ended: When the replica said what became of it.
    func countWrite(
        received start: ContinuousClock.Instant, submitted: ContinuousClock.Instant,
        ended: ContinuousClock.Instant
    ) {
        state.withLock { state in
            state.received.add(submitted - start)
            state.committed.add(ended - submitted)
        }
    }

    func write(to text: inout PrometheusText) {
        let state = state.withLock { $0 }
        text.family("aviary_http_requests_total", .counter, "Requests answered.")
        var index = 0
        for route in RequestMetrics.routes {
            for method in RequestMetrics.methods {
                for status in RequestMetrics.statuses {
                    let count = state.requests[index]
                    index += 1
                    guard count > 0 else { continue }
                    text.sample(
                        labels: [("route", route), ("method", method), ("status", "\(status)")],
                        count)
                }
            }
        }
        text.family(
            "aviary_http_request_duration_seconds", .histogram,
            "From the end of a request's head to its answer.")
        for (route, histogram) in zip(RequestMetrics.routes, state.durations)
        where histogram.count > 0 {
            text.histogram(labels: [("route", route)], histogram)
        }
        text.family(
            "aviary_write_stage_seconds", .histogram,
            "Stages of a write: received (head to submission), committed (submission to outcome).")
        text.histogram(labels: [("stage", "received")], state.received)
        text.histogram(labels: [("stage", "committed")], state.committed)
    }
}

/// How many durations lie below each of some bounds.
struct Histogram: Sendable {
    /// Nanoseconds and the label that says the same in seconds.
    static let bounds: [(nanoseconds: Int64, label: String)] = [
        (50_000, "0.00005"), (100_000, "0.0001"), (250_000, "0.00025"), (500_000, "0.0005"),
        (1_000_000, "0.001"), (2_500_000, "0.0025"), (5_000_000, "0.005"), (10_000_000, "0.01"),
        (25_000_000, "0.025"), (50_000_000, "0.05"), (100_000_000, "0.1"), (250_000_000, "0.25"),
        (500_000_000, "0.5"), (1_000_000_000, "1"), (2_500_000_000, "2.5"), (10_000_000_000, "10"),
    ]

    /// Not cumulative; the last one is above all bounds.
    private(set) var counts = [Int](repeating: 0, count: bounds.count + 1)
    private(set) var sumNanoseconds: Int64 = 0
    private(set) var count = 0

    mutating func add(_ duration: Duration) {
        let (seconds, attoseconds) = duration.components
        let nanoseconds = seconds * 1_000_000_000 + attoseconds / 1_000_000_000
        var place = 0
        while place < Histogram.bounds.count, nanoseconds > Histogram.bounds[place].nanoseconds {
            place += 1
        }
        counts[place] += 1
        sumNanoseconds += nanoseconds
        count += 1
    }
}

extension HTTPMethod {
    fileprivate var metricPlace: Int {
        switch self {
        case .get: 0
        case .head: 1
        case .put: 2
        case .post: 3
        case .delete: 4
        case .patch: 5
        case .options: 6
        case .other: 7
        }
    }
}

extension Route {
    /// Its place in `RequestMetrics.routes`.
    fileprivate var metricPlace: Int {
        switch self {
        case .znode: 1
        case .children: 2
        case .acl: 3
        case .transactions: 4
        case .reads: 5
        case .sessions: 6
        case .session: 7
        case .sessionKeepalive: 8
        case .cluster: 9
        case .node: 10
        case .metrics: 11
        case .livez: 12
        case .readyz: 13
        case .openapi: 14
        case .problem: 15
        case .events: 16
        case .watchers: 17
        case .contention(.lock, _): 18
        case .contention(.election, _): 19
        case .peerHistory, .peerAdoption, .peerState: 20
        case .recovery, .recoveryReport, .recoveryFlag: 21
        case .detached, .detachment, .detachmentRestoration: 22
        case .snapshots: 23
        case .snapshot: 24
        case .restore: 25
        case .history: 26
        case .rollbacks: 27
        }
    }
}
