import Backup
import Gateway
import History
import Jute
import Logging
import Node
import Replica
import Storage
import StorageTesting
import Synchronization
import Zab
import ZnodeTree

/// A node that says what a test wants, for what a healthy one never says.
final class ScriptedNode: GatewayNode {
    let id: PeerID = 7
    let startedAt: Int64 = 0
    let served: ServedTree
    let history: ChangeHistory
    let recovery: RecoveryDesk
    let digests: [Zxid: UInt64] = [:]
    let waits = WaitService(limit: 1)
    let standing: NodeStanding
    private let writeOutcome: WriteOutcome
    private let readOutcome: ReadOutcome
    private let written = Mutex<[Write]>([])

    init(
        _ tree: DataTree = DataTree(), role: Status.Role = .following, hasServed: Bool = true,
        write: WriteOutcome = .unknown, read: ReadOutcome = .ready
    ) {
        served = ServedTree(tree)
        let disk = MemoryDisk()
        do throws(StorageError) {
            history = ChangeHistory(
                try HistoryFiles(
                    in: "/history", of: StorageIdentity(history: 1, node: 7, disk: 1), on: disk),
                from: tree.lastApplied, on: disk,
                retention: RetentionPolicy(),
                logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
            recovery = RecoveryDesk(
                try DataDirectory(.init(dataDirectory: "/data"), on: disk), RecoveryThresholds(),
                dataDirectory: "/data", on: disk,
                logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        } catch {
            preconditionFailure("a disk in memory fails only when it is told to: \(error)")
        }
        standing = NodeStanding(role: role, hasServed: hasServed)
        writeOutcome = write
        readOutcome = read
    }

    /// What was submitted, in its order.
    var writes: [Write] { written.withLock { $0 } }

    func pin(at zxid: Zxid, complete: @escaping @Sendable (DataTree?) -> Void) { complete(nil) }

    func serve(mended state: DataTree, complete: @escaping @Sendable (Bool) -> Void) {
        complete(false)
    }

    func distrust(_ reason: String) {}

    var status: NodeStatus { preconditionFailure("no test asks a scripted node for its status") }

    let restoreGeneration = 0

    func submit(
        _ write: Write, _ caller: Caller, timeout: Duration,
        complete: @escaping @Sendable (WriteOutcome) -> Void
    ) {
        written.withLock { $0.append(write) }
        complete(writeOutcome)
    }

    func linearize(timeout: Duration, complete: @escaping @Sendable (ReadOutcome) -> Void) {
        complete(readOutcome)
    }

    func wait(
        for zxid: Zxid, timeout: Duration, complete: @escaping @Sendable (ReadOutcome) -> Void
    ) {
        complete(readOutcome)
    }

    func openSession(
        timeoutMs: Int32, timeout: Duration,
        complete: @escaping @Sendable (SessionID, WriteOutcome) -> Void
    ) {
        complete(SessionID(rawValue: 1), writeOutcome)
    }

    func takeSnapshot(complete: @escaping SnapshotCompletion) { complete(.busy) }

    func touch(_ session: SessionID) {}

    func end(of session: SessionID) -> SessionEnd? { nil }

    func keepAlive(_ session: SessionID, complete: @escaping @Sendable (Bool?) -> Void) {
        complete(nil)
    }
}

extension Gateway {
    /// Of a node that has no snapshots.
    convenience init(_ node: ScriptedNode) {
        self.init(
            node: node, options: GatewayOptions(),
            snapshots: SnapshotCatalog(in: "/snapshots", on: MemoryDisk()), disk: MemoryDisk(),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }
}
