import Jute
import Storage

/// What lies in a data directory or a snapshot file. Every record of the logs and every byte of
/// the snapshots is read, nothing is judged: that is `Check`'s.
package struct Inspection: Codable, Equatable, Sendable {
    package struct Identity: Codable, Equatable, Sendable {
        package var history: String
        package var node: Int64
        package var disk: String
    }

    package struct Epochs: Codable, Equatable, Sendable {
        package var accepted: Int64?
        package var current: Int64?

        package init(accepted: Int64?, current: Int64?) {
            self.accepted = accepted
            self.current = current
        }
    }

    package struct Snapshot: Codable, Equatable, Sendable {
        package var file: String
        package var zxid: String
        package var bytes: Int
        /// When it was written, in milliseconds since 1970.
        package var time: Int64
        /// Of the tree after `through`.
        package var digest: String?
        /// The last transaction whose effects may be in it; above `zxid` where it was written
        /// while transactions went on.
        package var through: String?
        package var problem: String?
    }

    package struct Log: Codable, Equatable, Sendable {
        package var file: String
        /// With what is preallocated.
        package var bytes: Int
        package var records: Int
        package var first: String?
        package var last: String?
        /// Nil for a log of ZooKeeper's.
        package var synced: Synced?
    }

    package struct Synced: Codable, Equatable, Sendable {
        package var through: String?
        package var bytes: Int?
        /// The highest transaction that was known to be committed.
        package var committed: String?
    }

    package struct Detached: Codable, Equatable, Sendable {
        /// Of the folder in `aviary-detached`.
        package var number: Int
        package var cause: String?
        package var files: [String]
        package var bytes: Int
        package var time: Int64
    }

    package var path: String
    /// Whether a process of Aviary has it open: what is told may be old when it is read.
    package var inUse: Bool
    /// From `myid`.
    package var server: Int64?
    package var identity: Identity?
    package var epochs: Epochs?
    /// The newest first.
    package var snapshots: [Snapshot]
    /// The oldest first.
    package var logs: [Log]
    /// Up to where this member may have acknowledged what it no longer has, or `unknown`.
    package var loss: String?
    /// Other files that say something out of the ordinary.
    package var markers: [String]
    package var detached: [Detached]

    /// Looks into a source.
    ///
    /// - Parameter source: What to look into.
    /// - Throws: `.unreadable`.
    package init(of source: DataSource) throws(DataToolError) {
        path = source.path
        inUse = try source.isInUse()
        snapshots = []
        logs = []
        markers = []
        detached = []
        switch source.kind {
        case .snapshot(let store, let name):
            snapshots = [try Self.snapshot(name, source.path, store, source.disk)]
        case .directory(let directory):
            try look(into: directory, source.disk)
        }
    }

    private mutating func look(
        into directory: DataDirectory, _ disk: any Disk
    ) throws(DataToolError) {
        server = directory.myID
        identity = directory.identity.map { identity in
            Identity(
                history: SessionID(rawValue: Int64(bitPattern: identity.history)).description,
                node: identity.node,
                disk: SessionID(rawValue: Int64(bitPattern: identity.disk)).description)
        }
        let files = try reading { () throws(StorageError) in try directory.epochFiles() }
        epochs = Epochs(accepted: files.accepted, current: files.current)
        let names = try reading { () throws(StorageError) in try directory.allSnapshots() }
        for name in names {
            snapshots.append(
                try Self.snapshot(name, directory.path(of: name), directory.snapshots, disk))
        }
        try lookIntoLogs(of: directory)
        let loss = try reading { () throws(StorageError) in try directory.storedLoss() }
        switch loss {
        case nil: break
        case .unknown: self.loss = "unknown"
        case .through(let zxid): self.loss = zxid.description
        }
        markers = try reading { () throws(StorageError) in try directory.markers() }
        detached = try reading { () throws(StorageError) in try directory.detachments() }
            .map { found in
                Detached(
                    number: found.number, cause: found.cause?.rawValue,
                    files: found.files.map(\.name),
                    bytes: found.files.reduce(0) { $0 + $1.sizeBytes },
                    time: found.time.milliseconds)
            }
    }

    private mutating func lookIntoLogs(of directory: DataDirectory) throws(DataToolError) {
        let audit = try reading { () throws(StorageError) in try directory.auditLogs() }
        let files = try reading { () throws(StorageError) in try directory.logFiles() }
        logs = files.map { file in
            let read = audit.files.first { $0.name == file.name }
            return Log(
                file: file.path, bytes: file.sizeBytes, records: read?.records ?? 0,
                first: read?.first?.description, last: read?.last?.description,
                synced: file.sidecar.map { sidecar in
                    Synced(
                        through: sidecar.syncedThrough?.description, bytes: sidecar.syncedBytes,
                        committed: sidecar.committed?.description)
                })
        }
    }

    private static func snapshot(
        _ name: SnapshotName, _ path: String, _ store: SnapshotStore, _ disk: any Disk
    ) throws(DataToolError) -> Snapshot {
        let (bytes, time) = try reading { () throws(StorageError) in
            (try disk.open(path, .read).size(), try disk.modificationTime(of: path))
        }
        var snapshot = Snapshot(
            file: path, zxid: name.zxid.description, bytes: bytes, time: time.milliseconds)
        do throws(StorageError) {
            let summary = try store.verify(name)
            snapshot.digest = summary.digest.map { hexadecimal($0.digest) }
            snapshot.through = summary.upperBound?.description
        } catch {
            switch error {
            case .damagedSnapshot(_, let problem): snapshot.problem = problem
            case .compressedSnapshot: snapshot.problem = "compressed, which Aviary cannot read"
            default: throw DataToolError(error)
            }
        }
        return snapshot
    }
}

extension Inspection {
    /// For people, a line or two for each thing.
    package var lines: [String] {
        var lines = ["\(path)\(inUse ? ", in use by a running process" : "")"]
        if let identity {
            lines.append(
                "identity: history \(identity.history), node \(identity.node), disk \(identity.disk)"
            )
        }
        if let server { lines.append("myid: \(server)") }
        if let epochs {
            let accepted = epochs.accepted.map(String.init) ?? "none"
            lines.append(
                "epochs: accepted \(accepted), current \(epochs.current.map(String.init) ?? "none")"
            )
        }
        for snapshot in snapshots { lines.append(snapshot.line) }
        for log in logs { lines.append(log.line) }
        if let loss {
            lines.append(
                loss == "unknown"
                    ? "loss: nobody knows how far what was acknowledged here reached"
                    : "loss: may have acknowledged transactions up to \(loss) that are gone")
        }
        for marker in markers { lines.append("marker: \(marker)") }
        for folder in detached {
            let cause = folder.cause.map { " (\($0))" } ?? ""
            lines.append(
                "set aside \(folder.number)\(cause): \(timestamp(folder.time)), "
                    + "\(folder.bytes) bytes: " + folder.files.joined(separator: " "))
        }
        return lines
    }
}

extension Inspection.Snapshot {
    fileprivate var line: String {
        var line = "snapshot \(zxid): \(bytes) bytes, \(timestamp(time))"
        if let problem { return line + ", cannot be used: \(problem)" }
        if let digest { line += ", digest \(digest)" }
        if let through, through != zxid { line += ", holds parts of transactions up to \(through)" }
        return line
    }
}

extension Inspection.Log {
    fileprivate var line: String {
        let name = file.split(separator: "/").last.map(String.init) ?? file
        guard let first, let last else { return "\(name): no records, \(bytes) bytes" }
        var line = "\(name): \(first) to \(last), \(records) records, \(bytes) bytes"
        if let synced {
            line += ", synced through \(synced.through ?? "nobody knows what")"
            if let committed = synced.committed { line += ", committed \(committed)" }
        } else {
            line += ", written by ZooKeeper"
        }
        return line
    }
}
