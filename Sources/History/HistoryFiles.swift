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
    private var file: (any DiskFile)?
    private var size = 0
    /// Complete through here.
    private(set) var last = Zxid.zero

    /// Opens the folder, made if need be, and cuts what a crash has torn.
    ///
    /// - Parameters:
    ///   - folder: Of the history alone.
    ///   - disk: Where it is.
    ///   - segmentBytes: About how long a file becomes.
    /// - Throws: `.disk`.
    package init(
        in folder: String, on disk: any Disk, segmentBytes: Int = 16 << 20
    ) throws(StorageError) {
        self.disk = disk
        self.folder = folder
        self.segmentBytes = segmentBytes
        try disk.makeDirectory(folder)
        let found = try disk.names(in: folder)
            .compactMap { HistorySegment(fileName: $0, in: folder) }
            .sorted { $0.base < $1.base }
        guard let newest = found.last,
            let content = try newest.read(from: disk, keeping: { _ in false })
        else { return }
        let file = try disk.open(newest.path, .update)
        if !content.isWhole { try file.resize(to: content.validBytes) }
        self.file = file
        size = content.validBytes
        last = content.last
        segments = [newest]
        for segment in found.dropLast().reversed() {
            guard try segment.ends(at: segments[0].base, on: disk) else { break }
            segments.insert(segment, at: 0)
        }
    }

    /// Everything after it is here, without a hole; nil when nothing is.
    var floor: Zxid? { segments.first?.base }

    // MARK: Writing

    /// Begins anew behind a hole: what was held before stays on the disk and is not offered.
    func restart(at zxid: Zxid) throws(StorageError) {
        segments = []
        // A start takes the highest base for the newest file.
        for name in try disk.names(in: folder) {
            guard let segment = HistorySegment(fileName: name, in: folder), segment.base >= zxid
            else { continue }
            try disk.remove(segment.path)
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
            HistorySegment.append(transaction, to: &bytes)
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
    }

    // MARK: Old files

    /// Removes what is older or larger than is kept, from the oldest file on. The one that grows
    /// and the one before it stay.
    ///
    /// - Parameters:
    ///   - policy: How much is kept.
    ///   - now: Time since 1970.
    /// - Throws: `.disk`.
    func purge(_ policy: RetentionPolicy, now: Duration) throws(StorageError) {
        var sizes: [Int] = []
        for segment in segments { sizes.append(try disk.open(segment.path, .read).size()) }
        var total = sizes.reduce(0, +)
        while segments.count > 2 {
            let age = now - (try disk.modificationTime(of: segments[0].path))
            guard age > policy.historyTime || total > policy.historyBytes else { break }
            try disk.remove(segments[0].path)
            total -= sizes.removeFirst()
            segments.removeFirst()
        }
        // What lies before a hole is of no more use to anybody.
        let kept = Set(segments.map(\.path))
        for name in try disk.names(in: folder) {
            guard let segment = HistorySegment(fileName: name, in: folder),
                !kept.contains(segment.path)
            else { continue }
            try disk.remove(segment.path)
        }
        try disk.syncDirectory(folder)
    }
}
