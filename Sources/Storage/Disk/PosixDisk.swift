private import Glibc
private import Synchronization

/// The machine's own file system.
package final class PosixDisk: Disk {
    package init() {}

    package func makeDirectory(_ path: String) throws(StorageError) {
        if try isDirectory(path) { return }
        let parent = parentDirectory(of: path)
        if parent != path { try makeDirectory(parent) }
        if mkdir(path, 0o755) != 0, errno != EEXIST { throw lastError(.makeDirectory, path) }
        guard try isDirectory(path) else {
            throw .disk(DiskError(.notADirectory, .makeDirectory, path))
        }
        try syncDirectory(parent)
    }

    package func names(in directory: String) throws(StorageError) -> [String] {
        guard let stream = opendir(directory) else { throw lastError(.list, directory) }
        defer { closedir(stream) }
        var names: [String] = []
        while true {
            errno = 0
            guard let entry = readdir(stream) else {
                if errno != 0 { throw lastError(.list, directory) }
                break
            }
            let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    package func exists(_ path: String) throws(StorageError) -> Bool {
        var status = stat()
        if stat(path, &status) == 0 { return true }
        if errno == ENOENT { return false }
        throw lastError(.examine, path)
    }

    package func open(_ path: String, _ access: FileAccess) throws(StorageError) -> any DiskFile {
        let flags =
            switch access {
            case .read: O_RDONLY
            case .update: O_RDWR
            case .create: O_RDWR | O_CREAT | O_EXCL
            case .replace: O_RDWR | O_CREAT | O_TRUNC
            }
        return PosixFile(
            try openDescriptor(path, flags | O_CLOEXEC, .open), path: path)
    }

    package func rename(_ path: String, to newPath: String) throws(StorageError) {
        if Glibc.rename(path, newPath) != 0 { throw lastError(.rename, path) }
    }

    package func remove(_ path: String) throws(StorageError) {
        if unlink(path) != 0 { throw lastError(.remove, path) }
    }

    package func removeDirectory(_ path: String) throws(StorageError) {
        if rmdir(path) != 0 { throw lastError(.remove, path) }
    }

    package func syncDirectory(_ path: String) throws(StorageError) {
        let descriptor = try openDescriptor(
            path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, .syncDirectory)
        defer { close(descriptor) }
        if fsync(descriptor) != 0 { throw lastError(.syncDirectory, path) }
    }

    package func lock(_ path: String) throws(StorageError) -> any DiskLock {
        let descriptor = try openDescriptor(path, O_RDWR | O_CREAT | O_CLOEXEC, .lock)
        while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
            if errno == EINTR { continue }
            let error: StorageError =
                errno == EWOULDBLOCK
                ? .disk(DiskError(.locked, .lock, path)) : lastError(.lock, path)
            close(descriptor)
            throw error
        }
        return PosixLock(descriptor)
    }

    package func isLocked(_ path: String) throws(StorageError) -> Bool {
        let descriptor: Int32
        do throws(StorageError) {
            descriptor = try openDescriptor(path, O_RDONLY | O_CLOEXEC, .lock)
        } catch {
            if error.isNotFound { return false }
            throw error
        }
        defer { close(descriptor) }
        // Shared, so that two who look are not in each other's way.
        while flock(descriptor, LOCK_SH | LOCK_NB) != 0 {
            if errno == EWOULDBLOCK { return true }
            if errno != EINTR { throw lastError(.lock, path) }
        }
        return false
    }

    package func modificationTime(of path: String) throws(StorageError) -> Duration {
        var status = stat()
        if stat(path, &status) != 0 { throw lastError(.examine, path) }
        return .seconds(status.st_mtim.tv_sec) + .nanoseconds(status.st_mtim.tv_nsec)
    }

    private func isDirectory(_ path: String) throws(StorageError) -> Bool {
        var status = stat()
        if stat(path, &status) != 0 {
            if errno == ENOENT { return false }
            throw lastError(.makeDirectory, path)
        }
        guard status.st_mode & S_IFMT == S_IFDIR else {
            throw .disk(DiskError(.notADirectory, .makeDirectory, path))
        }
        return true
    }

    private func parentDirectory(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    private func openDescriptor(
        _ path: String, _ flags: Int32, _ operation: DiskError.Operation
    ) throws(StorageError) -> Int32 {
        while true {
            let descriptor = Glibc.open(path, flags, 0o644)
            if descriptor >= 0 { return descriptor }
            if errno != EINTR { throw lastError(operation, path) }
        }
    }
}

private final class PosixFile: DiskFile {
    private let descriptor: Int32
    private let path: String
    private let poisoned = Atomic(false)

    init(_ descriptor: Int32, path: String) {
        self.descriptor = descriptor
        self.path = path
    }

    deinit {
        // Whatever counts was synced before; the result of closing says nothing about that.
        close(descriptor)
    }

    func size() throws(StorageError) -> Int {
        var status = stat()
        if fstat(descriptor, &status) != 0 { throw lastError(.examine, path) }
        return Int(status.st_size)
    }

    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(StorageError)
        -> Int
    {
        var done = 0
        while done < buffer.count {
            let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[done...])
            let count = pread(descriptor, rest.baseAddress, rest.count, off_t(offset + done))
            if count == 0 { break }
            if count > 0 {
                done += count
            } else if errno != EINTR {
                throw lastError(.read, path)
            }
        }
        return done
    }

    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(StorageError) {
        try checkTrust(.write)
        var done = 0
        while done < bytes.count {
            let rest = UnsafeRawBufferPointer(rebasing: bytes[done...])
            let count = pwrite(descriptor, rest.baseAddress, rest.count, off_t(offset + done))
            if count >= 0 {
                done += count
            } else if errno != EINTR {
                throw lastError(.write, path)
            }
        }
    }

    func resize(to size: Int) throws(StorageError) {
        try checkTrust(.resize)
        while ftruncate(descriptor, off_t(size)) != 0 {
            if errno != EINTR { throw lastError(.resize, path) }
        }
    }

    func sync() throws(StorageError) {
        try checkTrust(.sync)
        // Also an interrupted call is a failed one: nothing says what it has written.
        if fdatasync(descriptor) != 0 {
            let error = lastError(.sync, path)
            poisoned.store(true, ordering: .releasing)
            throw error
        }
    }

    private func checkTrust(_ operation: DiskError.Operation) throws(StorageError) {
        if poisoned.load(ordering: .acquiring) {
            throw .disk(DiskError(.poisoned, operation, path))
        }
    }
}

private final class PosixLock: DiskLock {
    private let descriptor: Int32

    init(_ descriptor: Int32) {
        self.descriptor = descriptor
    }

    deinit {
        close(descriptor)
    }
}

private func lastError(_ operation: DiskError.Operation, _ path: String) -> StorageError {
    let number = errno
    let reason: DiskError.Reason =
        switch number {
        case ENOENT: .notFound
        case EEXIST: .alreadyExists
        case ENOTDIR: .notADirectory
        case ENOSPC, EDQUOT: .noSpace
        case EACCES, EPERM, EROFS: .notPermitted
        case EIO: .inputOutput
        default: .other(number: number, text: String(cString: strerror(number)))
        }
    return .disk(DiskError(reason, operation, path))
}
