/// Why files were set aside.
package enum DetachmentCause: String, CaseIterable, Sendable {
    case damagedSnapshot = "damaged-snapshot"
    case damagedLog = "damaged-log"
    /// What a leader's TRUNC has made void.
    case truncation
    /// A leader's state has taken their place.
    case receivedState = "received-state"
    /// Single znodes that were mended.
    case mended
    /// A person has given up what was here for the quorum's state.
    case adoptedQuorum = "adopted-quorum"
    /// A person has put an earlier state back in its place.
    case restoredState = "restored-state"
}

/// Moves files out of the way, into a numbered folder of their own under `aviary-detached`. Beside
/// the folder a file of its name with `.about` says why.
///
/// They are never deleted: what was set aside may be all that is left of something.
struct SetAside {
    private let disk: any Disk
    /// The folder the files come from.
    private let directory: String
    private let cause: DetachmentCause
    /// Nil as long as nothing was moved.
    private(set) var folder: String?

    /// - Parameters:
    ///   - disk: Where they are.
    ///   - directory: Of the files, and of `aviary-detached`.
    ///   - cause: Why they have to go.
    ///   - number: Of the folder, for what goes on after a crash; nil for the next one.
    init(
        on disk: any Disk, from directory: String, because cause: DetachmentCause,
        into number: Int? = nil
    ) {
        self.disk = disk
        self.directory = directory
        self.cause = cause
        if let number { folder = Self.folder(number, in: directory) }
    }

    /// The number of the folder after the last one.
    static func nextNumber(
        on disk: any Disk, in directory: String
    ) throws(StorageError) -> Int {
        let parent = directory + "/" + FileNames.setAside
        guard try disk.exists(parent) else { return 1 }
        return (try disk.names(in: parent).compactMap { Int($0) }.max() ?? 0) + 1
    }

    static func folder(_ number: Int, in directory: String) -> String {
        let name = String(number)
        let digits = String(repeating: "0", count: max(0, 4 - name.count)) + name
        return directory + "/" + FileNames.setAside + "/" + digits
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
        try disk.open(folder + "/" + name, .create).write(allOf: source)
    }

    func finish() throws(StorageError) {
        guard let folder, try disk.exists(folder) else { return }
        try disk.syncDirectory(folder)
        try disk.syncDirectory(directory + "/" + FileNames.setAside)
        try disk.syncDirectory(directory)
    }

    mutating func makeFolder() throws(StorageError) -> String {
        let made: String
        if let folder {
            made = folder
        } else {
            made = Self.folder(try Self.nextNumber(on: disk, in: directory), in: directory)
        }
        folder = made
        if try disk.exists(made) { return made }
        try disk.makeDirectory(directory + "/" + FileNames.setAside)
        var about = ChecksummedText()
        about["cause"] = cause.rawValue
        try disk.replaceContent(of: made + FileNames.aboutSuffix, with: about.bytes)
        try disk.makeDirectory(made)
        return made
    }
}
