import Dispatch
import Logging
import Storage
import Synchronization

/// Looks a few times a second how much room the disk has, on a thread of its own: a disk that does
/// not answer must not hold up anything else.
final class RoomWatch: Sendable {
    private struct State {
        var isLow = false
        var hasFailed = false
        /// How much more has to fit before the node can take part again, and from when on.
        var absence: (bytes: Int, until: ContinuousClock.Instant)?
        var isStopped = false
    }

    private static let interval = DispatchTimeInterval.milliseconds(250)
    /// A node that has left for want of room does not come back at every gap.
    private static let shortestAbsence = Duration.seconds(2)

    private let room: DiskRoom
    private let logger: Logger
    private let comeBack: @Sendable () -> Void
    private let queue = DispatchQueue(label: "aviary.room", qos: .utility)
    private let state = Mutex(State())

    /// - Parameters:
    ///   - room: Where to look.
    ///   - logger: Is told when room runs short, and when there is enough again.
    ///   - comeBack: Called once, when a node that has left can start anew.
    init(_ room: DiskRoom, logger: Logger, comeBack: @escaping @Sendable () -> Void) {
        self.room = room
        self.logger = logger
        self.comeBack = comeBack
    }

    func start() {
        queue.async { self.lookAgainAndAgain() }
    }

    private func lookAgainAndAgain() {
        if state.withLock({ $0.isStopped }) { return }
        look()
        queue.asyncAfter(deadline: .now() + RoomWatch.interval) { [weak self] in
            self?.lookAgainAndAgain()
        }
    }

    /// Returns when the last look has ended.
    func stop() {
        state.withLock { $0.isStopped = true }
        queue.sync {}
    }

    /// The node has left: it is to come back when there is room.
    ///
    /// - Parameter bytes: How much more has to fit than a node needs that goes on.
    func left(needing bytes: Int) {
        state.withLock { $0.absence = (bytes, .now + RoomWatch.shortestAbsence) }
    }

    private func look() {
        do throws(StorageError) {
            let isLow = try room.look()
            tell(isLow)
            guard !isLow, let absence = state.withLock({ $0.absence }), .now >= absence.until,
                try room.hasRoom(for: absence.bytes)
            else { return }
            state.withLock { $0.absence = nil }
            logger.notice("there is room again: this node starts anew")
            comeBack()
        } catch {
            let isNew = state.withLock { state in
                defer { state.hasFailed = true }
                return !state.hasFailed
            }
            if isNew { logger.error("nothing tells how much room the disk has: \(error)") }
        }
    }

    private func tell(_ isLow: Bool) {
        let isNew = state.withLock { state in
            defer {
                state.isLow = isLow
                state.hasFailed = false
            }
            return state.isLow != isLow
        }
        guard isNew else { return }
        if isLow {
            logger.error("the disk is nearly full: only reads and deletes are served")
        } else {
            logger.notice("the disk has room again")
        }
    }
}
