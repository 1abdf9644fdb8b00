import Storage

/// Everything on a `MemoryDisk`, under its lock.
struct MemoryVolume: Sendable {
    /// By inode; never removed, so that an inode stays what it was.
    var files: [MemoryContent] = []
    /// Full path to inode, as processes see it.
    private var names: [String: Int] = [:]
    private var durableNames: [String: Int] = [:]
    /// Changes of names that are not durable, in order.
    private var unsyncedChanges: [NameChange] = []
    private var directories: Set<String> = ["", "/", "."]
    private var locks: Set<String> = []

    /// Counts restarts; handles of an earlier one are dead.
    private(set) var start = 0
    private(set) var changes = 0
    var changesUntilPowerLoss: Int?
    var freeBytes: Int?
    var failsNextSync = false
    var time: Duration = .zero

    /// A change of names takes place whole or not at all, as in a file system with a journal.
    private struct NameChange {
        var removed: String?
        var added: String?
        var inode: Int

        func touches(_ directory: String) -> Bool {
            [removed, added].contains { $0.map(MemoryVolume.parent) == directory }
        }

        func apply(to names: inout [String: Int]) {
            if let removed { names[removed] = nil }
            if let added { names[added] = inode }
        }
    }

    // MARK: Operations

    mutating func makeDirectory(_ path: String) throws(StorageError) {
        try checkPower(.makeDirectory, path)
        if directories.contains(path) { return }
        if names[path] != nil { throw .disk(DiskError(.notADirectory, .makeDirectory, path)) }
        try countChange(.makeDirectory, path)
        var path = path
        // Directories are always durable: `Disk.makeDirectory` says so.
        while directories.insert(path).inserted { path = MemoryVolume.parent(path) }
    }

    func names(in directory: String) throws(StorageError) -> [String] {
        try checkPower(.list, directory)
        try checkDirectory(directory, .list)
        let prefix = directory + "/"
        let inside = [names.keys.map { $0 }, directories.sorted()].joined().filter { path in
            path.hasPrefix(prefix) && !path.dropFirst(prefix.count).contains("/")
                && path.count > prefix.count
        }
        return inside.map { String($0.dropFirst(prefix.count)) }.sorted()
    }

    func exists(_ path: String) throws(StorageError) -> Bool {
        try checkPower(.examine, path)
        return names[path] != nil || directories.contains(path)
    }

    mutating func open(_ path: String, _ access: FileAccess) throws(StorageError) -> Int {
        try checkPower(.open, path)
        switch (access, names[path]) {
        case (.read, let inode?), (.update, let inode?):
            return inode
        case (.read, nil), (.update, nil):
            throw .disk(DiskError(.notFound, .open, path))
        case (.create, _?):
            throw .disk(DiskError(.alreadyExists, .open, path))
        case (.replace, let inode?):
            try countChange(.open, path)
            files[inode].resize(to: 0)
            return inode
        case (.create, nil), (.replace, nil):
            try checkDirectory(MemoryVolume.parent(path), .open)
            try countChange(.open, path)
            files.append(MemoryContent(modified: time))
            apply(NameChange(removed: nil, added: path, inode: files.count - 1))
            return files.count - 1
        }
    }

    mutating func rename(_ path: String, to newPath: String) throws(StorageError) {
        let inode = try inode(of: path, .rename)
        try checkDirectory(MemoryVolume.parent(newPath), .rename)
        try countChange(.rename, path)
        apply(NameChange(removed: path, added: newPath, inode: inode))
    }

    mutating func remove(_ path: String) throws(StorageError) {
        let inode = try inode(of: path, .remove)
        try countChange(.remove, path)
        apply(NameChange(removed: path, added: nil, inode: inode))
    }

    mutating func removeDirectory(_ path: String) throws(StorageError) {
        guard try names(in: path).isEmpty else {
            throw .disk(DiskError(.alreadyExists, .remove, path))
        }
        try countChange(.remove, path)
        directories.remove(path)
    }

    mutating func write(
        _ bytes: [UInt8], at offset: Int, inode: Int, path: String
    ) throws(StorageError) {
        let room = min(bytes.count, freeBytes ?? .max)
        files[inode].write(bytes.prefix(room), at: offset)
        files[inode].modified = time
        freeBytes? -= room
        if room < bytes.count { throw .disk(DiskError(.noSpace, .write, path)) }
    }

    mutating func sync(inode: Int, path: String) throws(StorageError) {
        if takeFailure() {
            files[inode].forgetUnsynced()
            throw .disk(DiskError(.inputOutput, .sync, path))
        }
        files[inode].sync()
    }

    mutating func syncDirectory(_ path: String) throws(StorageError) {
        try checkPower(.syncDirectory, path)
        try checkDirectory(path, .syncDirectory)
        try countChange(.syncDirectory, path)
        if takeFailure() {
            throw .disk(DiskError(.inputOutput, .syncDirectory, path))
        }
        for change in unsyncedChanges where change.touches(path) {
            change.apply(to: &durableNames)
        }
        unsyncedChanges.removeAll { $0.touches(path) }
    }

    mutating func lock(_ path: String) throws(StorageError) {
        try checkPower(.lock, path)
        guard locks.insert(path).inserted else {
            throw .disk(DiskError(.locked, .lock, path))
        }
        if names[path] == nil { _ = try open(path, .create) }
    }

    func isLocked(_ path: String) -> Bool { locks.contains(path) }

    mutating func unlock(_ path: String, start: Int) {
        if start == self.start { locks.remove(path) }
    }

    func modificationTime(of path: String) throws(StorageError) -> Duration {
        files[try inode(of: path, .examine)].modified
    }

    // MARK: Faults

    func checkPower(_ operation: DiskError.Operation, _ path: String) throws(StorageError) {
        if changesUntilPowerLoss == 0 { throw .disk(DiskError(.powerLoss, operation, path)) }
    }

    mutating func countChange(
        _ operation: DiskError.Operation, _ path: String
    ) throws(StorageError) {
        try checkPower(operation, path)
        changes += 1
        changesUntilPowerLoss? -= 1
    }

    mutating func crash(using generator: inout some RandomNumberGenerator) {
        for change in unsyncedChanges where Bool.random(using: &generator) {
            change.apply(to: &durableNames)
        }
        names = durableNames
        for inode in files.indices {
            files[inode].crash(using: &generator)
        }
        restart()
        unsyncedChanges = []
    }

    mutating func restart() {
        start += 1
        locks = []
        changesUntilPowerLoss = nil
        failsNextSync = false
    }

    mutating func flip(bit: Int, at offset: Int, of path: String) {
        guard let inode = names[path] else { preconditionFailure("\(path) does not exist") }
        files[inode].flip(bit: bit, at: offset)
    }

    // MARK: Inside

    private mutating func apply(_ change: NameChange) {
        change.apply(to: &names)
        unsyncedChanges.append(change)
    }

    private mutating func takeFailure() -> Bool {
        defer { failsNextSync = false }
        return failsNextSync
    }

    private func inode(
        of path: String, _ operation: DiskError.Operation
    ) throws(StorageError) -> Int {
        try checkPower(operation, path)
        guard let inode = names[path] else {
            throw .disk(DiskError(.notFound, operation, path))
        }
        return inode
    }

    private func checkDirectory(
        _ path: String, _ operation: DiskError.Operation
    ) throws(StorageError) {
        guard directories.contains(path) else {
            throw .disk(DiskError(.notFound, operation, path))
        }
    }

    private static func parent(_ path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return String(path[..<slash])
    }
}
