package import History
package import Jute
package import Logging
package import Replica
package import Storage
package import Zab
package import ZnodeTree

/// What a start finds on the disk.
package struct OpenedNode {
    package var peer: Peer
    package var tree: DataTree
    package var directory: DataDirectory
    package var log: TransactionLogBox
    package var epochs: EpochStore
    /// Up to where the snapshot may hold parts of transactions: the original's are not of one
    /// moment.
    package var exactAfter: Zxid
    /// What of the log the tree has beyond the snapshot.
    package var sinceSnapshot: SnapshotSchedule.Amount
    /// Why it may not take part, if the data themselves say so.
    package var hold: Hold?
    /// What the transactions changed, where one is kept.
    package var history: ChangeHistory?

    /// Carries the log, which cannot be copied, to the thread that will own it.
    package final class TransactionLogBox {
        private var log: TransactionLog?

        init(_ log: consuming TransactionLog) {
            self.log = consume log
        }

        package func take() -> TransactionLog {
            guard let log = log.take() else { preconditionFailure("the log has one owner") }
            return log
        }
    }
}

extension OpenedNode {
    package typealias HistoryKeeping =
        (Zxid, StorageIdentity) throws(StorageError) -> ChangeHistory

    /// Opens the data directory and reads the state back.
    ///
    /// - Parameters:
    ///   - settings: What the node is.
    ///   - disk: Where its folder is.
    ///   - now: Milliseconds of the loop's clock.
    ///   - logger: Gets a line for everything that was mended.
    ///   - keepHistory: Makes the history, given where what is told to it begins and whose data
    ///     it belongs to; nil to keep none.
    /// - Returns: The state, and the protocol ready to start.
    /// - Throws: One line that says what is wrong with which file.
    package static func open(
        _ settings: NodeSettings, on disk: any Disk, now: Milliseconds, logger: Logger,
        keepHistory: HistoryKeeping? = nil
    ) throws(NodeError) -> OpenedNode {
        do throws(StorageError) {
            return try read(
                settings, disk, now: now, logger: logger, keepHistory: keepHistory)
        } catch {
            throw NodeError("\(error)")
        }
    }

    /// How far this node's history reached, if anybody knows.
    private static func bound(of loss: Loss, _ epochs: EpochStore) -> Bound? {
        guard case .through(let zxid) = loss, !epochs.wereLost else { return nil }
        // The log may have reached into an epoch whose file was still to be written
        // (ZOOKEEPER-1653).
        return Bound(epoch: max(epochs.current, zxid.epoch), zxid: zxid)
    }

    private static func writeFirstSnapshot(
        of tree: DataTree, in directory: DataDirectory
    ) throws(StorageError) {
        var writer = try directory.snapshots.begin(.zero)
        var serializer = SnapshotSerializer(view: tree)
        while let chunk = serializer.next() { try writer.append(chunk) }
        try writer.finish(digest: SnapshotDigest(zxid: .zero, digest: tree.digest))
    }

    private static func read(
        _ settings: NodeSettings, _ disk: any Disk, now: Milliseconds, logger: Logger,
        keepHistory: HistoryKeeping?
    ) throws(StorageError) -> OpenedNode {
        let directory = try DataDirectory(settings.directory, on: disk)
        if let stored = directory.myID, stored != settings.id {
            throw .layout(
                "myid says \(stored), but the node is configured as \(settings.id)")
        }
        if let identity = directory.identity, identity.node != settings.id {
            throw .layout(
                "the data belong to node \(identity.node), and this is node \(settings.id)")
        }
        if let adoption = settings.adoption { try directory.trust(by: adoption) }
        // A seed of its own for every process: paths chosen to collide in one do not in another.
        let options = DataTree.Options(
            extendedTypes: settings.replica.extendedTypes,
            hashSeed: .random(in: .min ... .max))
        var loader: SnapshotLoader?
        var loaded: DataTree?
        var snapshotZxid = Zxid.zero
        var proposals: [Proposal] = []
        let state = try directory.recover(
            beginSnapshot: { name in
                loader = name.map { name in
                    SnapshotLoader(
                        options: options, sizeBytes: directory.snapshots.sizeBytes(of: name))
                }
                snapshotZxid = name?.zxid ?? .zero
            },
            body: { bytes in
                guard case .complete(let unused)? = try loader?.consume(bytes) else { return nil }
                loaded = try loader.take()?.finish(lastApplied: snapshotZxid)
                return bytes.count - unused
            },
            record: { record throws(StorageError) in
                proposals.append(Proposal(zxid: record.zxid, payload: record.payload))
            })
        for damage in state.damage { logger.error("\(damage)") }
        if state.snapshot == nil { loaded = nil }
        var tree = loaded ?? DataTree(options: options)
        let floor = state.snapshot?.name.zxid ?? .zero
        let exactAfter = state.snapshot.map { $0.upperBound ?? state.lastLogged } ?? .zero
        let identity =
            directory.identity
            ?? StorageIdentity(
                history: .random(in: .min ... .max), node: settings.id,
                disk: .random(in: .min ... .max))
        // Over a state that is not of one moment a transaction may change less than it did.
        let history = try keepHistory.map { keep throws(StorageError) in
            try keep(max(floor, exactAfter), identity)
        }
        var sinceSnapshot = SnapshotSchedule.Amount()
        for proposal in proposals where proposal.zxid <= state.committed {
            sinceSnapshot.add(proposal.payload)
            do throws(JuteError) {
                let result = tree.apply(try TxnRecord(payload: proposal.payload))
                history?.applied(result)
            } catch {
                throw .layout("transaction \(proposal.zxid) in the log cannot be read: \(error)")
            }
        }
        let isAlone = settings.ensemble.voters == [settings.id]
        let mayVoteEmpty =
            isAlone || settings.bootstraps || directory.hasInitializeMarker
        let isUnprovenEmpty =
            state.loss == nil && (directory.isFresh || directory.isUnproven) && !mayVoteEmpty
        if isUnprovenEmpty { try directory.noteEmptiness() }
        if state.snapshot == nil, state.lastLogged == .zero {
            // The original does not open a log that no snapshot begins.
            try writeFirstSnapshot(of: tree, in: directory)
        }
        var epochs = try directory.epochs(
            lastZxid: state.lastLogged, afterLoss: state.loss != nil || !isAlone)
        if epochs.wereLost { logger.error("what was promised is lost: it may have been anything") }
        if let adoption = settings.adoption { try directory.begin(adoption, &epochs) }
        let standing: Standing =
            if let loss = epochs.wereLost ? .unknown : state.loss {
                .mayHaveLost(bound: bound(of: loss, epochs))
            } else {
                isUnprovenEmpty ? .empty : .trusted
            }
        if directory.identity == nil { try directory.establish(identity) }
        let hold = try hold(settings, directory)
        try directory.removeInitializeMarker()
        logger.info(
            "state at \(tree.lastApplied), log to \(state.lastLogged), \(tree.nodeCount) znodes")
        return OpenedNode(
            peer: Peer(
                id: settings.id, ensemble: settings.ensemble, timing: settings.timing,
                history: History(
                    floor: floor, proposals: proposals, lastCommitted: tree.lastApplied),
                acceptedEpoch: epochs.accepted, currentEpoch: epochs.current,
                standing: standing,
                truncationLimit: settings.recovery.truncatedTransactions, now: now),
            tree: tree, directory: directory,
            log: TransactionLogBox(directory.openLog(after: state)), epochs: epochs,
            exactAfter: exactAfter, sinceSnapshot: sinceSnapshot, hold: hold, history: history)
    }

    /// Whose data it is, by the configuration: written down when first configured, and compared
    /// ever after.
    private static func hold(
        _ settings: NodeSettings, _ directory: DataDirectory
    ) throws(StorageError) -> Hold? {
        guard let name = settings.clusterName else { return nil }
        guard let known = try directory.clusterName() else {
            try directory.setClusterName(name)
            return nil
        }
        return known == name ? nil : .otherName
    }
}
