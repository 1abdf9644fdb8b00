package import Jute

/// What became of a snapshot that somebody asked for.
package enum SnapshotOutcome: Equatable, Sendable {
    /// It is on the disk, with everything up to this transaction.
    case saved(Zxid)
    /// Another one is being written.
    case busy
    /// Nothing was served yet, or the node is stopping.
    case unavailable
    case failed(String)
}

/// Called once, on the thread that writes snapshots or the node's own.
package typealias SnapshotCompletion = @Sendable (SnapshotOutcome) -> Void
