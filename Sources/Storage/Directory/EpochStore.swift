package import Jute

/// The promises of a member: `acceptedEpoch`, the newest epoch it has promised to a leader, and
/// `currentEpoch`, that of the leader it has last accepted.
///
/// Each lies in a file of the original and in two checksummed copies. A promise is durable before
/// the call that makes it returns.
///
/// - Source: storage format reference, section 7; rules of soundness, section 6.
package struct EpochStore: Sendable {
    package private(set) var accepted: Epoch
    package private(set) var current: Epoch
    /// What was promised or accepted is not known: all copies of one of them were lost, or they
    /// are contradicted.
    package let wereLost: Bool

    private let disk: any Disk
    private let directory: String

    /// Reads the epochs, and mends what a crash or the original has left behind.
    ///
    /// - Parameters:
    ///   - disk: Where they lie.
    ///   - directory: The `version-2` folder of the snapshots.
    ///   - lastZxid: The last transaction in log or snapshot, `.untrusted` for a database that
    ///     must not vote.
    ///   - mayBeMissing: Whether a folder without epochs is in order: it is new, or so old that
    ///     it comes from the time before ZooKeeper 3.4.
    ///   - noteLoss: Called before lost ones are written anew; nil if that must not be.
    /// - Throws: `.epochs` when they contradict each other, the log, or are lost, and `noteLoss` is
    ///   nil.
    init(
        on disk: any Disk, in directory: String, lastZxid: Zxid, mayBeMissing: Bool,
        noteLoss: (() throws(StorageError) -> Void)? = nil
    ) throws(StorageError) {
        self.disk = disk
        self.directory = directory
        let accepted = try EpochStore.read(FileNames.acceptedEpoch, on: disk, in: directory)
        let current = try EpochStore.read(FileNames.currentEpoch, on: disk, in: directory)
        var copies: [(accepted: Epoch, current: Epoch)] = []
        for name in FileNames.epochCopies {
            if let copy = try EpochStore.readCopy(name, on: disk, in: directory) {
                copies.append(copy)
            }
        }
        // A copy is behind after the original has run here, and ahead after the file was put
        // back: the higher one was promised.
        let knownAccepted = ([accepted] + copies.map(\.accepted)).compactMap { $0 }.max()
        let knownCurrent = ([current] + copies.map(\.current)).compactMap { $0 }.max()
        let contradiction = EpochStore.contradiction(accepted, current, copies, lastZxid)
        let isMissing = (knownAccepted == nil || knownCurrent == nil) && !mayBeMissing
        wereLost = isMissing || contradiction != nil
        if wereLost {
            guard let noteLoss else {
                let missing = """
                    the epoch files in \(directory) are lost or damaged, and so are their copies
                    """
                throw .epochs(contradiction ?? missing)
            }
            try noteLoss()
        }
        self.accepted = knownAccepted ?? max(lastZxid.epoch, knownCurrent ?? lastZxid.epoch)
        self.current = knownCurrent ?? lastZxid.epoch
        if contradiction != nil {
            // It does not count before a leader's state has made up for it. Until then the copies
            // are right, or nothing is but the log.
            self.current = copies.map(\.current).max() ?? lastZxid.epoch
            self.accepted = max(self.accepted, self.current, lastZxid.epoch)
        }
        try reconcile(with: lastZxid)
        if accepted != self.accepted { try write(FileNames.acceptedEpoch, self.accepted) }
        if current != self.current { try write(FileNames.currentEpoch, self.current) }
        if !copies.allSatisfy({ $0 == (self.accepted, self.current) }) || copies.count < 2
            || accepted != self.accepted || current != self.current
        {
            try writeCopies(accepted: self.accepted, current: self.current)
        }
    }

    /// Promises to follow no leader of an epoch below this one. Durable on return.
    ///
    /// - Parameter epoch: Not below `accepted`; a promise is never taken back.
    /// - Throws: `.epochs` for a lower one, `.disk`; the promise is then not made.
    package mutating func setAccepted(_ epoch: Epoch) throws(StorageError) {
        guard epoch >= accepted else {
            throw .epochs("epoch \(accepted) was promised, it cannot be lowered to \(epoch)")
        }
        if epoch == accepted { return }
        try writeCopies(accepted: epoch, current: current)
        try write(FileNames.acceptedEpoch, epoch)
        accepted = epoch
    }

    /// Accepts the leader of an epoch, once its history is durable here. Durable on return.
    ///
    /// - Parameter epoch: Between `current` and `accepted`.
    /// - Throws: `.epochs` for another one, `.disk`; the epoch is then not accepted.
    package mutating func setCurrent(_ epoch: Epoch) throws(StorageError) {
        guard epoch >= current, epoch <= accepted else {
            throw .epochs(
                "the current epoch cannot go from \(current) to \(epoch): \(accepted) was promised")
        }
        if epoch == current { return }
        try writeCopies(accepted: accepted, current: epoch)
        try write(FileNames.currentEpoch, epoch)
        current = epoch
    }

    /// What cannot be, unless a file is rotten or older than the rest.
    ///
    /// The files of the original have no checksum. A promise that is too high costs nothing, but
    /// an epoch that a member was never in would let it win elections against those that were.
    /// Nobody accepts an epoch without having promised it before, so that the original never raises
    /// the one alone.
    private static func contradiction(
        _ accepted: Epoch?, _ current: Epoch?, _ copies: [(accepted: Epoch, current: Epoch)],
        _ lastZxid: Zxid
    ) -> String? {
        let known = (accepted: copies.map(\.accepted).max(), current: copies.map(\.current).max())
        if let current, let before = known.current, current > before,
            accepted ?? .min <= known.accepted ?? .min
        {
            return "the current epoch is said to be \(current), and was \(before)"
        }
        let promised = [accepted, known.accepted].compactMap { $0 }.max()
        if let promised, lastZxid.epoch > promised {
            return """
                the log reaches transaction \(lastZxid), beyond the epoch \(promised) that was \
                promised
                """
        }
        return nil
    }

    /// Writes the epochs of a new folder. Durable on return.
    ///
    /// - Parameters:
    ///   - accepted: At least `current`.
    ///   - current: The epoch of the leader that was accepted last.
    ///   - disk: Where the folder is.
    ///   - directory: A `version-2` folder that has none yet.
    /// - Throws: `.disk`.
    package static func write(
        accepted: Epoch, current: Epoch, on disk: any Disk, in directory: String
    ) throws(StorageError) {
        precondition(current <= accepted, "an epoch is promised before it is accepted")
        for (name, epoch) in [
            (FileNames.acceptedEpoch, accepted), (FileNames.currentEpoch, current),
        ] {
            try disk.replaceContent(of: directory + "/" + name, with: Array(String(epoch).utf8))
        }
        try disk.syncDirectory(directory)
    }

    private mutating func reconcile(with lastZxid: Zxid) throws(StorageError) {
        // A crash between a snapshot of the leader's and the epoch behind it.
        if lastZxid.epoch > current { current = lastZxid.epoch }
        guard current <= accepted else {
            throw .epochs("the current epoch \(current) is above the accepted one, \(accepted)")
        }
    }

    private func write(_ name: String, _ epoch: Epoch) throws(StorageError) {
        try disk.replaceContent(of: directory + "/" + name, with: Array(String(epoch).utf8))
        try disk.syncDirectory(directory)
    }

    /// The copies come before the file of the original, so that a file that is above them was
    /// raised by the original, or is rotten.
    private func writeCopies(accepted: Epoch, current: Epoch) throws(StorageError) {
        var text = ChecksummedText()
        text["accepted"] = String(accepted)
        text["current"] = String(current)
        for name in FileNames.epochCopies {
            try disk.replaceContent(of: directory + "/" + name, with: text.bytes)
        }
        try disk.syncDirectory(directory)
    }

    /// - Returns: nil for a missing or unreadable file: the copies then have to do.
    static func read(
        _ name: String, on disk: any Disk, in directory: String
    ) throws(StorageError) -> Epoch? {
        guard let bytes = try disk.content(of: directory + "/" + name) else { return nil }
        let line = bytes.prefix { $0 != UInt8(ascii: "\n") && $0 != UInt8(ascii: "\r") }
        return Epoch(String(decoding: line, as: UTF8.self)).flatMap { $0 >= -1 ? $0 : nil }
    }

    static func readCopy(
        _ name: String, on disk: any Disk, in directory: String
    ) throws(StorageError) -> (accepted: Epoch, current: Epoch)? {
        guard let bytes = try disk.content(of: directory + "/" + name),
            let text = ChecksummedText(bytes),
            let accepted = text["accepted"].flatMap({ Epoch($0) }),
            let current = text["current"].flatMap({ Epoch($0) })
        else { return nil }
        return (accepted, current)
    }
}
