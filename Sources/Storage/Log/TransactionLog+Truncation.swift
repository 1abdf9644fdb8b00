package import Jute

extension TransactionLog {
    /// Cuts the log before its first transaction above `zxid`. Durable on return.
    ///
    /// The sidecars' watermarks are lowered first: a crash in between leaves records that nobody
    /// counts on, never a watermark above what is there.
    ///
    /// - Parameter zxid: The last transaction to be kept.
    /// - Returns: The last transaction that is left, or the one that the log continues; lower
    ///   than `zxid` when the log has none of this number.
    /// - Throws: `.damagedLog` when a record up to `zxid` cannot be read, `.disk`, `.dead`.
    /// - Source: storage format reference, section 3.4.
    package mutating func truncate(to zxid: Zxid) throws(StorageError) -> Zxid {
        try roll()
        guard zxid < lastAppended else { return lastAppended }
        return try untilFirstError { log throws(StorageError) in
            let cut = try LogCut(on: log.disk, in: log.directory)
            let last = try cut.truncate(to: zxid) ?? min(log.base, zxid)
            log.lastAppended = last
            log.lastSynced = last
            return last
        }
    }
}

/// Cuts log files from their end, together with their sidecars.
struct LogCut {
    private let disk: any Disk
    private let directory: String
    /// Ascending.
    private let logs: [Zxid]

    init(on disk: any Disk, in directory: String) throws(StorageError) {
        self.disk = disk
        self.directory = directory
        logs = try disk.names(in: directory).compactMap(FileNames.log(named:)).sorted()
    }

    /// - Returns: The last transaction that is left, or nil when no log file is.
    func truncate(to zxid: Zxid) throws(StorageError) -> Zxid? {
        guard let index = logs.lastIndex(where: { $0 <= zxid }) else {
            try remove(logs[...])
            return nil
        }
        let name = logs[index]
        let kept = try part(of: name, upTo: zxid)
        try remove(logs[(index + 1)...])
        if let end = kept.end {
            try cut(name, at: end, last: kept.last ?? .zero)
            try disk.syncDirectory(directory)
        }
        return kept.last
    }

    /// Drops what lies behind `offset` in a file.
    func cut(_ name: Zxid, at offset: Int, last: Zxid) throws(StorageError) {
        let sidecarPath = directory + "/" + FileNames.sidecar(name)
        if try disk.exists(sidecarPath) {
            // What is left and was known to be committed still is.
            let committed = try sidecar(of: name)?.watermark?.committed ?? .zero
            var sidecar = try SidecarWriter(continuing: sidecarPath, log: name, on: disk)
            try sidecar.write(
                Sidecar.Watermark(
                    zxid: last, offset: offset, committed: min(committed, last)))
            try sidecar.sync()
        }
        let file = try disk.open(directory + "/" + FileNames.log(name), .update)
        try file.resize(to: offset)
        try file.sync()
    }

    /// Removes files that hold nothing but what is cut, the newest first.
    private func remove(_ names: ArraySlice<Zxid>) throws(StorageError) {
        for name in names.reversed() {
            let previous = try sidecar(of: name)?.previous ?? .zero
            let sidecarPath = directory + "/" + FileNames.sidecar(name)
            if try disk.exists(sidecarPath) {
                try cut(name, at: LogFormat.header.count, last: previous)
            }
            try disk.remove(directory + "/" + FileNames.log(name))
            // A log that comes back after a crash must not come back without its sidecar.
            try disk.syncDirectory(directory)
            try disk.removeIfPresent(sidecarPath)
        }
    }

    private func sidecar(of name: Zxid) throws(StorageError) -> SidecarContent? {
        try disk.content(of: directory + "/" + FileNames.sidecar(name)).map {
            SidecarContent(bytes: $0, log: name)
        }
    }

    /// - Returns: The last record up to `zxid`, or what precedes the file, nil if neither is
    ///   known; and where the first record above begins, nil when there is none.
    private func part(
        of name: Zxid, upTo zxid: Zxid
    ) throws(StorageError) -> (last: Zxid?, end: Int?) {
        let sidecar = try sidecar(of: name)
        var scanner = try LogFileScanner(
            name, path: directory + "/" + FileNames.log(name), sidecar: sidecar, on: disk)
        var last = sidecar?.previous
        while let record = try scanner.next() {
            if record.zxid > zxid { return (last, record.position.offset) }
            last = record.zxid
        }
        if let end = scanner.end, !end.isSilentInTheOriginal, let problem = end.problem {
            throw .damagedLog(
                LogDamage(path: scanner.path, offset: end.offset, problem: problem))
        }
        return (last, nil)
    }
}
