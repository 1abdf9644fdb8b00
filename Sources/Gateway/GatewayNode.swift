package import History
package import Jute
package import Node
package import Replica
package import ZnodeTree

/// The node as the gateway needs it. Everything may be called from any thread; each completion is
/// called exactly once, on the node's own thread.
package protocol GatewayNode: AnyObject, Sendable {
    var id: PeerID { get }
    /// Milliseconds since 1970.
    var startedAt: Int64 { get }
    var served: ServedTree { get }
    /// What every transaction changed.
    var history: ChangeHistory { get }
    /// Where repairs are decided on.
    var recovery: RecoveryDesk { get }
    /// Digests of the served state, by zxid.
    var digests: [Zxid: UInt64] { get }
    /// An exact view at a zxid that was just reached, or will be; nil when it is past.
    func pin(at zxid: Zxid, complete: @escaping @Sendable (DataTree?) -> Void)
    /// Serves a state that was mended; false if it came too late.
    func serve(mended state: DataTree, complete: @escaping @Sendable (Bool) -> Void)
    /// The served state is wrong: the leader's takes its place.
    func distrust(_ reason: String)
    /// Everybody who waits for a change.
    var waits: WaitService { get }
    var standing: NodeStanding { get }
    var status: NodeStatus { get }
    /// Odd while the ensemble is being restored, as of the served state; another number each time.
    var restoreGeneration: Int { get }

    func submit(
        _ write: Write, _ caller: Caller, timeout: Duration,
        complete: @escaping @Sendable (WriteOutcome) -> Void)
    func linearize(timeout: Duration, complete: @escaping @Sendable (ReadOutcome) -> Void)
    func wait(
        for zxid: Zxid, timeout: Duration, complete: @escaping @Sendable (ReadOutcome) -> Void)
    func openSession(
        timeoutMs: Int32, timeout: Duration,
        complete: @escaping @Sendable (SessionID, WriteOutcome) -> Void)
    /// Writes a snapshot of this moment's state, while writes go on.
    func takeSnapshot(complete: @escaping SnapshotCompletion)
    func touch(_ session: SessionID)
    /// How a session ended; nil when that is not known.
    func end(of session: SessionID) -> SessionEnd?
    func keepAlive(_ session: SessionID, complete: @escaping @Sendable (Bool?) -> Void)
}

extension Node: GatewayNode {}
