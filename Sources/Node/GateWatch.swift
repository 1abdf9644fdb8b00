import Synchronization
import ZnodeTree

/// Whether a restore is under way, as of the state that is served: read with every request, so
/// without a look at the tree.
final class GateWatch: Sendable {
    /// Grows by one when the gate shuts and when it opens.
    private let count = Atomic(0)

    /// Odd while the gate is shut. Two equal even numbers around a read say that nothing of a
    /// restore was read.
    var generation: Int { count.load(ordering: .acquiring) }

    /// The served state is another one.
    func look(at tree: borrowing DataTree) {
        set(isShut: tree.find(RestoreGate.path) != nil)
    }

    /// A transaction was applied, and no later one yet.
    func applied(_ result: TxnResult) {
        for change in result.changes where change.path == RestoreGate.path {
            set(isShut: change.kind != .deleted)
        }
    }

    /// On the replica's thread only.
    private func set(isShut: Bool) {
        let generation = generation
        if (generation & 1 == 1) != isShut { count.store(generation + 1, ordering: .releasing) }
    }
}
