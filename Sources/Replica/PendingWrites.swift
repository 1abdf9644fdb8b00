import Jute
import Zab

/// Tells which transaction answers which request. A node never gives two requests that wait at the
/// same time the same pair.
struct RequestKey: Hashable, Sendable {
    var session: SessionID
    var cxid: Int32
}

/// A write that waits for its transaction, or for a leader.
struct PendingWrite: Sendable {
    var write: Write
    var caller: Caller
    var deadline: Milliseconds
    var attempts = 0
    var compiled: RequestCompiler.Compiled?
    /// The epoch whose leader may have proposed it; nil while it is certain that none has.
    var sentIn: Epoch?
    /// A state received whole has come since: if that leader has committed it, nobody here was told.
    var mayBeHidden = false
    /// The tree was confirmed to be as new as any acknowledged write when this one came: only then
    /// may it be refused for what this node sees.
    var viewIsFresh = false
    var completion: Completion

    /// Who learns how it ended.
    enum Completion: Sendable {
        case client(@Sendable (WriteOutcome) -> Void)
        /// A round of linearizable reads under a Java leader.
        case barrier(ReadToken)
        /// The node itself, which sees the transaction when it is applied.
        case node
    }
}

/// Numbers requests so that no other node gives the same number under the same session.
struct RequestNumbers: Sendable {
    private let node: Int32
    private var counter: Int32 = 0

    init(node: PeerID) {
        self.node = Int32(truncatingIfNeeded: node) << 24
    }

    mutating func next() -> Int32 {
        counter = (counter + 1) & 0xFF_FFFF
        return node | counter
    }
}
