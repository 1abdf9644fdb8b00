/// Moves files out of the way, into a numbered folder of their own under `aviary-detached`.
///
/// They are never deleted: what was set aside may be all that is left of something.
struct SetAside {
    private let disk: any Disk
    /// The folder the files come from.
    private let directory: String
    /// Nil as long as nothing was moved.
    private(set) var folder: String?

    init(on disk: any Disk, from directory: String) {
        self.disk = disk
        self.directory = directory
    }

    /// Moves a file if there is one of this name. Durable after `finish`.
    mutating func move(_ name: String) throws(StorageError) {
        guard try disk.exists(directory + "/" + name) else { return }
        let folder = try makeFolder()
        try disk.rename(directory + "/" + name, to: folder + "/" + name)
    }

    /// Keeps a copy of a file from which a part is about to be cut.
    mutating func copy(_ name: String) throws(StorageError) {
        guard try disk.exists(directory + "/" + name) else { return }
        let folder = try makeFolder()
        let source = try disk.open(directory + "/" + name, .read)
        let target = try disk.open(folder + "/" + name, .create)
        var offset = 0
        while true {
            let piece = try source.read(1 << 20, at: offset)
            if piece.isEmpty { break }
            try target.write(piece, at: offset)
            offset += piece.count
        }
        try target.sync()
    }

    func finish() throws(StorageError) {
        guard let folder else { return }
        try disk.syncDirectory(folder)
        try disk.syncDirectory(directory)
    }

    private mutating func makeFolder() throws(StorageError) -> String {
        if let folder { return folder }
        let parent = directory + "/" + FileNames.setAside
        try disk.makeDirectory(parent)
        let last = try disk.names(in: parent).compactMap { Int($0) }.max() ?? 0
        let name = String(last + 1)
        let made = parent + "/" + String(repeating: "0", count: max(0, 4 - name.count)) + name
        try disk.makeDirectory(made)
        folder = made
        return made
    }
}
