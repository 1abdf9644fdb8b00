package import Jute
import Node
import Replica
import Storage
package import StorageTesting
import Zab
import ZnodeTree

/// Whole nodes in one thread: the real protocol, state machine, request pipeline and storage logic,
/// on a virtual network and disks that lose what was not synced.
///
/// It checks what a client may rely on: a write that was acknowledged is on every node at the end;
/// one that was refused or called definitely not applied is on none; all nodes have the same
/// digest at the same zxid; a linearizable read sees every write acknowledged before it.
package final class NodeSimulation {
    enum Event {
        case notification(Notification, from: PeerID, to: PeerID, life: Int)
        /// The connection for elections of `at` with `of` has ended.
        case lost(of: PeerID, at: PeerID, life: Int)
        case dial(from: PeerID, to: PeerID, life: Int)
        case packet(QuorumPacket, connection: Int, toLeader: Bool)
        case snapshot(QuorumPacket, [[UInt8]], connection: Int)
        case closed(connection: Int, atLeader: Bool)
        case tick(PeerID, life: Int)
        case sync(PeerID, life: Int)
        case install(PeerID, life: Int)
        case write, read, disturbance, strangeDisk
    }

    struct Connection {
        var learner: PeerID
        var leader: PeerID
        var lives: (learner: Int, leader: Int)
        var lastArrival: (toLeader: Int64, toLearner: Int64) = (0, 0)
        var isBroken = false
    }

    /// What a client knows of one of its writes.
    enum Fate: Equatable {
        case pending
        case acknowledged(Zxid)
        /// Told that it was not applied, and never will be.
        case denied
        case unknown
    }

    var random: SeededGenerator
    let faults: Faults
    var events = EventQueue<Event>()
    let voters: Set<PeerID>
    var nodes: [PeerID: SimulatedNode] = [:]
    var connections: [Int: Connection] = [:]
    private var nextConnection = 0
    private var blocked: Set<PeerID> = []
    private var isChaotic = true
    /// Whose disk has rot that is not made good yet.
    private var damaged: PeerID?
    /// The disk of another ensemble's node, until it is put into one of these.
    private var strangeDisk: (id: PeerID, disk: MemoryDisk)?
    /// Who has got it.
    private var stranger: PeerID?
    private var fates: [Int: Fate] = [:]
    private var lastAcknowledged = Zxid.zero
    /// What each transaction made of the tree, and what it changed.
    private var told: [Zxid: (digest: UInt64, changes: [Change])] = [:]
    private var lastTold: [PeerID: Zxid] = [:]
    package private(set) var failure: BrokenPromise?
    package private(set) var counters = Counters()
    package private(set) var trace: [String] = []
    private let keepsTrace: Bool

    package struct Counters: Sendable {
        package var acknowledged = 0
        package var denied = 0
        package var unknown = 0
        package var reads = 0
        package var crashes = 0
        package var snapshots = 0
        /// Starts that found a loss, with a bound and without, and losses made good.
        package var boundedLosses = 0
        package var unboundedLosses = 0
        package var heals = 0
        /// Nodes that were told that their state is not what it should be.
        package var doubts = 0
        /// Nodes that found themselves in another ensemble than their data.
        package var strangers = 0
        /// Strangers that were shown the state they would have to take over.
        package var inspections = 0

        package init() {}

        package static func += (left: inout Counters, right: Counters) {
            left.acknowledged += right.acknowledged
            left.denied += right.denied
            left.unknown += right.unknown
            left.reads += right.reads
            left.crashes += right.crashes
            left.snapshots += right.snapshots
            left.boundedLosses += right.boundedLosses
            left.unboundedLosses += right.unboundedLosses
            left.heals += right.heals
            left.doubts += right.doubts
            left.strangers += right.strangers
            left.inspections += right.inspections
        }
    }

    /// - Parameters:
    ///   - seed: Everything that happens is drawn from it.
    ///   - strangeDisk: Of a node of another ensemble, which takes the place of the disk of the
    ///     node with its number, in the middle of the chaos.
    ///   - keepsTrace: Whether to write down what happens.
    package init(
        seed: UInt64, strangeDisk: (id: PeerID, disk: MemoryDisk)? = nil, keepsTrace: Bool = false
    ) {
        var random = SeededGenerator(seed: seed)
        faults = .random(using: &random)
        voters = Set(1...(random.oneIn(2) ? 3 : 5))
        self.random = random
        self.keepsTrace = keepsTrace
        self.strangeDisk = strangeDisk
        for id in voters {
            nodes[id] = SimulatedNode(id: id, world: self)
        }
    }

    var now: Int64 { events.now }
    private var ids: [PeerID] { nodes.keys.sorted() }
    /// All but the one with a strange disk.
    private var members: [SimulatedNode] { nodes.values.filter { $0.id != stranger } }

    /// A copy of what a node has on its disk.
    package func disk(of id: PeerID) -> MemoryDisk? { nodes[id]?.disk.copy() }

    func note(_ text: @autoclosure () -> String) {
        if keepsTrace { trace.append("\(now) \(text())") }
    }

    func fail(_ text: String) {
        note("BROKEN: \(text)")
        if failure == nil { failure = BrokenPromise(description: "at \(now) ms: \(text)") }
    }

    /// Runs a life full of faults, then heals the world and looks at what is left.
    ///
    /// - Throws: The first promise that was broken.
    package func run() throws(BrokenPromise) {
        for id in ids { nodes[id]?.start() }
        events.add(.write, after: 100)
        events.add(.read, after: 100)
        events.add(.disturbance, after: faults.disturbanceInterval)
        if strangeDisk != nil { events.add(.strangeDisk, after: 5_000) }
        try run(until: 15_000)
        isChaotic = false
        note("heal")
        blocked = []
        for id in ids { nodes[id]?.start() }
        let limit = now + 30_000
        repeat {
            try run(until: now + 1000)
        } while now < limit && !isSettled
        try run(until: now + 1000)
        try checkEnd()
    }

    /// Everybody is in line with one leader, and no client waits any more. A learner whose
    /// connection is broken does not know it yet.
    private var isSettled: Bool {
        let replicas = members.compactMap(\.replica)
        let isConnected = members.allSatisfy { node in
            node.uplink.map { connections[$0]?.isBroken == false } ?? true
        }
        return isConnected && replicas.count == members.count
            && replicas.allSatisfy(\.status.isSynchronized)
            && Set(replicas.map(\.status.leader)).count == 1
            && Set(replicas.map(\.peer.state.history.lastCommitted)).count == 1
            && fates.count >= 20
            && nodes.values.allSatisfy { $0.writes.isEmpty && $0.reads.isEmpty }
            && (stranger.flatMap { nodes[$0]?.replica }.map { $0.status.hold != nil } ?? true)
    }

    private func run(until end: Int64) throws(BrokenPromise) {
        while let event = events.next(until: end) {
            handle(event)
            if let failure { throw failure }
        }
    }

    func delay(_ longest: Int64) -> Int64 { Int64.random(in: 0...longest, using: &random) }

    private func handle(_ event: Event) {
        switch event {
        case .notification(let notification, let sender, let receiver, let life):
            nodes[receiver]?.alive(life) { $0.receive(notification, from: sender, now: now) }
        case .lost(let server, let observer, let life):
            nodes[observer]?.alive(life) { $0.lost(server, now: now) }
        case .dial(let learner, let leader, let life):
            dial(learner, leader, life)
        case .packet(let packet, let connection, let toLeader):
            deliver(packet, connection, toLeader)
        case .snapshot(let header, let chunks, let connection):
            deliver(header, chunks, connection)
        case .closed(let connection, let atLeader):
            closed(connection, atLeader)
        case .tick(let id, let life):
            nodes[id]?.alive(life) { $0.tick(now: now) }
            nodes[id]?.scheduleTick(life)
        case .sync(let id, let life):
            nodes[id]?.sync(life)
        case .install(let id, let life):
            nodes[id]?.finishInstallation(life)
        case .write:
            write()
            if isChaotic || fates.count < 20 { events.add(.write, after: 1 + delay(60)) }
        case .read:
            read()
            if isChaotic { events.add(.read, after: 1 + delay(150)) }
        case .strangeDisk:
            exchangeDisk()
        case .disturbance:
            guard isChaotic else { return }
            disturb()
            events.add(.disturbance, after: 1 + delay(2 * faults.disturbanceInterval))
        }
    }

    // MARK: Clients

    private func path(_ number: Int) -> ZnodePath { ZnodePath("/write-\(number)") }

    private func write() {
        guard let id = ids.randomElement(using: &random), let node = nodes[id],
            let replica = node.replica
        else { return }
        let number = fates.count
        fates[number] = .pending
        let write: Write =
            random.oneIn(3)
            ? .create(path(number), data: [1], Creation())
            : .put(path(number), data: [1], random.oneIn(3) ? .isMissing : .none, nil)
        let answer = Answer()
        node.writes[number] = answer
        replica.submit(write, Caller(identities: []), deadline: now + 3_000, now: now) { outcome in
            answer.outcome = outcome
        }
        node.endOfBatch()
    }

    /// The node has answered a write.
    func answered(_ number: Int, _ outcome: WriteOutcome, by id: PeerID) {
        if id == stranger, case .committed = outcome { fail("\(id), a stranger, commits") }
        switch outcome {
        case .committed(let committed):
            counters.acknowledged += 1
            fates[number] = .acknowledged(committed.zxid)
            lastAcknowledged = max(lastAcknowledged, committed.zxid)
        case .refused(let refusal):
            fail("write \(number) at \(id) was refused: \(refusal.reason)")
        case .unavailable:
            counters.denied += 1
            fates[number] = .denied
        case .unknown:
            counters.unknown += 1
            fates[number] = .unknown
        }
        note("write \(number) at \(id): \(fates[number] ?? .pending)")
    }

    private func read() {
        guard let id = ids.randomElement(using: &random), let node = nodes[id],
            let replica = node.replica
        else { return }
        let floor = lastAcknowledged
        let answer = ReadAnswer()
        node.reads.append((floor, answer))
        replica.linearize(deadline: now + 3_000, now: now) { answer.outcome = $0 }
        node.endOfBatch()
    }

    func readAnswered(_ outcome: ReadOutcome, floor: Zxid, by node: SimulatedNode) {
        guard outcome == .ready, let replica = node.replica else { return }
        if node.id == stranger { fail("\(node.id), a stranger, answers linearizably") }
        counters.reads += 1
        let seen = replica.peer.state.history.lastCommitted
        if seen < floor {
            fail("a linearizable read at \(node.id) saw \(seen) after \(floor) was acknowledged")
        }
    }

    /// A node was told what a transaction changed: the same as all others, with no hole and no
    /// repetition. Events are made of nothing else.
    func applied(_ result: TxnResult, digest: UInt64, at id: PeerID) {
        let zxid = result.zxid
        if id == stranger { fail("\(id), a stranger, applies \(zxid)") }
        if let other = told[zxid] {
            if other.digest != digest { fail("\(id) has another digest at \(zxid)") }
            if other.changes != result.changes { fail("\(id) saw other changes at \(zxid)") }
        } else {
            told[zxid] = (digest, result.changes)
        }
        if let last = lastTold[id], !zxid.directlyFollows(last) {
            fail("\(id) was told of \(zxid) after \(last)")
        }
        lastTold[id] = zxid
    }

    /// A node has a state without having been told how it came about.
    func hasState(through zxid: Zxid, _ id: PeerID) {
        lastTold[id] = zxid
    }

    private func checkEnd() throws(BrokenPromise) {
        if let stranger {
            guard case .otherEnsemble? = nodes[stranger]?.replica?.status.hold else {
                throw BrokenPromise(description: "\(stranger) has a strange disk and is not held")
            }
            counters.strangers += 1
        }
        for id in ids where id != stranger {
            guard let replica = nodes[id]?.replica, replica.status.isSynchronized else {
                throw BrokenPromise(description: "node \(id) is not in line after the healing")
            }
            for (number, fate) in fates.sorted(by: { $0.key < $1.key }) {
                let exists = replica.served.read { $0.find(path(number)) != nil }
                switch fate {
                case .acknowledged(let zxid) where !exists:
                    throw BrokenPromise(
                        description: "write \(number), acknowledged at \(zxid), is not on \(id)")
                case .denied where exists:
                    throw BrokenPromise(
                        description: "write \(number) was called not applied, and is on \(id)")
                case .acknowledged, .denied, .unknown, .pending:
                    break
                }
            }
            if replica.receivedBytes != nil {
                throw BrokenPromise(description: "node \(id) still waits for a state")
            }
            if replica.counters.digestMismatches > 0 {
                throw BrokenPromise(description: "a predicted digest was wrong on \(id)")
            }
        }
        guard counters.acknowledged > 0 else {
            throw BrokenPromise(description: "nothing was ever acknowledged")
        }
    }

    // MARK: Faults

    private func disturb() {
        let id = ids.randomElement(using: &random) ?? 1
        switch Int.random(in: 0..<10, using: &random) {
        case 0, 1:
            crash(id)
        case 2:
            if let leader = ids.first(where: { nodes[$0]?.replica?.status.role == .leading }) {
                crash(leader)
            }
        case 3, 4, 5:
            for id in ids { nodes[id]?.start() }
        case 6:
            blocked = Set(ids.filter { _ in random.oneIn(2) })
            note("partition \(blocked.sorted())")
        case 8:
            damage(id)
        case 9:
            distrust(id)
        default:
            blocked = []
        }
    }

    /// One node at a time: a majority that has lost what it acknowledged cannot go on.
    private func damage(_ id: PeerID) {
        guard damaged == nil, stranger == nil, let node = nodes[id], node.replica != nil else {
            return
        }
        damaged = id
        node.crashAndRot()
    }

    /// As if a quorum had another state than this node: it gets a leader's, and still vouches for
    /// what it has logged. As with damage, one at a time.
    private func distrust(_ id: PeerID) {
        guard damaged == nil, stranger == nil, let node = nodes[id], let replica = node.replica,
            replica.peer.state.standing == .trusted
        else { return }
        note("\(id) is distrusted")
        damaged = id
        counters.doubts += 1
        node.alive(node.life) { $0.distrust("by lot", now: now) }
    }

    /// A node finds the disk of another ensemble's in its place, once all know who they are.
    private func exchangeDisk() {
        guard isChaotic, let (id, disk) = strangeDisk, let node = nodes[id] else { return }
        guard damaged == nil, members.allSatisfy({ $0.replica?.served.lineage != nil }) else {
            return events.add(.strangeDisk, after: 200)
        }
        strangeDisk = nil
        crash(id)
        node.takeDisk(disk.copy())
        stranger = id
        note("\(id) has a strange disk")
        node.start()
    }

    /// A held node has seen the state of a leader, or has given up.
    func inspected(_ theirs: DataTree?, by id: PeerID) {
        guard id == stranger else { return fail("\(id) inspects a state and is no stranger") }
        guard let theirs else { return note("\(id) could not see a leader's state") }
        note("\(id) has seen the state of \(theirs.lastApplied)")
        counters.inspections += 1
        if let known = told[theirs.lastApplied], known.digest != theirs.digest {
            fail("\(id) was shown another state of \(theirs.lastApplied)")
        }
    }

    /// Two nodes have heard of each other that they belong to different ensembles.
    func metStranger(_ one: PeerID, _ other: PeerID) {
        if stranger != one && stranger != other { fail("\(one) takes \(other) for a stranger") }
    }

    func started(_ id: PeerID, _ standing: Standing) {
        switch standing {
        case .trusted, .empty:
            // The bit was one that nobody needs any more.
            if damaged == id { damaged = nil }
        case .mayHaveLost(let bound):
            if bound == nil { counters.unboundedLosses += 1 } else { counters.boundedLosses += 1 }
        }
    }

    func healed(_ id: PeerID) {
        guard damaged == id else { return }
        counters.heals += 1
        damaged = nil
    }

    func crash(_ id: PeerID) {
        guard let node = nodes[id], node.replica != nil else { return }
        counters.crashes += 1
        note("\(id) crashes")
        node.crash()
        for (other, node) in nodes.sorted(by: { $0.key < $1.key })
        where other != id && canHear(id, other) {
            events.add(.lost(of: id, at: other, life: node.life), after: delay(faults.delay))
        }
        for (number, connection) in connections.sorted(by: { $0.key < $1.key })
        where connection.learner == id || connection.leader == id {
            hangUp(number, from: id)
        }
    }

    var shouldCrash: Bool { isChaotic && random.oneIn(faults.crashDuringStepRate * 4) }

    func snapshotTaken() { counters.snapshots += 1 }

    // MARK: Network

    private func canHear(_ one: PeerID, _ other: PeerID) -> Bool {
        blocked.contains(one) == blocked.contains(other)
    }

    func notify(_ notification: Notification, from sender: PeerID, to receiver: PeerID) {
        guard let node = nodes[receiver], canHear(sender, receiver) else { return }
        if isChaotic, random.oneIn(faults.lossRate) { return }
        let event = Event.notification(notification, from: sender, to: receiver, life: node.life)
        events.add(event, after: delay(faults.delay))
    }

    private func dial(_ learner: PeerID, _ leader: PeerID, _ life: Int) {
        guard let node = nodes[learner], node.life == life, node.replica != nil else { return }
        guard let target = nodes[leader], target.replica != nil, target.isListening,
            canHear(learner, leader)
        else { return node.alive(life) { $0.disconnectedFromLeader(now: now) } }
        nextConnection += 1
        let number = nextConnection
        connections[number] = Connection(
            learner: learner, leader: leader, lives: (node.life, target.life))
        node.uplink = number
        target.alive(target.life) { $0.learnerConnected(number, now: now) }
        node.alive(life) { $0.connectedToLeader(now: now) }
    }

    func send(_ event: Event, on number: Int, toLeader: Bool) {
        guard var connection = connections[number], !connection.isBroken else { return }
        guard canHear(connection.learner, connection.leader) else {
            connections[number]?.isBroken = true
            return
        }
        let earliest = toLeader ? connection.lastArrival.toLeader : connection.lastArrival.toLearner
        let arrival = max(earliest, now + delay(faults.delay))
        if toLeader {
            connection.lastArrival.toLeader = arrival
        } else {
            connection.lastArrival.toLearner = arrival
        }
        connections[number] = connection
        events.add(event, after: arrival - now)
    }

    private func deliver(_ packet: QuorumPacket, _ number: Int, _ toLeader: Bool) {
        guard let connection = connections[number], !connection.isBroken else { return }
        if toLeader {
            nodes[connection.leader]?.alive(connection.lives.leader) {
                $0.receive(packet, from: number, now: now)
            }
        } else if nodes[connection.learner]?.uplink == number {
            nodes[connection.learner]?.alive(connection.lives.learner) {
                $0.receiveFromLeader(packet, now: now)
            }
        }
    }

    private func deliver(_ header: QuorumPacket, _ chunks: [[UInt8]], _ number: Int) {
        guard let connection = connections[number], !connection.isBroken,
            let node = nodes[connection.learner], node.uplink == number
        else { return }
        node.alive(connection.lives.learner) { replica in
            replica.receiveFromLeader(header, now: now)
            for chunk in chunks { replica.receiveSnapshot(chunk, now: now) }
            let sent = chunks.reduce(0) { $0 + $1.count }
            if let received = replica.receivedBytes, received != sent {
                fail("\(replica.peer.state.id) counts \(received) bytes of \(sent)")
            }
            replica.finishSnapshot(now: now)
        }
    }

    func hangUp(_ number: Int, from id: PeerID) {
        guard let connection = connections[number] else { return }
        let atLeader = connection.learner == id
        send(.closed(connection: number, atLeader: atLeader), on: number, toLeader: atLeader)
    }

    private func closed(_ number: Int, _ atLeader: Bool) {
        guard let connection = connections[number] else { return }
        connections[number]?.isBroken = true
        if atLeader {
            nodes[connection.leader]?.alive(connection.lives.leader) {
                $0.learnerClosed(number, now: now)
            }
        } else if let node = nodes[connection.learner], node.uplink == number {
            node.uplink = nil
            node.alive(connection.lives.learner) { $0.disconnectedFromLeader(now: now) }
        }
    }
}

/// Where a write's outcome waits until the step that brought it is over.
// Unchecked: the whole simulation is one thread.
final class Answer: @unchecked Sendable {
    var outcome: WriteOutcome?
}

// Unchecked: the whole simulation is one thread.
final class ReadAnswer: @unchecked Sendable {
    var outcome: ReadOutcome?
}
