/// The few file operations that storage needs, on a real disk or on a simulated one.
///
/// Paths are absolute or relative to the working directory, with `/` between names. Nothing is
/// durable before it was synced: bytes by `DiskFile.sync`, names by `syncDirectory`. Every
/// failure is a `StorageError.disk`.
package protocol Disk: AnyObject, Sendable {
    /// Makes a directory and the missing ones above it, durably. One that exists is fine.
    func makeDirectory(_ path: String) throws(StorageError)

    /// The names in a directory, sorted, without `.` and `..`.
    func names(in directory: String) throws(StorageError) -> [String]

    func exists(_ path: String) throws(StorageError) -> Bool

    func open(_ path: String, _ access: FileAccess) throws(StorageError) -> any DiskFile

    /// Gives a file another name, in one step; a file that has that name already is replaced.
    func rename(_ path: String, to newPath: String) throws(StorageError)

    func remove(_ path: String) throws(StorageError)

    /// Removes an empty directory.
    func removeDirectory(_ path: String) throws(StorageError)

    /// Makes the names in a directory durable. A failure is final: see `DiskFile.sync`.
    func syncDirectory(_ path: String) throws(StorageError)

    /// Takes a lock that no other process can hold at the same time, until the result is released.
    ///
    /// - Parameter path: The lock's file, made when it is missing.
    /// - Returns: The lock.
    /// - Throws: `.locked` at once when somebody else has it.
    func lock(_ path: String) throws(StorageError) -> any DiskLock

    /// Whether somebody, this process included, holds the lock now. Leaves no trace: a lock's file
    /// that is missing stays so.
    func isLocked(_ path: String) throws(StorageError) -> Bool

    /// When a file was last written, as time since 1970.
    func modificationTime(of path: String) throws(StorageError) -> Duration

    /// What this process may still write to the disk of a directory.
    func freeBytes(in directory: String) throws(StorageError) -> Int
}

/// What a file is opened for.
package enum FileAccess: Sendable {
    /// Reading only.
    case read
    /// Reading and writing a file that exists.
    case update
    /// Reading and writing a new file; `.alreadyExists` when the name is taken.
    case create
    /// Reading and writing a new file, or an old one whose content is dropped.
    case replace
}

/// An open file. It is closed when it is released.
package protocol DiskFile: AnyObject, Sendable {
    func size() throws(StorageError) -> Int

    /// Reads from `offset` on until the buffer is full or the file ends.
    ///
    /// - Parameters:
    ///   - buffer: Where the bytes go.
    ///   - offset: Bytes from the start of the file.
    /// - Returns: How many bytes were read; fewer than the buffer takes only at the file's end.
    /// - Throws: `.disk`.
    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(StorageError)
        -> Int

    /// Writes all bytes at `offset`; what lies between the file's end and `offset` reads as zero.
    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(StorageError)

    /// Cuts the file, or extends it by zeros that take no room on the disk.
    func resize(to size: Int) throws(StorageError)

    /// Extends the file by zeros that do take room: nothing else can have it until the file is
    /// cut. A file that is long enough already is left as it is.
    func allocate(to size: Int) throws(StorageError)

    /// Makes everything written so far durable (`fdatasync`).
    ///
    /// After a failure the page cache cannot be trusted: the kernel marks the pages clean and a
    /// second call would succeed without having written them. So the handle is poisoned: every
    /// later write and sync throws.
    func sync() throws(StorageError)
}

/// A held lock. It is let go when it is released.
package protocol DiskLock: AnyObject, Sendable {}

extension DiskFile {
    package func write(_ bytes: [UInt8], at offset: Int) throws(StorageError) {
        // `withUnsafeBytes` rethrows untyped; the error goes round it.
        var failure: StorageError?
        bytes.withUnsafeBytes { buffer in
            do throws(StorageError) {
                try write(buffer, at: offset)
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
    }

    /// Writes everything from `source` on, durably.
    package func write(allOf source: any DiskFile) throws(StorageError) {
        var offset = 0
        while true {
            let piece = try source.read(1 << 20, at: offset)
            if piece.isEmpty { break }
            try write(piece, at: offset)
            offset += piece.count
        }
        try sync()
    }

    /// Up to `count` bytes from `offset` on.
    package func read(_ count: Int, at offset: Int) throws(StorageError) -> [UInt8] {
        var failure: StorageError?
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            do throws(StorageError) {
                initialized = try read(into: UnsafeMutableRawBufferPointer(buffer), at: offset)
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        return bytes
    }
}

extension Disk {
    /// The whole content of a small file, or nil when there is no such file.
    package func content(of path: String) throws(StorageError) -> [UInt8]? {
        do throws(StorageError) {
            let file = try open(path, .read)
            return try file.read(try file.size(), at: 0)
        } catch {
            if error.isNotFound { return nil }
            throw error
        }
    }

    /// Puts `content` in place of a file: after a crash either the old or the new content is
    /// there. The name is durable only after `syncDirectory`.
    package func replaceContent(of path: String, with content: [UInt8]) throws(StorageError) {
        let temporary = path + ".tmp"
        let file = try open(temporary, .replace)
        try file.write(content, at: 0)
        try file.sync()
        try rename(temporary, to: path)
    }

    package func removeIfPresent(_ path: String) throws(StorageError) {
        do throws(StorageError) {
            try remove(path)
        } catch {
            if !error.isNotFound { throw error }
        }
    }
}
