import Logging
import NIOCore
import PeerTransport
import Replica
import Storage
import Zab

/// A node whose disk has no room left even for what must be written takes no part until there is.
///
/// It does not try again: what a failed write has left behind, only a start can tell that reads the
/// disk. So it says nothing to anybody from the failure on, goes on serving what it has applied,
/// and starts anew when there is room.
extension NodeLoop {
    /// Storage could not do what had to be done.
    ///
    /// - Parameters:
    ///   - error: If it is not a lack of room, nothing that this process says can be trusted.
    ///   - reason: What could not be done.
    ///   - bytes: How much more has to fit before it can be done.
    func storageFailed(_ error: StorageError, _ reason: String, needing bytes: Int = 0) {
        let isLackOfSpace =
            // A log that has failed for want of room tells so on its own thread, perhaps later.
            error.isLackOfSpace || (error == .dead && storage.logFailure?.isLackOfSpace == true)
        guard isLackOfSpace else { die("\(reason): \(error)") }
        guard !hasLeft, !isStopping else { return }
        // From here on nothing leaves this node, also not what the replica is about to send.
        hasLeft = true
        growthGate.leave()
        logger.critical("\(reason): \(error): this node takes no part until there is room")
        roomWatch?.left(needing: bytes)
        // The replica may be in the middle of its effects.
        let bound = NIOLoopBound(self, eventLoop: eventLoop)
        eventLoop.execute { bound.value.finishLeaving() }
    }

    private func finishLeaving() {
        guard !isStopping else { return }
        replica?.stop()
        storage.giveUpSnapshots()
        stopTimer()
        closeTransports()
        publishStatus(now)
    }

    func closeTransports() {
        guard !areTransportsClosed else { return }
        areTransportsClosed = true
        leaderConnection?.close()
        leaderConnection = nil
        listener.stop()
        election?.stop()
    }

    /// As others see a node that has left.
    func statusOfAbsence(_ status: Status) -> Status {
        var status = status
        status.role = .looking
        status.phase = .election
        status.leader = nil
        status.synchronizedBy = nil
        return status
    }
}
