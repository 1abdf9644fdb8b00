import Synchronization

/// Work for one thread from many: everything that came meanwhile is taken at once, and only the
/// first of a batch has to wake the taker.
final class Mailbox<Item: Sendable>: Sendable {
    private let items = Mutex<[Item]>([])

    /// - Returns: True if the mailbox was empty: the taker must be woken.
    func put(_ item: Item) -> Bool {
        items.withLock { items in
            items.append(item)
            return items.count == 1
        }
    }

    /// Takes everything into `batch`, whose room is used for what comes next: with two buffers in
    /// turn, nobody who puts something in allocates.
    ///
    /// - Precondition: `batch` is empty.
    func takeAll(into batch: inout [Item]) {
        precondition(batch.isEmpty)
        items.withLock { swap(&$0, &batch) }
    }
}
