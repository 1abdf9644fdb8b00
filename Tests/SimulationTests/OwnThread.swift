import Foundation

/// Runs a simulation on a thread of its own. It computes for long without waiting, and would keep
/// every other test from its turn on the few threads that they share.
func onOwnThread<Result: Sendable>(
    _ body: @escaping @Sendable () -> Result
) async -> Result {
    await withCheckedContinuation { continuation in
        let thread = Thread { continuation.resume(returning: body()) }
        // As the main thread has.
        thread.stackSize = 8 << 20
        thread.start()
    }
}

/// How a run ended: the promise it broke, with its trace where that was asked for.
struct Ending: Sendable {
    var broken: String?
    var trace: [String] = []
}
