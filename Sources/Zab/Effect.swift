package import Jute

/// One accepted connection of a learner to this leader. Never used twice.
package typealias LearnerConnection = Int

/// A held linearizable read of this server, named by whoever asked.
package typealias ReadToken = Int

/// What the protocol wants done. Effects are performed in order, each one finished before the
/// next where its comment says so.
package enum Effect: Equatable, Sendable {
    // MARK: Election

    case notify(Notification, PeerID)

    // MARK: Files

    /// Durable before the next effect.
    case saveAcceptedEpoch(Epoch)
    /// Durable before the next effect.
    case saveCurrentEpoch(Epoch)
    /// Durable before the next effect: this server has everything up to `through` no longer, until
    /// `trustHistory`.
    case saveLoss(through: Zxid)
    /// Durable before the next effect: from now on a start finds this server's history reliable.
    /// Until then every start after a loss or with an empty disk has to give the same standing
    /// again, whatever was saved meanwhile.
    case trustHistory
    /// Hand to the log; `Peer.logged` says when it is on disk, with the same tenure.
    case append(Proposal, tenure: Int)
    /// Wait until the log has everything on disk that was appended, then call `Peer.drained`.
    case drainLog
    /// Cut the log after this zxid, durably, then call `Peer.truncated`.
    case truncateLog(after: Zxid)
    /// A leader's TRUNC would cut off so many transactions that a person has to be asked.
    case exceedsTruncation(after: Zxid, through: Zxid, transactions: Int)

    // MARK: Learner

    case connect(to: PeerID)
    case sendToLeader(QuorumPacket)
    case disconnectFromLeader
    /// Answer a PING with the sessions touched since the last one.
    case answerPing(QuorumPacket)
    /// A SNAP begins: build a new state beside the served one from the bytes that follow;
    /// transactions are delivered to that one from now on. `Peer.snapshotReceived` says when it
    /// is complete.
    case beginSnapshot(Zxid)
    /// Make the new state the durable one (write it, rename it, set the older log aside), then
    /// call `Peer.snapshotInstalled`.
    case installSnapshot(Zxid)
    /// The new state is not finished: throw it away.
    case discardSnapshot
    /// A held server has looked at a leader's state, which is the new one, or could not: it is
    /// compared and thrown away.
    case inspected
    /// The leader answered a REVALIDATE.
    case revalidated(SessionID, valid: Bool)
    /// The leader answered the oldest SYNC; it holds once `through` is delivered.
    case synced(through: Zxid)

    // MARK: Leader

    case listen
    case stopListening
    case send(QuorumPacket, LearnerConnection)
    /// Send SNAP with the zxid of the state served now, and that state.
    case sendSnapshot(LearnerConnection)
    case close(LearnerConnection, reason: String)
    /// A learner forwards a write.
    case forwarded(ForwardedRequest, identities: [Identity], LearnerConnection)
    /// A learner asks whether a session lives, and makes it its own.
    case revalidate(SessionTouch, LearnerConnection)
    case touched([SessionTouch])
    /// A quorum confirmed this leader: reads may be served once `through` is delivered.
    case readConfirmed(ReadToken, through: Zxid)
    /// A read could not be confirmed because the leadership or the connection to it ended.
    case readsAbandoned

    // MARK: State

    /// Committed: apply it. In zxid order, never twice.
    case deliver(Proposal)
    /// The role or phase changed.
    case changed(Status)
    /// A server of the configuration has the history of another ensemble. Nothing that it says
    /// counts. For the log of the process.
    case metStranger(PeerID, EnsembleID)
    /// A role ended. For the log of the process; it decides nothing.
    case departed(Departure)
}

/// What a server is doing, for its own people and for those who watch it.
package struct Status: Equatable, Sendable {
    package enum Role: String, Sendable {
        case looking, following, leading, observing
    }

    package enum Phase: String, Sendable {
        case election, discovery, synchronization, broadcast
    }

    package var role: Role
    package var phase: Phase
    package var leader: PeerID?
    package var epoch: Epoch
    /// How the last synchronization brought this server in line; nil as long as it leads.
    package var synchronizedBy: Synchronization?
    /// Why it takes no part at all.
    package var hold: Hold?

    package enum Synchronization: String, Sendable {
        case diff, trunc, snap
    }

    /// Whether requests can be served: in the quorum and in line with it.
    package var isSynchronized: Bool { phase == .broadcast }
}
