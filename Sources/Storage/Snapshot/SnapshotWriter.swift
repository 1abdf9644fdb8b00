import Checksum
package import Jute

/// Writes one snapshot, in constant memory, under a temporary name until it is complete.
///
/// One that is dropped before `finish` leaves nothing behind.
package struct SnapshotWriter: ~Copyable, Sendable {
    package let zxid: Zxid

    private let disk: any Disk
    private let directory: String
    private let file: any DiskFile
    private var checksum = Adler32()
    private var buffer: [UInt8] = []
    private var position = 0
    private var unsyncedBytes = 0
    private var isSealed = false
    private var isPublished = false

    private static let pieceSize = 256 << 10
    /// Synced in steps, so that the last sync does not hold up those of the log for long.
    private static let bytesBetweenSyncs = 16 << 20

    init(_ zxid: Zxid, on disk: any Disk, in directory: String) throws(StorageError) {
        self.zxid = zxid
        self.disk = disk
        self.directory = directory
        file = try disk.open(
            directory + "/" + FileNames.snapshot(zxid) + FileNames.temporarySuffix, .create)
        buffer.reserveCapacity(SnapshotWriter.pieceSize)
        add(SnapshotFormat.header)
    }

    deinit {
        // If this fails, the next start removes it.
        if !isPublished { try? disk.removeIfPresent(temporaryPath) }
    }

    /// Adds bytes of the body: sessions, ACLs, nodes and the path "/" behind them.
    ///
    /// - Parameter chunk: Any piece of it.
    /// - Throws: `.disk`.
    package mutating func append(_ chunk: [UInt8]) throws(StorageError) {
        add(chunk)
        if buffer.count >= SnapshotWriter.pieceSize { try flush() }
    }

    /// Seals the snapshot and gives it its name. Durable on return.
    ///
    /// - Parameter digest: Of the tree at the last transaction contained.
    /// - Returns: The snapshot.
    /// - Throws: `.disk`; there is then no new snapshot.
    @discardableResult
    package consuming func finish(
        digest: SnapshotDigest?
    ) throws(StorageError) -> SnapshotName {
        try seal(digest: digest)
        return try publish()
    }

    /// Writes what follows the body, durably, still under the temporary name.
    mutating func seal(digest: SnapshotDigest?) throws(StorageError) {
        precondition(!isSealed, "a snapshot is sealed once")
        isSealed = true
        addSeal()
        if let digest {
            var block: [UInt8] = []
            block.append(bigEndian: digest.zxid.rawValue)
            block.append(bigEndian: TxnDigest.currentVersion)
            block.append(bigEndian: digest.digest)
            add(block)
            addSeal()
        }
        try flush()
        try file.sync()
    }

    consuming func publish() throws(StorageError) -> SnapshotName {
        precondition(isSealed, "only a complete snapshot gets its name")
        let name = SnapshotName(zxid)
        try disk.rename(temporaryPath, to: directory + "/" + name.fileName)
        isPublished = true
        try disk.syncDirectory(directory)
        return name
    }

    private var temporaryPath: String {
        directory + "/" + FileNames.snapshot(zxid) + FileNames.temporarySuffix
    }

    private mutating func add(_ bytes: [UInt8]) {
        checksum.update(bytes)
        buffer.append(contentsOf: bytes)
    }

    private mutating func addSeal() {
        var seal: [UInt8] = []
        seal.append(bigEndian: UInt64(checksum.value))
        seal.append(contentsOf: SnapshotFormat.end)
        add(seal)
    }

    private mutating func flush() throws(StorageError) {
        try file.write(buffer, at: position)
        position += buffer.count
        unsyncedBytes += buffer.count
        buffer.removeAll(keepingCapacity: true)
        if unsyncedBytes >= SnapshotWriter.bytesBetweenSyncs {
            try file.sync()
            unsyncedBytes = 0
        }
    }
}
