import HeapModule

/// What is going to happen, in virtual time. Events of one moment happen in the order in which
/// they were added, so that a seed reproduces every run.
struct EventQueue<Event> {
    private struct Entry: Comparable {
        var time: Int64
        var order: Int
        var event: Event

        static func == (left: Entry, right: Entry) -> Bool { left.order == right.order }

        static func < (left: Entry, right: Entry) -> Bool {
            (left.time, left.order) < (right.time, right.order)
        }
    }

    private var heap: Heap<Entry> = []
    private var added = 0
    /// Milliseconds since the run began.
    private(set) var now: Int64 = 0

    mutating func add(_ event: Event, after delay: Int64) {
        added += 1
        heap.insert(Entry(time: now + max(0, delay), order: added, event: event))
    }

    /// Moves time to the next event and returns it; nil when none comes before `end`.
    mutating func next(until end: Int64) -> Event? {
        guard let first = heap.min, first.time <= end else {
            now = max(now, end)
            return nil
        }
        heap.removeMin()
        now = first.time
        return first.event
    }
}
