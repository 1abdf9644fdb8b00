package import Jute

/// How far the history of a server reached before it lost a part of it. Whatever it has ever
/// acknowledged is in each history that ends here or later.
///
/// - Source: SOUNDNESS, section 6.
package struct Bound: Comparable, Sendable {
    /// Its currentEpoch.
    package var epoch: Epoch
    /// The last transaction that was ever synced on its disk.
    package var zxid: Zxid

    package init(epoch: Epoch, zxid: Zxid) {
        self.epoch = epoch
        self.zxid = zxid
    }

    package static func < (left: Bound, right: Bound) -> Bool {
        (left.epoch, left.zxid) < (right.epoch, right.zxid)
    }
}

/// Whether a server's history can be relied on.
///
/// - Source: SOUNDNESS, section 6.
package enum Standing: Equatable, Sendable {
    /// It has everything that it ever acknowledged.
    case trusted
    /// Its disk is empty, which may be the first start or the loss of everything: it votes once it
    /// has heard that every other voter is empty too.
    case empty(heard: Set<PeerID>)
    /// It may have lost what it once acknowledged, and has to get a leader's whole state.
    ///
    /// With a bound it supports whoever has everything up to there, and its promises count, for
    /// they name the bound. Without one (nil) it neither votes nor counts until then.
    case mayHaveLost(bound: Bound?)

    package static let empty = Standing.empty(heard: [])
}

/// What outlives every role of a server: who it is, what it promised, what it has logged.
package struct PeerState: Sendable {
    package let id: PeerID
    package let ensemble: Ensemble
    package let timing: Timing
    package internal(set) var history: History
    /// The highest epoch promised to a leader. Never decreases.
    package internal(set) var acceptedEpoch: Epoch
    /// The epoch whose leader's history this server holds. Invariant: `<= acceptedEpoch`.
    package internal(set) var currentEpoch: Epoch
    /// The highest acceptedEpoch that a voter named in FOLLOWERINFO: the next epoch of this server
    /// has to be above it.
    var highestPromiseHeard: Epoch = 0
    /// Numbers the spans of log appends: a completion of an earlier one means nothing any more.
    package internal(set) var tenure = 0
    /// The log cannot be brought in line by cutting: ask for the whole state.
    var needsSnapshot: Bool
    package internal(set) var standing: Standing
    /// Whose history this is; nil as long as it has none.
    package internal(set) var ensembleID: EnsembleID?
    var isNameCommitted = true
    /// Its history had no name when others had one: perhaps it is another ensemble's.
    package internal(set) var isUnnamed = false
    /// Voters that have another ensemble's history.
    package internal(set) var strangers: [PeerID: EnsembleID] = [:]
    /// Servers whose connections for elections have ended, and that have said nothing since.
    var absent: Set<PeerID> = []
    package internal(set) var now: Milliseconds
    /// How many transactions a TRUNC may take out of the log without a person being asked.
    let truncationLimit: Int
    var effects: [Effect] = []

    var isVoter: Bool { ensemble.voters.contains(id) }

    /// What a server that has lost something still vouches for: nil for any other, and for one
    /// whose word never counts.
    var bound: Bound? {
        guard isVoter, case .mayHaveLost(let bound) = standing else { return nil }
        return bound
    }

    /// The history before a truncation that the disk has not confirmed yet.
    var untruncated: History?

    mutating func perform(_ effect: Effect) {
        effects.append(effect)
    }

    /// Whether there is anything that could be another ensemble's.
    var hasHistory: Bool { ensembleID != nil || history.lastLogged > .zero }

    /// What was acknowledged is in the log, which is vouched for; nothing else is relied on.
    mutating func distrustHistory() {
        let last = history.lastLogged
        standing = .mayHaveLost(
            bound: Bound(epoch: max(currentEpoch, last.epoch), zxid: last))
    }

    /// This server's history is reliable from now on.
    mutating func trustHistory() {
        guard standing != .trusted else { return }
        standing = .trusted
        needsSnapshot = false
        isUnnamed = false
        perform(.trustHistory)
    }

    mutating func accept(_ epoch: Epoch) {
        precondition(epoch > acceptedEpoch, "epoch \(epoch) after \(acceptedEpoch)")
        acceptedEpoch = epoch
        perform(.saveAcceptedEpoch(epoch))
    }

    mutating func enter(_ epoch: Epoch) {
        precondition(epoch >= currentEpoch && epoch <= acceptedEpoch)
        guard epoch != currentEpoch else { return }
        currentEpoch = epoch
        perform(.saveCurrentEpoch(epoch))
    }

    mutating func append(_ proposal: Proposal) {
        history.append(proposal)
        perform(.append(proposal, tenure: tenure))
    }

    /// Begins to cut the log, in memory at once.
    mutating func truncate(after zxid: Zxid) {
        untruncated = history
        tenure += 1
        perform(.truncateLog(after: zxid))
        history.truncate(after: zxid)
    }

    /// The disk has cut the log, or still holds all of it: the two must agree, whatever this
    /// server does by now.
    mutating func truncated(_ succeeded: Bool) {
        if !succeeded, let untruncated { history = untruncated }
        untruncated = nil
    }

    mutating func deliverNext() {
        perform(.deliver(history.commitNext()))
    }
}

/// Why a role ended. It is told to people, and decides nothing.
package struct Departure: Error, Equatable, Sendable {
    package var reason: String

    init(_ reason: String) {
        self.reason = reason
    }
}
