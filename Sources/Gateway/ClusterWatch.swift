import Node
import Synchronization

/// Looks a few times a second whether the picture of the cluster has changed, and tells those who
/// wait for that: it is put together from several sources, of which none tells by itself.
final class ClusterWatch: Sendable {
    /// What those who wait for it are called.
    static let kind = "cluster"

    private static let interval = Duration.milliseconds(200)

    private let waits: WaitService
    private let task = Mutex<Task<Void, Never>?>(nil)

    init(waits: WaitService) {
        self.waits = waits
    }

    /// - Parameter tag: Changes with the picture; nil when there is none any more.
    func start(_ tag: @escaping @Sendable () -> EntityTag?) {
        let watching = Task { [waits] in
            var last: EntityTag?
            while let current = tag() {
                if current != last { waits.poke(ClusterWatch.kind) }
                last = current
                do {
                    try await Task.sleep(for: ClusterWatch.interval)
                } catch {
                    return
                }
            }
        }
        task.withLock { $0 = watching }
    }

    /// Returns when nothing is looked at any more.
    func stop() async {
        let watching = task.withLock { task in
            defer { task = nil }
            return task
        }
        watching?.cancel()
        await watching?.value
    }
}
