package import Jute
import Storage
import ZnodeTree

/// A state of the past, found in a source and ready to be written as a data directory of its own.
///
/// The state at a zxid is exactly what every member had applied then: the newest snapshot at or
/// below it, and the log from there on. Sessions and ephemerals are those of that moment; the
/// sessions expire as after any pause.
///
/// The new directory has no log and no identity: whoever opens it begins a history of its own.
/// Both its epochs are 2^20 above every epoch known here, so that its transactions are above all
/// that the old ensemble may have issued meanwhile, and a member of that ensemble that comes back
/// is never taken for one that is ahead.
///
/// - Source: rules of soundness, sections 5 and 8.
package struct Restoration: Sendable {
    package enum Point: Equatable, Sendable {
        case zxid(Zxid)
        /// Milliseconds since 1970: the last zxid such that every transaction up to it has at
        /// most this time. Leaders' clocks differ, so times in a log may go back.
        case milliseconds(Int64)
        /// Everything there is.
        case newest
    }

    let tree: DataTree
    /// Of the transactions in the tree, the last.
    package let zxid: Zxid
    /// When the first transaction behind it was made, in milliseconds since 1970; nil for none.
    package let nextTime: Int64?
    /// Whether the source knew that the transaction was committed. The end of a log may hold
    /// some that no quorum ever had.
    package let isKnownCommitted: Bool
    /// What both epochs of the new directory will be.
    package let epoch: Epoch
    private let source: DataSource

    /// How far the epochs are raised.
    package static let epochDistance: Epoch = 1 << 20

    /// Finds the state.
    ///
    /// - Parameters:
    ///   - point: Which one.
    ///   - source: Where.
    /// - Throws: `.outOfReach` with what can be reached, `.refused` for a directory that is in
    ///   use, `.unreadable`.
    package init(to point: Point, from source: DataSource) throws(DataToolError) {
        self.source = source
        if try source.isInUse() {
            throw .refused(
                """
                \(source.path) is in use by a running process: stop it, or take a snapshot with \
                POST /v1/snapshots
                """)
        }
        switch source.kind {
        case .snapshot(let store, let name):
            let loaded = try reading { () throws(StorageError) in try store.load(name) }
            guard loaded.summary.upperBound.map({ $0 == name.zxid }) ?? true else {
                throw .outOfReach(
                    """
                    \(source.path) was written while transactions went on: without the log it \
                    is of no moment
                    """)
            }
            if case .zxid(let wanted) = point, wanted != name.zxid {
                throw .outOfReach("\(source.path) is the state at \(name.zxid) and no other")
            }
            if case .milliseconds = point {
                throw .outOfReach(
                    "\(source.path) has no log to tell times by; it is the state at \(name.zxid)")
            }
            (tree, zxid, nextTime, isKnownCommitted) = (loaded.tree, name.zxid, nil, true)
            epoch = name.zxid.epoch + Self.epochDistance
        case .directory(let directory):
            let found = try Self.find(point, in: directory, path: source.path)
            (tree, zxid, nextTime) = (found.tree, found.zxid, found.nextTime)
            isKnownCommitted = found.zxid <= found.committed
            let epochs = try reading { () throws(StorageError) in try directory.epochFiles() }
            let known =
                [epochs.accepted, epochs.current, found.last.epoch].compactMap { $0 }
                + epochs.copies.compactMap { $0?.accepted }
            epoch = (known.max() ?? 0) + Self.epochDistance
        }
    }

    private struct Found {
        var tree: DataTree
        var zxid: Zxid
        var nextTime: Int64?
        var committed: Zxid
        var last: Zxid
    }

    private static func find(
        _ point: Point, in directory: DataDirectory, path: String
    ) throws(DataToolError) -> Found {
        if try reading({ () throws(StorageError) in try directory.isUnfinished() }) {
            throw .refused(
                "\(path): another state is being put in its place; start the node once to finish that"
            )
        }
        let history = try LogSurvey(of: directory)
        let target = try history.target(for: point, path: path)
        var lastFailure: DataToolError?
        for name in try reading({ () throws(StorageError) in try directory.allSnapshots() })
        where name.zxid <= target {
            do throws(DataToolError) {
                guard var loaded = try base(name, directory, history, target) else { continue }
                try replay(directory, to: target, over: &loaded.tree)
                return Found(
                    tree: loaded.tree, zxid: loaded.tree.lastApplied,
                    nextTime: history.time(behind: target), committed: history.committed,
                    last: history.last)
            } catch {
                lastFailure = lastFailure ?? error
            }
        }
        if let lastFailure { throw lastFailure }
        throw .outOfReach("\(path): no snapshot is at or below \(target): \(history.reach)")
    }

    /// A snapshot that holds nothing above the target once the log is replayed over it.
    private static func base(
        _ name: SnapshotName, _ directory: DataDirectory, _ history: LogSurvey, _ target: Zxid
    ) throws(DataToolError) -> LoadedSnapshot? {
        let loaded = try reading { () throws(StorageError) in try directory.snapshots.load(name) }
        let bound = loaded.summary.upperBound ?? max(history.last, name.zxid)
        guard bound <= target else { return nil }
        // The original's may hold a part of the next transaction: with none behind it nothing
        // would make up for that.
        if bound == target, let digest = loaded.summary.digest, digest.zxid > .zero,
            loaded.tree.recomputedDigest() != digest.digest, name.zxid == target
        {
            return nil
        }
        return loaded
    }

    private static func replay(
        _ directory: DataDirectory, to target: Zxid, over tree: inout DataTree
    ) throws(DataToolError) {
        guard tree.lastApplied < target else { return }
        try reading { () throws(StorageError) in
            var log = try LogReader(directory, after: tree.lastApplied, through: target)
            while let record = try log.next() {
                let result = tree.apply(try record.transaction())
                guard result.digestMatches != false || record.zxid < target else {
                    throw .layout(
                        "transaction \(record.zxid) does not lead to the digest that it foretells")
                }
            }
        }
    }

    // MARK: Writing

    /// Writes the new data directory. Durable on return, and read back.
    ///
    /// - Parameter output: The `dataDir`: missing, or empty.
    /// - Throws: `.refused` when there is something in it, `.unreadable`.
    package func write(to output: String) throws(DataToolError) {
        let disk = source.disk
        if try reading({ () throws(StorageError) in try disk.exists(output) }) {
            let names = try reading { () throws(StorageError) in try disk.names(in: output) }
            guard names.isEmpty else {
                throw .refused("\(output) is not empty: a restored directory replaces nothing")
            }
        }
        try reading { () throws(StorageError) in
            let folder = output + "/" + FileNames.version
            try disk.makeDirectory(folder)
            // The epochs first: a snapshot without them would pass for one of its own epoch.
            try EpochStore.write(accepted: epoch, current: epoch, on: disk, in: folder)
            if case .directory(let directory) = source.kind, let id = directory.myID {
                try disk.replaceContent(
                    of: output + "/" + FileNames.myID, with: Array("\(id)\n".utf8))
                try disk.syncDirectory(output)
            }
            let store = SnapshotStore(on: disk, in: folder)
            let name = try store.write(tree)
            let copy = try store.load(name)
            guard copy.tree.recomputedDigest() == tree.recomputedDigest() else {
                throw .damagedSnapshot(
                    path: folder + "/" + name.fileName, problem: "it reads back differently")
            }
        }
    }

    /// For people.
    ///
    /// - Parameter output: Where it was written to.
    /// - Returns: A line or two.
    package func lines(output: String) -> [String] {
        var lines = [
            """
            \(output): the state at \(zxid), \(tree.nodeCount) znodes, \(tree.sessionCount) \
            sessions, digest \(hexadecimal(tree.digest)), epochs \(epoch)
            """
        ]
        if !isKnownCommitted {
            lines.append(
                """
                note: \(source.path) does not tell whether all of this was ever committed: \
                the end of a log may hold what no quorum had
                """)
        }
        return lines
    }
}

extension SnapshotStore {
    /// Writes a tree as the snapshot of its last transaction. Durable on return.
    ///
    /// - Parameter tree: Of one moment.
    /// - Returns: The snapshot.
    /// - Throws: `.disk`.
    func write(_ tree: DataTree) throws(StorageError) -> SnapshotName {
        var writer = try begin(tree.lastApplied)
        var serializer = SnapshotSerializer(view: tree)
        while let chunk = serializer.next() { try writer.append(chunk) }
        return try writer.finish(
            digest: SnapshotDigest(zxid: tree.lastApplied, digest: tree.digest))
    }
}
