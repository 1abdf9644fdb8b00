package import Jute
package import Zab
package import ZnodeTree

/// One node's replica of the state: it drives the protocol, applies what is committed, and turns
/// writes into requests and transactions into answers.
///
/// Confined to one thread, the replica's. Every entry point takes the time and ends with the
/// effects performed.
package final class Replica {
    package struct Options: Sendable {
        /// Longest session timeout; the node's own session has it.
        package var maxSessionTimeoutMs: Int32 = 40_000
        package var minSessionTimeoutMs: Int32 = 4_000
        package var tickMs: Int32 = 2_000
        package var snapshots = SnapshotSchedule.Limits()
        package var preparer = RequestPreparer.Options()
        package var extendedTypes = true
        /// The history that goes on after a recovery has given up another one; nil for the first.
        package var fork: Fork?
        /// Retries of a write whose view of the tree was stale.
        package var maximumAttempts = 16

        package init() {}

        package struct Fork: Sendable {
            /// Its name.
            package var history: UInt64
            /// Its first leader's epoch is this one or a later one.
            package var since: Epoch

            package init(history: UInt64, since: Epoch) {
                self.history = history
                self.since = since
            }
        }
    }

    package internal(set) var peer: Peer
    package let served: ServedTree
    /// Role and phase as far as their effects are performed: the core may be a step ahead, with
    /// transactions that are not applied yet.
    package internal(set) var status: Status
    let options: Options
    let exactAfter: Zxid
    unowned let environment: any ReplicaEnvironment
    var random: any RandomNumberGenerator & Sendable

    // The leader's.
    var preparer: RequestPreparer
    var tracker: SessionTracker
    var nextSweep: Milliseconds = 0
    /// The tree holds the whole history of this node's epoch: only then can what a request will do
    /// be told from it.
    var isReigning = false

    // A state on its way from the leader.
    var loader: SnapshotLoader?
    var staged: DataTree?
    var stagedZxid = Zxid.zero
    /// Of the leader's state, until it is served or thrown away.
    package internal(set) var receivedBytes: Int?

    // Requests of this node.
    var pending: [RequestKey: PendingWrite] = [:]
    var parked: [PendingWrite] = []
    var numbers: RequestNumbers
    var gateway = GatewaySession()
    var sessionIDs: SessionIDGenerator
    var owned = OwnedSessions()
    var reads = PendingReads()
    /// Who asked the leader for a sign of life of a session.
    var keepalives: [SessionID: [@Sendable (Bool?) -> Void]] = [:]

    var touched: [SessionID: Int32] = [:]
    var snapshots: SnapshotSchedule
    /// Data must not grow, for want of room: of a leader, whoever asks.
    package var refusesGrowth = false
    var isStopping = false
    private var isSettling = false
    package internal(set) var counters = Counters()

    /// What happened since the start, for metrics.
    package struct Counters: Sendable {
        package var proposed = 0
        package var committed = 0
        package var forwarded = 0
        package var retried = 0
        package var elections = 0
        package var digestMismatches = 0
        /// Those since the served state was last replaced.
        package var unrepairedMismatches = 0
        package var snapshotsReceived = 0
        /// How often the served state was found to be another one than the quorum's.
        package var repairs = 0
    }

    /// A replica as a start finds it.
    ///
    /// - Parameters:
    ///   - peer: The protocol, not started.
    ///   - tree: The state up to `peer.state.history.lastCommitted`.
    ///   - options: What the configuration says.
    ///   - environment: Sockets and disk; outlives the replica.
    ///   - random: Chance, real or seeded.
    ///   - clock: Milliseconds of a clock for session ids.
    ///   - exactAfter: The tree came from a snapshot that holds parts of the transactions up to
    ///     here: only later digests say anything (storage format reference, section 4.4).
    ///   - sinceSnapshot: What of the log was applied to the snapshot to make the tree.
    package init(
        peer: Peer, tree: DataTree, options: Options, environment: any ReplicaEnvironment,
        random: any RandomNumberGenerator & Sendable, clock: Int64, exactAfter: Zxid = .zero,
        sinceSnapshot: SnapshotSchedule.Amount = SnapshotSchedule.Amount()
    ) {
        self.exactAfter = exactAfter
        self.peer = peer
        status = peer.status
        var tree = tree
        tree.setConfig(
            text: peer.state.ensemble.configText, version: peer.state.ensemble.configVersion,
            mtime: environment.wallClock)
        served = ServedTree(tree)
        self.options = options
        self.environment = environment
        self.random = random
        preparer = RequestPreparer(options: options.preparer)
        tracker = SessionTracker(tickMs: Int64(options.tickMs))
        numbers = RequestNumbers(node: peer.state.id)
        sessionIDs = SessionIDGenerator(serverID: peer.state.id, clockMs: clock)
        snapshots = SnapshotSchedule(options.snapshots, since: sinceSnapshot)
        snapshots.draw(znodes: tree.nodeCount, using: &self.random)
        learnLineage()
        learnLoggedLineage()
    }

    // MARK: Time

    /// Begins the first election.
    ///
    /// - Parameters:
    ///   - hold: Why the node may not take part, if that is known already.
    ///   - now: The time.
    package func start(heldFor hold: Hold? = nil, now: Milliseconds) {
        peer.start(heldFor: hold, now: now)
        settle(now)
    }

    package var nextDeadline: Milliseconds {
        min(peer.nextDeadline, reads.nextDeadline, nextHousekeeping)
    }

    private var nextHousekeeping: Milliseconds = 0

    /// Called at `nextDeadline` at the latest.
    package func tick(now: Milliseconds) {
        peer.tick(now: now)
        if now >= nextHousekeeping {
            nextHousekeeping = now + Int64(options.tickMs) / 8
            keepSessions(now)
            openGateway(now)
            expireRequests(now)
            beginReads(now)
        }
        settle(now)
    }

    /// Performs what the protocol wants until it wants nothing more.
    func settle(_ now: Milliseconds) {
        // An effect may lead to an input: what that wants comes after what is being performed.
        guard !isSettling else { return }
        isSettling = true
        defer { isSettling = false }
        while true {
            let effects = peer.takeEffects()
            for effect in effects {
                perform(effect, now)
            }
            reads.expire(now)
            let ended = reads.takeEnded()
            for (completion, outcome) in ended {
                end(completion, outcome, now)
            }
            if effects.isEmpty, ended.isEmpty { break }
        }
    }

    package var pendingCount: Int { pending.count }
    package var parkedCount: Int { parked.count }
    /// The session under which this node writes, once it is open.
    package var gatewaySession: SessionID? { gateway.live }

    /// Ends a batch of inputs.
    package func endOfBatch() {
        environment.endOfBatch()
    }

    /// The node stops: everybody who waits is told.
    package func stop() {
        isStopping = true
        let waiting = parked + pending.values
        parked = []
        pending = [:]
        for write in waiting {
            end(write, write.sentIn == nil ? .unavailable(.stopping) : .unknown)
        }
        reads.abandonAll()
        for (completion, outcome) in reads.takeEnded() {
            end(completion, outcome, peer.state.now)
        }
        environment.endOfBatch()
    }
}
