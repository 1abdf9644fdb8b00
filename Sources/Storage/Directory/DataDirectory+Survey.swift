package import Jute

/// The epochs as the files have them, right or wrong.
package struct EpochFiles: Equatable, Sendable {
    package struct Pair: Equatable, Sendable {
        package var accepted: Epoch
        package var current: Epoch
    }

    /// Of the original's two files; nil when one is missing or cannot be read.
    package var accepted: Epoch?
    package var current: Epoch?
    /// `aviary.epochs.1` and `.2`; nil for one that is missing or damaged.
    package var copies: [Pair?]
    /// Files that are there and cannot be read.
    package var damaged: [String]
}

/// A log file by its name, its size and what its sidecar says.
package struct LogFileSummary: Equatable, Sendable {
    package var name: Zxid
    package var path: String
    /// With what is preallocated.
    package var sizeBytes: Int
    package var sidecar: SidecarSummary?

    package struct SidecarSummary: Equatable, Sendable {
        /// The transaction before the log's first; nil when the header is rotten.
        package var previous: Zxid?
        /// Up to where the log was synced; nil when nothing of that is left.
        package var syncedThrough: Zxid?
        package var syncedBytes: Int?
        /// The highest transaction known to be committed.
        package var committed: Zxid?
    }
}

extension DataDirectory {
    /// The folders of snapshots and logs; one, unless `dataLogDir` is another.
    private var folders: [String] { Set([snapshotPath, logPath]).sorted() }

    /// The path of a snapshot.
    package func path(of snapshot: SnapshotName) -> String {
        snapshotPath + "/" + snapshot.fileName
    }

    /// The path of the log of this name.
    package func path(ofLog name: Zxid) -> String {
        logPath + "/" + FileNames.log(name)
    }

    /// Whether a process of Aviary has the directory open now. One of the original takes no lock.
    ///
    /// - Throws: `.disk`.
    package func isInUse() throws(StorageError) -> Bool {
        for folder in folders where try disk.isLocked(folder + "/" + FileNames.lock) {
            return true
        }
        return false
    }

    /// Whether an identity lies here that is damaged, or that the two folders do not agree on.
    package var hasBadIdentity: Bool { openingLoss != nil }

    /// Whether the state that lies here is not the one that the next start will have: a leader's
    /// snapshot is being made the only history, or a person has ordered another state.
    ///
    /// - Throws: `.disk`.
    package func isUnfinished() throws(StorageError) -> Bool {
        for name in [FileNames.install, FileNames.rebuild]
        where try disk.exists(snapshotPath + "/" + name) {
            return true
        }
        return false
    }

    /// The epochs as the files have them; nothing is mended.
    ///
    /// - Throws: `.disk`.
    package func epochFiles() throws(StorageError) -> EpochFiles {
        var files = EpochFiles(
            accepted: try EpochStore.read(FileNames.acceptedEpoch, on: disk, in: snapshotPath),
            current: try EpochStore.read(FileNames.currentEpoch, on: disk, in: snapshotPath),
            copies: [], damaged: [])
        for (name, value) in [
            (FileNames.acceptedEpoch, files.accepted), (FileNames.currentEpoch, files.current),
        ] where value == nil {
            files.damaged += try existing(snapshotPath + "/" + name)
        }
        for name in FileNames.epochCopies {
            let copy = try EpochStore.readCopy(name, on: disk, in: snapshotPath)
            files.copies.append(copy.map { EpochFiles.Pair(accepted: $0, current: $1) })
            if copy == nil { files.damaged += try existing(snapshotPath + "/" + name) }
        }
        return files
    }

    private func existing(_ path: String) throws(StorageError) -> [String] {
        try disk.exists(path) ? [path] : []
    }

    /// All snapshots, whether they look complete or not, the newest first.
    ///
    /// - Throws: `.disk`.
    package func allSnapshots() throws(StorageError) -> [SnapshotName] {
        try snapshots.names()
    }

    /// The log files, the oldest first.
    ///
    /// - Throws: `.disk`.
    package func logFiles() throws(StorageError) -> [LogFileSummary] {
        var files: [LogFileSummary] = []
        for name in try disk.names(in: logPath).compactMap(FileNames.log(named:)).sorted() {
            let path = logPath + "/" + FileNames.log(name)
            let sidecar = try disk.content(of: logPath + "/" + FileNames.sidecar(name))
                .map { SidecarContent(bytes: $0, log: name) }
            files.append(
                LogFileSummary(
                    name: name, path: path, sizeBytes: try disk.open(path, .read).size(),
                    sidecar: sidecar.map { content in
                        LogFileSummary.SidecarSummary(
                            previous: content.previous,
                            syncedThrough: content.watermark?.zxid,
                            syncedBytes: content.watermark?.offset,
                            committed: content.watermark?.committed)
                    }))
        }
        return files
    }

    /// Small files of ours that say something out of the ordinary: a loss, an emptiness, an
    /// installation that was cut off.
    ///
    /// - Throws: `.disk`.
    package func markers() throws(StorageError) -> [String] {
        let ordinary =
            [FileNames.identity, FileNames.lock, FileNames.setAside] + FileNames.epochCopies
        var found: [String] = []
        for folder in folders {
            found += try disk.names(in: folder).filter { name in
                name.hasPrefix("aviary.")
                    && FileNames.sidecar(named: name) == nil && !ordinary.contains(name)
            }.map { folder + "/" + $0 }
        }
        return found
    }
}
