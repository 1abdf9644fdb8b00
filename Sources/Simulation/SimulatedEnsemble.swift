import Jute
import Zab

/// A promise that a run has broken.
package struct BrokenPromise: Error, CustomStringConvertible, Sendable {
    package var description: String
}

/// A whole ensemble in one thread: real `Peer`s on a virtual network, virtual disks and virtual
/// time, every choice drawn from one seed.
///
/// It checks, while it runs and at the end: agreement and total order (all servers deliver one
/// sequence), primary order (zxids of an epoch in order, without a gap), one leader an epoch,
/// durability (what was acknowledged is there, though disks of a minority are emptied or damaged),
/// linearizable reads at leaders and learners, and progress after healing.
/// The names are those of `Zab.tla`.
package struct SimulatedEnsemble {
    enum Event {
        case notification(Notification, from: PeerID, to: PeerID, life: Int)
        /// The connection for elections of `at` with `of` has ended.
        case lost(of: PeerID, at: PeerID, life: Int)
        case dial(from: PeerID, to: PeerID, life: Int)
        case packet(QuorumPacket, connection: Int, toLeader: Bool)
        case snapshot(SimulatedState, connection: Int)
        case closed(connection: Int, atLeader: Bool)
        case tick(PeerID, life: Int)
        case synced(PeerID, life: Int, count: Int, through: Zxid, tenure: Int)
        case installed(PeerID, life: Int)
        case restart(PeerID)
        case powerFailure
        /// Everybody who is up but the leader loses a part.
        case damageFollowers
        case request
        case read
        case disturbance
    }

    struct Connection {
        var learner: PeerID
        var learnerLife: Int
        var leader: PeerID
        var leaderLife: Int
        /// Bytes arrive in order: nothing before what was sent earlier in the same direction.
        var lastArrival: (toLeader: Int64, toLearner: Int64) = (0, 0)
        /// A partition swallowed something: nothing arrives any more.
        var isBroken = false
    }

    /// How long a healed ensemble may take: a server may wait one initLimit for a leader that is
    /// none, another one for a quorum that is elsewhere, and a syncLimit to notice each of them.
    static let healingLimit: Int64 = 60_000

    let seed: UInt64
    var random: SeededGenerator
    let faults: Faults
    var events = EventQueue<Event>()
    var servers: [PeerID: SimulatedServer] = [:]
    let ensemble: Ensemble
    var connections: [Int: Connection] = [:]
    var nextConnection = 0
    /// Pairs that cannot hear each other, in this direction.
    var blocked: Set<Link> = []
    var isChaotic = true
    var failure: BrokenPromise?
    var handled = 0

    /// The one sequence that every server delivers.
    var history: [Proposal] = []
    var leaders: [Epoch: PeerID] = [:]
    /// Requests whose leader delivered them: the client was told.
    var acknowledged: [UInt64: Zxid] = [:]
    var nextValue: UInt64 = 1
    /// The largest zxid acknowledged anywhere, and what it was when each read began.
    var lastAcknowledged = Zxid.zero
    var reads: [ReadToken: Zxid] = [:]
    var nextRead = 1
    /// What each server said last to each other: a connection to a new life begins with it.
    var lastNotifications: [Link: Notification] = [:]
    /// Clients rest until then.
    var quietUntil: Int64 = 0
    package private(set) var trace: [String] = []
    let keepsTrace: Bool
    package internal(set) var counters = Counters()

    package struct Counters: Sendable {
        package var elections = 0
        package var crashes = 0
        package var diffs = 0
        package var truncs = 0
        package var snaps = 0
        package var reads = 0
        /// Reads of learners, confirmed by SYNC.
        package var syncs = 0
        /// Disks emptied, and damaged.
        package var wipes = 0
        package var damages = 0
        /// Damages whose bound is known.
        package var boundedDamages = 0
        /// Promises of damaged servers that name their bound.
        package var countedPromises = 0
        /// Servers whose history became reliable again, or for the first time.
        package var trusts = 0
        package var acknowledged = 0

        package init() {}

        package static func += (left: inout Counters, right: Counters) {
            left.elections += right.elections
            left.crashes += right.crashes
            left.diffs += right.diffs
            left.truncs += right.truncs
            left.snaps += right.snaps
            left.reads += right.reads
            left.syncs += right.syncs
            left.wipes += right.wipes
            left.damages += right.damages
            left.boundedDamages += right.boundedDamages
            left.countedPromises += right.countedPromises
            left.trusts += right.trusts
            left.acknowledged += right.acknowledged
        }
    }

    struct Link: Hashable {
        var from: PeerID
        var to: PeerID
    }

    package init(seed: UInt64, voters: Int? = nil, keepsTrace: Bool = false) {
        self.seed = seed
        self.keepsTrace = keepsTrace
        var random = SeededGenerator(seed: seed)
        faults = .random(using: &random)
        let voterCount = voters ?? [3, 5, 5].randomElement(using: &random) ?? 5
        let voterIDs = Set((1...voterCount).map(PeerID.init))
        let observers: Set<PeerID> = random.oneIn(3) ? [PeerID(voterCount + 1)] : []
        ensemble = Ensemble(quorum: .majority(voters: voterIDs), observers: observers)
        self.random = random
        for id in voterIDs.union(observers) {
            servers[id] = SimulatedServer(id: id)
            if faults.beginsEmpty { servers[id]?.disk.standing = .empty }
        }
    }

    var serverIDs: [PeerID] { servers.keys.sorted() }

    mutating func note(_ text: @autoclosure () -> String) {
        if keepsTrace { trace.append("\(events.now) \(text())") }
    }

    mutating func fail(_ text: String) {
        if failure == nil { failure = BrokenPromise(description: "at \(events.now) ms: \(text)") }
        note("BROKEN: \(text)")
    }

    // MARK: Running

    /// Runs a life full of faults, then heals the world and demands progress.
    ///
    /// - Throws: The first promise that was broken.
    package mutating func run() throws(BrokenPromise) {
        for id in serverIDs {
            start(id)
        }
        scheduleLoad()
        events.add(.disturbance, after: disturbanceDelay())
        try run(until: faults.chaosDuration)
        isChaotic = false
        heal()
        let limit = events.now + SimulatedEnsemble.healingLimit
        repeat {
            try run(until: events.now + 1000)
        } while events.now < limit && !isInLine
        try run(until: events.now + 2000)
        try checkEnd()
    }

    /// Every server is up, in line with the same leader, and has delivered what it delivered. A
    /// learner whose connection is broken does not know it yet.
    private var isInLine: Bool {
        let isConnected = servers.values.allSatisfy { server in
            server.uplink.map { connections[$0]?.isBroken == false } ?? true
        }
        guard isConnected else { return false }
        let statuses = servers.values.compactMap { $0.peer?.status }
        return statuses.count == servers.count && statuses.allSatisfy(\.isSynchronized)
            && Set(statuses.map(\.leader)).count == 1
            && Set(statuses.map(\.epoch)).count == 1 && largestLag < 20
    }

    private var largestLag: Int {
        let counts = servers.values.map(\.state.transactions.count)
        return (counts.max() ?? 0) - (counts.min() ?? 0)
    }

    private mutating func run(until end: Int64) throws(BrokenPromise) {
        while let event = events.next(until: end) {
            handled += 1
            if handled > 2_000_000 { fail("two million events: the servers keep each other busy") }
            handle(event)
            if let failure { throw failure }
        }
    }

    mutating func disturbanceDelay() -> Int64 {
        Int64.random(in: 1...(2 * faults.disturbanceInterval), using: &random)
    }

    mutating func scheduleLoad() {
        events.add(.request, after: Int64.random(in: 1...60, using: &random))
        events.add(.read, after: Int64.random(in: 1...200, using: &random))
    }

    private mutating func checkEnd() throws(BrokenPromise) {
        for (value, zxid) in acknowledged.sorted(by: { $0.value < $1.value }) {
            guard history.contains(where: { $0.zxid == zxid && $0.payload == payload(of: value) })
            else {
                throw BrokenPromise(description: "acknowledged \(zxid) is lost")
            }
        }
        for id in serverIDs {
            guard let server = servers[id], let peer = server.peer else {
                throw BrokenPromise(description: "server \(id) is down after the healing")
            }
            guard peer.status.isSynchronized else {
                throw BrokenPromise(
                    description: "server \(id) is in \(peer.status) after the healing")
            }
            guard history.last?.zxid == lastAcknowledged || !acknowledged.isEmpty else {
                throw BrokenPromise(description: "nothing was ever acknowledged")
            }
        }
        let longest = servers.values.map(\.state.transactions.count).max() ?? 0
        for id in serverIDs {
            let count = servers[id]?.state.transactions.count ?? 0
            guard longest - count < 20 else {
                throw BrokenPromise(
                    description: "server \(id) delivered \(count) of \(longest) at the end")
            }
        }
    }

    func payload(of value: UInt64) -> [UInt8] {
        withUnsafeBytes(of: value.bigEndian) { Array($0) }
    }
}
