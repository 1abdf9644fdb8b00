package import Jute

/// What a start has found on the disk.
package struct RecoveredState: Equatable, Sendable {
    /// The snapshot that was loaded; nil when there is none.
    package var snapshot: SnapshotSummary?
    /// The last transaction of the log, or else the snapshot's; `.zero` for an empty database.
    package var lastLogged: Zxid
    /// The highest transaction known to be committed; between the snapshot's and `lastLogged`.
    package var committed: Zxid
    /// All transactions above this one are in the log files and belong to one history.
    package var contiguousFrom: Zxid
    /// What could not be read any more, in the order it was met.
    package var damage: [StorageError]
    /// What this node may have acknowledged and lost, now or before an earlier start.
    package var loss: Loss?
}

extension DataDirectory {
    /// Reads the newest snapshot that can be read, and all of the log above it.
    ///
    /// Torn tails are cut; what is damaged is moved to `aviary-detached`, and the loss is written
    /// down before. A directory opened for reading only is left as it is. A log that is open is
    /// rolled before this is called again.
    ///
    /// - Parameters:
    ///   - beginSnapshot: Called before each attempt at a snapshot: begin with an empty state.
    ///     Once more with nil when the last attempt has failed.
    ///   - body: See `SnapshotStore.read`.
    ///   - record: Called for each transaction above the snapshot, in order, whether it is
    ///     committed or not.
    /// - Returns: What was found.
    /// - Throws: `.damagedLog` for a damaged log of the original, and `.layout` for one without
    ///   a snapshot: nothing tells what is missing. `.compressedSnapshot`, `.disk`, and what
    ///   `record` throws.
    /// - Source: storage format reference, section 8.
    package func recover(
        beginSnapshot: (SnapshotName?) -> Void,
        body: (UnsafeRawBufferPointer) throws -> Int?,
        record: (LoggedRecord) throws(StorageError) -> Void
    ) throws(StorageError) -> RecoveredState {
        var failed: [SnapshotName] = []
        var damage: [StorageError] = []
        let snapshot = try loadSnapshot(beginSnapshot, body, failed: &failed, damage: &damage)
        let recovery = try LogRecovery(on: disk, in: logPath)
        if snapshot == nil, recovery.beginsWithForeignLog {
            throw damage.first
                ?? .layout("\(logPath) has log files, but there is no snapshot to begin with")
        }
        let outcome = try recovery.run(from: snapshot?.name.zxid ?? .zero, record)
        if let found = outcome.damage { damage.append(.damagedLog(found)) }

        var loss = try storedLoss()?.joined(with: openingLoss) ?? openingLoss
        let bound = max(outcome.bound, failed.map(\.zxid).max() ?? .zero)
        if bound > outcome.last { loss = Loss.through(bound).joined(with: loss) }
        if !outcome.isBoundKnown { loss = .unknown }
        if !isReadOnly {
            if let loss { try store(loss) }
            try setAside(failed)
            try apply(outcome.repairs)
        }
        return RecoveredState(
            snapshot: snapshot, lastLogged: outcome.last, committed: outcome.committed,
            contiguousFrom: outcome.contiguousFrom, damage: damage, loss: loss)
    }

    /// The log, ready to be continued.
    ///
    /// - Parameter state: What `recover` has found. Nothing else may have written since.
    /// - Returns: The only writer.
    package func openLog(after state: RecoveredState) -> TransactionLog {
        precondition(!isReadOnly, "a directory opened for reading is not written")
        return TransactionLog(
            on: disk, in: logPath, base: state.snapshot?.name.zxid ?? .zero,
            last: state.lastLogged, committed: state.committed,
            contiguousFrom: state.contiguousFrom,
            preallocationBytes: preallocationBytes)
    }

    /// Forgets a loss and a beginning from nothing, once a synchronization that makes up for them
    /// is durable.
    ///
    /// - Throws: `.disk`.
    package func lossHealed() throws(StorageError) {
        try disk.removeIfPresent(snapshotPath + "/" + FileNames.loss)
        try disk.removeIfPresent(snapshotPath + "/" + FileNames.empty)
        try disk.syncDirectory(snapshotPath)
    }

    /// Writes a loss down that was noticed while the member runs. Durable on return.
    ///
    /// - Parameter loss: Joined with what is written down already.
    /// - Throws: `.disk`.
    package func noteLoss(_ loss: Loss) throws(StorageError) {
        try store(loss.joined(with: try storedLoss()))
    }

    private func loadSnapshot(
        _ begin: (SnapshotName?) -> Void, _ body: (UnsafeRawBufferPointer) throws -> Int?,
        failed: inout [SnapshotName], damage: inout [StorageError]
    ) throws(StorageError) -> SnapshotSummary? {
        for name in try snapshots.names() {
            begin(name)
            do throws(StorageError) {
                guard try snapshots.looksComplete(name) else {
                    throw .damagedSnapshot(
                        path: snapshotPath + "/" + name.fileName,
                        problem: "it does not end like a snapshot")
                }
                return try snapshots.read(name, body: body)
            } catch {
                guard case .damagedSnapshot = error else { throw error }
                failed.append(name)
                damage.append(error)
            }
        }
        begin(nil)
        return nil
    }

    /// What an earlier start has written down as lost; nil for nothing.
    ///
    /// - Throws: `.disk`.
    package func storedLoss() throws(StorageError) -> Loss? {
        try disk.content(of: snapshotPath + "/" + FileNames.loss).map { Loss($0) }
    }

    func store(_ loss: Loss) throws(StorageError) {
        if try storedLoss() == loss { return }
        try disk.replaceContent(of: snapshotPath + "/" + FileNames.loss, with: loss.bytes)
        try disk.syncDirectory(snapshotPath)
    }

    func setAside(
        _ names: [SnapshotName], because cause: DetachmentCause = .damagedSnapshot
    ) throws(StorageError) {
        var aside = SetAside(on: disk, from: snapshotPath, because: cause)
        for name in names {
            try aside.move(name.fileName)
        }
        try aside.finish()
    }

    private func apply(_ repairs: [LogRecovery.Repair]) throws(StorageError) {
        let cut = try LogCut(on: disk, in: logPath)
        var aside = SetAside(on: disk, from: logPath, because: .damagedLog)
        // From the end: what is left after a crash in between is a log that ends earlier.
        for repair in repairs.reversed() {
            switch repair {
            case .cut(let log, let offset, let last):
                try cut.cut(log, at: offset, last: last)
            case .cutDamaged(let log, let offset, let last):
                try aside.copy(FileNames.log(log))
                try aside.copy(FileNames.sidecar(log))
                try aside.finish()
                try cut.cut(log, at: offset, last: last)
            case .remove(let log):
                try disk.removeIfPresent(logPath + "/" + FileNames.log(log))
                try disk.syncDirectory(logPath)
                try disk.removeIfPresent(logPath + "/" + FileNames.sidecar(log))
            case .setAside(let log):
                try aside.move(FileNames.log(log))
                try disk.syncDirectory(logPath)
                try aside.move(FileNames.sidecar(log))
            }
        }
        try aside.finish()
        if !repairs.isEmpty { try disk.syncDirectory(logPath) }
    }
}
