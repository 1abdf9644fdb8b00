import Replica
import Testing

/// A generator whose every number is the same.
private struct Constant: RandomNumberGenerator {
    var value: UInt64

    mutating func next() -> UInt64 { value }
}

extension UInt64 {
    /// Chooses the first of any range. (Of 0 the choice would ask for another number, for ever.)
    fileprivate static let least: UInt64 = 2
}

private let payload = [UInt8](repeating: 7, count: 50)

struct SnapshotScheduleTests {
    /// After how many transactions of 50 bytes the next snapshot is due.
    private func due(
        _ limits: SnapshotSchedule.Limits, znodes: Int,
        since: SnapshotSchedule.Amount = SnapshotSchedule.Amount(), chance: UInt64
    ) -> Int {
        var random = Constant(value: chance)
        var schedule = SnapshotSchedule(limits, since: since)
        schedule.draw(znodes: znodes, using: &random)
        var count = 0
        while !schedule.isDue {
            schedule.applied(payload)
            count += 1
        }
        return count
    }

    @Test(arguments: [
        (limit: 100 as Int?, znodes: 1_000_000, least: 50, most: 99),
        (limit: 2, znodes: 1_000_000, least: 1, most: 1),
        (limit: nil, znodes: 0, least: 50_000, most: 99_999),
        (limit: nil, znodes: 200_000, least: 50_000, most: 99_999),
        (limit: nil, znodes: 1_000_000, least: 250_000, most: 499_999),
    ])
    func `as configured, or as suits the tree, and never at the same moment everywhere`(
        _ expected: (limit: Int?, znodes: Int, least: Int, most: Int)
    ) {
        let limits = SnapshotSchedule.Limits(transactions: expected.limit)
        #expect(due(limits, znodes: expected.znodes, chance: .least) == expected.least)
        #expect(due(limits, znodes: expected.znodes, chance: .max) == expected.most)
    }

    @Test func `a log of large values is cut by its size`() {
        let limits = SnapshotSchedule.Limits(transactions: 1000, bytes: 5000)
        #expect(due(limits, znodes: 1, chance: .least) == 50)
        #expect(due(limits, znodes: 1, chance: .max) == 100)
    }

    @Test func `what a start has read of the log counts`() {
        var since = SnapshotSchedule.Amount()
        for _ in 0..<40 { since.add(payload) }
        let limits = SnapshotSchedule.Limits(transactions: 100)
        #expect(due(limits, znodes: 1, since: since, chance: .least) == 10)
        let bytes = SnapshotSchedule.Limits(transactions: 1000, bytes: 3000)
        #expect(due(bytes, znodes: 1, since: since, chance: .least) == 0)
    }

    @Test func `one on demand, and then as many as ever`() {
        var random = Constant(value: .least)
        var schedule = SnapshotSchedule(SnapshotSchedule.Limits(transactions: 20))
        schedule.draw(znodes: 1, using: &random)
        #expect(!schedule.isDue)
        schedule.demand()
        #expect(schedule.isDue)
        schedule.restart(znodes: 1, using: &random)
        for _ in 0..<9 {
            schedule.applied(payload)
            #expect(!schedule.isDue)
        }
        schedule.applied(payload)
        #expect(schedule.isDue)
    }
}
