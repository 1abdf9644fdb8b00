import Jute
import Zab

/// What a server's disk holds. A crash keeps what was synced, and perhaps some more.
struct SimulatedDisk {
    var acceptedEpoch: Epoch = 0
    var currentEpoch: Epoch = 0
    /// The newest snapshot: a state and its zxid.
    var snapshot = SimulatedState()
    /// Everything handed to the log after the snapshot.
    var log: [Proposal] = []
    /// How many of `log` are synced.
    var syncedCount = 0
    /// What a start must know of this disk, kept beside the epochs.
    var standing = Standing.trusted
    /// Up to where the log was known to be committed when something was synced last.
    var committedWatermark = Zxid.zero

    mutating func crash(using random: inout SeededGenerator) {
        let kept = Int.random(in: syncedCount...log.count, using: &random)
        log.removeSubrange(kept...)
        syncedCount = log.count
    }

    var isWholeOrBounded: Bool { standing == .trusted || standing.lossBound != nil }

    /// The end of what is on the disk for certain.
    var end: Bound {
        Bound(
            epoch: currentEpoch,
            zxid: syncedCount == 0 ? snapshot.lastApplied : log[syncedCount - 1].zxid)
    }

    /// Loses a part of what was synced, and perhaps the files of the epochs: with them goes the
    /// knowledge of how far it all reached.
    mutating func damage(losingEpochs: Bool, using random: inout SeededGenerator) {
        let reached = standing.lossBound.map { max($0.zxid, end.zxid) } ?? end.zxid
        log.removeSubrange(Int.random(in: 0...log.count, using: &random)...)
        syncedCount = log.count
        let last = log.last?.zxid ?? snapshot.lastApplied
        committedWatermark = min(committedWatermark, last)
        if losingEpochs {
            standing = .mayHaveLost(bound: nil)
            acceptedEpoch = last.epoch
            currentEpoch = last.epoch
        } else {
            standing = .mayHaveLost(bound: Bound(epoch: currentEpoch, zxid: reached))
        }
    }

    /// What a start makes of the loss: only its transaction is written down, and the epochs beside
    /// it.
    mutating func readStanding() {
        guard let zxid = standing.lossBound?.zxid else { return }
        standing = .mayHaveLost(
            bound: Bound(epoch: max(currentEpoch, zxid.epoch), zxid: zxid))
    }
}

extension Standing {
    /// How far a damaged disk reached, where that is known.
    var lossBound: Bound? {
        if case .mayHaveLost(let bound) = self { bound } else { nil }
    }
}

/// The state machine of the simulation: everything that was delivered, in order.
struct SimulatedState: Equatable {
    var transactions: [Proposal] = []
    /// The zxid of the state, which a snapshot's name can put past its last transaction.
    var lastApplied = Zxid.zero

    mutating func apply(_ proposal: Proposal) {
        precondition(proposal.zxid > lastApplied, "\(proposal.zxid) delivered twice")
        transactions.append(proposal)
        lastApplied = proposal.zxid
    }
}

/// One server: its disk survives, the rest lives from a start to the next crash.
struct SimulatedServer {
    let id: PeerID
    var disk = SimulatedDisk()
    /// Nil while the server is down.
    var peer: Peer?
    /// Numbers the lives, so that what was meant for an earlier one is not delivered.
    var life = 0
    var state = SimulatedState()
    /// A state that is being received and is not served yet.
    var staged: SimulatedState?
    var isListening = false
    var isSyncing = false
    /// The received state is being made durable.
    var isInstalling = false
    /// The connection to its leader.
    var uplink: Int?
    /// Linearizable reads that wait for a SYNC, with what was acknowledged when each began.
    var awaitedSyncs: [Zxid] = []
    /// Its frozen process does nothing until it goes on.
    var isFrozen = false
    /// Ordinary transactions since the last snapshot.
    var sinceSnapshot = 0

    /// Lets the peer take an input. It is moved out meanwhile: a copy of its log would cost more
    /// than the step.
    mutating func take(_ input: (inout Peer) -> Void) {
        guard var peer = peer.take() else { return }
        input(&peer)
        self.peer = peer
    }
}
