import Jute
import Zab

/// How a read that waits for something ended.
package enum ReadOutcome: Equatable, Sendable {
    /// The served tree is fresh enough: read it now.
    case ready
    /// Not before the deadline.
    case late
    /// There is no leader with a quorum.
    case unavailable
}

/// Reads that wait: until a quorum has confirmed the leader, or until a zxid is applied.
struct PendingReads: Sendable {
    struct Waiter: Sendable {
        var deadline: Milliseconds
        var completion: Completion
    }

    enum Completion: Sendable {
        case client(@Sendable (ReadOutcome) -> Void)
        /// A write that this node would refuse, if only its view is fresh.
        case write(PendingWrite)
    }

    /// Reads that have ended and are still to be told.
    private var ended: [(Completion, ReadOutcome)] = []

    mutating func takeEnded() -> [(Completion, ReadOutcome)] {
        guard !ended.isEmpty else { return [] }
        defer { ended = [] }
        return ended
    }

    private mutating func end(_ waiters: [Waiter], _ outcome: ReadOutcome) {
        for waiter in waiters { ended.append((waiter.completion, outcome)) }
    }

    /// Waiting for a confirmation that is under way, by token.
    private var rounds: [ReadToken: [Waiter]] = [:]
    /// Came while one was under way: the next round serves them all.
    private(set) var gathering: [Waiter] = []
    private var nextToken: ReadToken = 1
    /// SYNCs under way, oldest first: they carry no id.
    private(set) var syncs: [ReadToken] = []
    /// Waiting for a zxid to be applied.
    private var applying: [(zxid: Zxid, waiters: [Waiter])] = []

    var isRoundUnderWay: Bool { !rounds.isEmpty }

    /// At or before the first deadline of all; looked for anew only when it has come.
    private(set) var nextDeadline = Milliseconds.max

    mutating func gather(_ waiter: Waiter) {
        gathering.append(waiter)
        nextDeadline = min(nextDeadline, waiter.deadline)
    }

    /// Begins a round for everybody gathered so far.
    mutating func beginRound() -> ReadToken {
        let token = nextToken
        nextToken += 1
        rounds[token] = gathering
        gathering = []
        return token
    }

    mutating func beginSync() -> ReadToken {
        let token = beginRound()
        syncs.append(token)
        return token
    }

    /// The round could not be begun: its readers go on waiting.
    mutating func regather(_ token: ReadToken) {
        gathering = (rounds.removeValue(forKey: token) ?? []) + gathering
        syncs.removeAll { $0 == token }
    }

    mutating func finishSync() -> ReadToken? {
        syncs.isEmpty ? nil : syncs.removeFirst()
    }

    /// The round is confirmed: its readers wait only until `zxid` is applied.
    mutating func confirm(_ token: ReadToken, through zxid: Zxid) {
        if let waiters = rounds.removeValue(forKey: token) {
            wait(for: zxid, waiters)
        }
    }

    mutating func wait(for zxid: Zxid, _ waiters: [Waiter]) {
        guard !waiters.isEmpty else { return }
        let place = applying.firstIndex { $0.zxid > zxid } ?? applying.count
        applying.insert((zxid, waiters), at: place)
        nextDeadline = min(nextDeadline, earliest(waiters))
    }

    /// Everything up to `zxid` is applied.
    mutating func applied(through zxid: Zxid) {
        while let first = applying.first, first.zxid <= zxid {
            end(first.waiters, .ready)
            applying.removeFirst()
        }
    }

    /// The leader is gone: what was not confirmed has to be asked again.
    mutating func abandonRounds() {
        for token in rounds.keys.sorted() {
            gathering += rounds[token] ?? []
        }
        rounds = [:]
        syncs = []
    }

    mutating func expire(_ now: Milliseconds) {
        guard nextDeadline <= now else { return }
        gathering = expire(gathering, now, .unavailable)
        for token in rounds.keys.sorted() {
            rounds[token] = expire(rounds[token] ?? [], now, .unavailable)
        }
        for index in applying.indices {
            applying[index].waiters = expire(applying[index].waiters, now, .late)
        }
        applying.removeAll { $0.waiters.isEmpty }
        nextDeadline = earliest(
            gathering + rounds.values.flatMap { $0 } + applying.flatMap(\.waiters))
    }

    private func earliest(_ waiters: [Waiter]) -> Milliseconds {
        waiters.reduce(.max) { min($0, $1.deadline) }
    }

    mutating func abandonAll() {
        abandonRounds()
        end(gathering, .unavailable)
        gathering = []
        for entry in applying { end(entry.waiters, .late) }
        applying = []
    }

    private mutating func expire(
        _ waiters: [Waiter], _ now: Milliseconds, _ outcome: ReadOutcome
    ) -> [Waiter] {
        end(waiters.filter { $0.deadline <= now }, outcome)
        return waiters.filter { $0.deadline > now }
    }
}
