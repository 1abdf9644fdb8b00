import History
import Jute
import Replica
import Synchronization
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
    var limit: Int
    /// Whether a batch may end within a transaction; otherwise it ends with the one that reaches
    /// the limit.
    var partsTransactions = false
    private let era: RestoreEra

    init(
        filter: EventFilter, credentials: Credentials, gateway: Gateway, limit: Int = 500
    ) {
        self.filter = filter
        self.limit = limit
        self.credentials = credentials
        self.gateway = gateway
        era = RestoreEra(gateway.node.restoreGeneration)
    }

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
            outsideRestore(batch(transactions, through, cursor), cursor)
        case .onDisk: .onDisk
        case .gone(let floor): .expired(floor: floor)
        }
    }

    /// What a restore does is no event: nothing is told while it lasts, and afterwards that there
    /// is another state to be read. Its transactions are recorded only when the gate is known to
    /// be shut.
    private func outsideRestore(_ batch: EventBatch, _ cursor: EventCursor) -> Outcome {
        let generation = gateway.node.restoreGeneration
        if generation == era.generation { return .batch(batch) }
        return generation & 1 == 1
            ? .batch(EventBatch(next: cursor)) : .expired(floor: gateway.node.history.last)
    }

    /// Whether no restore has begun since the client was told to read the state.
    var isOutsideRestore: Bool { gateway.node.restoreGeneration == era.generation }

    /// The client has been told to read the state anew.
    func beginAnew() {
        era.generation = gateway.node.restoreGeneration
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

/// The restore after which a reader has begun; see `GatewayNode.restoreGeneration`.
private final class RestoreEra: Sendable {
    private let value: Atomic<Int>

    init(_ generation: Int) {
        value = Atomic(generation)
    }

    var generation: Int {
        get { value.load(ordering: .acquiring) }
        set { value.store(newValue, ordering: .releasing) }
    }
}
