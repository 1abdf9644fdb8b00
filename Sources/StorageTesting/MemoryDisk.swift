package import Storage
import Synchronization

/// A disk in memory that forgets what was not synced when its power is cut, as real ones do.
///
/// Of each file it keeps the synced bytes beside the written ones, of each directory the synced
/// names beside the present ones. `crash` keeps what was synced, and of the rest whatever the
/// generator picks: pages in any order, torn pages, names of which only some were stored.
package final class MemoryDisk: Disk {
    private let state = Mutex(MemoryVolume())

    package init() {}

    /// The next sync of a file or directory fails, and what it should have made durable counts as
    /// written although it is not: the page cache is clean after a failed sync.
    package var failsNextSync: Bool {
        get { state.withLock { $0.failsNextSync } }
        set { state.withLock { $0.failsNextSync = newValue } }
    }

    /// How many bytes may still be written before the disk is full; nil for no end.
    package var freeBytes: Int? {
        get { state.withLock { $0.freeBytes } }
        set { state.withLock { $0.freeBytes = newValue } }
    }

    /// After how many further changes the power is cut; nil for never. Until `crash` or
    /// `restart` every operation then throws `.powerLoss`.
    package var changesUntilPowerLoss: Int? {
        get { state.withLock { $0.changesUntilPowerLoss } }
        set { state.withLock { $0.changesUntilPowerLoss = newValue } }
    }

    /// Writes, syncs and changes of names so far.
    package var changes: Int { state.withLock { $0.changes } }

    /// What `modificationTime` gives to files written from now on.
    package var time: Duration {
        get { state.withLock { $0.time } }
        set { state.withLock { $0.time = newValue } }
    }

    /// Cuts the power and turns it on again: what was not synced is kept or lost by lot. Files
    /// and locks that were open are dead.
    package func crash(using generator: inout some RandomNumberGenerator) {
        state.withLock { $0.crash(using: &generator) }
    }

    /// Ends the process but not the machine: everything written stays. Files and locks that were
    /// open are dead.
    package func restart() {
        state.withLock { $0.restart() }
    }

    /// Lets a bit rot.
    ///
    /// - Precondition: The file exists and is longer than `offset`.
    package func flip(bit: Int, at offset: Int, of path: String) {
        state.withLock { $0.flip(bit: bit, at: offset, of: path) }
    }

    /// A copy of this disk, with nothing open, as it is now.
    package func copy() -> MemoryDisk {
        let copy = MemoryDisk()
        let volume = state.withLock { $0 }
        copy.state.withLock {
            $0 = volume
            $0.restart()
        }
        return copy
    }

    package func makeDirectory(_ path: String) throws(StorageError) {
        try with { volume throws(StorageError) in try volume.makeDirectory(path) }
    }

    package func names(in directory: String) throws(StorageError) -> [String] {
        try with { volume throws(StorageError) in try volume.names(in: directory) }
    }

    package func exists(_ path: String) throws(StorageError) -> Bool {
        try with { volume throws(StorageError) in try volume.exists(path) }
    }

    package func open(
        _ path: String, _ access: FileAccess
    ) throws(StorageError) -> any DiskFile {
        let (inode, start) = try with { volume throws(StorageError) in
            (try volume.open(path, access), volume.start)
        }
        return MemoryFile(self, inode: inode, start: start, path: path)
    }

    package func rename(_ path: String, to newPath: String) throws(StorageError) {
        try with { volume throws(StorageError) in try volume.rename(path, to: newPath) }
    }

    package func remove(_ path: String) throws(StorageError) {
        try with { volume throws(StorageError) in try volume.remove(path) }
    }

    package func removeDirectory(_ path: String) throws(StorageError) {
        try with { volume throws(StorageError) in try volume.removeDirectory(path) }
    }

    package func syncDirectory(_ path: String) throws(StorageError) {
        try with { volume throws(StorageError) in try volume.syncDirectory(path) }
    }

    package func lock(_ path: String) throws(StorageError) -> any DiskLock {
        let start = try with { volume throws(StorageError) in
            try volume.lock(path)
            return volume.start
        }
        return MemoryLock(self, path: path, start: start)
    }

    package func isLocked(_ path: String) throws(StorageError) -> Bool {
        try with { volume throws(StorageError) in volume.isLocked(path) }
    }

    package func modificationTime(of path: String) throws(StorageError) -> Duration {
        try with { volume throws(StorageError) in try volume.modificationTime(of: path) }
    }

    fileprivate func unlock(_ path: String, start: Int) {
        state.withLock { $0.unlock(path, start: start) }
    }

    /// `Mutex.withLock` with the type of the error kept.
    fileprivate func with<Result: Sendable>(
        _ body: (inout MemoryVolume) throws(StorageError) -> Result
    ) throws(StorageError) -> Result {
        try state.withLock { volume throws(StorageError) in try body(&volume) }
    }
}

private final class MemoryFile: DiskFile {
    private let disk: MemoryDisk
    private let inode: Int
    private let start: Int
    private let path: String
    private let isPoisoned = Atomic(false)

    init(_ disk: MemoryDisk, inode: Int, start: Int, path: String) {
        self.disk = disk
        self.inode = inode
        self.start = start
        self.path = path
    }

    func size() throws(StorageError) -> Int {
        try with(.examine) { volume throws(StorageError) in volume.files[inode].size }
    }

    func read(
        into buffer: UnsafeMutableRawBufferPointer, at offset: Int
    ) throws(StorageError) -> Int {
        let bytes = try with(.read) { volume throws(StorageError) in
            volume.files[inode].read(buffer.count, at: offset)
        }
        buffer.copyBytes(from: bytes)
        return bytes.count
    }

    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(StorageError) {
        let bytes = Array(bytes)
        try change(.write) { volume throws(StorageError) in
            try volume.write(bytes, at: offset, inode: inode, path: path)
        }
    }

    func resize(to size: Int) throws(StorageError) {
        try change(.resize) { volume throws(StorageError) in
            volume.files[inode].resize(to: size)
        }
    }

    func sync() throws(StorageError) {
        do throws(StorageError) {
            try change(.sync) { volume throws(StorageError) in
                try volume.sync(inode: inode, path: path)
            }
        } catch {
            isPoisoned.store(true, ordering: .relaxed)
            throw error
        }
    }

    private func change(
        _ operation: DiskError.Operation,
        _ body: (inout MemoryVolume) throws(StorageError) -> Void
    ) throws(StorageError) {
        if isPoisoned.load(ordering: .relaxed) {
            throw .disk(DiskError(.poisoned, operation, path))
        }
        try with(operation) { volume throws(StorageError) in
            try volume.countChange(operation, path)
            try body(&volume)
        }
    }

    private func with<Result: Sendable>(
        _ operation: DiskError.Operation,
        _ body: (inout MemoryVolume) throws(StorageError) -> Result
    ) throws(StorageError) -> Result {
        try disk.with { volume throws(StorageError) in
            guard volume.start == start else {
                throw .disk(DiskError(.powerLoss, operation, path))
            }
            try volume.checkPower(operation, path)
            return try body(&volume)
        }
    }
}

private final class MemoryLock: DiskLock {
    private let disk: MemoryDisk
    private let path: String
    private let start: Int

    init(_ disk: MemoryDisk, path: String, start: Int) {
        self.disk = disk
        self.path = path
        self.start = start
    }

    deinit {
        disk.unlock(path, start: start)
    }
}
