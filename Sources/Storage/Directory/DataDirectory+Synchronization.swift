package import Jute

/// What became of a truncation.
package enum TruncationOutcome: Equatable, Sendable {
    /// The log now ends with this transaction: the one asked for, or the last below it if that
    /// one is not there. `reload` says that a snapshot has gone, so that a tree made from it
    /// has to be read again with `recover`.
    case truncated(last: Zxid, reload: Bool)
    /// No snapshot here is free of what has to go. Nothing was changed; the leader has to send
    /// all it has.
    case needsSnapshot
}

extension DataDirectory {
    /// What a leader's TRUNC asks for: forgets every transaction above `zxid`. Durable on return.
    ///
    /// - Parameters:
    ///   - zxid: The last transaction to be kept.
    ///   - log: Everything queued for it has been written.
    /// - Returns: Whether that could be done.
    /// - Throws: `.disk`, `.damagedLog`, `.dead`.
    /// - Source: storage format reference, section 3.4.
    package func truncate(
        to zxid: Zxid, _ log: inout TransactionLog
    ) throws(StorageError) -> TruncationOutcome {
        let all = try snapshots.names()
        var tainted: [SnapshotName] = []
        // Without any snapshot the log itself has to reach back to the beginning.
        var base: Zxid? = all.isEmpty && log.contiguousFrom == .zero ? .zero : nil
        for name in all {
            if let bound = try upperBound(of: name), bound <= zxid {
                if name.zxid >= log.contiguousFrom { base = max(base ?? .zero, name.zxid) }
            } else {
                tainted.append(name)
            }
        }
        guard let base else { return .needsSnapshot }
        try log.roll()
        try setAside(tainted, because: .truncation)
        log.base = base
        let last = try log.truncate(to: zxid)
        return .truncated(last: last, reload: !tainted.isEmpty)
    }

    /// What a leader's SNAP asks for: makes a snapshot that was received the only history here.
    /// Log files and other snapshots are set aside. Durable on return; after a crash either all
    /// of it has happened or nothing.
    ///
    /// - Parameters:
    ///   - writer: Has the whole body.
    ///   - digest: Of the tree at the snapshot's zxid.
    ///   - log: Everything queued for it has been written. It continues behind the snapshot.
    /// - Throws: `.disk`, `.dead`.
    package func install(
        _ writer: consuming SnapshotWriter, digest: SnapshotDigest?, _ log: inout TransactionLog
    ) throws(StorageError) {
        let zxid = writer.zxid
        try log.roll()
        try writer.seal(digest: digest)
        try disk.syncDirectory(snapshotPath)
        // From here on a start that finds no temporary file knows that the new name is given.
        var marker = ChecksummedText()
        marker["snapshot"] = zxid.description
        let path = snapshotPath + "/" + FileNames.install
        try disk.replaceContent(of: path, with: marker.bytes)
        try disk.syncDirectory(snapshotPath)
        _ = try writer.publish()
        try DataDirectory.finishInstall(snapshotPath, logPath, on: disk)
        log.startAfterSnapshot(zxid)
    }

    /// Completes an `install` whose snapshot has got its name, or undoes one whose has not.
    static func finishInstall(
        _ snapshotPath: String, _ logPath: String, on disk: any Disk
    ) throws(StorageError) {
        let path = snapshotPath + "/" + FileNames.install
        guard let bytes = try disk.content(of: path) else { return }
        guard let hex = ChecksummedText(bytes)?["snapshot"], let value = UInt64(hex, radix: 16)
        else { throw .damagedFile(path: path, problem: "it is damaged") }
        let name = SnapshotName(Zxid(rawValue: Int64(bitPattern: value))).fileName
        let number = try nextDetachment(in: [snapshotPath, logPath], on: disk)
        let isNamed = try !disk.exists(snapshotPath + "/" + name + FileNames.temporarySuffix)
        if isNamed {
            var snapshots = SetAside(
                on: disk, from: snapshotPath, because: .receivedState, into: number)
            for other in try disk.names(in: snapshotPath)
            where SnapshotName(fileName: other) != nil && other != name {
                try snapshots.move(other)
            }
            try snapshots.finish()
            var logs = SetAside(on: disk, from: logPath, because: .receivedState, into: number)
            for log in try disk.names(in: logPath)
            where FileNames.log(named: log) != nil || FileNames.sidecar(named: log) != nil {
                try logs.move(log)
            }
            try logs.finish()
        }
        try disk.remove(path)
        try disk.syncDirectory(snapshotPath)
    }

    /// The last transaction whose effects may be in a snapshot, nil when nobody knows.
    private func upperBound(of name: SnapshotName) throws(StorageError) -> Zxid? {
        do throws(StorageError) {
            return try snapshots.verify(name).upperBound
        } catch {
            switch error {
            case .damagedSnapshot, .compressedSnapshot: return nil
            default: throw error
            }
        }
    }
}
