import History
import Jute
import Replica
import ZnodeTree

/// Some of the events behind a cursor.
struct EventBatch: Sendable {
    var events: [Event] = []
    /// Where to go on: behind these events, and behind everything that was passed over.
    var next: EventCursor
    /// Whether the history has more behind `next`.
    var hasMore = false
}

/// Reads the history as one client may see it.
struct EventReader: Sendable {
    enum Outcome: Sendable {
        case batch(EventBatch)
        /// Memory does not reach back that far.
        case onDisk
        /// No longer held here.
        case expired(floor: Zxid)
    }

    let filter: EventFilter
    let credentials: Credentials
    let gateway: Gateway
    /// How many events make a batch.
    var limit = 500
    /// Whether a batch may end within a transaction; otherwise it ends with the one that reaches
    /// the limit.
    var partsTransactions = false

    private static let mostTransactions = 1_000

    /// Events from memory.
    func read(from cursor: EventCursor) -> Outcome {
        outcome(
            gateway.node.history.recent(
                after: cursor.after, limit: EventReader.mostTransactions), cursor)
    }

    /// Events from wherever they are.
    ///
    /// - Parameters:
    ///   - cursor: Exclusive.
    ///   - complete: Called before this returns, or on a thread of the history's.
    func read(
        from cursor: EventCursor, complete: @escaping @Sendable (Outcome) -> Void
    ) {
        let outcome = read(from: cursor)
        guard case .onDisk = outcome else { return complete(outcome) }
        gateway.node.history.older(after: cursor.after) { excerpt in
            complete(self.outcome(excerpt, cursor))
        }
    }

    private func outcome(_ excerpt: ChangeHistory.Excerpt, _ cursor: EventCursor) -> Outcome {
        switch excerpt {
        case .transactions(let transactions, let through):
            .batch(batch(transactions, through, cursor))
        case .onDisk: .onDisk
        case .gone(let floor): .expired(floor: floor)
        }
    }

    private func batch(
        _ transactions: [HistoricTransaction], _ through: Zxid, _ cursor: EventCursor
    ) -> EventBatch {
        var batch = EventBatch(next: cursor)
        for transaction in transactions {
            let start = transaction.zxid == cursor.zxid ? cursor.position ?? .max : 0
            transaction.forEachEvent { event in
                if event.position >= start, filter.matches(event), maySee(event),
                    !partsTransactions || batch.events.count < limit
                {
                    batch.events.append(event)
                }
            }
            if partsTransactions, batch.events.count == limit, let last = batch.events.last {
                // Perhaps there is more of this transaction: the next batch finds out.
                batch.next = last.cursor(cursor.history)
                batch.hasMore = true
                return batch
            }
            batch.next.advance(through: transaction.zxid)
            if transaction.zxid == cursor.zxid { batch.next.position = nil }
            if batch.events.count >= limit { break }
        }
        if batch.events.count < limit { batch.next.advance(through: through) }
        batch.hasMore = batch.next.zxid < gateway.node.history.last
        return batch
    }

    /// Under the list of that moment and, where the znode is still there, of now.
    private func maySee(_ event: Event) -> Bool {
        let access = gateway.options.access
        guard !SystemPath.isSecret(event.path),
            access.allows(.read, to: credentials.identities, by: event.znode.acl)
        else { return false }
        guard let current = gateway.node.served.read({ $0.acl(of: event.path) }) else {
            return true
        }
        return access.allows(.read, to: credentials.identities, by: current)
    }
}
