import Jute
import Storage
import ZnodeTree

/// What is wrong with a data directory or a snapshot file: everything is read, and the state is
/// made again from the oldest snapshot and the logs.
package struct Check: Codable, Equatable, Sendable {
    package struct Problem: Codable, Equatable, Sendable {
        package var file: String
        package var offset: Int?
        package var zxid: String?
        package var what: String
    }

    package private(set) var path: String
    package private(set) var inUse: Bool
    package private(set) var problems: [Problem] = []
    /// Worth knowing, and in order.
    package private(set) var notes: [String] = []
    package private(set) var snapshots = 0
    package private(set) var records = 0
    /// The last transaction that the state was made with.
    package private(set) var through: String?

    /// Checks a source.
    ///
    /// - Parameter source: What to check.
    /// - Throws: `.unreadable` when it cannot even be looked at.
    package init(of source: DataSource) throws(DataToolError) {
        path = source.path
        inUse = try source.isInUse()
        switch source.kind {
        case .snapshot(let store, let name):
            if let loaded = try load(name, path, store) {
                through = "\(loaded.tree.lastApplied)"
                if let problem = Self.digestProblem(of: loaded, at: path) {
                    problems.append(problem)
                }
            }
        case .directory(let directory):
            try check(directory)
        }
    }

    // MARK: Small files

    private mutating func check(_ directory: DataDirectory) throws(DataToolError) {
        let logs = try reading { () throws(StorageError) in try directory.logFiles() }
        var last = Zxid.zero
        let audit = try checkStates(of: directory, &last)
        for damage in audit.damage { problems.append(Problem(damage)) }
        for gap in audit.bridgedGaps {
            notes.append("\(gap.path): \(gap), which a snapshot makes up for")
        }
        for tail in audit.tornTails {
            notes.append(
                """
                \(tail.path): \(tail.sizeBytes) bytes from offset \(tail.offset) on were never \
                synced, and the next start drops them
                """)
        }
        try checkEpochs(of: directory, last: last)
        if directory.hasBadIdentity {
            problems.append(
                Problem(file: path, what: "the identity is damaged, or its two copies differ"))
        }
        let loss = try reading { () throws(StorageError) in try directory.storedLoss() }
        switch loss {
        case nil: break
        case .unknown:
            problems.append(
                Problem(
                    file: path, what: "an earlier start has found that it may have lost anything"))
        case .through(let zxid):
            problems.append(
                Problem(
                    file: path, zxid: zxid.description,
                    what: "an earlier start has found a loss, up to this transaction"))
        }
        if try reading({ () throws(StorageError) in try directory.isUnfinished() }) {
            notes.append("another state is being put in its place; the next start finishes that")
        }
        if snapshots == 0, logs.isEmpty, problems.isEmpty { notes.append("it is empty") }
    }

    private mutating func checkEpochs(
        of directory: DataDirectory, last: Zxid
    ) throws(DataToolError) {
        let files = try reading { () throws(StorageError) in try directory.epochFiles() }
        for file in files.damaged { problems.append(Problem(file: file, what: "it is damaged")) }
        let copies = files.copies.compactMap { $0 }
        let accepted = (copies.map(\.accepted) + [files.accepted].compactMap { $0 }).max()
        let current = (copies.map(\.current) + [files.current].compactMap { $0 }).max()
        guard let accepted, let current else {
            if directory.identity != nil {
                problems.append(Problem(file: path, what: "the epochs are lost, with both copies"))
            }
            return
        }
        if current > accepted {
            problems.append(
                Problem(
                    file: path,
                    what: "the current epoch \(current) is above the accepted one, \(accepted)"))
        }
        if last.epoch > accepted {
            problems.append(
                Problem(
                    file: path, zxid: last.description,
                    what: "the log reaches beyond epoch \(accepted), the last one promised"))
        }
        for copy in copies where copy.accepted != accepted || copy.current != current {
            notes.append(
                """
                a copy of the epochs says \(copy.accepted) and \(copy.current), not \(accepted) \
                and \(current); the next start mends it
                """)
        }
    }

    // MARK: States

    /// Loads every snapshot, and carries the oldest that can be read through the logs.
    private mutating func checkStates(
        of directory: DataDirectory, _ last: inout Zxid
    ) throws(DataToolError) -> LogAudit {
        let names = try reading { () throws(StorageError) in try directory.allSnapshots() }
        var replay: Replay?
        var doubtful: [(loaded: LoadedSnapshot, problem: Problem)] = []
        for name in names.reversed() {
            let path = directory.path(of: name)
            guard let loaded = try load(name, path, directory.snapshots) else { continue }
            last = max(last, name.zxid)
            if let problem = Self.digestProblem(of: loaded, at: path) {
                doubtful.append((loaded, problem))
            }
            // One that does not tell of which moment it is would leave every digest uncompared.
            if replay == nil, loaded.summary.upperBound != nil || name == names.first {
                replay = Replay(loaded)
            } else {
                replay?.expect(loaded.summary, of: path)
            }
        }
        if replay == nil { replay = Replay() }
        for (loaded, problem) in doubtful { replay?.doubt(loaded, problem) }
        var count = 0
        var found: [Problem] = []
        let audit = try reading { () throws(StorageError) in
            try directory.auditLogs { record throws(StorageError) in
                count += 1
                last = max(last, record.zxid)
                let file = directory.path(ofLog: record.position.file)
                do throws(JuteError) {
                    let transaction = try TxnRecord(payload: record.payload)
                    found += replay?.apply(transaction, at: record.position, in: file) ?? []
                } catch {
                    found.append(
                        Problem(
                            file: file, offset: record.position.offset, zxid: "\(record.zxid)",
                            what: "it is no transaction: \(error)"))
                    replay?.stop()
                }
            }
        }
        records = count
        problems += found + (replay?.finish() ?? [])
        through = last == .zero ? nil : "\(last)"
        return audit
    }

    /// Whether a snapshot that says which moment it is of has other znodes than there were then.
    private static func digestProblem(of loaded: LoadedSnapshot, at path: String) -> Problem? {
        let name = loaded.summary.name
        guard let digest = loaded.summary.digest, digest.zxid == name.zxid, !digest.isBlank else {
            return nil
        }
        let computed = loaded.tree.recomputedDigest()
        if computed == digest.digest { return nil }
        return Problem(
            file: path, zxid: "\(name.zxid)",
            what: """
                its znodes have the digest \(hexadecimal(computed)), it says \
                \(hexadecimal(digest.digest))
                """)
    }

    private mutating func load(
        _ name: SnapshotName, _ path: String, _ store: SnapshotStore
    ) throws(DataToolError) -> LoadedSnapshot? {
        do throws(StorageError) {
            let loaded = try store.load(name)
            snapshots += 1
            return loaded
        } catch {
            switch error {
            case .damagedSnapshot(_, let problem):
                // A file of another name tells its zxid only when it is whole.
                let isNamed = SnapshotName(fileName: name.fileName) != nil
                problems.append(
                    Problem(file: path, zxid: isNamed ? "\(name.zxid)" : nil, what: problem))
                return nil
            case .compressedSnapshot:
                notes.append("\(path): compressed, which Aviary cannot read")
                return nil
            default:
                throw DataToolError(error)
            }
        }
    }
}

extension Check {
    /// For people: a line for each problem and note, and a last one that sums up.
    package var lines: [String] {
        var lines = problems.map { problem in
            var line = problem.file
            if let offset = problem.offset { line += ": offset \(offset)" }
            if let zxid = problem.zxid { line += ": transaction \(zxid)" }
            return line + ": " + problem.what
        }
        if inUse { lines.append("note: \(path) is in use: what is being written may look torn") }
        lines += notes.map { "note: \($0)" }
        let what =
            problems.isEmpty
            ? "no problem" : problems.count == 1 ? "1 problem" : "\(problems.count) problems"
        let state = through.map { ", state through \($0)" } ?? ""
        lines.append("\(what): \(snapshots) snapshots and \(records) log records read\(state)")
        return lines
    }
}

extension SnapshotDigest {
    /// What the original writes before its first transaction.
    fileprivate var isBlank: Bool { zxid == .zero && digest == 0 }
}

extension Check.Problem {
    init(_ damage: LogDamage) {
        self.init(
            file: damage.path, offset: damage.offset,
            zxid: damage.expected?.zxid.description ?? damage.gapEnd?.description,
            what: "the log \(damage.whatIsWrong)")
    }
}
