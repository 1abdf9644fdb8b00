import Jute
package import Storage

/// The part of the history that is on the disk: files without a hole between them, of which only
/// the last one grows.
///
/// Nothing acknowledges anything by these files. They are written without syncing; a start cuts
/// what a crash has torn, and replays from the log what is missing. That works because they are
/// synced before a snapshot takes the place of the log.
///
/// Confined to one thread.
package final class HistoryFiles {
    private let disk: any Disk
    private let folder: String
    private let segmentBytes: Int
    /// The oldest first, each beginning where the one before it ends.
    private(set) var segments: [HistorySegment] = []
    /// What lies before a hole, which another member may help to close.
    private(set) var older: [HistorySegment] = []
    /// Where that ends.
    private(set) var olderEnd: Zxid?
    /// Whether there was more before that cannot be read, or not as one piece.
    private(set) var isBroken = false
    private var fetched: [HistorySegment] = []
    /// Of the file that grows.
    private(set) var growing = GrowingIndex()
    private var file: (any DiskFile)?
    private var size = 0
    /// Complete through here.
    private(set) var last = Zxid.zero

    /// Opens the folder, made if need be, and cuts what a crash has torn.
    ///
    /// - Parameters:
    ///   - folder: Of the history alone.
    ///   - owner: The data that the history belongs to: files of any other are removed.
    ///   - disk: Where it is.
    ///   - segmentBytes: About how long a file becomes.
    /// - Throws: `.disk`.
    package init(
        in folder: String, of owner: StorageIdentity, on disk: any Disk,
        segmentBytes: Int = 16 << 20
    ) throws(StorageError) {
        self.disk = disk
        self.folder = folder
        self.segmentBytes = segmentBytes
        try disk.makeDirectory(folder)
        try HistoryFiles.claim(folder, for: owner, on: disk)
        // A hole that was being closed is closed anew.
        for name in try disk.names(in: folder) where HistorySegment.isFetched(name) {
            try disk.remove("\(folder)/\(name)")
        }
        let found = try disk.names(in: folder)
            .compactMap { HistorySegment(fileName: $0, in: folder) }
            .sorted { $0.base < $1.base }
        guard let newest = found.last,
            let content = try newest.read(from: disk, keeping: { _ in false })
        else { return }
        growing = GrowingIndex(newest.index(of: try disk.content(of: newest.path) ?? []))
        let file = try disk.open(newest.path, .update)
        if !content.isWhole { try file.resize(to: content.validBytes) }
        self.file = file
        size = content.validBytes
        last = content.last
        var rest = found.dropLast()
        segments = try HistoryFiles.chain(endingWith: newest, &rest, on: disk)
        guard let last = rest.popLast() else { return }
        isBroken = true
        guard let end = try last.read(from: disk, keeping: { _ in false })?.last else { return }
        older = try HistoryFiles.chain(endingWith: last, &rest, on: disk)
        olderEnd = end
    }

    /// Zxids of another history would pass for this one's.
    private static func claim(
        _ folder: String, for owner: StorageIdentity, on disk: any Disk
    ) throws(StorageError) {
        let path = folder + "/owner"
        if try disk.content(of: path) == owner.bytes { return }
        for name in try disk.names(in: folder)
        where HistorySegment(fileName: name, in: folder) != nil || HistorySegment.isIndex(name) {
            try disk.remove("\(folder)/\(name)")
        }
        try disk.syncDirectory(folder)
        try disk.replaceContent(of: path, with: owner.bytes)
        try disk.syncDirectory(folder)
    }

    /// Takes the files in front of `last` as far as there is no hole between them.
    private static func chain(
        endingWith last: HistorySegment, _ rest: inout ArraySlice<HistorySegment>,
        on disk: any Disk
    ) throws(StorageError) -> [HistorySegment] {
        var chain = [last]
        while let segment = rest.last, try segment.ends(at: chain[0].base, on: disk) {
            chain.insert(segment, at: 0)
            rest.removeLast()
        }
        return chain
    }

    /// Everything after it is here, without a hole; nil when nothing is.
    var floor: Zxid? { segments.first?.base }

    // MARK: Writing

    /// Begins anew behind a hole: what was held before stays on the disk and is not offered, or goes
    /// if it is not to be relied on.
    func restart(at zxid: Zxid, keepingOlder: Bool) throws(StorageError) {
        try discardFetched()
        if !segments.isEmpty {
            try finish()
            older = segments
            olderEnd = last
        }
        segments = []
        older.removeAll { $0.base >= zxid }
        if older.isEmpty || olderEnd ?? zxid > zxid || !keepingOlder {
            older = []
            olderEnd = nil
        }
        // A start takes the highest base for the newest file.
        for name in try disk.names(in: folder) {
            guard let segment = HistorySegment(fileName: name, in: folder),
                segment.base >= zxid || !keepingOlder
            else { continue }
            try disk.remove(segment.path)
            try disk.removeIfPresent(segment.indexPath)
        }
        try begin(at: zxid)
    }

    private func begin(at zxid: Zxid) throws(StorageError) {
        let segment = HistorySegment(base: zxid, in: folder)
        let file = try disk.open(segment.path, .replace)
        try file.write(segment.header, at: 0)
        try disk.syncDirectory(folder)
        self.file = file
        size = HistorySegment.headerSize
        growing = GrowingIndex()
        last = zxid
        segments.append(segment)
    }

    /// Appends transactions that follow what is there.
    func append(_ transactions: ArraySlice<HistoricTransaction>) throws(StorageError) {
        var bytes: [UInt8] = []
        for transaction in transactions {
            if size + bytes.count > segmentBytes, transaction.zxid > last {
                try write(&bytes)
                try finish()
                try begin(at: last)
            }
            let offset = size + bytes.count
            let length = HistorySegment.append(transaction, to: &bytes)
            growing.add(transaction, at: offset, length: length)
            last = transaction.zxid
        }
        try write(&bytes)
    }

    private func write(_ bytes: inout [UInt8]) throws(StorageError) {
        guard !bytes.isEmpty, let file else { return }
        try file.write(bytes, at: size)
        size += bytes.count
        bytes.removeAll(keepingCapacity: true)
    }

    /// Writes down up to where the history is complete, and makes all of it durable.
    func sync(through zxid: Zxid) throws(StorageError) {
        if zxid > last {
            var mark: [UInt8] = []
            HistorySegment.append(mark: zxid, to: &mark)
            try write(&mark)
            last = zxid
        }
        try file?.sync()
    }

    private func finish() throws(StorageError) {
        var mark: [UInt8] = []
        HistorySegment.append(mark: last, to: &mark)
        try write(&mark)
        try file?.sync()
        guard let segment = segments.last else { return }
        do throws(StorageError) {
            try HistoryFiles.writeIndex(growing.index, of: segment, size: size, on: disk)
        } catch {
            // The history is complete without it: whoever wants it makes it.
        }
    }

    /// Not synced: one that a crash has torn is made again.
    static func writeIndex(
        _ index: HistoryIndex, of segment: HistorySegment, size: Int, on disk: any Disk
    ) throws(StorageError) {
        let file = try disk.open(segment.indexPath, .replace)
        try file.write(
            HistoryIndexFile.content(of: index, about: segment, size: size), at: 0)
    }

    // MARK: Old files

    /// A file is damaged: it and what lies before it are no part of the history any more.
    func forget(through segment: HistorySegment) {
        segments.removeAll { $0.base <= segment.base }
        older = []
        olderEnd = nil
    }

    /// Lets go of what is older or larger than is kept, from the oldest file on. The one that
    /// grows and the one before it stay.
    ///
    /// - Parameters:
    ///   - policy: How much is kept.
    ///   - now: Time since 1970.
    /// - Returns: Paths of files that are no part of the history any more, to be removed once
    ///   nobody is told of them.
    /// - Throws: `.disk`.
    func expire(_ policy: RetentionPolicy, now: Duration) throws(StorageError) -> [String] {
        var sizes: [Int] = []
        for segment in older + segments {
            var size = try disk.open(segment.path, .read).size()
            if try disk.exists(segment.indexPath) {
                size += try disk.open(segment.indexPath, .read).size()
            }
            sizes.append(size)
        }
        var total = sizes.reduce(0, +)
        while segments.count > 2 || !older.isEmpty {
            let oldest = older.first ?? segments[0]
            let age = now - (try disk.modificationTime(of: oldest.path))
            guard age > policy.historyTime || total > policy.historyBytes else { break }
            total -= sizes.removeFirst()
            if older.isEmpty { segments.removeFirst() } else { older.removeFirst() }
            if older.isEmpty { olderEnd = nil }
        }
        // What lies before a second hole is of no more use to anybody either.
        let kept = Set((older + segments).map(\.path))
        let files = try disk.names(in: folder)
        let expired = files.compactMap { HistorySegment(fileName: $0, in: folder) }
            .filter { !kept.contains($0.path) }.map(\.path)
        let indices = Set((older + segments).map(\.indexPath))
        return expired
            + files.filter(HistorySegment.isIndex).map { "\(folder)/\($0)" }
            .filter { !indices.contains($0) }
    }

    func remove(_ paths: [String]) throws(StorageError) {
        if paths.isEmpty { return }
        for path in paths { try disk.remove(path) }
        try disk.syncDirectory(folder)
    }

    // MARK: Closing a hole

    /// Keeps a part of what is missing, which another member has sent.
    ///
    /// - Parameters:
    ///   - bytes: As one of our files holds them.
    ///   - base: Where it begins: where the part before it ends.
    ///   - limit: Where the hole ends.
    /// - Returns: Where it ends; nil for bytes that are no such part, which are thrown away.
    /// - Throws: `.disk`.
    func keepFetched(
        _ bytes: [UInt8], after base: Zxid, through limit: Zxid
    ) throws(StorageError) -> Zxid? {
        let segment = HistorySegment(fetchedAfter: base, in: folder)
        guard let content = segment.content(of: bytes, keeping: { _ in false }), content.isWhole,
            content.last > base, content.last <= limit
        else { return nil }
        var whole = bytes
        HistorySegment.append(mark: content.last, to: &whole)
        let file = try disk.open(segment.path, .replace)
        try file.write(whole, at: 0)
        try file.sync()
        fetched.append(segment)
        return content.last
    }

    func discardFetched() throws(StorageError) {
        for segment in fetched { try disk.remove(segment.path) }
        fetched = []
    }

    /// The parts reach from their first base to the first file: they become part of the history,
    /// and so does what lies before the hole, if they reach it.
    func adoptFetched() throws(StorageError) {
        var adopted: [HistorySegment] = []
        // The newest first: after a crash what is there has no hole.
        for segment in fetched.reversed() {
            let own = HistorySegment(base: segment.base, in: folder)
            // Of a file that had the name before.
            try disk.removeIfPresent(own.indexPath)
            try disk.rename(segment.path, to: own.path)
            adopted.insert(own, at: 0)
        }
        try disk.syncDirectory(folder)
        fetched = []
        segments = adopted + segments
        if let first = segments.first, olderEnd == first.base {
            segments = older + segments
            older = []
            olderEnd = nil
        }
    }
}
