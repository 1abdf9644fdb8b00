/// What takes the place of everything that a member has, by a person's order.
package enum Rebuild: Equatable, Sendable {
    /// A leader's whole state. Of another ensemble's data not even the promises count here;
    /// otherwise they are kept.
    case fromQuorum(keepingPromises: Bool)
    /// What was set aside under this number.
    case fromDetached(Int)
}

// A rebuild is ordered while the member runs, and done at its next start, before anything is read.
// The order is durable, and each of its steps can be done again, so a start that finds one goes on
// where the start before it was interrupted.

extension DataDirectory {
    /// Writes the order down. Durable on return: from now on a start obeys it.
    ///
    /// - Throws: `.layout` for a number that no state was set aside under, `.disk`.
    package func order(_ rebuild: Rebuild) throws(StorageError) {
        var text = ChecksummedText()
        switch rebuild {
        case .fromQuorum(let keepsPromises):
            text["from"] = keepsPromises ? "quorum" : "quorum-without-promises"
        case .fromDetached(let number):
            guard try detachments().contains(where: { $0.number == number && $0.isState }) else {
                throw .layout("no state was set aside as \(number)")
            }
            text["from"] = "\(number)"
        }
        text["number"] = "\(try Self.nextDetachment(in: [snapshotPath, logPath], on: disk))"
        try disk.replaceContent(of: snapshotPath + "/" + FileNames.rebuild, with: text.bytes)
        try disk.syncDirectory(snapshotPath)
    }

    /// Obeys an order, if there is one.
    static func finishRebuild(
        _ snapshotPath: String, _ logPath: String, on disk: any Disk
    ) throws(StorageError) {
        let path = snapshotPath + "/" + FileNames.rebuild
        guard let bytes = try disk.content(of: path) else { return }
        guard var text = ChecksummedText(bytes), let from = text["from"],
            let number = text["number"].flatMap({ Int($0) })
        else { throw .damagedFile(path: path, problem: "it is damaged") }
        let folders = Set([snapshotPath, logPath]).sorted()
        let source = Int(from)
        if text["emptied"] == nil {
            // Whatever this member has acknowledged goes: it has to get a leader's whole state
            // before it counts again.
            try disk.replaceContent(
                of: snapshotPath + "/" + FileNames.loss, with: Loss.unknown.bytes)
            try disk.syncDirectory(snapshotPath)
            for folder in folders {
                var aside = SetAside(
                    on: disk, from: folder,
                    because: source == nil ? .adoptedQuorum : .restoredState, into: number)
                for name in try disk.names(in: folder)
                where isState(name) || (from == "quorum-without-promises" && isPromise(name)) {
                    try aside.move(name)
                }
                try aside.finish()
            }
            text["emptied"] = "yes"
            try disk.replaceContent(of: path, with: text.bytes)
            try disk.syncDirectory(snapshotPath)
        }
        if let source {
            for folder in folders { try putBack(source, into: folder, on: disk) }
        }
        try disk.remove(path)
        try disk.syncDirectory(snapshotPath)
    }

    private static func putBack(
        _ number: Int, into folder: String, on disk: any Disk
    ) throws(StorageError) {
        let source = SetAside.folder(number, in: folder)
        guard try disk.exists(source) else { return }
        for name in try disk.names(in: source) where isState(name) {
            try disk.rename(source + "/" + name, to: folder + "/" + name)
        }
        try disk.syncDirectory(folder)
        try remove(Detachment.Place(folder: source), on: disk)
    }

    static func isState(_ name: String) -> Bool {
        SnapshotName(fileName: name) != nil || FileNames.log(named: name) != nil
            || FileNames.sidecar(named: name) != nil || name == FileNames.identity
    }

    private static func isPromise(_ name: String) -> Bool {
        name == FileNames.acceptedEpoch || name == FileNames.currentEpoch
            || FileNames.epochCopies.contains(name) || name == FileNames.cluster
    }
}
