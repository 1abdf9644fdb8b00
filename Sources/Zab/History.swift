import DequeModule
package import Jute

/// A transaction on its way: its zxid and the bytes that every log gets unchanged.
package struct Proposal: Equatable, Sendable {
    package var zxid: Zxid
    package var payload: [UInt8]

    package init(zxid: Zxid, payload: [UInt8]) {
        self.zxid = zxid
        self.payload = payload
    }
}

/// What this server's log holds, as far as the protocol must know it: the newest committed
/// transactions, for learners that are a little behind, and everything not yet committed.
///
/// Invariants: `lastCommitted <= lastLogged`, `durable <= lastLogged`, the window is the gap-free
/// history after `floor` up to `lastLogged`.
package struct History: Sendable {
    /// Bounds of the committed part that is kept in memory.
    package struct Limits: Equatable, Sendable {
        package var count: Int
        package var bytes: Int

        package init(count: Int = 10_000, bytes: Int = 16 << 20) {
            self.count = count
            self.bytes = bytes
        }
    }

    private var window: Deque<Proposal> = []
    private var committedCount = 0
    private var committedBytes = 0
    private let limits: Limits

    /// The zxid before the window: what a learner must have to be served from it.
    package private(set) var floor: Zxid
    /// The last transaction that is known to be committed and was delivered.
    package private(set) var lastCommitted: Zxid
    /// The last transaction handed to the log, perhaps not yet on disk.
    package private(set) var lastLogged: Zxid
    /// The last transaction that the disk holds.
    package private(set) var durable: Zxid

    /// A history as a start finds it on disk: all of it durable.
    ///
    /// - Parameters:
    ///   - floor: The zxid of the state before `proposals`.
    ///   - proposals: What the log holds after that, in order.
    ///   - lastCommitted: Up to where it is known to be committed; at least `floor`.
    ///   - limits: How much of the committed part is kept.
    /// - Precondition: The proposals follow each other.
    package init(
        floor: Zxid, proposals: [Proposal] = [], lastCommitted: Zxid, limits: Limits = Limits()
    ) {
        self.limits = limits
        self.floor = floor
        self.lastCommitted = max(lastCommitted, floor)
        lastLogged = floor
        durable = floor
        for proposal in proposals {
            append(proposal)
        }
        durable = lastLogged
        precondition(self.lastCommitted <= lastLogged)
        let committed = window.prefix { $0.zxid <= self.lastCommitted }
        committedCount = committed.count
        committedBytes = committed.reduce(0) { $0 + $1.payload.count }
        trim()
    }

    /// How many transactions behind a zxid the window holds.
    func count(after zxid: Zxid) -> Int {
        window.reversed().prefix { $0.zxid > zxid }.count
    }

    package var hasUncommitted: Bool { committedCount < window.count }

    var uncommitted: Deque<Proposal>.SubSequence { window[committedCount...] }

    /// Everything that is logged and not known to be committed, in order.
    package var tail: [Proposal] { Array(uncommitted) }

    package var firstUncommitted: Proposal? { uncommitted.first }

    mutating func append(_ proposal: Proposal) {
        precondition(
            proposal.zxid.directlyFollows(lastLogged),
            "\(proposal.zxid) cannot follow \(lastLogged)")
        window.append(proposal)
        lastLogged = proposal.zxid
    }

    /// The disk now holds everything up to `zxid`.
    mutating func markDurable(_ zxid: Zxid) {
        precondition(zxid <= lastLogged, "\(zxid) is past \(lastLogged)")
        durable = max(durable, zxid)
    }

    /// Commits the oldest uncommitted transaction and returns it.
    mutating func commitNext() -> Proposal {
        precondition(hasUncommitted)
        let proposal = window[committedCount]
        committedCount += 1
        committedBytes += proposal.payload.count
        lastCommitted = proposal.zxid
        trim()
        return proposal
    }

    /// Forgets every transaction after `zxid`.
    ///
    /// - Precondition: None of them is committed.
    mutating func truncate(after zxid: Zxid) {
        while let last = window.last, last.zxid > zxid {
            precondition(window.count > committedCount)
            window.removeLast()
        }
        lastLogged = window.last?.zxid ?? min(lastLogged, floor)
        durable = min(durable, lastLogged)
    }

    /// Starts again from a state received whole.
    mutating func restart(at zxid: Zxid) {
        window = []
        committedCount = 0
        committedBytes = 0
        floor = zxid
        lastCommitted = zxid
        lastLogged = zxid
        durable = zxid
    }

    /// Everything in the window after `zxid` and up to `last`.
    func entries(after zxid: Zxid, through last: Zxid) -> Deque<Proposal>.SubSequence {
        window[index(after: zxid)..<index(after: last)]
    }

    /// The committed transactions behind a state, in order; nil when not all of them are in memory.
    package func committed(after zxid: Zxid) -> [Proposal]? {
        reaches(zxid) ? Array(entries(after: zxid, through: lastCommitted)) : nil
    }

    /// Whether a transaction with exactly this zxid is in the window.
    func contains(_ zxid: Zxid) -> Bool {
        let index = index(after: zxid)
        return index > 0 && window[index - 1].zxid == zxid
    }

    /// Whether a state after exactly this zxid is known: that of the floor or one in the window.
    func reaches(_ zxid: Zxid) -> Bool { zxid == floor || contains(zxid) }

    /// Index of the first entry with a larger zxid.
    private func index(after zxid: Zxid) -> Int {
        var low = 0
        var high = window.count
        while low < high {
            let middle = (low + high) / 2
            if window[middle].zxid <= zxid { low = middle + 1 } else { high = middle }
        }
        return low
    }

    private mutating func trim() {
        while committedCount > limits.count || committedBytes > limits.bytes, committedCount > 1 {
            let first = window.removeFirst()
            floor = first.zxid
            committedCount -= 1
            committedBytes -= first.payload.count
        }
    }
}
