package import Jute

/// Reads logged transactions from the files, also while the log is being written.
package struct LogReader {
    private let disk: any Disk
    private let directory: String
    private let through: Zxid
    /// The transaction before the next one.
    private var last: Zxid
    /// Files that are still to be read, ascending.
    private var files: ArraySlice<Zxid>
    private var scanner: LogFileScanner?
    /// What the sidecar says that the file being read follows; a number alone does not tell
    /// whether the transaction before the first one of an epoch is missing.
    private var precedingFile = Zxid.zero

    /// - Parameters:
    ///   - directory: The data directory.
    ///   - zxid: The last transaction that the reader of them has already.
    ///   - through: The last one wanted: one that is synced, if the log is being written.
    /// - Throws: `.disk`.
    package init(
        _ directory: DataDirectory, after zxid: Zxid, through: Zxid
    ) throws(StorageError) {
        disk = directory.disk
        self.directory = directory.logPath
        self.through = through
        last = zxid
        let logs = try disk.names(in: self.directory).compactMap(FileNames.log(named:)).sorted()
        let start = logs.lastIndex { $0 <= zxid.next } ?? 0
        files = logs[start...]
    }

    /// The next transaction, or nil behind the last one wanted.
    ///
    /// - Throws: `.damagedLog` when one of them cannot be read or is missing, `.disk`.
    package mutating func next() throws(StorageError) -> LoggedRecord? {
        while last < through {
            guard let record = try scanner?.next() else {
                try openNextFile()
                continue
            }
            if record.zxid <= last {
                precedingFile = last
                continue
            }
            guard record.zxid.directlyFollows(last), precedingFile <= last else {
                throw .damagedLog(
                    LogDamage(
                        path: path(of: record.position.file), offset: record.position.offset,
                        problem: .gap(after: last, found: record.zxid)))
            }
            if record.zxid > through { return nil }
            last = record.zxid
            precedingFile = last
            return record
        }
        return nil
    }

    private mutating func openNextFile() throws(StorageError) {
        if let scanner, let end = scanner.end, let problem = end.problem {
            let damage = LogDamage(
                path: scanner.path, offset: end.offset, problem: problem,
                expected: scanner.sidecar?.record(at: end.offset))
            let next = files.first
            guard end.isSilentInTheOriginal, next?.directlyFollows(last) ?? false else {
                throw .damagedLog(damage)
            }
        }
        guard let name = files.popFirst() else {
            let path = scanner?.path ?? directory
            throw .damagedLog(
                LogDamage(
                    path: path, offset: scanner?.end?.offset ?? 0,
                    problem: scanner == nil ? .missingFile : .endOfFile))
        }
        let sidecar = try disk.content(of: directory + "/" + FileNames.sidecar(name))
        let content = sidecar.map { SidecarContent(bytes: $0, log: name) }
        precedingFile = content?.previous ?? .zero
        scanner = try LogFileScanner(name, path: path(of: name), sidecar: content, on: disk)
    }

    private func path(of name: Zxid) -> String {
        directory + "/" + FileNames.log(name)
    }
}
