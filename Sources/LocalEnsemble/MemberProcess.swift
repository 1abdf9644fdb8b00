import Dispatch
import Foundation

/// How a process ended.
enum Ending: Equatable, Sendable, CustomStringConvertible {
    case exited(Int32)
    case killed(signal: Int32)

    var isClean: Bool { self == .exited(0) }

    var description: String {
        switch self {
        case .exited(let status): "ended with status \(status)"
        case .killed(let signal): "was ended by signal \(signal)"
        }
    }
}

/// One member as a child process.
///
/// Foundation's `Process` puts it into a process group of its own, so Ctrl-C in a terminal reaches
/// only us, and the members stop in our order. swift-subprocess stops reading when a child has
/// ended, and would lose its last words.
struct MemberProcess {
    let executable: String
    let arguments: [String]
    /// From SIGTERM to SIGKILL.
    let patience: Duration

    /// Runs it to its end. Cancelling asks it to stop.
    ///
    /// - Parameter onLine: Gets each line of its output and its errors, from a thread of its own.
    /// - Returns: How it ended, once every line has been handed over.
    /// - Throws: `.cannotStart`.
    func run(
        onLine: @escaping @Sendable (String) -> Void
    ) async throws(LocalEnsembleError) -> Ending {
        let process = Process()
        let output = Pipe()
        process.executableURL = URL(fileURLWithPath: executable)
        process.arguments = arguments
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        process.standardError = output
        let finished = DispatchGroup()
        finished.enter()
        process.terminationHandler = { _ in finished.leave() }
        do {
            try Self.withSignalsUnblocked { try process.run() }
        } catch {
            throw .cannotStart(executable, reason: error.localizedDescription)
        }
        Self.read(output.fileHandleForReading, in: finished, onLine)
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                finished.notify(queue: .global()) { continuation.resume() }
            }
        } onCancel: {
            stop(process)
        }
        return process.terminationReason == .exit
            ? .exited(process.terminationStatus) : .killed(signal: process.terminationStatus)
    }

    /// A child inherits the mask of the thread that starts it, and Dispatch's threads block nearly
    /// every signal: the child would never hear that it is to stop.
    private static func withSignalsUnblocked(_ body: () throws -> Void) rethrows {
        var none = sigset_t()
        var before = sigset_t()
        sigemptyset(&none)
        pthread_sigmask(SIG_SETMASK, &none, &before)
        defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
        try body()
    }

    private func stop(_ process: Process) {
        process.terminate()
        let (seconds, attoseconds) = patience.components
        DispatchQueue.global().asyncAfter(
            deadline: .now() + Double(seconds) + Double(attoseconds) / 1e18
        ) {
            if process.isRunning { kill(process.processIdentifier, SIGKILL) }
        }
    }

    /// On a thread, because reading blocks for as long as the member lives.
    private static func read(
        _ handle: FileHandle, in finished: DispatchGroup,
        _ onLine: @escaping @Sendable (String) -> Void
    ) {
        finished.enter()
        Thread.detachNewThread {
            var line: [UInt8] = []
            while case let data = handle.availableData, !data.isEmpty {
                for byte in data {
                    if byte == UInt8(ascii: "\n") {
                        onLine(String(decoding: line, as: UTF8.self))
                        line.removeAll(keepingCapacity: true)
                    } else {
                        line.append(byte)
                    }
                }
            }
            if !line.isEmpty { onLine(String(decoding: line, as: UTF8.self)) }
            finished.leave()
        }
    }
}
