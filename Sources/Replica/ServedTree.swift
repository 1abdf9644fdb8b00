import Synchronization
package import ZnodeTree

/// The committed state, read by many threads and written by one.
package final class ServedTree: Sendable {
    private let tree: Mutex<DataTree>

    package init(_ tree: DataTree) {
        self.tree = Mutex(tree)
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
