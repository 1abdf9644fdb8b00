package import Jute
import Synchronization

/// A member's data on the disk: its log, its snapshots, its epochs and what was set aside.
///
/// Opens what ZooKeeper has left as well as what Aviary has.
package final class DataDirectory: Sendable {
    package struct Configuration: Sendable {
        /// `dataDir`.
        package var dataDirectory: String
        /// `dataLogDir`; nil for the same as `dataDir`.
        package var logDirectory: String?
        /// `preAllocSize`, but in bytes: by how much a log file is extended when it fills up.
        package var preallocationBytes = 64 << 20
        /// What is held back on a disk for the time when it is full; 0 for nothing.
        package var reserveBytes = 0

        package init(dataDirectory: String, logDirectory: String? = nil) {
            self.dataDirectory = dataDirectory
            self.logDirectory = logDirectory
        }
    }

    /// From the file `myid`; nil when there is none.
    package let myID: PeerID?
    /// Nil when nobody has claimed the directory yet, or ZooKeeper has; also when the file is
    /// damaged, and `recover` then reports an unknown loss.
    package let identity: StorageIdentity?
    /// Nothing was ever stored here.
    package let isFresh: Bool
    /// The operator says that this member may begin with an empty database.
    package let hasInitializeMarker: Bool
    /// Whether it began empty, and has not received a history to rely on since.
    package let isUnproven: Bool
    package let snapshots: SnapshotStore

    /// Nil where nothing is held back.
    package let room: DiskRoom?

    let disk: any Disk
    let isReadOnly: Bool
    let preallocationBytes: Int
    /// The `version-2` folder of the logs.
    let logPath: String
    /// The `version-2` folder of snapshots and epochs.
    let snapshotPath: String
    private let initializePath: String
    /// What the identity tells before anything else is read.
    let openingLoss: Loss?
    /// Whether Aviary has claimed the directory before.
    private let isOurs: Bool
    private let locks: Mutex<[any DiskLock]>

    /// Opens a data directory and makes what is missing of it.
    ///
    /// - Parameters:
    ///   - configuration: Where it is.
    ///   - disk: The disk it is on.
    ///   - readOnly: Whether to leave everything as it is, for looking into it. Nothing is locked
    ///     then, so another process may be writing.
    /// - Throws: `.locked` while another process has it open, `.layout` for files in the wrong
    ///   place, `.damagedFile`, `.disk`.
    /// - Source: storage format reference, sections 1 and 8.
    package init(
        _ configuration: Configuration, on disk: any Disk, readOnly: Bool = false
    ) throws(StorageError) {
        let logDirectory = configuration.logDirectory ?? configuration.dataDirectory
        isReadOnly = readOnly
        preallocationBytes = configuration.preallocationBytes
        snapshotPath = configuration.dataDirectory + "/" + FileNames.version
        logPath = logDirectory + "/" + FileNames.version
        initializePath = logDirectory + "/" + FileNames.initialize
        snapshots = SnapshotStore(on: disk, in: snapshotPath)
        let folders = Set([snapshotPath, logPath]).sorted()
        var locks: [any DiskLock] = []
        if !readOnly {
            for folder in folders {
                try disk.makeDirectory(folder)
                locks.append(try DataDirectory.lock(folder, on: disk))
            }
        }
        self.locks = Mutex(locks)
        if readOnly || configuration.reserveBytes == 0 {
            room = nil
            self.disk = disk
        } else {
            var reserves: [DiskReserve] = []
            for folder in folders {
                let reserve = try DiskReserve(
                    bytes: configuration.reserveBytes, in: folder, on: disk)
                try reserve.fill()
                reserves.append(reserve)
            }
            let room = DiskRoom(reserves, on: disk)
            try room.look()
            self.room = room
            self.disk = ReservedDisk(disk, reserves)
        }
        let disk = self.disk
        try DataDirectory.checkLayout(logs: logPath, snapshots: snapshotPath, on: disk)
        if !readOnly {
            try DataDirectory.finishInstall(snapshotPath, logPath, on: disk)
            try DataDirectory.finishRebuild(snapshotPath, logPath, on: disk)
            try DataDirectory.removeTemporaryFiles(in: folders, on: disk)
        }
        myID = try DataDirectory.myID(in: configuration.dataDirectory, on: disk)
        hasInitializeMarker = try disk.exists(initializePath)
        isUnproven = try disk.exists(snapshotPath + "/" + FileNames.empty)
        let identities = try DataDirectory.identities(in: folders, on: disk)
        let known = identities.compactMap { $0 }
        let agree = known.count == folders.count && known.allSatisfy { $0 == known[0] }
        identity = agree ? known[0] : nil
        openingLoss = agree || identities.isEmpty ? nil : .unknown
        isOurs = !identities.isEmpty
        var isFresh = true
        for folder in folders {
            if try !DataDirectory.isFresh(folder, on: disk) { isFresh = false }
        }
        self.isFresh = isFresh
    }

    /// Lets other processes have the directory. Nothing is written here afterwards.
    package func close() {
        locks.withLock { $0 = [] }
    }

    /// Writes down whose data this is, after the epochs were. Durable on return.
    ///
    /// - Parameter identity: For as long as the data lives.
    /// - Throws: `.disk`.
    package func establish(_ identity: StorageIdentity) throws(StorageError) {
        for folder in Set([snapshotPath, logPath]).sorted() {
            try disk.replaceContent(
                of: folder + "/" + FileNames.identity, with: identity.bytes)
            try disk.syncDirectory(folder)
        }
    }

    /// Writes down that this directory began empty where others may not be: it must not pass for a
    /// voter's at the next start. Durable on return; before `establish`.
    ///
    /// - Throws: `.disk`.
    package func noteEmptiness() throws(StorageError) {
        try disk.replaceContent(of: snapshotPath + "/" + FileNames.empty, with: [])
        try disk.syncDirectory(snapshotPath)
    }

    /// The name of the ensemble that the data belong to (`cluster.id`), if one was ever configured.
    ///
    /// - Throws: `.disk`.
    package func clusterName() throws(StorageError) -> String? {
        try disk.content(of: snapshotPath + "/" + FileNames.cluster)
            .flatMap { ChecksummedText($0)?["name"] }
    }

    /// Writes the name of the ensemble down. Durable on return.
    ///
    /// - Parameter name: Without a line's end.
    /// - Throws: `.disk`.
    package func setClusterName(_ name: String) throws(StorageError) {
        var text = ChecksummedText()
        text["name"] = name
        try disk.replaceContent(of: snapshotPath + "/" + FileNames.cluster, with: text.bytes)
        try disk.syncDirectory(snapshotPath)
    }

    /// Removes the operator's marker, once the database it has allowed is on the disk.
    ///
    /// - Throws: `.disk`.
    package func removeInitializeMarker() throws(StorageError) {
        try disk.removeIfPresent(initializePath)
    }

    /// The promises of this member.
    ///
    /// - Parameters:
    ///   - lastZxid: The last transaction in log or snapshot, `.untrusted` for an empty database
    ///     that must not vote.
    ///   - afterLoss: Whether to begin anew when they are lost or contradicted in a directory of
    ///     ours, as a member may that does not count until it is synchronized.
    /// - Returns: The epochs, mended if need be. If they `wereLost`, so is the bound of the loss.
    /// - Throws: `.epochs`, `.disk`.
    package func epochs(
        lastZxid: Zxid, afterLoss: Bool = false
    ) throws(StorageError) -> EpochStore {
        // A directory of ours has had its epochs from the first day on. Without them nothing tells
        // how far its history reached, at the next start as well.
        try EpochStore(
            on: disk, in: snapshotPath, lastZxid: lastZxid, mayBeMissing: !isOurs,
            noteLoss: afterLoss && isOurs
                ? { () throws(StorageError) in try self.store(.unknown) } : nil)
    }

    private static func lock(_ folder: String, on disk: any Disk) throws(StorageError)
        -> any DiskLock
    {
        do throws(StorageError) {
            return try disk.lock(folder + "/" + FileNames.lock)
        } catch {
            if case .disk(let failure) = error, failure.reason == .locked {
                throw .locked(path: folder)
            }
            throw error
        }
    }

    private static func checkLayout(
        logs: String, snapshots: String, on disk: any Disk
    ) throws(StorageError) {
        if logs == snapshots { return }
        if let name = try disk.names(in: logs).first(where: { $0.hasPrefix("snapshot.") }) {
            throw .layout("\(logs)/\(name): snapshots belong into dataDir, not into dataLogDir")
        }
        if let name = try disk.names(in: snapshots).first(where: { $0.hasPrefix("log.") }) {
            throw .layout("\(snapshots)/\(name): logs belong into dataLogDir, not into dataDir")
        }
    }

    private static func myID(
        in directory: String, on disk: any Disk
    ) throws(StorageError) -> PeerID? {
        let path = directory + "/" + FileNames.myID
        guard let bytes = try disk.content(of: path) else { return nil }
        let text = String(decoding: bytes, as: UTF8.self)
        let line = text.prefix { !$0.isNewline }
        guard let id = PeerID(line.filter { !$0.isWhitespace }), id >= 0 else {
            throw .damagedFile(path: path, problem: "the first line must be the server's number")
        }
        return id
    }

    /// The identity lies in both folders: one of them may be another disk, and emptied.
    ///
    /// - Returns: One for each file there is, nil for a damaged one.
    private static func identities(
        in folders: [String], on disk: any Disk
    ) throws(StorageError) -> [StorageIdentity?] {
        var found: [StorageIdentity?] = []
        for folder in folders {
            if let bytes = try disk.content(of: folder + "/" + FileNames.identity) {
                found.append(StorageIdentity(bytes))
            }
        }
        return found
    }

    /// What a crash has left unfinished.
    private static func removeTemporaryFiles(
        in folders: [String], on disk: any Disk
    ) throws(StorageError) {
        for folder in folders {
            for name in try disk.names(in: folder)
            where name.hasSuffix(FileNames.temporarySuffix) {
                try disk.remove(folder + "/" + name)
            }
        }
    }

    private static func isFresh(_ folder: String, on disk: any Disk) throws(StorageError) -> Bool {
        let epochs = [FileNames.acceptedEpoch, FileNames.currentEpoch] + FileNames.epochCopies
        return try disk.names(in: folder).allSatisfy { name in
            !(name.hasPrefix("log.") || name.hasPrefix("snapshot.")
                || FileNames.sidecar(named: name) != nil || epochs.contains(name)
                || [FileNames.identity, FileNames.loss, FileNames.cluster, FileNames.setAside]
                    .contains(name))
        }
    }
}
