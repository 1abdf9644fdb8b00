package import Jute
package import Zab
package import ZnodeTree

extension Replica {
    func perform(_ effect: Effect, _ now: Milliseconds) {
        switch effect {
        case .notify(let notification, let receiver):
            environment.notify(notification, receiver)
        case .saveAcceptedEpoch(let epoch):
            environment.saveAcceptedEpoch(epoch)
        case .saveCurrentEpoch(let epoch):
            environment.saveCurrentEpoch(epoch)
        case .append(let proposal, let tenure):
            environment.append(proposal, tenure: tenure)
        case .drainLog:
            environment.drainLog()
            peer.drained(now: now)
        case .truncateLog(let zxid):
            peer.truncated(succeeded: environment.truncateLog(after: zxid), now: now)
        case .exceedsTruncation(let end, let last, let count):
            environment.exceedsTruncation(after: end, through: last, transactions: count)
            peer.hold(.tooDifferent, now: now)
        case .connect(let leader):
            environment.connect(toLeader: leader)
        case .sendToLeader(let packet):
            environment.sendToLeader(packet)
        case .disconnectFromLeader:
            environment.disconnectFromLeader()
        case .answerPing(let packet):
            answerPing(packet)
        case .beginSnapshot(let zxid):
            loader = SnapshotLoader(options: served.read { $0.options })
            stagedZxid = zxid
            receivedBytes = 0
        case .installSnapshot:
            if let staged {
                environment.install(
                    staged, droppingAtMost: peer.tailOnDisk, isUnnamed: peer.state.isUnnamed)
            }
        case .discardSnapshot:
            discardSnapshot(now)
        case .inspected:
            loader = nil
            receivedBytes = nil
            environment.inspected(staged.take())
        case .revalidated(let session, let valid):
            revalidated(session, valid: valid, now)
        case .synced(let zxid):
            synced(through: zxid)
        case .listen:
            environment.listenForLearners()
        case .stopListening:
            environment.stopListening()
        case .send(let packet, let learner):
            environment.send(packet, to: learner)
        case .sendSnapshot(let learner):
            environment.sendSnapshot(of: served.view(), to: learner)
        case .close(let learner, let reason):
            environment.close(learner, reason: reason)
        case .forwarded(let request, let identities, let learner):
            propose(request, identities, from: learner, now)
        case .revalidate(let touch, let learner):
            revalidate(touch, for: learner, now)
        case .touched(let touches):
            for touch in touches { renew(touch, now) }
        case .readConfirmed(let token, let zxid):
            reads.confirm(token, through: zxid)
            appliedReads()
            beginReads(now)
        case .readsAbandoned:
            reads.abandonRounds()
        case .deliver(let proposal):
            deliver(proposal, now)
        case .changed(let status):
            changed(status, now)
        case .departed(let departure):
            environment.departed(departure)
        case .metStranger(let server, let ensemble):
            environment.metStranger(server, of: ensemble)
        case .saveLoss(let zxid):
            environment.saveLoss(through: zxid)
        case .trustHistory:
            environment.trustHistory()
        }
    }

    // MARK: Delivery

    private func deliver(_ proposal: Proposal, _ now: Milliseconds) {
        let record: TxnRecord
        do throws(JuteError) {
            record = try TxnRecord(payload: proposal.payload)
        } catch {
            // A quorum has logged what nobody can read: going on would let the replicas diverge.
            preconditionFailure("committed transaction \(proposal.zxid) cannot be read: \(error)")
        }
        if staged != nil {
            _ = staged?.apply(record)
            return
        }
        let result = served.write { $0.apply(record) }
        counters.committed += 1
        if result.digestMatches == false, proposal.zxid > exactAfter {
            counters.digestMismatches += 1
            counters.unrepairedMismatches += 1
        }
        environment.applied(result)
        if result.changes.contains(where: { $0.path == Lineage.path }) { learnLineage() }
        preparer.applied(through: proposal.zxid)
        sessionsApplied(record, now)
        answer(result, now)
        appliedReads()
        snapshots.applied(proposal.payload)
        snapshotIfDue()
    }

    /// The served tree says whose history this is.
    func learnLineage() {
        if let lineage = served.lineage { peer.know(lineage.ensemble) }
    }

    /// What is logged and not known to be committed, as everything in a log of the original's, can
    /// say it as well.
    func learnLoggedLineage() {
        guard served.lineage == nil, peer.state.history.hasUncommitted else { return }
        var tree = served.view()
        do throws(JuteError) {
            for proposal in peer.state.history.tail {
                _ = tree.apply(try TxnRecord(payload: proposal.payload))
            }
        } catch {
            // Nothing behind it can be committed here either, so nothing behind it says anything.
        }
        if let lineage = Lineage(in: tree) { peer.know(lineage.ensemble, isCommitted: false) }
    }

    func appliedReads() {
        reads.applied(through: served.read { $0.lastApplied })
    }

    /// Has a snapshot written as soon as this node's own disk holds all of the served state.
    package func requestSnapshot() {
        snapshots.demand()
        snapshotIfDue()
    }

    /// Snapshots stay at or below what this node's own disk holds.
    private func snapshotIfDue() {
        guard snapshots.isDue,
            peer.state.history.durable >= peer.state.history.lastCommitted
        else { return }
        restartSnapshots()
        environment.saveSnapshot(of: served.view())
    }

    /// All of the served state is, or will be, in a snapshot.
    private func restartSnapshots() {
        snapshots.restart(znodes: served.read { $0.nodeCount }, using: &random)
    }

    // MARK: Log and network, as the environment reports them

    package func logged(through zxid: Zxid, tenure: Int, now: Milliseconds) {
        peer.logged(through: zxid, tenure: tenure, now: now)
        settle(now)
        snapshotIfDue()
    }

    package func receive(_ notification: Notification, from sender: PeerID, now: Milliseconds) {
        peer.receive(notification, from: sender, now: now)
        settle(now)
    }

    /// The connection for elections with another server has ended.
    package func lost(_ server: PeerID, now: Milliseconds) {
        peer.lost(server, now: now)
        settle(now)
    }

    package func connectedToLeader(now: Milliseconds) {
        peer.connectedToLeader(now: now)
        settle(now)
    }

    package func disconnectedFromLeader(now: Milliseconds) {
        peer.disconnectedFromLeader(now: now)
        settle(now)
    }

    package func receiveFromLeader(_ packet: QuorumPacket, now: Milliseconds) {
        peer.receiveFromLeader(packet, now: now)
        settle(now)
    }

    package func learnerConnected(_ learner: LearnerConnection, now: Milliseconds) {
        peer.learnerConnected(learner, now: now)
        settle(now)
    }

    package func learnerClosed(_ learner: LearnerConnection, now: Milliseconds) {
        peer.learnerClosed(learner, now: now)
        settle(now)
    }

    package func receive(
        _ packet: QuorumPacket, from learner: LearnerConnection, now: Milliseconds
    ) {
        peer.receive(packet, from: learner, now: now)
        settle(now)
    }

    package func snapshotSent(_ learner: LearnerConnection, now: Milliseconds) {
        peer.snapshotSent(learner, now: now)
        settle(now)
    }

    /// The served state is not the one that a quorum has at the same zxid.
    package func distrust(_ reason: String, now: Milliseconds) {
        counters.repairs += 1
        peer.distrust(reason, now: now)
        settle(now)
    }

    /// Serves a state of an earlier zxid that was mended, brought up to date.
    ///
    /// - Parameters:
    ///   - mended: What a quorum has at its zxid.
    ///   - now: The time.
    /// - Returns: False, and nothing changed, if too much has happened since or the role is another.
    package func serve(mended: DataTree, now: Milliseconds) -> Bool {
        guard status.isSynchronized, status.role != .leading,
            let missing = peer.state.history.committed(after: mended.lastApplied)
        else { return false }
        var state = mended
        for proposal in missing {
            do throws(JuteError) {
                _ = state.apply(try TxnRecord(payload: proposal.payload))
            } catch {
                return false
            }
        }
        guard state.lastApplied == served.read({ $0.lastApplied }) else { return false }
        served.write { $0 = state }
        counters.repairs += 1
        counters.unrepairedMismatches = 0
        environment.replacedState(through: state.lastApplied, wasWrong: true)
        // A start must not find the damage again.
        restartSnapshots()
        environment.saveSnapshot(of: served.view())
        settle(now)
        return true
    }

    // MARK: A state from the leader

    package func receiveSnapshot(_ chunk: [UInt8], now: Milliseconds) {
        guard loader != nil else { return }
        do {
            receivedBytes = (receivedBytes ?? 0) + chunk.count
            _ = try loader?.consume(chunk)
            peer.snapshotProgressed(now: now)
        } catch {
            loader = nil
            peer.snapshotFailed("the leader's state cannot be read: \(error)", now: now)
        }
        settle(now)
    }

    package func finishSnapshot(now: Milliseconds) {
        guard let complete = loader.take() else { return }
        do {
            staged = try complete.finish(lastApplied: stagedZxid)
            counters.snapshotsReceived += 1
            peer.snapshotReceived(now: now)
        } catch {
            peer.snapshotFailed("the leader's state is not complete: \(error)", now: now)
        }
        settle(now)
    }

    package func snapshotInstalled(now: Milliseconds) {
        serveStaged()
        peer.snapshotInstalled(now: now)
        settle(now)
    }

    /// What the leader's state would throw away is for a person to decide.
    package func hold(_ hold: Hold, now: Milliseconds) {
        peer.hold(hold, now: now)
        settle(now)
    }

    private func serveStaged() {
        guard var state = staged.take() else { return }
        receivedBytes = nil
        // The configuration is each server's own; the leader's text came with its state.
        state.setConfig(
            text: peer.state.ensemble.configText, version: peer.state.ensemble.configVersion,
            mtime: environment.wallClock)
        let zxid = state.lastApplied
        served.write { $0 = state }
        hidePendingWrites()
        counters.unrepairedMismatches = 0
        learnLineage()
        environment.replacedState(through: zxid, wasWrong: false)
        restartSnapshots()
    }

    private func discardSnapshot(_ now: Milliseconds) {
        loader = nil
        receivedBytes = nil
        if environment.cancelInstallation(), let staged {
            peer.snapshotWasInstalled(at: staged.lastApplied)
            serveStaged()
        }
        staged = nil
    }
}
