import HTTPServer
import Jute
import Node
import Replica
import Zab

extension Gateway {
    /// Runs a read of the served tree as soon as it is as fresh as the request wants it.
    ///
    /// - Parameters:
    ///   - call: The request.
    ///   - read: Answers from the served tree, or holds the request and returns nil; on the HTTP
    ///     thread if nothing has to be waited for, otherwise on the node's.
    /// - Returns: The answer, or nil if it comes later.
    /// - Throws: `electing` before the first synchronization after a start, `zxid-diverged` for a
    ///   zxid that a recovery has given up or a restore has left behind, and what `read` does.
    func whenFresh(
        _ call: Call, _ read: @escaping @Sendable () throws(Problem) -> HTTPResponse?
    ) throws(Problem) -> HTTPResponse? {
        let wanted = try ReadOptions(headers: call.headers, query: call.query)
        try checkCurrent(wanted.minimum)
        let read = { @Sendable () throws(Problem) in
            // Once more: the recovery that gave it up may have come while the request waited.
            try self.checkCurrent(wanted.minimum)
            return try self.outsideRestore(call, read)
        }
        switch wanted.consistency {
        case .linearizable:
            node.linearize(timeout: options.requestTimeout) { outcome in
                self.proceed(call, outcome, wanted.minimum, read)
            }
            return nil
        case .local:
            if let minimum = wanted.minimum, servedZxid < minimum {
                wait(for: minimum, call, read)
                return nil
            }
            try checkServing()
            return try read()
        }
    }

    /// - Throws: `zxid-diverged` for a zxid of a branch that was given up.
    private func checkCurrent(_ minimum: Zxid?) throws(Problem) {
        if let minimum, node.served.lineage?.isCurrent(minimum) == false {
            throw Problem(.zxidDiverged)
        }
    }

    /// - Throws: `electing` before the first synchronization after a start.
    func checkServing() throws(Problem) {
        if !node.standing.hasServed {
            throw Problem(
                .electing, "The node has not been synchronized since it started.")
        }
    }

    /// After a linearizable wait: the other condition, if there is one.
    private func proceed(
        _ call: Call, _ outcome: ReadOutcome, _ minimum: Zxid?,
        _ read: @escaping @Sendable () throws(Problem) -> HTTPResponse?
    ) {
        guard outcome == .ready else {
            return complete(call) { () throws(Problem) in throw self.unconfirmed(outcome) }
        }
        if let minimum, servedZxid < minimum { return wait(for: minimum, call, read) }
        complete(call, read)
    }

    /// Goes on when something is so that nobody tells, or at the request's deadline.
    ///
    /// - Parameters:
    ///   - call: Is held meanwhile.
    ///   - condition: Looked at a few times a second.
    ///   - proceed: Answers, holds the request for something else, or says what is wrong.
    func when(
        _ call: Call, _ condition: @escaping @Sendable () -> Bool,
        proceed: @escaping @Sendable () throws(Problem) -> HTTPResponse?
    ) {
        let deadline = ContinuousClock.now + options.requestTimeout
        Task {
            while !condition(), ContinuousClock.now < deadline {
                do {
                    try await Task.sleep(for: .milliseconds(50))
                } catch {
                    break
                }
            }
            node.waits.perform { self.complete(call, proceed) }
        }
    }

    private func wait(
        for minimum: Zxid, _ call: Call,
        _ read: @escaping @Sendable () throws(Problem) -> HTTPResponse?
    ) {
        node.wait(for: minimum, timeout: options.requestTimeout) { outcome in
            self.complete(call) { () throws(Problem) in
                guard outcome == .ready else { throw Problem(.nodeBehind) }
                try self.checkServing()
                return try read()
            }
        }
    }

    /// Why a linearizable read was not confirmed.
    func unconfirmed(_ outcome: ReadOutcome) -> Problem {
        switch outcome {
        case .ready, .unavailable:
            Problem(node.standing.role == .looking ? .electing : .noQuorum)
        case .late:
            Problem(.nodeBehind)
        }
    }
}
