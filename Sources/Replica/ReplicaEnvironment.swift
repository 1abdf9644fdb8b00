package import Jute
package import Zab
package import ZnodeTree

/// The world around a replica: sockets, disk and clocks, real or simulated.
///
/// Everything is called on the replica's thread. What says "durable on return" blocks; a disk that
/// fails ends the process, so nothing here throws for it.
package protocol ReplicaEnvironment: AnyObject {
    // MARK: Network

    func notify(_ notification: Notification, _ peer: PeerID)
    func connect(toLeader leader: PeerID)
    func sendToLeader(_ packet: QuorumPacket)
    func disconnectFromLeader()
    func listenForLearners()
    func stopListening()
    func send(_ packet: QuorumPacket, to learner: LearnerConnection)
    /// Sends SNAP with the view's zxid and the view; then `Peer.snapshotSent`.
    func sendSnapshot(of view: DataTree, to learner: LearnerConnection)
    func close(_ learner: LearnerConnection, reason: String)

    // MARK: Disk

    /// Durable on return.
    func saveAcceptedEpoch(_ epoch: Epoch)
    /// Durable on return.
    func saveCurrentEpoch(_ epoch: Epoch)
    /// `Replica.logged` follows.
    func append(_ proposal: Proposal, tenure: Int)
    /// Everything appended is on disk on return.
    func drainLog()
    /// Durable on return. False if the log does not reach back that far.
    func truncateLog(after zxid: Zxid) -> Bool
    /// The served tree has this transaction.
    func applied(_ result: TxnResult)
    /// The served tree is another one, with everything up to `zxid` and nothing told of it.
    ///
    /// - Parameters:
    ///   - zxid: Of the new state.
    ///   - wasWrong: Whether what the earlier one made of the transactions is not to be relied on.
    func replacedState(through zxid: Zxid, wasWrong: Bool)
    /// Makes the view the only durable state; then `Replica.snapshotInstalled`, or
    /// `Replica.hold` if a person has to be asked first.
    ///
    /// - Parameters:
    ///   - view: The leader's state.
    ///   - tail: What was logged here and may not be in it.
    ///   - isUnnamed: Nothing here says that it is of the same ensemble.
    func install(_ view: DataTree, droppingAtMost tail: [Zxid], isUnnamed: Bool)
    /// A held node has looked at the quorum's state; nil if it could not.
    func inspected(_ theirs: DataTree?)
    /// A leader's TRUNC would cut off too much for anybody but a person to decide.
    func exceedsTruncation(after end: Zxid, through last: Zxid, transactions: Int)
    /// Ends an installation that has begun.
    ///
    /// - Returns: True if it was too late: the view is the durable state.
    func cancelInstallation() -> Bool
    /// Writes a snapshot in the background, for the next start.
    func saveSnapshot(of view: DataTree)

    /// Durable on return: what this server has up to `zxid` does not count until `trustHistory`, and
    /// what its state made of the transactions never will.
    func saveLoss(through zxid: Zxid)
    /// Durable on return: a start finds this server's history reliable from now on.
    func trustHistory()

    // MARK: Others

    func changed(_ status: Status)
    func departed(_ departure: Departure)
    /// A server of the configuration has another ensemble's history.
    func metStranger(_ server: PeerID, of ensemble: EnsembleID)
    /// The node's own session is open: what it publishes of itself can be written.
    func gatewayOpened(_ session: SessionID)
    /// A batch of inputs is done: wake whoever was answered.
    func endOfBatch()
    /// Milliseconds since 1970, for the time of transactions.
    var wallClock: Int64 { get }
}
