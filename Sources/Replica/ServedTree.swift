import Jute
import Synchronization
package import ZnodeTree

/// The committed state, read by many threads and written by one.
package final class ServedTree: Sendable {
    private let tree: Mutex<DataTree>
    /// As it was read last, and the zxid of the znode that it was read from.
    private let knownLineage = Mutex<(mzxid: Zxid, lineage: Lineage?)?>(nil)

    package init(_ tree: DataTree) {
        self.tree = Mutex(tree)
    }

    /// Nil as long as no Aviary node has taken part in the ensemble.
    ///
    /// Requests ask for it, and it changes once in an ensemble's life: it is read when it has.
    package var lineage: Lineage? {
        guard let mzxid = read({ $0.stat(of: Lineage.path)?.mzxid }) else { return nil }
        return knownLineage.withLock { known in
            if let known, known.mzxid == mzxid { return known.lineage }
            let (stat, data) = read { ($0.stat(of: Lineage.path), $0.data(of: Lineage.path)) }
            let lineage = data.flatMap { $0 }.flatMap { Lineage($0) }
            if let stat { known = (stat.mzxid, lineage) }
            return lineage
        }
    }

    /// Runs a read under the lock: short, and without calling out.
    package func read<Answer, Failure: Error>(
        _ body: (borrowing DataTree) throws(Failure) -> sending Answer
    ) throws(Failure) -> sending Answer {
        try tree.withLock { tree throws(Failure) in try body(tree) }
    }

    /// An exact view of this moment. It costs what changes afterwards.
    package func view() -> DataTree {
        tree.withLock { $0 }
    }

    func write<Answer>(_ body: (inout DataTree) -> sending Answer) -> sending Answer {
        tree.withLock { body(&$0) }
    }
}
