/// Many deadlines in one structure: setting, cancelling and letting pass cost the same however
/// many there are.
///
/// Time is a count of milliseconds that never decreases. A deadline comes at its tick, at most one
/// tick late and never early.
package struct TimerWheel<Value: Sendable>: Sendable {
    /// Names one deadline until it has come or was cancelled.
    package struct Timer: Sendable {
        fileprivate let node: Int32
        fileprivate let number: Int
    }

    private struct Entry: Sendable {
        var number: Int
        var tick: Int64
        var value: Value
    }

    private let tickMs: Int64
    private var lists = LinkedLists<Entry>()
    private var slots: [Int32]
    private var current: Int64
    private var nextNumber = 0
    /// How many deadlines are set.
    package private(set) var count = 0

    /// - Parameters:
    ///   - tickMs: How exact the deadlines are.
    ///   - slotCount: Deadlines further off than as many ticks are looked at once a turn.
    ///   - now: The time.
    package init(tickMs: Int64 = 50, slotCount: Int = 2_048, now: Int64) {
        self.tickMs = tickMs
        slots = Array(repeating: LinkedLists<Entry>.none, count: slotCount)
        current = now / tickMs
    }

    /// When the next tick begins.
    package var nextTick: Int64 { (current + 1) * tickMs }

    package mutating func set(_ value: Value, at deadline: Int64) -> Timer {
        let tick = max(current + 1, (deadline + tickMs - 1) / tickMs)
        let entry = Entry(number: nextNumber, tick: tick, value: value)
        nextNumber += 1
        count += 1
        let node = lists.insert(entry, into: &slots[slot(of: tick)])
        return Timer(node: node, number: entry.number)
    }

    /// Cancels a deadline that has not come yet.
    ///
    /// - Precondition: It has not come, and was not cancelled before.
    package mutating func cancel(_ timer: Timer) {
        let entry = lists[timer.node]
        precondition(entry.number == timer.number, "the timer is over")
        lists.remove(timer.node, from: &slots[slot(of: entry.tick)])
        count -= 1
    }

    /// Moves the time on.
    ///
    /// - Returns: What has come, in the order of the deadlines.
    package mutating func advance(to now: Int64) -> [Value] {
        let target = now / tickMs
        guard target > current else { return [] }
        var due: [Entry] = []
        // After a long pause every slot is looked at once.
        let first = max(current + 1, target - Int64(slots.count) + 1)
        for tick in first...target {
            let slot = slot(of: tick)
            guard slots[slot] != LinkedLists<Entry>.none else { continue }
            for node in lists.nodes(from: slots[slot]) where lists[node].tick <= target {
                due.append(lists[node])
                lists.remove(node, from: &slots[slot])
            }
        }
        current = target
        count -= due.count
        return due.sorted { ($0.tick, $0.number) < ($1.tick, $1.number) }.map(\.value)
    }

    private func slot(of tick: Int64) -> Int { Int(tick % Int64(slots.count)) }
}
