package import Jute

/// The snapshots of a data directory. What is in their bodies is the caller's business.
///
/// - Source: storage format reference, section 4.
package struct SnapshotStore: Sendable {
    let disk: any Disk
    /// The `version-2` folder.
    let directory: String

    /// - Parameters:
    ///   - disk: Where they lie.
    ///   - directory: The `version-2` folder, or any other that holds snapshots.
    package init(on disk: any Disk, in directory: String) {
        self.disk = disk
        self.directory = directory
    }

    /// The snapshots that look complete, the newest first.
    ///
    /// - Returns: Only names and ends were looked at: `read` or `verify` tells more.
    /// - Throws: `.disk`.
    package func list() throws(StorageError) -> [SnapshotName] {
        var complete: [SnapshotName] = []
        for name in try names() where try looksComplete(name) {
            complete.append(name)
        }
        return complete
    }

    /// All snapshots, the newest first.
    func names() throws(StorageError) -> [SnapshotName] {
        try disk.names(in: directory).compactMap(SnapshotName.init(fileName:))
            .sorted { ($0.zxid, $0.fileName) > ($1.zxid, $1.fileName) }
    }

    /// How large a snapshot is, as far as anybody has to know in advance: nil if it cannot be told.
    package func sizeBytes(of name: SnapshotName) -> Int? {
        do throws(StorageError) {
            return try disk.open(directory + "/" + name.fileName, .read).size()
        } catch {
            // Whoever reads it will say what is wrong.
            return nil
        }
    }

    /// Begins a new snapshot.
    ///
    /// - Parameter zxid: The last transaction whose effects are all in it.
    /// - Returns: What takes the body.
    /// - Throws: `.disk`, `.alreadyExists` while another one of this name is being written.
    package func begin(_ zxid: Zxid) throws(StorageError) -> SnapshotWriter {
        try SnapshotWriter(zxid, on: disk, in: directory)
    }

    /// Reads a snapshot, in pieces, and checks it.
    ///
    /// - Parameters:
    ///   - name: Which one.
    ///   - body: Takes the next bytes of sessions, ACLs and nodes. Returns nil when it wants
    ///     more; once it has seen the path "/" that ends them, how many of these bytes it used.
    ///     What it throws says that the bytes make no sense.
    /// - Returns: What the file says of itself.
    /// - Throws: `.damagedSnapshot`, also after the whole body was taken: nothing of it may then
    ///   be used. `.compressedSnapshot`, `.disk`.
    package func read(
        _ name: SnapshotName, body: (UnsafeRawBufferPointer) throws -> Int?
    ) throws(StorageError) -> SnapshotSummary {
        var reader = try SnapshotReader(name, on: disk, in: directory)
        return try reader.read(body)
    }

    /// Checks all bytes of a snapshot against its seals, whatever its body says.
    ///
    /// - Parameter name: Which one.
    /// - Returns: What the file says of itself.
    /// - Throws: `.damagedSnapshot`, `.compressedSnapshot`, `.disk`.
    @discardableResult
    package func verify(_ name: SnapshotName) throws(StorageError) -> SnapshotSummary {
        var reader = try SnapshotReader(name, on: disk, in: directory)
        return try reader.verify()
    }

    /// The quick test of the original.
    ///
    /// - Source: storage format reference, section 4.3.
    func looksComplete(_ name: SnapshotName) throws(StorageError) -> Bool {
        let file = try disk.open(directory + "/" + name.fileName, .read)
        switch name.compression {
        case .gzip:
            return try file.read(2, at: 0) == [0x1F, 0x8B]
        case .snappy:
            return try file.read(8, at: 0) == [0x82, 0x53, 0x4E, 0x41, 0x50, 0x50, 0x59, 0]
        case .none:
            let size = try file.size()
            let end = SnapshotFormat.end
            if size < 10 { return false }
            return try file.read(end.count, at: size - end.count) == end
        }
    }
}
