package import Jute
package import Storage

/// A folder of backups, perhaps on another disk: snapshots under ZooKeeper's names, each beside
/// its SHA-256 in the form of `sha256sum`, so that `sha256sum -c *.sha256` checks them all and
/// `aviary data` reads any.
///
/// - Source: rules of DESIGN for files: write, sync, rename, sync the folder.
package struct BackupFolder: Sendable {
    private let disk: any Disk
    private let path: String

    package init(_ path: String, on disk: any Disk) {
        self.path = path
        self.disk = disk
    }

    /// What a backup has done.
    package struct Outcome: Equatable, Sendable {
        package var zxid: Zxid
        package var sizeBytes: Int
        /// Backups that had to go, the oldest first.
        package var removed: [Zxid]
    }

    /// The backups that are complete, the newest first.
    ///
    /// - Throws: `.disk`.
    package func list() throws(StorageError) -> [Zxid] {
        let names = Set(try disk.names(in: path))
        return names.compactMap(SnapshotName.init(fileName:))
            .filter { names.contains($0.fileName + Self.manifestSuffix) }
            .map(\.zxid).sorted(by: >)
    }

    /// Looks for a backup of this very file.
    ///
    /// - Parameter entry: The file.
    /// - Returns: Whether there is one already.
    /// - Throws: `.disk`.
    package func holds(_ entry: CatalogEntry) throws(StorageError) -> Bool {
        let file = path + "/" + SnapshotName(entry.zxid).fileName
        guard let manifest = try disk.content(of: file + Self.manifestSuffix) else { return false }
        guard manifest == self.manifest(of: entry) else { return false }
        return try disk.exists(file)
    }

    /// A line as `sha256sum` writes it.
    private func manifest(of entry: CatalogEntry) -> [UInt8] {
        Array("\(entry.sha256.hexadecimal)  \(SnapshotName(entry.zxid).fileName)\n".utf8)
    }

    private static let manifestSuffix = ".sha256"
    private static let temporarySuffix = ".tmp"

    /// Copies a snapshot into the folder, reads the copy back, and removes what is too old.
    /// Durable on return; a copy that is not right never gets its name.
    ///
    /// - Parameters:
    ///   - entry: What is copied.
    ///   - file: Its bytes.
    ///   - keep: How many backups stay, this one included; at least 1.
    /// - Returns: What was done.
    /// - Throws: `.disk`, `.damagedSnapshot` when what was read back is not what was written.
    package func add(
        _ entry: CatalogEntry, _ file: any DiskFile, keep: Int
    ) throws(StorageError) -> Outcome {
        try disk.makeDirectory(path)
        let name = SnapshotName(entry.zxid)
        try removeUnfinished()
        let temporary = path + "/" + name.fileName + Self.temporarySuffix
        try disk.open(temporary, .replace).write(allOf: file)
        try verify(entry, at: temporary, name: name)
        // The manifest comes last: without it nobody counts the file as a backup.
        try disk.rename(temporary, to: path + "/" + name.fileName)
        try disk.replaceContent(
            of: path + "/" + name.fileName + Self.manifestSuffix,
            with: manifest(of: entry))
        try disk.syncDirectory(path)
        return Outcome(
            zxid: entry.zxid, sizeBytes: entry.sizeBytes, removed: try removeOld(keep: keep))
    }

    /// The bytes are those of the snapshot, and the snapshot is whole.
    private func verify(
        _ entry: CatalogEntry, at temporary: String, name: SnapshotName
    ) throws(StorageError) {
        let copy = try disk.open(temporary, .read)
        guard try copy.size() == entry.sizeBytes, try FileDigest(of: copy) == entry.sha256 else {
            throw .damagedSnapshot(path: temporary, problem: "the copy differs from the original")
        }
        var name = name
        name.fileName += Self.temporarySuffix
        try SnapshotStore(on: disk, in: path).verify(name)
    }

    private func removeUnfinished() throws(StorageError) {
        for name in try disk.names(in: path)
        where name.hasPrefix("snapshot.") && name.hasSuffix(Self.temporarySuffix) {
            try disk.remove(path + "/" + name)
        }
    }

    private func removeOld(keep: Int) throws(StorageError) -> [Zxid] {
        let old = try list().dropFirst(max(1, keep))
        for zxid in old.reversed() {
            let file = path + "/" + SnapshotName(zxid).fileName
            try disk.remove(file + Self.manifestSuffix)
            try disk.removeIfPresent(file)
        }
        if !old.isEmpty { try disk.syncDirectory(path) }
        return old.reversed()
    }
}
