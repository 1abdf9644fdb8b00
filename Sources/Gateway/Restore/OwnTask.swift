import Synchronization

/// Work that ends with its owner.
final class OwnTask: Sendable {
    private let task = Mutex<Task<Void, Never>?>(nil)

    func run(_ body: @escaping @Sendable () async -> Void) {
        let running = Task { await body() }
        task.withLock { $0 = running }
    }

    /// Returns when the work has ended.
    func stop() async {
        let running = task.withLock { $0.take() }
        running?.cancel()
        await running?.value
    }
}
