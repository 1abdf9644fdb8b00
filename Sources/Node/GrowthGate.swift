package import Jute
package import Storage
import Synchronization
package import Zab

/// Whether data may grow. Not while there is too little room on this node's disk, on the leader's,
/// or on so many voters' that the others are no quorum: as long as data grow, a quorum has room
/// for them, and nobody is driven into a wall.
///
/// What makes data smaller always passes. Safety does not depend on any of this: a log that finds
/// no room acknowledges nothing.
package final class GrowthGate: Sendable {
    private struct State {
        /// Members that say that they have too little room.
        var full: Set<PeerID> = []
        /// This node has left the quorum for want of room.
        var hasLeft = false
    }

    private let id: PeerID
    private let quorum: QuorumVerifier
    private let room: DiskRoom?
    private let state = Mutex(State())

    package init(_ id: PeerID, of quorum: QuorumVerifier, room: DiskRoom?) {
        self.id = id
        self.quorum = quorum
        self.room = room
    }

    /// Whether this node itself has too little room.
    package var isFullHere: Bool { room?.isLow == true || hasLeft }

    /// Whether this node takes no part for want of room.
    package var hasLeft: Bool { state.withLock { $0.hasLeft } }

    func leave() {
        state.withLock { $0.hasLeft = true }
    }

    /// Tells who of the others says that it has too little room.
    package func note(full: Set<PeerID>) {
        state.withLock { $0.full = full.subtracting([id]) }
    }

    /// Whether data must not grow.
    ///
    /// - Parameter leader: Who leads, if anybody does.
    /// - Returns: True also for what others have said that nobody asked yet.
    package func refuses(leader: PeerID?) -> Bool {
        let isFullHere = isFullHere
        if isFullHere { return true }
        let full = state.withLock { $0.full }
        if full.isEmpty { return false }
        if let leader, full.contains(leader) { return true }
        return !quorum.isQuorum(quorum.voters.subtracting(full))
    }
}
