package import Jute

/// What a look at every record of every log file has found.
package struct LogAudit: Equatable, Sendable {
    /// One file, as far as it could be read.
    package struct File: Equatable, Sendable {
        package var name: Zxid
        package var records = 0
        package var first: Zxid?
        package var last: Zxid?
        /// Where the last good record ends; what a start would keep of the file.
        package var goodBytes = 0
    }

    /// A tail that was never synced: nobody counts on it, and a start cuts it.
    package struct TornTail: Equatable, Sendable {
        package var path: String
        package var offset: Int
        package var sizeBytes: Int
    }

    /// The oldest first.
    package var files: [File] = []
    /// Where transactions that should be there cannot be read, or are missing.
    package var damage: [LogDamage] = []
    /// Behind a gap that a snapshot closes: a leader has sent its state in between.
    package var bridgedGaps: [LogDamage] = []
    package var tornTails: [TornTail] = []
}

extension DataDirectory {
    /// Reads every record of every log file, and judges what cannot be read as a start would.
    ///
    /// Nothing is changed. After damage it goes on with the next file.
    ///
    /// - Parameter record: Called for each good record, in the order of the files. After damage
    ///   the next one may not follow the one before it.
    /// - Returns: What was found.
    /// - Throws: `.disk`, and what `record` throws.
    package func auditLogs(
        _ record: (LoggedRecord) throws(StorageError) -> Void = { _ in }
    ) throws(StorageError) -> LogAudit {
        let names = try disk.names(in: logPath).compactMap(FileNames.log(named:)).sorted()
        let snapshots = try self.snapshots.list().map(\.zxid)
        let recovery = try LogRecovery(on: disk, in: logPath)
        var audit = LogAudit(files: names.map { LogAudit.File(name: $0) })
        // A log begins right behind the transaction that its name's predecessor would have.
        var base = names.first.map { Zxid(rawValue: $0.rawValue - 1) } ?? .zero
        while true {
            var repairs: [LogRecovery.Repair] = []
            let found: LogDamage?
            var mayBeBridged = false
            do throws(StorageError) {
                let outcome = try recovery.run(from: base) { logged throws(StorageError) in
                    audit.note(logged)
                    try record(logged)
                }
                found = outcome.damage
                repairs = outcome.repairs
            } catch {
                guard case .damagedLog(let damage) = error else { throw error }
                found = damage
                mayBeBridged = true
            }
            try note(repairs, besides: found, in: &audit)
            guard let found else { return audit }
            if mayBeBridged, found.isBridged(by: snapshots) {
                audit.bridgedGaps.append(found)
            } else if !audit.damage.contains(found) {
                audit.damage.append(found)
            }
            guard let next = found.resumption(among: names, in: logPath, after: base) else {
                return audit
            }
            base = next
        }
    }

    /// Preallocated zeros are no news; bytes that a crash has left are.
    private func note(
        _ repairs: [LogRecovery.Repair], besides damage: LogDamage?, in audit: inout LogAudit
    ) throws(StorageError) {
        for repair in repairs {
            let (log, offset): (Zxid, Int)
            switch repair {
            case .cut(let name, let start, _): (log, offset) = (name, start)
            case .cutDamaged(let name, let start, _) where damage == nil:
                (log, offset) = (name, start)
            case .setAside(let name) where damage == nil: (log, offset) = (name, 0)
            case .remove, .cutDamaged, .setAside: continue
            }
            let path = logPath + "/" + FileNames.log(log)
            guard try disk.exists(path) else { continue }
            let file = try disk.open(path, .read)
            let size = try file.size()
            guard try hasContent(file, from: offset, to: size) else { continue }
            audit.tornTails.append(
                LogAudit.TornTail(path: path, offset: offset, sizeBytes: size - offset))
        }
    }

    private func hasContent(
        _ file: any DiskFile, from start: Int, to end: Int
    ) throws(StorageError) -> Bool {
        var offset = start
        while offset < end {
            let piece = try file.read(min(1 << 20, end - offset), at: offset)
            if piece.isEmpty { return false }
            if piece.contains(where: { $0 != 0 }) { return true }
            offset += piece.count
        }
        return false
    }
}

extension LogAudit {
    fileprivate mutating func note(_ record: LoggedRecord) {
        guard let index = files.firstIndex(where: { $0.name == record.position.file }) else {
            return
        }
        files[index].records += 1
        if files[index].first == nil { files[index].first = record.zxid }
        files[index].last = record.zxid
        files[index].goodBytes =
            record.position.offset + record.payload.count + LogFormat.recordOverhead
    }
}

extension LogDamage {
    /// Whether what is missing lies in a snapshot: a follower of the original keeps its old logs
    /// when a leader sends it a whole state.
    fileprivate func isBridged(by snapshots: [Zxid]) -> Bool {
        guard case .gap(let last, let found) = problem else { return false }
        return snapshots.contains { $0 > last && $0 < found && found.directlyFollows($0) }
    }

    /// Before which transaction reading can go on; nil when nothing is left.
    fileprivate func resumption(
        among names: [Zxid], in directory: String, after base: Zxid
    ) -> Zxid? {
        if case .gap(_, let found) = problem, found.rawValue - 1 > base.rawValue {
            return Zxid(rawValue: found.rawValue - 1)
        }
        let file = names.last { path == directory + "/" + FileNames.log($0) }
        // A missing file was missed behind all that could be read.
        guard let file, let next = names.first(where: { $0 > file }) else { return nil }
        return next.rawValue - 1 > base.rawValue ? Zxid(rawValue: next.rawValue - 1) : nil
    }
}
