import Jute

/// Reads the log at a start: decides what is a torn tail and what is damage, and what has to be
/// done about it. It changes nothing itself.
///
/// - Source: storage format reference, section 3.3; rules of soundness, section 6.
struct LogRecovery {
    /// What has to happen before the log is written again.
    enum Repair: Equatable {
        /// Drop what lies behind the last good record of the file and was never synced.
        case cut(log: Zxid, offset: Int, last: Zxid)
        /// Remove a file without records, or a sidecar without a log.
        case remove(log: Zxid)
        /// The same as `cut`, but what is dropped was synced once: keep a copy.
        case cutDamaged(log: Zxid, offset: Int, last: Zxid)
        case setAside(log: Zxid)
    }

    struct Outcome {
        /// The last good record, or the snapshot's zxid.
        var last: Zxid
        /// The highest transaction known to be committed, between the snapshot's and `last`.
        var committed: Zxid
        /// All records above this one are in the log files.
        var contiguousFrom: Zxid
        /// The highest transaction that was synced once.
        var bound: Zxid
        var isBoundKnown = true
        /// Something is missing in front of a record.
        var hasGap = false
        var damage: LogDamage?
        var repairs: [Repair] = []
    }

    private struct LogFile {
        var name: Zxid
        var sidecar: SidecarContent?
        /// Whether the watermark holds: nobody but us has written here since.
        var isTrusted: Bool
    }

    private let disk: any Disk
    private let directory: String
    /// Ascending.
    private let logs: [Zxid]
    private let sidecars: [Zxid]
    /// The newest log that the original has written. It may have cut ours, by rights.
    private let lastForeign: Zxid?

    init(on disk: any Disk, in directory: String) throws(StorageError) {
        self.disk = disk
        self.directory = directory
        let names = try disk.names(in: directory)
        logs = names.compactMap(FileNames.log(named:)).sorted()
        let sidecars = names.compactMap(FileNames.sidecar(named:)).sorted()
        self.sidecars = sidecars
        let known = Set(sidecars)
        lastForeign = logs.last { !known.contains($0) }
    }

    /// Whether the oldest log is the original's, which never begins without a snapshot.
    var beginsWithForeignLog: Bool {
        guard let first = logs.first else { return false }
        return !sidecars.contains(first)
    }

    /// Reads everything above a snapshot.
    ///
    /// - Parameters:
    ///   - base: The snapshot's zxid.
    ///   - record: Called for each good record above it, in order.
    /// - Returns: What was found. With `damage`, the records before it were delivered.
    /// - Throws: `.damagedLog` for a file of the original that is damaged: nothing tells what was
    ///   acknowledged. `.disk`, and what `record` throws.
    func run(
        from base: Zxid, _ record: (LoggedRecord) throws(StorageError) -> Void
    ) throws(StorageError) -> Outcome {
        let start = logs.lastIndex { $0 <= base.next } ?? 0
        let files = try logs[min(start, logs.count)...].map { name throws(StorageError) in
            LogFile(name: name, sidecar: try sidecar(of: name), isTrusted: isTrusted(name))
        }
        var outcome = Outcome(last: base, committed: base, contiguousFrom: base, bound: base)
        for file in files where file.isTrusted {
            note(file.sidecar?.watermark, in: &outcome)
        }
        for (index, file) in files.enumerated() {
            let next = index + 1 < files.count ? files[index + 1].name : nil
            let goesOn = try read(file, next: next, base: base, into: &outcome, record)
            if !goesOn {
                outcome.repairs += files[(index + 1)...].map { .setAside(log: $0.name) }
                break
            }
        }
        try judgeOrphans(into: &outcome)
        if outcome.damage != nil || outcome.hasGap {
            try measureReach(of: files, into: &outcome)
        }
        outcome.committed = min(outcome.committed, outcome.last)
        if outcome.damage == nil {
            outcome.contiguousFrom = try contiguousFrom(base: base, start: start)
        }
        return outcome
    }

    private func note(_ watermark: Sidecar.Watermark?, in outcome: inout Outcome) {
        guard let watermark else { return }
        if watermark.offset > LogFormat.header.count {
            outcome.bound = max(outcome.bound, watermark.zxid)
        }
        outcome.committed = max(outcome.committed, watermark.committed)
    }

    /// After a damage: how far the log reached before.
    ///
    /// After a loss of power the watermark may be behind, and what was synced above it was
    /// acknowledged as well. It is as readable there as in a whole log, unless the damage reaches
    /// over the watermark: then nobody knows where the log ended.
    private func measureReach(
        of files: [LogFile], into outcome: inout Outcome
    ) throws(StorageError) {
        for file in files {
            guard file.isTrusted, let previous = file.sidecar?.previous else {
                outcome.isBoundKnown = false
                return
            }
            // All of it was synced before the file was begun.
            outcome.bound = max(outcome.bound, previous)
        }
        guard let file = files.last else { return }
        var scanner = try LogFileScanner(
            file.name, path: directory + "/" + FileNames.log(file.name), sidecar: nil, on: disk)
        if let watermark = file.sidecar?.watermark, watermark.offset > LogFormat.header.count {
            let last = file.sidecar?.records.last { $0.offset < watermark.offset }
            if let last { scanner.skip(to: last.offset) }
            guard let last, let record = try scanner.next(), record.zxid == last.zxid,
                scanner.offset == watermark.offset
            else {
                outcome.isBoundKnown = false
                return
            }
        }
        while let record = try scanner.next() {
            outcome.bound = max(outcome.bound, record.zxid)
        }
        if scanner.end?.offset == 0 { outcome.isBoundKnown = false }
    }

    private func isTrusted(_ name: Zxid) -> Bool {
        guard let lastForeign else { return true }
        return name > lastForeign
    }

    /// - Returns: Whether the next file may continue this one.
    private func read(
        _ file: LogFile, next: Zxid?, base: Zxid, into outcome: inout Outcome,
        _ deliver: (LoggedRecord) throws(StorageError) -> Void
    ) throws(StorageError) -> Bool {
        let path = directory + "/" + FileNames.log(file.name)
        var scanner = try LogFileScanner(
            file.name, path: path, sidecar: file.sidecar, on: disk)
        var lastHere: Zxid?
        while let record = try scanner.next() {
            defer { lastHere = record.zxid }
            if record.zxid <= base { continue }
            let missing = lastHere == nil && (file.sidecar?.previous ?? .zero) > outcome.last
            guard record.zxid.directlyFollows(outcome.last), !missing else {
                try judgeGap(
                    record, path: path, in: file, last: lastHere ?? outcome.last, outcome: &outcome)
                return false
            }
            try deliver(record)
            outcome.last = record.zxid
        }
        guard let end = scanner.end else { return true }
        if file.isTrusted {
            judgeEnd(
                end, of: file, scanner: scanner,
                last: lastHere ?? file.sidecar?.previous ?? outcome.last, outcome: &outcome)
        } else {
            try judgeForeignEnd(
                end, path: path, last: lastHere ?? outcome.last, next: next,
                isEmpty: lastHere == nil)
        }
        return outcome.damage == nil
    }

    private func judgeEnd(
        _ end: LogFileScanner.End, of file: LogFile, scanner: LogFileScanner, last: Zxid,
        outcome: inout Outcome
    ) {
        let start = LogFormat.header.count
        let synced = file.sidecar?.watermark?.offset ?? start
        let isBelowWatermark = end.offset < synced && synced > start
        // The sidecar's header was on the disk before the log had a name: without it nothing is
        // known of what was synced.
        let isSidecarRotten = file.sidecar?.previous == nil
        let isTorn = end.problem != nil && end.problem != .hole
        if !isBelowWatermark && !(isSidecarRotten && isTorn) {
            if end.offset <= start {
                outcome.repairs.append(.remove(log: file.name))
            } else if scanner.fileSize > end.offset {
                outcome.repairs.append(
                    .cut(log: file.name, offset: end.offset, last: last))
            }
            return
        }
        outcome.damage = LogDamage(
            path: scanner.path, offset: end.offset, problem: end.problem ?? .endOfFile,
            expected: file.sidecar?.record(at: end.offset))
        outcome.isBoundKnown = outcome.isBoundKnown && !isSidecarRotten
        setAside(file.name, from: end.offset, last: last, outcome: &outcome)
    }

    private func setAside(
        _ log: Zxid, from offset: Int, last: Zxid, outcome: inout Outcome
    ) {
        outcome.repairs.append(
            offset <= LogFormat.header.count
                ? .setAside(log: log)
                : .cutDamaged(log: log, offset: offset, last: last))
    }

    private func judgeGap(
        _ record: LoggedRecord, path: String, in file: LogFile, last: Zxid,
        outcome: inout Outcome
    ) throws(StorageError) {
        let damage = LogDamage(
            path: path, offset: record.position.offset,
            problem: .gap(after: outcome.last, found: record.zxid))
        guard file.isTrusted else { throw .damagedLog(damage) }
        outcome.hasGap = true
        let synced = file.sidecar?.watermark?.offset ?? LogFormat.header.count
        if record.position.offset < synced {
            outcome.damage = damage
            outcome.isBoundKnown = outcome.isBoundKnown && file.sidecar?.previous != nil
        }
        setAside(file.name, from: record.position.offset, last: last, outcome: &outcome)
    }

    /// The rules for files that have no sidecar, or that the original may have cut.
    private func judgeForeignEnd(
        _ end: LogFileScanner.End, path: String, last: Zxid, next: Zxid?, isEmpty: Bool
    ) throws(StorageError) {
        guard let problem = end.problem else { return }
        if let next {
            if end.isSilentInTheOriginal, next.directlyFollows(last) { return }
        } else if end.isSilentInTheOriginal || (isEmpty && problem == .shortHeader) {
            return
        }
        throw .damagedLog(LogDamage(path: path, offset: end.offset, problem: problem))
    }

    /// Sidecars whose log is gone: a crash while removing both, or a lost file.
    private func judgeOrphans(into outcome: inout Outcome) throws(StorageError) {
        let known = Set(logs)
        for name in sidecars where !known.contains(name) {
            let watermark = try sidecar(of: name)?.watermark
            guard isTrusted(name), let watermark, watermark.zxid > outcome.last,
                watermark.offset > LogFormat.header.count
            else {
                outcome.repairs.append(.remove(log: name))
                continue
            }
            note(watermark, in: &outcome)
            // A file behind it tells where it ended. Otherwise the watermark may be behind.
            if logs.allSatisfy({ $0 < name }) { outcome.isBoundKnown = false }
            outcome.repairs.append(.setAside(log: name))
            outcome.damage =
                outcome.damage
                ?? LogDamage(
                    path: directory + "/" + FileNames.log(name), offset: 0, problem: .missingFile)
        }
    }

    /// Walks back over our own files as long as each one continues the one before it.
    private func contiguousFrom(base: Zxid, start: Int) throws(StorageError) -> Zxid {
        var from = base
        for index in logs.indices.prefix(start + 1).reversed() {
            guard isTrusted(logs[index]), let ends = try sidecarEnds(of: logs[index]) else { break }
            // The first of them reaches beyond the snapshot, or up to it at least.
            if index == start ? ends.last < base : ends.last != from { break }
            from = min(from, ends.previous)
        }
        return from
    }

    private func sidecar(of name: Zxid) throws(StorageError) -> SidecarContent? {
        try disk.content(of: directory + "/" + FileNames.sidecar(name)).map {
            SidecarContent(bytes: $0, log: name)
        }
    }

    /// What a file follows, and the last record synced in it, without reading all of its sidecar.
    private func sidecarEnds(
        of name: Zxid
    ) throws(StorageError) -> (previous: Zxid, last: Zxid)? {
        let path = directory + "/" + FileNames.sidecar(name)
        guard try disk.exists(path) else { return nil }
        let file = try disk.open(path, .read)
        let slots = try file.size() / Sidecar.slotSize
        let header = try file.read(Sidecar.slotSize, at: 0)
        guard let previous = SidecarContent(bytes: header, log: name).previous,
            slots > Sidecar.headerSlots
        else { return nil }
        let bytes = try file.read(Sidecar.slotSize, at: (slots - 1) * Sidecar.slotSize)
        guard
            case .watermark(let watermark) = SidecarContent.slot(
                bytes[...], number: slots - 1, log: name)
        else { return nil }
        return (previous, watermark.zxid)
    }
}
