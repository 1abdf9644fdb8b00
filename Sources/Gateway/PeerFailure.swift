import Jute
import Zab

/// How another member has failed, as far as this node can tell.
enum PeerFailure: String, CaseIterable, Sendable {
    /// Its connections are closed, and nobody listens at its address: the process has ended.
    case gone
    /// Nothing is heard of it, by nobody that is heard: it stands still, or is cut off from all.
    case silent
    /// Nothing is heard of it here, while another member hears it: the network is broken between
    /// it and this node.
    case cut
    /// One of the two hears the other, which does not hear it.
    case oneWay = "one-way"

    /// For people.
    var explanation: String {
        switch self {
        case .gone: "its process is gone"
        case .silent: "it is silent"
        case .cut: "it is cut off from here, others hear it"
        case .oneWay: "only one of the two hears the other"
        }
    }
}

/// What is known of another member at one moment.
struct PeerEvidence: Sendable {
    /// When it was heard last, by whichever way.
    var heardAt: ContinuousClock.Instant?
    /// Nobody listens at its HTTP address.
    var isRefused = false
    /// Whether it has an address for HTTP at all: ZooKeeper's servers have none.
    var hasAddress = false
    /// A connection of the protocol's is open.
    var isConnected = false
    /// When another member heard it last.
    var heardByOthersAt: ContinuousClock.Instant?
    /// When it heard this node last, as others have heard from it.
    var heardUsAt: ContinuousClock.Instant?
    /// Whether it says that it does not hear this node.
    var isDeaf = false
}

/// How another member is.
struct PeerHealth: Equatable, Sendable {
    var isUp = false
    /// Also of one that is up: it may be up for this node only.
    var failure: PeerFailure?
    var heardAt: ContinuousClock.Instant?
}

/// Finds out which members have failed, and how. It has no clock and no sockets of its own.
///
/// The protocol does not depend on it: what it says is for people and their programs.
struct FailureDetector: Sendable {
    private struct Memory {
        var health = PeerHealth()
        /// Since when the member says that it does not hear this node.
        var deafSince: ContinuousClock.Instant?
        var disconnectedSince: ContinuousClock.Instant?
        var failedAt: ContinuousClock.Instant?
        var counts: [PeerFailure: Int] = [:]
    }

    /// Something to be told, once.
    struct News: Equatable, Sendable {
        var peer: PeerID
        /// Nil: it is well again.
        var failure: PeerFailure?
        /// How long it has been.
        var after: Duration
    }

    /// `syncLimit` ticks: within these every failure is known.
    let patience: Duration
    private let beginning: ContinuousClock.Instant
    private var lastLook: ContinuousClock.Instant
    /// Nobody is blamed for what this node could not hear before.
    private var listeningSince: ContinuousClock.Instant
    private var memories: [PeerID: Memory] = [:]

    init(patience: Duration, now: ContinuousClock.Instant) {
        self.patience = patience
        beginning = now
        lastLook = now
        listeningSince = now
    }

    func health(of peer: PeerID) -> PeerHealth { memories[peer]?.health ?? PeerHealth() }

    /// How often each failure began.
    func counts(of peer: PeerID) -> [PeerFailure: Int] { memories[peer]?.counts ?? [:] }

    /// Whether somebody has not been heard for so long that it is worth asking often.
    var isWorried: Bool {
        memories.values.contains { memory in
            memory.health.isUp && lastLook - (memory.health.heardAt ?? beginning) > patience / 2
        }
    }

    /// Looks at what is known. To be called several times within `patience`.
    ///
    /// - Parameters:
    ///   - evidence: Of each of the other members.
    ///   - now: Never earlier than before.
    /// - Returns: What has changed.
    mutating func look(
        at evidence: [PeerID: PeerEvidence], now: ContinuousClock.Instant
    ) -> [News] {
        // This node itself stood still: it has to listen before it says that others are silent.
        if now - lastLook > patience / 2 { listeningSince = now }
        lastLook = now
        var news: [News] = []
        for (peer, found) in evidence.sorted(by: { $0.key < $1.key }) {
            var memory = memories[peer] ?? Memory()
            let before = memory.health
            memory.health = verdict(found, &memory, now)
            memory.health.heardAt = found.heardAt
            let failure = memory.health.failure
            if failure != before.failure {
                if let failure {
                    memory.counts[failure, default: 0] += 1
                    if before.failure == nil { memory.failedAt = found.heardAt ?? beginning }
                }
                let since = memory.failedAt ?? now
                news.append(News(peer: peer, failure: failure, after: now - since))
                if failure == nil { memory.failedAt = nil }
            }
            memories[peer] = memory
        }
        return news
    }

    /// Whether its process has ended. A connection alone may be exchanged for another.
    private func isGone(
        _ found: PeerEvidence, _ memory: Memory, _ now: ContinuousClock.Instant
    ) -> Bool {
        guard let disconnectedSince = memory.disconnectedSince else { return false }
        if found.hasAddress { return found.isRefused }
        return now - disconnectedSince >= patience / 4
    }

    private func verdict(
        _ found: PeerEvidence, _ memory: inout Memory, _ now: ContinuousClock.Instant
    ) -> PeerHealth {
        memory.deafSince = found.isDeaf ? memory.deafSince ?? now : nil
        memory.disconnectedSince =
            found.isConnected ? nil : memory.disconnectedSince ?? now
        let silence = now - max(found.heardAt ?? beginning, listeningSince)
        if isGone(found, memory, now), found.heardAt != nil || silence >= patience {
            return PeerHealth(failure: .gone)
        }
        // What is asked four times within the patience is missed after three of them.
        if silence >= patience * 3 / 4 {
            let heard = found.heardAt ?? beginning
            // At about the same time is no sign of life: not everybody asks at the same moment.
            func isLater(_ time: ContinuousClock.Instant?) -> Bool {
                time.map { $0 - heard > patience / 3 } ?? false
            }
            if isLater(found.heardUsAt) { return PeerHealth(failure: .oneWay) }
            return PeerHealth(failure: isLater(found.heardByOthersAt) ? .cut : .silent)
        }
        guard found.heardAt != nil else {
            return PeerHealth(failure: memory.health.failure)
        }
        if let deafSince = memory.deafSince, now - deafSince >= patience / 2 {
            return PeerHealth(isUp: true, failure: .oneWay)
        }
        return PeerHealth(isUp: true)
    }
}
