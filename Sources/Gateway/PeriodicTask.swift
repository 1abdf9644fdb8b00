import Synchronization

/// Does something again and again, with a pause between, until it is stopped.
final class PeriodicTask: Sendable {
    private let task = Mutex<Task<Void, Never>?>(nil)

    /// - Parameters:
    ///   - pause: Between the end of one action and the beginning of the next.
    ///   - action: False ends it.
    func start(pause: Duration, _ action: @escaping @Sendable () async -> Bool) {
        let working = Task {
            while await action() {
                do {
                    try await Task.sleep(for: pause)
                } catch {
                    return
                }
            }
        }
        task.withLock { $0 = working }
    }

    /// Returns when the action that was under way has ended.
    func stop() async {
        let working = task.withLock { task in
            defer { task = nil }
            return task
        }
        working?.cancel()
        await working?.value
    }
}
