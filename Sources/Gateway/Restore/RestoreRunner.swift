import DataTools
import Dispatch
import Jute
import Logging
import Node
import Replica
import Storage
import Synchronization
import ZnodeTree

/// Restores the ensemble from the file that this node has got, by ordinary transactions, and goes
/// on after whatever cuts it off.
///
/// What is still to be done is told by comparing the served tree with the file's, so there is
/// nothing to be remembered but the file: a restart, another leader or a transaction that nobody
/// knows the fate of only lead to another comparison.
///
/// - Source: rules of soundness, section 8.
final class RestoreRunner: Sendable {
    struct Progress: Equatable, Sendable {
        /// Changes made since this process began with it, and those to be made.
        var done = 0
        var total = 0
        /// Why it does not go on, for now or until somebody does something.
        var problem: String?
    }

    /// How the last restore of this node ended.
    struct Ending: Equatable, Sendable {
        var restore: RestoreState
        var zxid: Zxid?
        var isFinished: Bool
    }

    struct Current {
        var progress: Progress?
        var ending: Ending?
        var hasTidiedUp = false
    }

    let folder: String
    let disk: any Disk
    let node: any GatewayNode
    private let timeout: Duration
    let access: AccessPolicy
    let extendedTypes: Bool
    let logger: Logger
    let current = Mutex(Current())
    /// Reading a file and comparing trees take long.
    private static let queue = DispatchQueue(label: "aviary.restore", qos: .utility)
    private static let caller = Caller(identities: [Identity(scheme: "super", id: "")])

    init(
        in folder: String, on disk: any Disk, node: any GatewayNode, options: GatewayOptions,
        logger: Logger
    ) {
        self.folder = folder
        self.disk = disk
        self.node = node
        self.logger = logger
        timeout = options.requestTimeout
        access = options.access
        extendedTypes = options.extendedTypes
    }

    /// Nil unless this node is restoring.
    var progress: Progress? { current.withLock { $0.progress } }
    var ending: Ending? { current.withLock { $0.ending } }

    // MARK: Restoring

    /// Says that a restore begins, unless one is under way here.
    func claim() -> Bool {
        current.withLock { current in
            guard current.progress == nil else { return false }
            current.progress = Progress()
            return true
        }
    }

    func release() {
        current.withLock { $0.progress = nil }
    }

    /// Makes the served tree the file's, and opens the gate.
    ///
    /// - Parameters:
    ///   - restore: As `/aviary/restore` has it.
    ///   - target: The file's state.
    func run(_ restore: RestoreState, _ target: DataTree) async {
        var ending: Ending?
        while !Task.isCancelled {
            guard await linearized() else {
                note("the ensemble has no quorum")
                guard await pause(.milliseconds(250)) else { break }
                continue
            }
            guard let gate = await gate(of: restore) else {
                ending = Ending(restore: restore, zxid: nil, isFinished: false)
                break
            }
            await closeSessions()
            let current = node.served.view()
            let plan = await planned { RestorePlan(from: current, to: target) }
            if plan.isEmpty {
                if let zxid = await finish(restore, gate: gate) {
                    ending = Ending(restore: restore, zxid: zxid, isFinished: true)
                    break
                }
            } else if await apply(plan, gate: gate) {
                continue
            }
            guard await pause(.milliseconds(250)) else { break }
        }
        if let ending {
            discard(restore)
            logger.info(
                "the restore of \(restore.snapshot) \(ending.isFinished ? "is done" : "was aborted")"
            )
        }
        current.withLock { current in
            current.progress = nil
            current.ending = ending ?? current.ending
        }
    }

    func isCurrent(_ restore: RestoreState) async -> Bool {
        await gate(of: restore) != nil
    }

    /// The mzxid of `/aviary/restore` while it is this restore's.
    private func gate(of restore: RestoreState) async -> Zxid? {
        guard let found = node.served.read({ RestoreState(in: $0) }), found.id == restore.id else {
            return nil
        }
        return found.gate
    }

    /// Sessions are no part of a state that is restored. Those of the nodes themselves stay.
    private func closeSessions() async {
        let (sessions, own) = node.served.read { tree in
            (tree.sessions.map(\.id), RestoreRunner.nodesSessions(in: tree))
        }
        for session in sessions where !own.contains(session) {
            _ = await submitted(.closeSession(session))
        }
    }

    private static let nodesPath: ZnodePath = "/aviary/nodes"

    private static func nodesSessions(in tree: borrowing DataTree) -> Set<SessionID> {
        var sessions: Set<SessionID> = []
        for name in tree.children(of: nodesPath)?.names ?? [] {
            if let stat = tree.stat(of: nodesPath.appending(name)) {
                sessions.insert(stat.ephemeralOwner)
            }
        }
        return sessions
    }

    /// - Returns: Whether all of it was done.
    private func apply(_ plan: RestorePlan, gate: Zxid) async -> Bool {
        current.withLock { current in
            let done = current.progress?.done ?? 0
            current.progress?.total = done + plan.count
        }
        for batch in plan.batches {
            let steps = [RestoreRunner.check(gate)] + batch.map { TransactionStep($0) }
            guard await isDone(.transaction(steps), batch.count) else { return false }
        }
        for (path, acl) in plan.accessLists {
            // It cannot stand in a transaction, beside the check of the gate.
            guard node.served.read({ RestoreState(in: $0)?.gate }) == gate,
                await isDone(.setACL(path, acl, version: -1, czxid: nil), 1)
            else { return false }
        }
        return true
    }

    private static func check(_ gate: Zxid) -> TransactionStep {
        TransactionStep(.check(path: RestoreGate.path, version: -1), mzxid: gate)
    }

    /// Opens the gate, and tells in the same transaction that what was known of older states is
    /// worth nothing any more.
    ///
    /// - Returns: The zxid from which on the restored state is served.
    private func finish(_ restore: RestoreState, gate: Zxid) async -> Zxid? {
        let outcome = await submitted(
            .transaction(
                [RestoreRunner.check(gate)] + renamedHistory()
                    + [TransactionStep(.delete(path: RestoreGate.path, version: -1))]))
        if case .committed(let committed) = outcome { return committed.zxid }
        note(describe(outcome))
        return nil
    }

    /// Takes the gate away without restoring any further.
    func abort(_ restore: RestoreState) async -> WriteOutcome {
        await submitted(
            .transaction(
                [RestoreRunner.check(restore.gate ?? .zero)] + renamedHistory()
                    + [TransactionStep(.delete(path: RestoreGate.path, version: -1))]))
    }

    /// Makes cursors and zxids from before worthless: another name of the history, since its
    /// state is another. No branch is discarded: every transaction is still a part of it, and a
    /// member that has missed some is merely behind.
    private func renamedHistory() -> [TransactionStep] {
        let (lineage, zxid, mzxid) = node.served.read { tree in
            (
                (tree.data(of: Lineage.path) ?? nil).flatMap { Lineage($0) }, tree.lastApplied,
                tree.stat(of: Lineage.path)?.mzxid
            )
        }
        guard var lineage, let mzxid else { return [] }
        let old = lineage.history
        // Cursors carry the upper half of the name.
        repeat {
            lineage.restore(after: zxid, history: .random(in: .min ... .max))
        } while lineage.history >> 32 == old >> 32 || lineage.history >> 32 == 0
        return [
            TransactionStep(
                .setData(path: Lineage.path, data: lineage.data, version: -1), mzxid: mzxid)
        ]
    }

    // MARK: Waiting

    private func isDone(_ write: Write, _ count: Int) async -> Bool {
        let outcome = await submitted(write)
        guard case .committed = outcome else {
            note(describe(outcome))
            return false
        }
        current.withLock { current in
            current.progress?.done += count
            current.progress?.problem = nil
        }
        return true
    }

    private func describe(_ outcome: WriteOutcome) -> String {
        switch outcome {
        case .committed: "committed"
        case .refused(let refusal): "a change was refused: \(refusal.reason)"
        case .unavailable(let reason): "the ensemble is not available: \(reason)"
        case .unknown: "the outcome of a change is not known yet"
        }
    }

    func note(_ problem: String) {
        current.withLock { $0.progress?.problem = problem }
    }

    func submitted(_ write: Write) async -> WriteOutcome {
        await withCheckedContinuation { continuation in
            node.submit(write, Self.caller, timeout: timeout) {
                continuation.resume(returning: $0)
            }
        }
    }

    func linearized() async -> Bool {
        let outcome = await withCheckedContinuation { continuation in
            node.linearize(timeout: timeout) { continuation.resume(returning: $0) }
        }
        return outcome == .ready
    }

    /// - Returns: False when this process is stopping.
    func pause(_ duration: Duration) async -> Bool {
        do {
            try await Task.sleep(for: duration)
            return true
        } catch {
            return false
        }
    }

    private func planned(_ body: @escaping @Sendable () -> RestorePlan) async -> RestorePlan {
        await withCheckedContinuation { continuation in
            Self.queue.async { continuation.resume(returning: body()) }
        }
    }

    func offloaded<Answer: Sendable, Failure: Error>(
        _ body: @escaping @Sendable () throws(Failure) -> Answer
    ) async -> Result<Answer, Failure> {
        await withCheckedContinuation { continuation in
            Self.queue.async {
                continuation.resume(returning: Result { () throws(Failure) in try body() })
            }
        }
    }
}
