import Jute
import Logging
import Node
import Replica
import Storage
import StorageTesting
import Zab
import ZnodeTree

/// One node of a `NodeSimulation`: its disk survives, the rest lives from a start to a crash.
final class SimulatedNode {
    let id: PeerID
    private unowned let world: NodeSimulation
    private(set) var disk = MemoryDisk()
    private(set) var life = 0
    private(set) var replica: Replica?
    private var directory: DataDirectory?
    private var log: TransactionLog?
    private var epochs: EpochStore?
    private var tenure = 0
    private var unsynced: [Proposal] = []
    private var isSyncing = false
    private var installing: DataTree?
    var isListening = false
    var uplink: Int?
    /// Requests of clients that wait.
    var writes: [Int: Answer] = [:]
    var reads: [(floor: Zxid, answer: ReadAnswer)] = []

    init(id: PeerID, world: NodeSimulation) {
        self.id = id
        self.world = world
    }

    private var settings: NodeSettings {
        var options = Replica.Options()
        options.snapshots.transactions = 40
        var directory = DataDirectory.Configuration(dataDirectory: "/data")
        // As in production, but what is read of it at each start is read often here.
        directory.preallocationBytes = 64 << 10
        return NodeSettings(
            id: id, ensemble: Ensemble(quorum: .majority(voters: world.voters)),
            timing: Timing(), directory: directory,
            retention: RetentionPolicy(), replica: options, election: nil,
            quorumListenAddress: nil, quorumAddresses: [:], announcement: [],
            bootstraps: life == 1)
    }

    // MARK: Life

    func start() {
        guard replica == nil else { return }
        life += 1
        let logger = Logger(label: "node \(id)") { _ in SwiftLogNoOpLogHandler() }
        do throws(NodeError) {
            let opened = try OpenedNode.open(settings, on: disk, now: world.now, logger: logger)
            directory = opened.directory
            log = opened.log.take()
            epochs = opened.epochs
            world.note(
                "\(id) starts at \(opened.peer.state.history.lastLogged), \(opened.peer.state.standing)"
            )
            world.started(id, opened.peer.state.standing)
            world.hasState(through: opened.tree.lastApplied, id)
            replica = Replica(
                peer: opened.peer, tree: opened.tree, options: settings.replica,
                environment: self, random: SeededGenerator(seed: world.random.next()),
                clock: world.now, sinceSnapshot: opened.sinceSnapshot)
        } catch {
            return world.fail("\(id) cannot start: \(error)")
        }
        let life = life
        alive(life) { $0.start(now: world.now) }
        scheduleTick(life)
    }

    func crash() {
        replica = nil
        log = nil
        directory = nil
        epochs = nil
        unsynced = []
        isSyncing = false
        installing = nil
        isListening = false
        uplink = nil
        // Their clients never hear how it ended.
        writes = [:]
        reads = []
        disk.crash(using: &world.random)
        disk.restart()
    }

    /// Gets another disk, while it is down.
    func takeDisk(_ other: MemoryDisk) {
        precondition(replica == nil, "a node that runs has its disk")
        disk = other
    }

    /// Crashes, and a bit of the synced log rots meanwhile: what it held from there on is lost, up
    /// to a bound that the sidecar knows.
    func crashAndRot() {
        // Rot above the watermark is not told from a torn tail; no promise covers it.
        storing("the watermark") { () throws(StorageError) in try log?.flushWatermark() }
        world.crash(id)
        storing("nothing") { () throws(StorageError) in
            let folder = "/data/" + FileNames.version
            let logs = try disk.names(in: folder).compactMap(FileNames.log(named:))
            guard let newest = logs.max() else { return }
            let path = folder + "/" + FileNames.log(newest)
            guard let content = try disk.content(of: path),
                let size = content.lastIndex(where: { $0 != 0 }), size > 16
            else { return }
            let offset = Int.random(in: 16...size, using: &world.random)
            world.note("\(id) has rot in \(path) at \(offset)")
            disk.flip(bit: Int.random(in: 0..<8, using: &world.random), at: offset, of: path)
        }
    }

    /// Lets this life take an input.
    func alive(_ life: Int, _ input: (Replica) -> Void) {
        guard life == self.life, let replica else { return }
        input(replica)
        endOfBatch()
    }

    func scheduleTick(_ life: Int) {
        guard life == self.life, let replica else { return }
        let wait = min(50, max(1, replica.nextDeadline - world.now))
        world.events.add(.tick(id, life: life), after: wait)
    }

    /// Steps out of the replica before anything is told to clients.
    func endOfBatch() {
        for (number, answer) in writes.sorted(by: { $0.key < $1.key }) {
            guard let outcome = answer.outcome else { continue }
            writes[number] = nil
            world.answered(number, outcome, by: id)
        }
        let told = reads.filter { $0.answer.outcome != nil }
        reads.removeAll { $0.answer.outcome != nil }
        for read in told {
            if let outcome = read.answer.outcome {
                world.readAnswered(outcome, floor: read.floor, by: self)
            }
        }
        if world.shouldCrash { world.crash(id) }
    }

    // MARK: Disk

    private func storing(_ what: String, _ body: () throws(StorageError) -> Void) {
        do throws(StorageError) {
            try body()
        } catch {
            world.fail("\(id) cannot store \(what): \(error)")
        }
    }

    func sync(_ life: Int) {
        guard life == self.life, replica != nil, isSyncing else { return }
        isSyncing = false
        let tenure = tenure
        guard let last = writeUnsynced() else { return }
        alive(life) { $0.logged(through: last, tenure: tenure, now: world.now) }
    }

    /// Writes and syncs what was appended.
    private func writeUnsynced() -> Zxid? {
        guard let last = unsynced.last else { return nil }
        let records = unsynced.map { LogRecord(zxid: $0.zxid, payload: $0.payload) }
        unsynced = []
        storing("the log") { () throws(StorageError) in
            try log?.append(records)
            try log?.sync()
            if world.random.oneIn(3) { try log?.flushWatermark() }
        }
        return last.zxid
    }

    func finishInstallation(_ life: Int) {
        guard life == self.life, let view = installing, let directory, log != nil else { return }
        installing = nil
        storing("a state") { () throws(StorageError) in
            var writer = try directory.snapshots.begin(view.lastApplied)
            var serializer = SnapshotSerializer(view: view)
            while let chunk = serializer.next() { try writer.append(chunk) }
            guard var log = log.take() else { return }
            try directory.install(
                writer, digest: SnapshotDigest(zxid: view.lastApplied, digest: view.digest), &log)
            self.log = consume log
        }
        alive(life) { $0.snapshotInstalled(now: world.now) }
    }
}

extension SimulatedNode: ReplicaEnvironment {
    func notify(_ notification: Notification, _ peer: PeerID) {
        world.notify(notification, from: id, to: peer)
    }

    func connect(toLeader leader: PeerID) {
        world.events.add(
            .dial(from: id, to: leader, life: life), after: world.delay(world.faults.delay))
    }

    func sendToLeader(_ packet: QuorumPacket) {
        guard let uplink else { return }
        world.send(
            .packet(packet, connection: uplink, toLeader: true), on: uplink, toLeader: true)
    }

    func disconnectFromLeader() {
        if let uplink { world.hangUp(uplink, from: id) }
        uplink = nil
    }

    func listenForLearners() { isListening = true }

    func stopListening() { isListening = false }

    func send(_ packet: QuorumPacket, to learner: LearnerConnection) {
        world.send(
            .packet(packet, connection: learner, toLeader: false), on: learner, toLeader: false)
    }

    func sendSnapshot(of view: DataTree, to learner: LearnerConnection) {
        world.snapshotTaken()
        var serializer = SnapshotSerializer(view: view)
        var chunks: [[UInt8]] = []
        while let chunk = serializer.next(maxBytes: 512) { chunks.append(chunk) }
        let header = QuorumPacket(.snap, zxid: view.lastApplied)
        world.send(
            .snapshot(header, chunks, connection: learner), on: learner, toLeader: false)
    }

    func close(_ learner: LearnerConnection, reason: String) {
        world.hangUp(learner, from: id)
    }

    func saveAcceptedEpoch(_ epoch: Epoch) {
        storing("the accepted epoch") { () throws(StorageError) in
            try epochs?.setAccepted(epoch)
        }
    }

    func saveCurrentEpoch(_ epoch: Epoch) {
        storing("the current epoch") { () throws(StorageError) in
            try epochs?.setCurrent(epoch)
        }
    }

    func saveLoss(through zxid: Zxid) {
        storing("a loss") { () throws(StorageError) in try directory?.noteLoss(.through(zxid)) }
    }

    func trustHistory() {
        storing("the standing") { () throws(StorageError) in try directory?.lossHealed() }
        world.healed(id)
    }

    func append(_ proposal: Proposal, tenure: Int) {
        self.tenure = tenure
        unsynced.append(proposal)
        guard !isSyncing else { return }
        isSyncing = true
        world.events.add(.sync(id, life: life), after: world.delay(world.faults.syncDelay))
    }

    func drainLog() {
        _ = writeUnsynced()
    }

    func truncateLog(after zxid: Zxid) -> Bool {
        _ = writeUnsynced()
        var isDone = false
        storing("a truncation") { () throws(StorageError) in
            guard let directory, var log = log.take() else { return }
            let outcome = try directory.truncate(to: zxid, &log)
            self.log = consume log
            if case .truncated(_, reload: false) = outcome { isDone = true }
        }
        return isDone
    }

    func replacedState(through zxid: Zxid, wasWrong: Bool) {
        world.hasState(through: zxid, id)
    }

    func applied(_ result: TxnResult) {
        let zxid = result.zxid
        log?.noteCommitted(zxid)
        guard let replica else { return }
        world.applied(result, digest: replica.served.read { $0.digest }, at: id)
    }

    func inspected(_ theirs: DataTree?) {
        world.inspected(theirs, by: id)
    }

    func exceedsTruncation(after end: Zxid, through last: Zxid, transactions: Int) {
        world.fail("\(id) would cut off \(transactions) transactions")
    }

    func install(_ view: DataTree, droppingAtMost tail: [Zxid], isUnnamed: Bool) {
        _ = writeUnsynced()
        // Every state here is of one history: between two of its moments nothing counts.
        if let replica {
            let difference = TreeDifference(of: replica.served.view(), against: view)
            if difference.counted > 0 {
                world.fail("\(id) at \(difference.mine) differs: \(difference.entries)")
            }
        }
        installing = view
        world.events.add(.install(id, life: life), after: world.delay(20))
    }

    func cancelInstallation() -> Bool {
        installing = nil
        return false
    }

    func saveSnapshot(of view: DataTree) {
        storing("a snapshot") { () throws(StorageError) in
            guard let directory else { return }
            try log?.roll()
            var writer = try directory.snapshots.begin(view.lastApplied)
            var serializer = SnapshotSerializer(view: view)
            while let chunk = serializer.next() { try writer.append(chunk) }
            try writer.finish(
                digest: SnapshotDigest(zxid: view.lastApplied, digest: view.digest))
        }
    }

    func changed(_ status: Status) {
        world.note("\(id) is \(status.role) in \(status.phase), epoch \(status.epoch)")
    }

    func departed(_ departure: Departure) {
        world.note("\(id) leaves: \(departure.reason)")
    }

    func metStranger(_ server: PeerID, of ensemble: EnsembleID) {
        world.metStranger(id, server)
    }

    func gatewayOpened(_ session: SessionID) {}

    var wallClock: Int64 { 1_700_000_000_000 + world.now }
}
