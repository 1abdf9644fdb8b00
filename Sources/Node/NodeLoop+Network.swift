import History
import Jute
import Logging
import NIOCore
import PeerTransport
import Replica
import Zab
import ZnodeTree

extension NodeLoop {
    func connectTransports() {
        election?.onMessage = { [unowned self] sender, message in
            heardInElections[sender] = now
            do throws(JuteError) {
                let notification = try Notification(message: message)
                batch { replica, now in
                    replica.receive(notification, from: sender, now: now)
                }
            } catch {
                logger.warning("server \(sender) sent a malformed notification: \(error)")
            }
        }
        // A closed connection is news at once.
        election?.onPeerLost = { [unowned self] peer in
            publishStatus(now)
            batch { replica, now in replica.lost(peer, now: now) }
        }
        listener.onConnected = { [unowned self] learner, _ in
            batch { replica, now in replica.learnerConnected(learner, now: now) }
        }
        listener.onPacket = { [unowned self] learner, packet in
            let now = now
            heardFromLearners[learner] = now
            replica?.receive(packet, from: learner, now: now)
        }
        listener.onReadComplete = { [unowned self] in batch { _, _ in } }
        listener.onClosed = { [unowned self] learner, reason in
            heardFromLearners[learner] = nil
            logger.info("learner's connection \(learner) closed: \(reason)")
            batch { replica, now in replica.learnerClosed(learner, now: now) }
        }
    }

    /// The core has its own deadlines, in ticks; the sockets need none beside them.
    private static let endless = Duration.seconds(86_400)

    private func dial(_ leader: PeerID) {
        if hasLeft { return }
        guard let address = settings.quorumAddresses[leader] else {
            return logger.error("server \(leader) was elected and is not in the configuration")
        }
        heardFromLeader = nil
        let connection = LeaderConnection(eventLoop: eventLoop, logger: logger)
        leaderConnection = connection
        connection.onConnected = { [unowned self] in
            batch { replica, now in replica.connectedToLeader(now: now) }
        }
        connection.onPacket = { [unowned self] packet in
            let now = now
            heardFromLeader = now
            replica?.receiveFromLeader(packet, now: now)
        }
        connection.onSnapshotChunk = { [unowned self] chunk in
            replica?.receiveSnapshot(chunk, now: now)
        }
        connection.onSnapshotEnd = { [unowned self] in
            replica?.finishSnapshot(now: now)
        }
        connection.onReadComplete = { [unowned self] in batch { _, _ in } }
        connection.onClosed = { [unowned self, unowned connection] reason in
            guard leaderConnection === connection else { return }
            leaderConnection = nil
            logger.debug("connection to leader \(leader) closed: \(reason)")
            batch { replica, now in replica.disconnectedFromLeader(now: now) }
        }
        connection.connect(
            to: address, timeout: .milliseconds(settings.timing.tickTime * 2),
            readTimeout: Self.endless, attempts: 1)
    }

    private func bindQuorumPort() {
        guard let address = settings.quorumListenAddress else { return }
        listener.start(on: address, readTimeout: Self.endless) { [unowned self] result in
            if case .failure(let error) = result { die("\(error)") }
        }
    }
}

extension NodeLoop: ReplicaEnvironment {
    func notify(_ notification: Notification, _ peer: PeerID) {
        if hasLeft { return }
        election?.send(notification.message, to: peer)
    }

    func connect(toLeader leader: PeerID) {
        dial(leader)
    }

    func sendToLeader(_ packet: QuorumPacket) {
        if hasLeft { return }
        leaderConnection?.send(packet)
    }

    func disconnectFromLeader() {
        leaderConnection?.close()
        leaderConnection = nil
    }

    func listenForLearners() {
        if hasLeft { return }
        bindQuorumPort()
    }

    func stopListening() {
        listener.suspend()
    }

    func send(_ packet: QuorumPacket, to learner: LearnerConnection) {
        if hasLeft { return }
        listener.send(packet, to: learner)
    }

    func sendSnapshot(of view: DataTree, to learner: LearnerConnection) {
        if hasLeft { return }
        var serializer = SnapshotSerializer(view: view)
        let header = QuorumPacket(.snap, zxid: view.lastApplied)
        logger.info("sending the whole state at \(view.lastApplied) on connection \(learner)")
        let bound = NIOLoopBound(self, eventLoop: eventLoop)
        let eventLoop = eventLoop
        listener.send(
            snapshot: header,
            chunks: {
                if let chunk = serializer.next() { return chunk }
                eventLoop.execute {
                    bound.value.batch { replica, now in
                        replica.snapshotSent(learner, now: now)
                    }
                }
                return nil
            }, to: learner)
    }

    func close(_ learner: LearnerConnection, reason: String) {
        logger.info("closing learner's connection \(learner): \(reason)")
        heardFromLearners[learner] = nil
        listener.close(learner)
    }

    func saveAcceptedEpoch(_ epoch: Epoch) {
        if hasLeft { return }
        storage.setAcceptedEpoch(epoch) { storageFailed($0, $1) }
    }

    func saveCurrentEpoch(_ epoch: Epoch) {
        if hasLeft { return }
        storage.setCurrentEpoch(epoch) { storageFailed($0, $1) }
    }

    func saveLoss(through zxid: Zxid) {
        if hasLeft { return }
        storage.noteLoss(through: zxid) { storageFailed($0, $1) }
        // At once, not with the state that comes: a start in between would not know any more.
        if let replica {
            storage.history.jumped(to: replica.served.read { $0.lastApplied }, wasWrong: true)
        }
    }

    func trustHistory() {
        if hasLeft { return }
        storage.trustHistory { storageFailed($0, $1) }
    }

    func append(_ proposal: Proposal, tenure: Int) {
        if hasLeft { return }
        storage.append(proposal, tenure: tenure)
    }

    func drainLog() {
        if hasLeft { return }
        storage.drain { storageFailed($0, $1) }
    }

    func truncateLog(after zxid: Zxid) -> Bool {
        if hasLeft { return true }
        logger.info("cutting the log after \(zxid)")
        return storage.truncate(after: zxid) { storageFailed($0, $1) }
    }

    func applied(_ result: TxnResult) {
        gate.applied(result)
        storage.noteCommitted(result.zxid)
        if DigestLog.mustHave(result.zxid), let replica {
            digests.add(result.zxid, replica.served.read { $0.digest })
        }
        if digests.isAwaited(result.zxid), let replica {
            digests.release(result.zxid, replica.served.view())
        }
        storage.history.applied(result)
        endedSessions.applied(result)
        waits.applied(result)
    }

    func replacedState(through zxid: Zxid, wasWrong: Bool) {
        replica?.served.read { gate.look(at: $0) }
        digests.removeAll()
        storage.history.jumped(to: zxid, wasWrong: wasWrong)
        waits.replacedState(through: zxid)
    }

    func install(_ view: DataTree, droppingAtMost tail: [Zxid], isUnnamed: Bool) {
        guard !hasLeft, let mine = replica?.served.view() else { return }
        let desk = desk
        storage.install(view) {
            desk.objection(
                to: view, insteadOf: mine, droppingAtMost: tail, isUnnamed: isUnnamed)
        }
    }

    func exceedsTruncation(after end: Zxid, through last: Zxid, transactions: Int) {
        desk.report(dropped: transactions, after: end, through: last)
    }

    func cancelInstallation() -> Bool {
        storage.cancelInstallation()
    }

    func saveSnapshot(of view: DataTree) {
        if hasLeft { return }
        storage.saveSnapshot(of: view)
    }

    func changed(_ status: Status) {
        var line = "\(status.role) in \(status.phase), epoch \(status.epoch)"
        if let leader = status.leader, status.role != .leading { line += ", leader \(leader)" }
        if status.isSynchronized, let way = status.synchronizedBy {
            line += ", synchronized by \(way.rawValue.uppercased())"
        }
        logger.info("\(line)")
        if let hold = status.hold { noteHold(hold) }
        publishStatus(now)
    }

    private func noteHold(_ hold: Hold) {
        logger.critical("held: \(hold.explanation)")
        if hold == .removed { desk.reportRemoval() }
    }

    func inspected(_ theirs: DataTree?) {
        guard let replica, let hold = replica.peer.status.hold else { return }
        if theirs == nil { logger.warning("no leader's state could be had for the report") }
        desk.report(
            foreign: hold, replica.served.view(), theirs,
            dropping: replica.peer.state.history.tail.map(\.zxid))
    }

    func departed(_ departure: Departure) {
        logger.warning("\(departure.reason)")
    }

    func metStranger(_ server: PeerID, of ensemble: EnsembleID) {
        logger.error(
            "server \(server) has the data of another ensemble, \(Lineage(ensemble: ensemble).name): it is not listened to"
        )
    }

    func endOfBatch() {
        // A leader is not held up by its own disk: what it is waiting for are the others.
        let writesAtOnce = storage.mayWriteAtOnce && replica?.status.role != .leading
        if !hasLeft {
            if !writesAtOnce { storage.flushAppends() }
            listener.flush()
            leaderConnection?.flush()
        }
        batchEnded()
        if !hasLeft, writesAtOnce { storage.writeAppends() }
    }

    func gatewayOpened(_ session: SessionID) {
        announce(session)
    }

    var wallClock: Int64 { currentTimeMillis() }
}
