package import Jute

/// A person's order to go on without members that are dead for good, when they have taken the
/// quorum with them.
///
/// Every survivor gets the same. None of them will follow a leader of an epoch below the one named
/// here, so that whatever the dead may still agree on among themselves, should they live, stays
/// below it.
///
/// - Source: rules of soundness, section 8.
package struct Adoption: Equatable, Sendable {
    package var dead: Set<PeerID>
    /// Of the configuration without them; above that of the one with them.
    package var version: Int64
    /// What each survivor promises: far above what any of them has promised before.
    package var epoch: Epoch
    /// Names the history that goes on.
    package var history: UInt64
    /// No start has obeyed it yet.
    package var isNew = true

    package init(dead: Set<PeerID>, version: Int64, epoch: Epoch, history: UInt64) {
        self.dead = dead
        self.version = version
        self.epoch = epoch
        self.history = history
    }
}

extension Adoption {
    /// - Returns: nil when the bytes are not what was written.
    init?(_ bytes: [UInt8]) {
        guard let text = ChecksummedText(bytes), let dead = text["dead"],
            let version = text["version"].flatMap({ Int64($0) }),
            let epoch = text["epoch"].flatMap({ Epoch($0) }),
            let history = text["history"].flatMap({ UInt64($0, radix: 16) })
        else { return nil }
        self.init(
            dead: Set(dead.split(separator: ",").compactMap { PeerID($0) }), version: version,
            epoch: epoch, history: history)
        isNew = text["state"] == "new"
    }

    var bytes: [UInt8] {
        var text = ChecksummedText()
        text["dead"] = dead.sorted().map(String.init).joined(separator: ",")
        text["version"] = String(version)
        text["epoch"] = String(epoch)
        text["history"] = hexadecimal(history)
        text["state"] = isNew ? "new" : "begun"
        return text.bytes
    }
}

extension DataDirectory {
    /// The members that do not count any more, if a person has ever said so. Needed before the
    /// directory is opened: it says who belongs to the ensemble.
    ///
    /// - Parameters:
    ///   - dataDirectory: `dataDir`.
    ///   - disk: Where it is.
    /// - Returns: The latest order.
    /// - Throws: `.damagedFile`, `.disk`.
    package static func adoption(
        in dataDirectory: String, on disk: any Disk
    ) throws(StorageError) -> Adoption? {
        let path = dataDirectory + "/" + FileNames.version + "/" + FileNames.adoption
        guard let bytes = try disk.content(of: path) else { return nil }
        guard let adoption = Adoption(bytes) else {
            throw .damagedFile(path: path, problem: "it is damaged")
        }
        return adoption
    }

    /// Writes an order down. Durable on return; the next start obeys it.
    ///
    /// - Throws: `.disk`.
    package func adopt(_ adoption: Adoption) throws(StorageError) {
        try disk.replaceContent(
            of: snapshotPath + "/" + FileNames.adoption, with: adoption.bytes)
        try disk.syncDirectory(snapshotPath)
    }

    /// What is here is what goes on, whatever was lost: by the word of the person.
    ///
    /// - Throws: `.disk`.
    package func trust(by adoption: Adoption) throws(StorageError) {
        if adoption.isNew { try lossHealed() }
    }

    /// Makes the promise that goes with an order. Durable on return.
    ///
    /// - Throws: `.epochs`, `.disk`.
    package func begin(_ adoption: Adoption, _ epochs: inout EpochStore) throws(StorageError) {
        guard adoption.isNew else { return }
        try epochs.setAccepted(max(epochs.accepted, adoption.epoch))
        var begun = adoption
        begun.isNew = false
        try adopt(begun)
    }
}
