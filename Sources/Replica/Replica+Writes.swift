import Jute
package import Zab
import ZnodeTree

extension Replica {
    /// Takes a write of this node's clients.
    ///
    /// - Parameters:
    ///   - write: What to do.
    ///   - caller: Who asks.
    ///   - deadline: Until when it may wait for a leader and a quorum.
    ///   - now: The time.
    ///   - complete: Called exactly once, on this thread.
    package func submit(
        _ write: Write, _ caller: Caller, deadline: Milliseconds, now: Milliseconds,
        complete: @escaping @Sendable (WriteOutcome) -> Void
    ) {
        guard !isStopping else { return complete(.unavailable(.stopping)) }
        dispatch(
            PendingWrite(
                write: write, caller: caller, deadline: deadline, completion: .client(complete)),
            now)
        settle(now)
    }

    /// Tells how a write ended.
    func end(_ write: PendingWrite, _ outcome: WriteOutcome) {
        switch write.completion {
        case .client(let complete): complete(outcome)
        case .barrier(let token): barrierEnded(token, outcome)
        case .node:
            if case .committed = outcome { break }
            gateway.state = .none
        }
    }

    /// Sends a write on its way, or parks it until there is a way.
    func dispatch(_ write: PendingWrite, _ now: Milliseconds) {
        guard status.isSynchronized, let session = session(for: write, now) else {
            parked.append(write)
            return
        }
        var write = write
        let compiler = RequestCompiler(
            tree: served.view(), leaderTakesGuards: isAviaryLeading)
        let compiled: RequestCompiler.Compiled
        do throws(RequestCompiler.Failure) {
            compiled = try compiler.compile(write.write).fenced(by: write.caller.fence)
        } catch {
            guard !write.viewIsFresh else { return refuse(write, error) }
            // Another node may have acknowledged what this one has not applied yet.
            reads.gather(.init(deadline: write.deadline, completion: .write(write)))
            return beginReads(now)
        }
        write.viewIsFresh = false
        write.mayBeHidden = false
        write.compiled = compiled
        write.attempts += 1
        let request = ForwardedRequest(
            session: session, cxid: number(of: write), code: compiled.operation.code,
            body: compiled.operation.body)
        // Header, digest and the type of each operation come on top when it becomes a transaction.
        if request.body.count + 64 > juteMaximumLength {
            return refuse(write, .tooLarge(bytes: request.body.count))
        }
        let key = RequestKey(session: session, cxid: request.cxid)
        if status.role == .leading {
            write.sentIn = status.epoch
            pending[key] = write
            let input = RequestPreparer.Input(
                session: session, cxid: request.cxid, identities: write.caller.identities,
                operation: .success(compiled.operation))
            if !propose(input, now) { park(key) }
        } else if peer.forward(request, identities: write.caller.identities, now: now) {
            write.sentIn = status.epoch
            pending[key] = write
            counters.forwarded += 1
        } else {
            parked.append(write)
        }
    }

    private func number(of write: PendingWrite) -> Int32 {
        switch write.write {
        case .createSession: 0
        default: numbers.next()
        }
    }

    private func park(_ key: RequestKey) {
        if var write = pending.removeValue(forKey: key) {
            write.sentIn = nil
            parked.append(write)
        }
    }

    /// Whatever was parked gets its chance.
    func dispatchParked(_ now: Milliseconds) {
        let writes = parked
        parked = []
        for write in writes {
            dispatch(write, now)
        }
    }

    func expireRequests(_ now: Milliseconds) {
        let late = parked.filter { $0.deadline <= now }
        guard !late.isEmpty || !pending.isEmpty else { return }
        parked.removeAll { $0.deadline <= now }
        for write in late {
            end(write, .unavailable(status.isSynchronized ? .noQuorum : .electing))
        }
        for (key, write) in pending where write.deadline <= now {
            pending[key] = nil
            end(write, .unknown)
        }
    }

    // MARK: Proposing

    /// Proposes a request of this node or of a learner.
    ///
    /// - Returns: False if this node does not lead, or not yet.
    func propose(_ input: RequestPreparer.Input, _ now: Milliseconds) -> Bool {
        guard isReigning, let zxid = peer.zxidOfNextProposal(now: now) else { return false }
        let record = served.read { tree in
            preparer.prepare(input, zxid: zxid, time: environment.wallClock, tree: tree)
        }
        sessionsPrepared(record, now)
        counters.proposed += 1
        peer.propose(Proposal(zxid: zxid, payload: record.payload), now: now)
        return true
    }

    func propose(
        _ request: ForwardedRequest, _ identities: [Identity], from learner: LearnerConnection,
        _ now: Milliseconds
    ) {
        var operation = Operation.decode(code: request.code, body: request.body)
        let sender = peer.peer(of: learner)
        if case .success(.createSession) = operation {
            if let sender { tracker.setOwner(sender, of: request.session) }
        } else if let owner = tracker.owner(of: request.session), owner != sender,
            request.code != .closeSession
        {
            operation = .failure(RefusedOperation(.sessionMoved))
        }
        if refusesGrowth, case .success(let asked) = operation, asked.grows,
            !isAnnouncement(asked)
        {
            operation = .failure(RefusedOperation(.noSpace))
        }
        _ = propose(
            RequestPreparer.Input(
                session: request.session, cxid: request.cxid, identities: identities,
                operation: operation),
            now)
    }

    /// Where a member is reached has to be known also while nothing may grow.
    private func isAnnouncement(_ operation: Operation) -> Bool {
        guard case .multi(let operations) = operation else { return false }
        return operations.allSatisfy { $0.path?.isAtOrBelow(Self.systemRoot) ?? false }
    }

    /// Proposes what the leader itself wants: no session and no access control are in the way.
    func proposeInternally(
        _ operation: Operation, session: SessionID = .none, _ now: Milliseconds
    ) {
        _ = propose(
            RequestPreparer.Input(
                session: session, cxid: 0, identities: [], operation: .success(operation),
                isLeaderInternal: true),
            now)
    }

    // MARK: Answering

    /// Answers the request that this transaction came from, if it was one of this node's.
    func answer(_ result: TxnResult, _ now: Milliseconds) {
        let key = RequestKey(session: result.header.session, cxid: result.header.cxid)
        guard let write = pending.removeValue(forKey: key), let compiled = write.compiled else {
            return
        }
        guard result.error == .ok else { return failed(write, compiled, result, now) }
        let results = compiled.indices.map { indices in indices.map { result.results[$0] } }
        end(
            write,
            .committed(
                .init(
                    zxid: result.zxid, results: results ?? result.results,
                    isCreation: compiled.isCreation,
                    usedVersionCheck: compiled.usesVersionCheck)))
    }

    /// The leader refused: a stale view is compiled anew, everything else is told.
    private func failed(
        _ write: PendingWrite, _ compiled: RequestCompiler.Compiled, _ result: TxnResult,
        _ now: Milliseconds
    ) {
        switch result.error {
        case .sessionMoved, .sessionExpired:
            return sessionRefused(write, result, now)
        default:
            break
        }
        if result.error == .noSpace { return complete(write, .noSpace, result) }
        let failing = result.results.firstIndex { $0.code == result.error } ?? 0
        if failing == 0, compiled.isFenced, result.error == .noNode {
            return complete(write, .fenceLost, result)
        }
        // The failed transaction is applied here, so this view is at least as new as the leader's
        // when it refused.
        let tree = served.view()
        if write.isStale(result.error, compiled, tree) {
            guard write.attempts < options.maximumAttempts else {
                return complete(write, .contended, result)
            }
            counters.retried += 1
            var retry = write
            retry.sentIn = nil
            return dispatch(retry, now)
        }
        let named = compiled.indices.map { indices in
            indices.firstIndex { $0 >= failing } ?? 0
        }
        complete(write, write.reason(for: result.error, tree), result, operationIndex: named)
    }

    private func complete(
        _ write: PendingWrite, _ reason: WriteOutcome.Reason, _ result: TxnResult,
        operationIndex: Int? = nil
    ) {
        end(
            write,
            .refused(
                .init(
                    reason: reason, zxid: result.zxid, operationIndex: operationIndex,
                    bytes: nil)))
    }

    private func refuse(_ write: PendingWrite, _ failure: RequestCompiler.Failure) {
        switch failure {
        case .refused(let reason):
            end(write, .refused(.init(reason: reason)))
        case .tooLarge(let bytes):
            end(write, .refused(.init(reason: .tooLarge, bytes: bytes)))
        }
    }

    /// A state received whole has taken the place of this one: nobody was told of the transactions
    /// in between.
    func hidePendingWrites() {
        for key in pending.keys { pending[key]?.mayBeHidden = true }
    }

    /// A synchronization decides what became of writes whose leader was lost.
    ///
    /// After a contiguous DIFF or TRUNC every committed transaction was delivered here, so what was
    /// not answered by it never happened. A SNAP hides the transactions: those writes stay unknown.
    /// Only a new epoch decides: in the same one the leader may still hold the request. But what a
    /// SNAP has hidden stays hidden whatever the next epoch begins with, also when the leader it came
    /// from was lost before the synchronization was over.
    ///
    /// - Source: SOUNDNESS, section 6.
    func settleLostWrites(_ status: Status) {
        for key in pending.keys.sorted(by: { ($0.session, $0.cxid) < ($1.session, $1.cxid) }) {
            guard var write = pending[key], write.sentIn != status.epoch else { continue }
            pending[key] = nil
            if write.mayBeHidden {
                end(write, .unknown)
            } else {
                write.sentIn = nil
                parked.append(write)
            }
        }
    }
}

extension PendingWrite {
    /// Whether the failure came from a view of the tree that has changed since.
    fileprivate func isStale(
        _ error: ErrorCode, _ compiled: RequestCompiler.Compiled, _ tree: DataTree
    ) -> Bool {
        switch (write, error) {
        case (.put(_, _, .none, _), .nodeExists):
            return true
        case (.put(let path, _, .none, let creation), .noNode):
            guard !compiled.isCreation else {
                return creation?.parents == true || parentExists(path, tree)
            }
            return true
        case (.put(let path, _, .isMissing, let creation), .nodeExists),
            (.create(let path, _, let creation as Creation?), .nodeExists):
            // One of the ancestors, created by somebody else meanwhile.
            return creation?.parents == true && tree.find(path) == nil
        case (.put(_, _, .isMissing, let creation), .noNode):
            return creation?.parents == true
        case (.create(_, _, let creation), .noNode):
            return creation.parents
        case (.delete(_, _, recursive: true), .notEmpty):
            return true
        case (.delete(let path, let condition, recursive: true), .noNode):
            return condition == .none && tree.find(path) != nil
        default:
            return false
        }
    }

    private func parentExists(_ path: ZnodePath, _ tree: DataTree) -> Bool {
        path.parent.map { tree.find($0) != nil } ?? false
    }

    /// What the error means for what the client asked.
    fileprivate func reason(for error: ErrorCode, _ tree: DataTree) -> WriteOutcome.Reason {
        switch write {
        case .put(let path, _, let condition, _):
            if error == .noNode || error == .badVersion, !parentExists(path, tree) {
                return .missingParent
            }
            switch (condition, error) {
            case (.exists, .noNode), (.mzxid, .noNode), (.mzxid, .badVersion),
                (.version, .badVersion), (.isMissing, .nodeExists):
                return .conditionFailed
            default:
                return .code(error)
            }
        case .create(let path, _, _):
            if error == .noNode, !parentExists(path, tree) { return .missingParent }
            return .code(error)
        case .delete:
            return error == .badVersion ? .conditionFailed : .code(error)
        case .setACL(_, _, _, let czxid):
            switch error {
            case .badVersion: return .conditionFailed
            // Deleted, or the leader is a Java one since: it finds no guard.
            case .noNode where czxid != nil: return .conditionFailed
            default: return .code(error)
            }
        case .transaction, .createSession, .closeSession, .barrier:
            return .code(error)
        }
    }
}
