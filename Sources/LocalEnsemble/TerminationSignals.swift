import Dispatch
import Glibc

// Unchecked: the sources are touched by init and deinit only, which nothing runs beside.
/// SIGINT and SIGTERM as something to wait for, instead of the end of the process.
package final class TerminationSignals: @unchecked Sendable {
    private let sources: [any DispatchSourceSignal]
    private let arrivals: AsyncStream<Void>

    /// From now on these signals do not end the process.
    package init() {
        let (arrivals, continuation) = AsyncStream.makeStream(of: Void.self)
        self.arrivals = arrivals
        let queue = DispatchQueue(label: "aviary.signals")
        sources = [SIGINT, SIGTERM].map { number in
            // Dispatch on Linux sets a handler of its own, which children do not inherit; setting
            // another one, or SIG_IGN, would take the signals away from it.
            let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
            source.setEventHandler { continuation.yield() }
            // Registering takes a moment on another thread, in which a signal would end us.
            let registered = DispatchSemaphore(value: 0)
            source.setRegistrationHandler { registered.signal() }
            source.activate()
            registered.wait()
            return source
        }
    }

    deinit {
        for source in sources { source.cancel() }
    }

    /// Returns at the first of them, or when the task is cancelled.
    package func wait() async {
        for await _ in arrivals { return }
    }
}
