import Jute
package import Storage
import ZnodeTree

/// What the tools look into: a data directory, or a snapshot file by itself. Nothing of it is
/// changed, whoever else has it open.
package struct DataSource: Sendable {
    enum Kind: Sendable {
        case directory(DataDirectory)
        case snapshot(SnapshotStore, SnapshotName)
    }

    /// As it was given.
    package let path: String
    let kind: Kind
    let disk: any Disk

    /// Opens a source for reading.
    ///
    /// - Parameters:
    ///   - path: A `dataDir`, with `version-2` in it, or a snapshot file of any name.
    ///   - logDirectory: `dataLogDir`; nil for the same as `dataDir`.
    ///   - disk: Where they lie.
    /// - Throws: `.unreadable` when it is neither.
    package init(
        _ path: String, logDirectory: String? = nil, on disk: any Disk
    ) throws(DataToolError) {
        self.path = path
        self.disk = disk
        let isThere = try reading { () throws(StorageError) in try disk.exists(path) }
        guard isThere else { throw .unreadable("\(path): no such file or directory") }
        let names: [String]
        do throws(StorageError) {
            names = try disk.names(in: path)
        } catch {
            // It exists; what cannot be listed is a file.
            guard case .disk(let failure) = error,
                [.notADirectory, .notFound].contains(failure.reason)
            else {
                throw DataToolError(error)
            }
            let (store, name) = try Self.snapshot(path, on: disk)
            kind = .snapshot(store, name)
            return
        }
        guard names.contains(FileNames.version) else {
            throw .unreadable(
                "\(path): no data directory of Aviary or ZooKeeper, it has no \(FileNames.version)")
        }
        let configuration = DataDirectory.Configuration(
            dataDirectory: path, logDirectory: logDirectory)
        kind = .directory(
            try reading { () throws(StorageError) in
                try DataDirectory(configuration, on: disk, readOnly: true)
            })
    }

    /// Whether a process of Aviary has it open now.
    package func isInUse() throws(DataToolError) -> Bool {
        guard case .directory(let directory) = kind else { return false }
        return try reading { () throws(StorageError) in try directory.isInUse() }
    }

    /// A snapshot file: its name tells the zxid, or, whatever it is called, its digest does.
    private static func snapshot(
        _ path: String, on disk: any Disk
    ) throws(DataToolError) -> (SnapshotStore, SnapshotName) {
        let slash = path.lastIndex(of: "/")
        let folder = slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
        let fileName = slash.map { String(path[path.index(after: $0)...]) } ?? path
        let store = SnapshotStore(on: disk, in: folder)
        if let name = SnapshotName(fileName: fileName) { return (store, name) }
        var name = SnapshotName(.zero)
        name.fileName = fileName
        let summary: SnapshotSummary
        do throws(StorageError) {
            summary = try store.verify(name)
        } catch {
            guard case .damagedSnapshot = error, try beginsLikeSnapshot(path, on: disk) else {
                throw DataToolError(error)
            }
            return (store, name)
        }
        guard let digest = summary.digest else {
            throw .unreadable("\(path): rename it to snapshot.<zxid>, it does not tell its zxid")
        }
        name.zxid = digest.zxid
        return (store, name)
    }
}

extension DataSource {
    /// A snapshot that is damaged is one all the same.
    private static func beginsLikeSnapshot(
        _ path: String, on disk: any Disk
    ) throws(DataToolError) -> Bool {
        let magic = SnapshotFormat.header.prefix(4)
        return try reading { () throws(StorageError) in
            try disk.open(path, .read).read(magic.count, at: 0)
        }.elementsEqual(magic)
    }
}

/// A tree as a snapshot has it, and what the snapshot says of itself.
struct LoadedSnapshot {
    var tree: DataTree
    var summary: SnapshotSummary
}

extension SnapshotStore {
    /// Reads a snapshot into a tree.
    ///
    /// - Parameter name: Which one.
    /// - Returns: The tree at the zxid of the name.
    /// - Throws: `.damagedSnapshot`, `.compressedSnapshot`, `.disk`.
    func load(_ name: SnapshotName) throws(StorageError) -> LoadedSnapshot {
        var loader: SnapshotLoader? = SnapshotLoader()
        var tree: DataTree?
        let summary = try read(name) { bytes in
            guard case .complete(let unused)? = try loader?.consume(bytes) else { return nil }
            tree = try loader.take()?.finish(lastApplied: name.zxid)
            return bytes.count - unused
        }
        guard let tree else {
            throw .damagedSnapshot(path: name.fileName, problem: "its body has no end")
        }
        return LoadedSnapshot(tree: tree, summary: summary)
    }
}

extension LoggedRecord {
    /// The transaction.
    ///
    /// - Throws: `.layout` for a payload that is none, although its checksums are right.
    func transaction() throws(StorageError) -> TxnRecord {
        do throws(JuteError) {
            return try TxnRecord(payload: payload)
        } catch {
            throw .layout("transaction \(zxid) in \(FileNames.log(position.file)): \(error)")
        }
    }
}
