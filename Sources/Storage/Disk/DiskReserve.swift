import Synchronization

/// Room on a full disk: a file that holds blocks which nobody else can take, and gives them back
/// piece by piece to what must be written all the same. Any thread may use it.
package final class DiskReserve: Sendable {
    /// What the file holds when nothing of it is used.
    package let fullBytes: Int
    /// The folder whose files may use it.
    let folder: String

    private struct State {
        var file: (any DiskFile)?
    }

    /// Read without waiting for whoever changes it.
    private let held = Atomic(0)

    private let disk: any Disk
    private let state = Mutex(State())

    /// A reserve that holds nothing yet, or what a former process has left of it.
    ///
    /// - Parameters:
    ///   - bytes: How much to hold back.
    ///   - folder: Where its file lies; what is written there may use it.
    ///   - disk: The disk of that folder.
    /// - Throws: `.disk`.
    init(bytes: Int, in folder: String, on disk: any Disk) throws(StorageError) {
        fullBytes = bytes
        self.folder = folder
        self.disk = disk
        let path = folder + "/" + FileNames.reserve
        guard try disk.exists(path) else { return }
        let file = try disk.open(path, .update)
        // One of another size comes from another configuration.
        if try file.size() > bytes { try file.resize(to: bytes) }
        let size = try file.size()
        state.withLock { state in
            state.file = file
        }
        held.store(size, ordering: .releasing)
    }

    /// What it still holds.
    package var heldBytes: Int { held.load(ordering: .acquiring) }

    package var isWhole: Bool { heldBytes == fullBytes }

    /// Takes back what was given away, if there is room for it.
    ///
    /// - Returns: Whether it is whole.
    /// - Throws: `.disk` for anything but a lack of room.
    @discardableResult
    package func fill() throws(StorageError) -> Bool {
        try state.withLock { state throws(StorageError) in
            do throws(StorageError) {
                if state.file == nil {
                    state.file = try disk.open(folder + "/" + FileNames.reserve, .replace)
                }
                try state.file?.allocate(to: fullBytes)
                held.store(fullBytes, ordering: .releasing)
                return true
            } catch {
                guard error.isLackOfSpace else { throw error }
                // Part of it may be there: what counts is that it can be given back.
                if let file = state.file { try file.resize(to: heldBytes) }
                return false
            }
        }
    }

    /// Gives room back to the disk.
    ///
    /// - Parameter bytes: How much is needed; a little more is given, so that whoever writes small
    ///   pieces does not come for each of them.
    /// - Returns: False if there is nothing left to give.
    /// - Throws: `.disk`.
    func release(_ bytes: Int) throws(StorageError) -> Bool {
        try state.withLock { state throws(StorageError) in
            guard let file = state.file, heldBytes > 0 else { return false }
            let rest = max(0, heldBytes - max(bytes, DiskReserve.smallestPiece))
            try file.resize(to: rest)
            held.store(rest, ordering: .releasing)
            return true
        }
    }

    private static let smallestPiece = 128 << 10
}

/// A disk for what must be written: when there is no room for it, the reserve of its folder is
/// used up before the write fails.
///
/// Only writing is tried again. A sync that fails for want of room has failed for good, like any
/// other: nobody knows what it has written.
final class ReservedDisk: Disk {
    private let disk: any Disk
    private let reserves: [DiskReserve]

    init(_ disk: any Disk, _ reserves: [DiskReserve]) {
        self.disk = disk
        self.reserves = reserves
    }

    fileprivate func withReserve<Result>(
        _ path: String, bytes: Int, _ operation: () throws(StorageError) -> Result
    ) throws(StorageError) -> Result {
        while true {
            do throws(StorageError) {
                return try operation()
            } catch {
                guard error.isLackOfSpace,
                    let reserve = reserves.first(where: { path.hasPrefix($0.folder + "/") }),
                    try reserve.release(bytes)
                else { throw error }
            }
        }
    }

    /// Enough for a name in a directory.
    private static let nameBytes = 64 << 10

    private func changingNames<Result>(
        _ path: String, _ operation: () throws(StorageError) -> Result
    ) throws(StorageError) -> Result {
        try withReserve(path, bytes: ReservedDisk.nameBytes, operation)
    }

    func makeDirectory(_ path: String) throws(StorageError) {
        try changingNames(path) { () throws(StorageError) in try disk.makeDirectory(path) }
    }

    func names(in directory: String) throws(StorageError) -> [String] {
        try disk.names(in: directory)
    }

    func exists(_ path: String) throws(StorageError) -> Bool {
        try disk.exists(path)
    }

    func open(_ path: String, _ access: FileAccess) throws(StorageError) -> any DiskFile {
        let file = try changingNames(path) { () throws(StorageError) in
            try disk.open(path, access)
        }
        return access == .read ? file : ReservedFile(file, path, on: self)
    }

    func rename(_ path: String, to newPath: String) throws(StorageError) {
        try changingNames(path) { () throws(StorageError) in try disk.rename(path, to: newPath) }
    }

    func remove(_ path: String) throws(StorageError) {
        try changingNames(path) { () throws(StorageError) in try disk.remove(path) }
    }

    func isLocked(_ path: String) throws(StorageError) -> Bool {
        try disk.isLocked(path)
    }

    func removeDirectory(_ path: String) throws(StorageError) {
        try disk.removeDirectory(path)
    }

    func syncDirectory(_ path: String) throws(StorageError) {
        try disk.syncDirectory(path)
    }

    func lock(_ path: String) throws(StorageError) -> any DiskLock {
        try disk.lock(path)
    }

    func modificationTime(of path: String) throws(StorageError) -> Duration {
        try disk.modificationTime(of: path)
    }

    func freeBytes(in directory: String) throws(StorageError) -> Int {
        try disk.freeBytes(in: directory)
    }
}

private final class ReservedFile: DiskFile {
    private let file: any DiskFile
    private let path: String
    private let disk: ReservedDisk

    init(_ file: any DiskFile, _ path: String, on disk: ReservedDisk) {
        self.file = file
        self.path = path
        self.disk = disk
    }

    func size() throws(StorageError) -> Int { try file.size() }

    func read(
        into buffer: UnsafeMutableRawBufferPointer, at offset: Int
    ) throws(StorageError) -> Int {
        try file.read(into: buffer, at: offset)
    }

    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(StorageError) {
        // All of it once more: a part of it may be there.
        try disk.withReserve(path, bytes: bytes.count) { () throws(StorageError) in
            try file.write(bytes, at: offset)
        }
    }

    func resize(to size: Int) throws(StorageError) {
        try disk.withReserve(path, bytes: 0) { () throws(StorageError) in
            try file.resize(to: size)
        }
    }

    func allocate(to size: Int) throws(StorageError) { try file.allocate(to: size) }

    func sync() throws(StorageError) { try file.sync() }
}
