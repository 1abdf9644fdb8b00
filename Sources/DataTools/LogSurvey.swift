import Jute
import Storage

/// What the logs and snapshots of a directory reach, without a tree.
struct LogSurvey {
    /// The first transaction that is still in a log, and its time.
    private(set) var first: (zxid: Zxid, time: Int64)?
    /// The last transaction of all: of the log, or of the newest snapshot.
    private(set) var last: Zxid
    /// The highest one that is known to be committed.
    private(set) var committed: Zxid
    /// The newest first.
    private let snapshots: [Zxid]
    private var oldest: Zxid? { snapshots.last }
    private var lastTime: Int64?
    /// What hides how the log goes on behind the last record that can be read.
    private var damageAtEnd: LogDamage?
    /// Whether something that cannot be read lies in front of a record.
    private var damageBefore: [Zxid: LogDamage] = [:]
    /// Of all records, in their order. Leaders' clocks differ: times may go back.
    private var all: [(zxid: Zxid, time: Int64)] = []

    /// Reads the times of all transactions.
    ///
    /// - Parameter directory: Where they are.
    /// - Throws: `.unreadable`.
    init(of directory: DataDirectory) throws(DataToolError) {
        let names = try reading { () throws(StorageError) in try directory.snapshots.list() }
        snapshots = names.map(\.zxid)
        last = names.first?.zxid ?? .zero
        committed = last
        for file in try reading({ () throws(StorageError) in try directory.logFiles() }) {
            committed = max(committed, file.sidecar?.committed ?? .zero)
        }
        var found: [(zxid: Zxid, time: Int64)] = []
        var positions: [LogPosition] = []
        let audit = try reading { () throws(StorageError) in
            try directory.auditLogs { record throws(StorageError) in
                positions.append(record.position)
                var reader = JuteReader(record.payload)
                do throws(JuteError) {
                    found.append((record.zxid, try TxnHeader(from: &reader).time))
                } catch {
                    throw .layout("transaction \(record.zxid) has no header: \(error)")
                }
            }
        }
        all = found
        first = found.first
        last = max(last, found.last?.zxid ?? .zero)
        lastTime = found.last?.time
        for damage in audit.damage {
            let behind = positions.firstIndex { position in
                let path = directory.path(ofLog: position.file)
                return (path.count, path, position.offset)
                    >= (damage.path.count, damage.path, damage.offset)
            }
            if let behind {
                damageBefore[found[behind].zxid] = damage
            } else {
                damageAtEnd = damage
            }
        }
    }

    /// The last transaction of the state asked for.
    ///
    /// - Parameters:
    ///   - point: Which state.
    ///   - path: Of the directory, to tell.
    /// - Returns: Its zxid, or what it has in common with the state.
    /// - Throws: `.outOfReach`.
    func target(
        for point: Restoration.Point, path: String
    ) throws(DataToolError) -> Zxid {
        switch point {
        case .newest:
            if let damageAtEnd { throw hidden(by: damageAtEnd) }
            return last
        case .zxid(let wanted): return try target(for: wanted, path: path)
        case .milliseconds(let wanted): return try target(atTime: wanted, path: path)
        }
    }

    private func target(for wanted: Zxid, path: String) throws(DataToolError) -> Zxid {
        guard wanted <= last else {
            if let damageAtEnd { throw hidden(by: damageAtEnd) }
            throw .outOfReach("\(path) does not reach \(wanted): \(reach)")
        }
        guard let oldest, wanted >= oldest else {
            throw .outOfReach("\(path) no longer has \(wanted): \(reach)")
        }
        // There may be none of this number: between two epochs the state is the same.
        let logged = all.last { $0.zxid <= wanted }?.zxid ?? .zero
        let target = max(logged, snapshots.first { $0 <= wanted } ?? oldest)
        if target != wanted, let next = all.first(where: { $0.zxid > wanted }),
            let damage = damageBefore[next.zxid]
        {
            throw hidden(by: damage)
        }
        return target
    }

    private func target(atTime wanted: Int64, path: String) throws(DataToolError) -> Zxid {
        guard let first else {
            throw .outOfReach("\(path) has no log to tell times by: \(reach)")
        }
        guard first.time <= wanted else {
            throw .outOfReach(
                """
                \(path): the log begins at \(timestamp(first.time)), which is \(first.time): \
                \(reach)
                """)
        }
        var target = first.zxid
        for (zxid, time) in all {
            if let damage = damageBefore[zxid] { throw hidden(by: damage) }
            if time > wanted { return target }
            target = zxid
        }
        if let damageAtEnd { throw hidden(by: damageAtEnd) }
        return last
    }

    /// What was there may belong to the state, or end it.
    private func hidden(by damage: LogDamage) -> DataToolError {
        .outOfReach("\(damage): what lies behind cannot be told")
    }

    /// When the transaction behind this one was made.
    func time(behind zxid: Zxid) -> Int64? {
        all.first { $0.zxid > zxid }?.time
    }

    /// What can be asked for.
    var reach: String {
        guard let oldest else { return "it has no snapshot that a state could begin with" }
        var text = "it can be restored from \(oldest) to \(last)"
        if let first, let lastTime {
            text += ", by time from \(timestamp(first.time)) to \(timestamp(lastTime))"
        }
        return text
    }
}
