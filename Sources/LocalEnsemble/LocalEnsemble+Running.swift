import Dispatch

extension LocalEnsemble {
    /// Runs every member until `stop` returns, or until none is left.
    ///
    /// A member that ends before the ensemble serves ends it all: something is wrong with it. One
    /// that ends later is told, and the others go on, as they should.
    ///
    /// - Parameters:
    ///   - executable: The path of `aviary`.
    ///   - patience: How long a member may take to stop before it is killed.
    ///   - stop: Returns when the ensemble is to stop; cancelled when there is nothing to wait for.
    ///   - show: Gets each line for the user, whole, from any thread.
    /// - Returns: Whether all went well: started, and stopped cleanly because it was asked to.
    /// - Throws: `.cannotStart`, when the others have been stopped.
    package func run(
        executable: String, patience: Duration = .seconds(10),
        until stop: @escaping @Sendable () async -> Void,
        show: @escaping @Sendable (String) -> Void
    ) async throws(LocalEnsembleError) -> Bool {
        var supervision = Supervision(ensemble: self, show: show)
        let outcome = await withTaskGroup(
            of: Event.self, returning: Result<Bool, LocalEnsembleError>.self
        ) { group in
            for member in members {
                group.addTask {
                    let process = MemberProcess(
                        executable: executable,
                        arguments: ["serve", "--config", member.configurationFile],
                        patience: patience)
                    do throws(LocalEnsembleError) {
                        return .ended(
                            member, try await process.run { show("[\(member.id)] \($0)") })
                    } catch {
                        return .failed(member, error)
                    }
                }
            }
            group.addTask {
                await stop()
                return .stopRequested
            }
            group.addTask { await waitUntilReady() ? .ready : .stopRequested }
            for await event in group where supervision.handle(event) {
                group.cancelAll()
            }
            return supervision.outcome
        }
        return try outcome.get()
    }

    /// Every member answers that it is in the quorum and synced.
    ///
    /// - Returns: False if cancelled before.
    private func waitUntilReady() async -> Bool {
        var waiting = members[...]
        while let member = waiting.first {
            let status = await withCheckedContinuation { continuation in
                DispatchQueue.global().async {
                    continuation.resume(
                        returning: Loopback.status(of: "/readyz", port: member.httpPort))
                }
            }
            if status == 200 {
                waiting.removeFirst()
            } else {
                do {
                    try await Task.sleep(for: .milliseconds(50))
                } catch {
                    return false
                }
            }
        }
        return true
    }
}

/// What can happen to an ensemble that runs.
private enum Event: Sendable {
    case ready
    case stopRequested
    case ended(LocalEnsemble.Member, Ending)
    case failed(LocalEnsemble.Member, LocalEnsembleError)
}

/// What has happened to it so far, and what follows from that.
private struct Supervision {
    private let show: @Sendable (String) -> Void
    private let welcome: String
    private var running: Int
    private var isReady = false
    private var isStopping = false
    private var isClean = true
    private var failure: LocalEnsembleError?

    init(ensemble: LocalEnsemble, show: @escaping @Sendable (String) -> Void) {
        self.show = show
        welcome = ensemble.welcome
        running = ensemble.members.count
    }

    var outcome: Result<Bool, LocalEnsembleError> {
        failure.map(Result.failure) ?? .success(isClean)
    }

    /// Takes one event in.
    ///
    /// - Returns: Whether everything that still runs is to be stopped now.
    mutating func handle(_ event: Event) -> Bool {
        switch event {
        case .ready:
            isReady = true
            if !isStopping { show(welcome) }
            return false
        case .stopRequested:
            guard !isStopping else { return false }
            show("Stopping.")
            isStopping = true
            return true
        case .failed(_, let error):
            running -= 1
            failure = error
            return stopUnasked()
        case .ended(let member, let ending):
            running -= 1
            if !ending.isClean || !isStopping {
                isClean = false
                show("[\(member.id)] \(ending)")
            }
            guard !isStopping else { return false }
            guard isReady, running > 0 else { return stopUnasked() }
            show("Start it again: aviary serve --config \(member.configurationFile)")
            return false
        }
    }

    private mutating func stopUnasked() -> Bool {
        defer { isStopping = true }
        return !isStopping
    }
}
