package import Jute

/// How much is kept.
///
/// - Source: storage format reference, section 10; DESIGN's configuration (`autopurge.*`,
///   `history.retention.*`).
package struct RetentionPolicy: Equatable, Sendable {
    /// `autopurge.snapRetainCount`; fewer than 3 count as 3.
    package var snapshots = 3
    /// `history.retention.time`.
    package var historyTime: Duration = .seconds(7 * 24 * 3600)
    /// `history.retention.bytes`.
    package var historyBytes = 4 << 30

    package init() {}
}

/// Decides what of the old logs and snapshots can go.
package struct Purge: Sendable {
    package enum Kind: Sendable {
        case log
        case snapshot
    }

    package struct File: Equatable, Sendable {
        package var kind: Kind
        package var zxid: Zxid
        package var fileName: String
        package var sizeBytes: Int
        /// When it was last written, as time since 1970.
        package var modified: Duration

        package init(
            kind: Kind, zxid: Zxid, fileName: String, sizeBytes: Int, modified: Duration
        ) {
            self.kind = kind
            self.zxid = zxid
            self.fileName = fileName
            self.sizeBytes = sizeBytes
            self.modified = modified
        }
    }

    /// The files that may be removed, the oldest first.
    ///
    /// What is needed to start from any of the newest snapshots stays. What is older goes from
    /// the oldest on, as soon as it is over the age or the bytes that history is kept for.
    ///
    /// - Parameters:
    ///   - files: Snapshots that pass the quick test, and all logs.
    ///   - policy: How much is kept.
    ///   - now: Time since 1970.
    /// - Returns: Empty while there are fewer snapshots than are kept.
    package static func plan(
        _ files: [File], policy: RetentionPolicy, now: Duration
    ) -> [File] {
        let retained = retainedSnapshots(files, policy: policy)
        guard retained.count == max(3, policy.snapshots), let oldest = retained.last else {
            return []
        }
        // Within one zxid the snapshot is the older: the log of that name goes on from it.
        let newestFirst = files.sorted {
            ($0.zxid, $0.kind == .log ? 1 : 0) > ($1.zxid, $1.kind == .log ? 1 : 0)
        }
        var bytes = 0
        let firstExpired =
            newestFirst.firstIndex { file in
                bytes += file.sizeBytes
                return now - file.modified > policy.historyTime || bytes > policy.historyBytes
            } ?? newestFirst.endIndex
        let expired = newestFirst[firstExpired...]
        let goingSnapshots = expired.filter { $0.kind == .snapshot && $0.zxid < oldest.zxid }
        let first =
            files.filter { $0.kind == .snapshot && !goingSnapshots.contains($0) }
            .map(\.zxid).min() ?? oldest.zxid
        // Where a start from that snapshot begins to read.
        let firstLog =
            files.filter { $0.kind == .log && $0.zxid <= first.next }.map(\.zxid).max()
        return expired.reversed().filter { file in
            switch file.kind {
            case .snapshot: file.zxid < first
            case .log: file.zxid < firstLog ?? first
            }
        }
    }

    /// The snapshots that stay whatever their age, the newest first.
    package static func retainedSnapshots(
        _ files: [File], policy: RetentionPolicy
    ) -> ArraySlice<File> {
        files.filter { $0.kind == .snapshot }.sorted { $0.zxid > $1.zxid }
            .prefix(max(3, policy.snapshots))
    }
}

extension DataDirectory {
    /// Removes old logs and snapshots. One thread at a time; the log may be written meanwhile.
    ///
    /// - Parameters:
    ///   - policy: How much is kept.
    ///   - now: Time since 1970.
    /// - Returns: The names of what was removed, the oldest first.
    /// - Throws: `.damagedSnapshot` when one of the snapshots that are kept does not stand up to
    ///   its seals, and nothing is then removed: an older one may be needed yet. `.disk`.
    package func purge(
        _ policy: RetentionPolicy, now: Duration
    ) throws(StorageError) -> [String] {
        var files: [Purge.File] = []
        for name in try snapshots.list() {
            files.append(
                try file(.snapshot, name.zxid, in: snapshotPath, named: name.fileName))
        }
        for name in try disk.names(in: logPath) {
            guard let zxid = FileNames.log(named: name) else { continue }
            files.append(try file(.log, zxid, in: logPath, named: name))
        }
        let removable = Purge.plan(files, policy: policy, now: now)
        if removable.isEmpty { return [] }
        for file in Purge.retainedSnapshots(files, policy: policy) {
            guard let name = SnapshotName(fileName: file.fileName) else { continue }
            try snapshots.verify(name)
        }
        for file in removable {
            switch file.kind {
            case .snapshot:
                try disk.remove(snapshotPath + "/" + file.fileName)
                try disk.syncDirectory(snapshotPath)
            case .log:
                try disk.remove(logPath + "/" + file.fileName)
                try disk.syncDirectory(logPath)
                try disk.removeIfPresent(logPath + "/" + FileNames.sidecar(file.zxid))
            }
        }
        try disk.syncDirectory(logPath)
        return removable.map(\.fileName)
    }

    private func file(
        _ kind: Purge.Kind, _ zxid: Zxid, in folder: String, named name: String
    ) throws(StorageError) -> Purge.File {
        let path = folder + "/" + name
        return Purge.File(
            kind: kind, zxid: zxid, fileName: name, sizeBytes: try disk.open(path, .read).size(),
            modified: try disk.modificationTime(of: path))
    }
}
