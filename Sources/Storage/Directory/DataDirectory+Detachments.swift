/// What was set aside at one time.
package struct Detachment: Equatable, Sendable {
    /// Names it, from 1.
    package var number: Int
    /// Nil when nobody has written it down.
    package var cause: DetachmentCause?
    /// Since 1970.
    package var time: Duration
    package var files: [File] = []

    package struct File: Equatable, Sendable {
        package var name: String
        package var sizeBytes: Int
    }

    /// Whether it is a whole state, which could take its place again: a snapshot with what follows.
    package var isState: Bool {
        files.contains { SnapshotName(fileName: $0.name) != nil }
    }

    struct Place {
        /// `aviary-detached/NNNN`.
        var folder: String
    }
}

extension DataDirectory {
    /// Everything that was set aside and is still here, the oldest first. With two folders, for
    /// snapshots and for logs, each number may be in both.
    ///
    /// - Throws: `.disk`.
    package func detachments() throws(StorageError) -> [Detachment] {
        var found: [Int: Detachment] = [:]
        for folder in Set([snapshotPath, logPath]).sorted() {
            let parent = folder + "/" + FileNames.setAside
            guard try disk.exists(parent) else { continue }
            for name in try disk.names(in: parent) {
                guard let number = Int(name) else { continue }
                let place = parent + "/" + name
                if found[number] == nil {
                    found[number] = Detachment(
                        number: number, cause: try cause(of: place), time: try time(of: place))
                }
                for file in try disk.names(in: place).sorted() {
                    let size = try disk.open(place + "/" + file, .read).size()
                    found[number]?.files.append(.init(name: file, sizeBytes: size))
                }
            }
        }
        return found.values.sorted { $0.number < $1.number }
    }

    /// Keeps bytes that are no file of the directory's.
    ///
    /// - Parameters:
    ///   - bytes: What is to be kept.
    ///   - name: Of the file.
    ///   - cause: Why it is kept.
    /// - Throws: `.disk`.
    package func keep(
        _ bytes: [UInt8], as name: String, because cause: DetachmentCause
    ) throws(StorageError) {
        let number = try Self.nextDetachment(in: [snapshotPath, logPath], on: disk)
        var aside = SetAside(on: disk, from: snapshotPath, because: cause, into: number)
        let path = try aside.makeFolder() + "/" + name
        let file = try disk.open(path, .create)
        try file.write(bytes, at: 0)
        try file.sync()
        try aside.finish()
    }

    private func time(of place: String) throws(StorageError) -> Duration {
        let about = place + FileNames.aboutSuffix
        return try disk.exists(about) ? disk.modificationTime(of: about) : .zero
    }

    private func cause(of place: String) throws(StorageError) -> DetachmentCause? {
        try disk.content(of: place + FileNames.aboutSuffix)
            .flatMap { ChecksummedText($0)?["cause"] }
            .flatMap { DetachmentCause(rawValue: $0) }
    }

    /// Deletes what was set aside, for good.
    ///
    /// - Parameter number: Of the detachment.
    /// - Returns: False if there is none of this number.
    /// - Throws: `.disk`.
    package func removeDetachment(_ number: Int) throws(StorageError) -> Bool {
        var isFound = false
        for folder in Set([snapshotPath, logPath]) {
            let place = SetAside.folder(number, in: folder)
            guard try disk.exists(place) else { continue }
            isFound = true
            try Self.remove(Detachment.Place(folder: place), on: disk)
        }
        return isFound
    }

    static func remove(_ place: Detachment.Place, on disk: any Disk) throws(StorageError) {
        for name in try disk.names(in: place.folder) {
            try disk.remove(place.folder + "/" + name)
        }
        try disk.removeIfPresent(place.folder + FileNames.aboutSuffix)
        try disk.removeDirectory(place.folder)
    }

    /// A number that is free in each of the folders.
    static func nextDetachment(
        in folders: Set<String>, on disk: any Disk
    ) throws(StorageError) -> Int {
        var next = 1
        for folder in folders {
            next = max(next, try SetAside.nextNumber(on: disk, in: folder))
        }
        return next
    }
}
