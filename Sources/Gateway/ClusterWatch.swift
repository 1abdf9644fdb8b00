import Node
import Synchronization

/// Looks a few times a second whether the picture of the cluster has changed, and tells those who
/// wait for that: it is put together from several sources, of which none tells by itself.
final class ClusterWatch: Sendable {
    /// What those who wait for it are called.
    static let kind = "cluster"

    private static let pause = Duration.milliseconds(200)

    private let waits: WaitService
    private let task = PeriodicTask()
    private let last = Mutex<EntityTag?>(nil)

    init(waits: WaitService) {
        self.waits = waits
    }

    /// - Parameter tag: Changes with the picture; nil when there is none any more.
    func start(_ tag: @escaping @Sendable () -> EntityTag?) {
        task.start(pause: ClusterWatch.pause) { [weak self] in
            guard let self, let current = tag() else { return false }
            let isNew = self.last.withLock { last in
                defer { last = current }
                return last != current
            }
            if isNew { self.waits.poke(ClusterWatch.kind) }
            return true
        }
    }

    func stop() async {
        await task.stop()
    }
}
