import Logging
import NIOCore
import PeerTransport
import Replica
import Storage
import Zab

/// A node whose disk has no room left even for what must be written takes no part until there is;
/// one whose disk has failed takes no part any more.
///
/// It does not try again: what a failed write has left behind, only a start can tell that reads the
/// disk. So it says nothing to anybody from the failure on, and goes on serving what it has applied.
/// It starts anew when there is room; with a failed disk the process ends as soon as the others have
/// had the time to learn why.
extension NodeLoop {
    /// Several rounds of the others' asking.
    private static let lastWords = TimeAmount.seconds(3)

    /// Storage could not do what had to be done.
    ///
    /// - Parameters:
    ///   - error: A lack of room passes; anything else ends the process.
    ///   - reason: What could not be done.
    ///   - bytes: How much more has to fit before it can be done.
    func storageFailed(_ error: StorageError, _ reason: String, needing bytes: Int = 0) {
        let isLackOfSpace =
            // A log that has failed for want of room tells so on its own thread, perhaps later.
            error.isLackOfSpace || (error == .dead && storage.logFailure?.isLackOfSpace == true)
        guard !isStopping, !hasDiskFailed else { return }
        let wasHere = !hasLeft
        // From here on nothing leaves this node, also not what the replica is about to send.
        hasLeft = true
        if isLackOfSpace {
            guard wasHere else { return }
            growthGate.leave()
            logger.critical("\(reason): \(error): this node takes no part until there is room")
            roomWatch?.left(needing: bytes)
        } else {
            hasDiskFailed = true
            logger.critical("\(reason): \(error): this node takes no part any more, and ends")
            eventLoop.scheduleTask(in: Self.lastWords) { exitProcess("\(reason): \(error)") }
            guard wasHere else { return publishStatus(now) }
        }
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
