package import Jute
package import Zab
import ZnodeTree

extension Replica {
    func changed(_ status: Status, _ now: Milliseconds) {
        self.status = status
        environment.changed(status)
        isReigning = false
        if status.isSynchronized {
            settleLostWrites(status)
            owned.forgetAll()
            if status.role == .leading { beginReign(now) }
            appliedReads()
            openGateway(now)
            dispatchParked(now)
            beginReads(now)
        } else if status.phase == .election {
            counters.elections += 1
            reads.abandonRounds()
            for waiting in keepalives.values.joined() { waiting(nil) }
            keepalives = [:]
        }
    }

    // MARK: Leading

    /// The subtree of the system's own znodes.
    static let systemRoot: ZnodePath = "/aviary"
    /// Its mzxid tells in which epoch an Aviary node led last.
    static let leaderPath: ZnodePath = "/aviary/leader"
    private static let nodesPath: ZnodePath = "/aviary/nodes"

    /// The first transactions of this node's epoch.
    private func beginReign(_ now: Milliseconds) {
        preparer.reset()
        isReigning = true
        tracker = SessionTracker(tickMs: Int64(options.tickMs))
        let (sessions, orphans) = served.read { ($0.sessions, $0.orphanedOwners) }
        for session in sessions {
            tracker.track(session.id, timeoutMs: session.timeoutMs, now: now)
        }
        nextSweep = now + 60_000
        // Before anything else: a zxid of the branch that was given up must not be taken for one of
        // this history because it is below what is applied by now.
        forkHistory()
        let mark = Array("\(peer.state.id)".utf8)
        let exists = served.read { $0.find(Self.leaderPath) != nil }
        if exists {
            proposeInternally(.setData(path: Self.leaderPath, data: mark, version: -1), now)
        } else {
            proposeInternally(.multi(systemZnodes(mark)), now)
        }
        for session in orphans {
            proposeInternally(.closeSession, session: session, now)
        }
    }

    /// The first leader after an order to go on without some members writes down what that gave up:
    /// everything that they may have had beyond this history.
    private func forkHistory() {
        guard let fork = options.fork, var lineage = served.lineage,
            !lineage.hasForked(since: fork.since)
        else { return }
        lineage.fork(
            after: served.read { $0.lastApplied }, base: firstZxid, history: fork.history)
        proposeInternally(
            .setData(path: Lineage.path, data: lineage.data, version: -1), peer.state.now)
    }

    /// Of this node's epoch.
    private var firstZxid: Zxid { Zxid(epoch: status.epoch, counter: 1) }

    /// What an ensemble gets when an Aviary node leads it for the first time.
    private func systemZnodes(_ mark: [UInt8]) -> [Operation] {
        let readable = [ACL(.read, .anyone)]
        return missing([
            (Self.systemRoot, [], readable), (Self.leaderPath, mark, readable),
            (Self.nodesPath, [], ACL.open), secret, lineage,
        ])
    }

    /// What an Aviary node needs under a leader that is none. Its requests are checked like any
    /// other's, so the root has to be open for the znodes below it to be made.
    package var missingSystemZnodes: [Operation] {
        missing([(Self.systemRoot, [], ACL.open), (Self.nodesPath, [], ACL.open), secret, lineage])
    }

    private typealias SystemZnode = (path: ZnodePath, data: [UInt8], acl: [ACL])

    private var secret: SystemZnode { ("/aviary/secret", newSecret(), [ACL([], .anyone)]) }

    private var lineage: SystemZnode {
        var lineage = Lineage(ensemble: .random(in: .min ... .max, using: &random))
        // The survivors have lost even the name of their ensemble: whatever zxids clients know are
        // of a history that nobody has.
        if let fork = options.fork {
            lineage.fork(after: .zero, base: firstZxid, history: fork.history)
        }
        return (Lineage.path, lineage.data, [ACL(.read, .anyone)])
    }

    private func missing(_ znodes: [SystemZnode]) -> [Operation] {
        served.read { tree in
            znodes.filter { tree.find($0.path) == nil }.map { path, data, acl in
                .create(
                    CreateOperation(
                        path: path, data: data, acl: acl, mode: .persistent(sequential: false)))
            }
        }
    }

    /// 32 bytes that no client can read: session tokens are signed with them.
    private func newSecret() -> [UInt8] {
        (0..<32).map { _ in UInt8.random(in: .min ... .max, using: &random) }
    }

    /// Whether the leader of this epoch is an Aviary node that says so.
    var isAviaryLeading: Bool {
        guard status.isSynchronized else { return false }
        if status.role == .leading { return true }
        let epoch = status.epoch
        return served.read { $0.stat(of: Self.leaderPath)?.mzxid.epoch == epoch }
    }

    // MARK: Reads

    /// Waits until the served tree is at least as new as any write acknowledged anywhere so far.
    package func linearize(
        deadline: Milliseconds, now: Milliseconds,
        complete: @escaping @Sendable (ReadOutcome) -> Void
    ) {
        guard !isStopping else { return complete(.unavailable) }
        reads.gather(.init(deadline: deadline, completion: .client(complete)))
        beginReads(now)
        settle(now)
    }

    /// Waits until `zxid` is applied.
    package func wait(
        for zxid: Zxid, deadline: Milliseconds, now: Milliseconds,
        complete: @escaping @Sendable (ReadOutcome) -> Void
    ) {
        if zxid <= served.read({ $0.lastApplied }) { return complete(.ready) }
        reads.wait(for: zxid, [.init(deadline: deadline, completion: .client(complete))])
        settle(now)
    }

    /// Tells how a read ended.
    func end(_ completion: PendingReads.Completion, _ outcome: ReadOutcome, _ now: Milliseconds) {
        switch completion {
        case .client(let complete):
            complete(outcome)
        case .write(var write):
            guard outcome == .ready, !isStopping else {
                return end(write, .unavailable(isStopping ? .stopping : .noQuorum))
            }
            write.viewIsFresh = true
            dispatch(write, now)
        }
    }

    /// One round at a time serves everybody who came before it.
    func beginReads(_ now: Milliseconds) {
        guard !reads.gathering.isEmpty, !reads.isRoundUnderWay, status.isSynchronized else {
            return
        }
        if status.role == .leading {
            let token = reads.beginRound()
            if !peer.confirmRead(token, now: now) { reads.regather(token) }
        } else if isAviaryLeading {
            // Our leaders answer a SYNC only when a quorum has confirmed them.
            let token = reads.beginSync()
            let request = ForwardedRequest(
                session: gateway.live ?? .none, cxid: 0, code: .sync,
                body: Operation.delete(path: .root, version: 0).body)
            if !peer.forward(request, identities: nil, now: now) { reads.regather(token) }
        } else {
            beginBarrier(now)
        }
    }

    /// A Java leader answers a SYNC without asking anybody: only a transaction proves its quorum.
    private func beginBarrier(_ now: Milliseconds) {
        let token = reads.beginRound()
        dispatch(
            PendingWrite(
                write: .barrier, caller: Caller(identities: []), deadline: .max,
                completion: .barrier(token)),
            now)
    }

    func barrierEnded(_ token: ReadToken, _ outcome: WriteOutcome) {
        if case .committed(let committed) = outcome {
            reads.confirm(token, through: committed.zxid)
            appliedReads()
            // Whoever came meanwhile is served by the next one.
            beginReads(peer.state.now)
        } else {
            reads.regather(token)
        }
    }

    func synced(through zxid: Zxid) {
        guard let token = reads.finishSync() else { return }
        reads.confirm(token, through: zxid)
        appliedReads()
        beginReads(peer.state.now)
    }
}
