/// When the log behind the last snapshot is long enough for the next one.
///
/// As the original does, by transactions or by bytes, each drawn anew between half of its limit and
/// the whole of it: the nodes of an ensemble count the same transactions, and are not to write their
/// snapshots at the same moment (`SyncRequestProcessor.shouldSnapshot`).
///
/// Unlike there, the limit of transactions grows with the tree unless it is configured. A snapshot
/// costs what the tree holds, and a start reads it and the log behind it: with half as many
/// transactions as there are znodes the log does not become the larger part, and a write pays for at
/// most four znodes of a snapshot, however many there are.
package struct SnapshotSchedule: Sendable {
    package struct Limits: Sendable {
        /// Transactions (`snapCount`); nil: half as many as there are znodes, and at least
        /// `leastTransactions`.
        package var transactions: Int?
        /// Bytes of transactions, without what frames them in the log (`snapSizeLimitInKb`); nil for
        /// no limit.
        package var bytes: Int?

        /// The original's limit.
        package static let leastTransactions = 100_000

        package init(transactions: Int? = nil, bytes: Int? = nil) {
            self.transactions = transactions
            self.bytes = bytes
        }
    }

    /// What has been logged and applied since a snapshot.
    package struct Amount: Equatable, Sendable {
        package var transactions = 0
        package var bytes = 0

        package init() {}

        package mutating func add(_ payload: [UInt8]) {
            transactions += 1
            bytes += payload.count
        }
    }

    private let limits: Limits
    private var since: Amount
    private var due = Amount()
    private var isDemanded = false

    /// A schedule as a start finds it.
    ///
    /// - Parameters:
    ///   - limits: What the configuration says.
    ///   - since: What the start has read of the log: a node that often starts anew takes its
    ///     snapshots nevertheless.
    package init(_ limits: Limits, since: Amount = Amount()) {
        self.limits = limits
        self.since = since
    }

    package var isDue: Bool {
        isDemanded || since.transactions >= due.transactions || since.bytes >= due.bytes
    }

    package mutating func applied(_ payload: [UInt8]) {
        since.add(payload)
    }

    /// Somebody wants a snapshot now.
    package mutating func demand() {
        isDemanded = true
    }

    /// A snapshot is being written: counts from here.
    package mutating func restart(znodes: Int, using random: inout some RandomNumberGenerator) {
        since = Amount()
        isDemanded = false
        draw(znodes: znodes, using: &random)
    }

    /// Draws when the next one is due, of a tree with so many znodes.
    package mutating func draw(znodes: Int, using random: inout some RandomNumberGenerator) {
        let transactions =
            limits.transactions ?? max(Limits.leastTransactions, znodes / 2)
        due.transactions = Self.drawn(transactions, using: &random)
        due.bytes = limits.bytes.map { Self.drawn($0, using: &random) } ?? .max
    }

    private static func drawn(
        _ limit: Int, using random: inout some RandomNumberGenerator
    ) -> Int {
        let half = max(1, limit / 2)
        return half + Int.random(in: 0..<half, using: &random)
    }
}
