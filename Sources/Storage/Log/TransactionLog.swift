import Checksum
package import Jute

/// Writes ZooKeeper's transaction log, for one thread at a time.
///
/// A batch is one write and one `fdatasync`. Each log file has a sidecar that remembers what was
/// synced. The first error of the disk ends the log for good: what the page cache holds can no
/// longer be trusted, and only a restart that reads the disk can tell what is there.
///
/// A log never appends to a file that it has not made itself.
///
/// - Source: storage format reference, sections 2 and 3; rules of soundness, section 6.
package struct TransactionLog: ~Copyable, Sendable {
    /// The last transaction handed to the file, or what the next one has to follow.
    package internal(set) var lastAppended: Zxid
    /// The last transaction that is on the disk for certain.
    package internal(set) var lastSynced: Zxid
    /// An error has ended this log.
    package private(set) var isDead = false
    package private(set) var recordsSinceRoll = 0
    /// Bytes of the file being written, without the room preallocated behind them.
    package var bytesSinceRoll: Int { file?.position ?? 0 }

    let disk: any Disk
    /// The `version-2` folder of the logs.
    let directory: String
    /// The snapshot that the log files continue.
    var base: Zxid
    /// All transactions above this one are in the log files and belong to one history: a learner
    /// can be brought up to date from them.
    package private(set) var contiguousFrom: Zxid
    private let preallocationBytes: Int
    private var committed: Zxid
    private var file: OpenLogFile?
    /// Reused from batch to batch.
    private var batch: [UInt8] = []

    private struct OpenLogFile: Sendable {
        var name: Zxid
        var handle: any DiskFile
        var sidecar: SidecarWriter
        /// Where the next record goes.
        var position: Int
        /// With what is preallocated.
        var size: Int
        var chain: UInt32
        /// Whether the name of the file is durable.
        var isNamed = false
    }

    /// - Parameters:
    ///   - disk: Where the log lies.
    ///   - directory: The `version-2` folder, which exists.
    ///   - base: The snapshot that the log files there continue.
    ///   - last: The last transaction in them, or `base`.
    ///   - committed: The highest transaction known to be committed.
    ///   - contiguousFrom: Above which transaction the files have no hole.
    ///   - preallocationBytes: By how much a file is extended when it fills up; 0 for not at all.
    init(
        on disk: any Disk, in directory: String, base: Zxid, last: Zxid, committed: Zxid,
        contiguousFrom: Zxid, preallocationBytes: Int
    ) {
        self.disk = disk
        self.directory = directory
        self.base = base
        self.contiguousFrom = contiguousFrom
        self.preallocationBytes = preallocationBytes
        self.committed = committed
        lastAppended = last
        lastSynced = last
    }

    /// Hands records to the file, in one write. They count only after `sync`.
    ///
    /// - Parameter records: Each one follows the one before it, the first `lastAppended`.
    /// - Throws: `.doesNotFollow` and `.badRecordSize`, with nothing changed; `.disk` and `.dead`.
    package mutating func append(_ records: [LogRecord]) throws(StorageError) {
        if isDead { throw .dead }
        try check(records)
        guard let first = records.first else { return }
        try untilFirstError { log throws(StorageError) in
            if log.file == nil { try log.create(first.zxid) }
            try log.write(records)
        }
    }

    /// Makes everything appended durable, with one `fdatasync`.
    ///
    /// - Throws: `.disk` and `.dead`.
    package mutating func sync() throws(StorageError) {
        if isDead { throw .dead }
        if lastSynced == lastAppended { return }
        try untilFirstError { log throws(StorageError) in
            try log.file?.handle.sync()
            if log.file?.isNamed == false {
                try log.disk.syncDirectory(log.directory)
                log.file?.isNamed = true
            }
            log.lastSynced = log.lastAppended
            try log.writeWatermark()
        }
    }

    /// Ends the file being written; the next append begins another one.
    ///
    /// - Throws: `.disk` and `.dead`.
    package mutating func roll() throws(StorageError) {
        try sync()
        guard file != nil else { return }
        try untilFirstError { log throws(StorageError) in
            try log.file?.sidecar.sync()
            // Purely for tidiness, and so not synced: readers stop at the zeros as well.
            try log.file?.handle.resize(to: log.bytesSinceRoll)
        }
        file = nil
        recordsSinceRoll = 0
    }

    /// Remembers how far transactions are committed; written down with the next batch, or by
    /// `flushWatermark`.
    package mutating func noteCommitted(_ zxid: Zxid) {
        committed = max(committed, zxid)
    }

    /// Whether the sidecar is as durable as the log.
    package var watermarkIsFlushed: Bool {
        guard let sidecar = file?.sidecar, file?.isNamed == true else { return true }
        return sidecar.isSynced && sidecar.knows(committed: knownCommitted)
    }

    /// Makes the sidecar durable. Costs a sync of its own, so it is for a log that is idle, and
    /// for every so many batches of one that is not.
    ///
    /// - Throws: `.disk` and `.dead`.
    package mutating func flushWatermark() throws(StorageError) {
        if isDead { throw .dead }
        if watermarkIsFlushed { return }
        try untilFirstError { log throws(StorageError) in
            if log.lastSynced == log.lastAppended { try log.writeWatermark() }
            try log.file?.sidecar.sync()
        }
    }

    /// Continues behind a snapshot that has taken the place of all log files.
    mutating func startAfterSnapshot(_ zxid: Zxid) {
        precondition(file == nil, "the log is rolled before its files are set aside")
        base = zxid
        contiguousFrom = zxid
        lastAppended = zxid
        lastSynced = zxid
        committed = zxid
    }

    /// Runs operations of which any error ends the log.
    mutating func untilFirstError<Result>(
        _ body: (inout TransactionLog) throws(StorageError) -> Result
    ) throws(StorageError) -> Result {
        do throws(StorageError) {
            return try body(&self)
        } catch {
            isDead = true
            throw error
        }
    }

    private var knownCommitted: Zxid { min(committed, lastSynced) }

    private func check(_ records: [LogRecord]) throws(StorageError) {
        var last = lastAppended
        for record in records {
            guard record.zxid.directlyFollows(last) else {
                throw .doesNotFollow(record.zxid, last: last)
            }
            guard LogFormat.payloadSizes.contains(record.payload.count) else {
                throw .badRecordSize(record.zxid, bytes: record.payload.count)
            }
            last = record.zxid
        }
    }

    /// Makes a log file and its sidecar. The sidecar's name is durable first: a log without one
    /// is taken for a file of the original.
    private mutating func create(_ name: Zxid) throws(StorageError) {
        let path = directory + "/" + FileNames.log(name)
        if try disk.exists(path) {
            // Nothing in it is valid, or recovery would have ended behind it.
            var aside = SetAside(on: disk, from: directory, because: .truncation)
            try aside.move(FileNames.log(name))
            try aside.finish()
        }
        let sidecar = try SidecarWriter(
            creating: directory + "/" + FileNames.sidecar(name), log: name,
            previous: lastAppended, on: disk)
        try disk.syncDirectory(directory)
        file = OpenLogFile(
            name: name, handle: try disk.open(path, .create), sidecar: sidecar, position: 0,
            size: 0, chain: Sidecar.chainStart(log: name))
    }

    private mutating func write(_ records: [LogRecord]) throws(StorageError) {
        guard var file = file.take() else { return }
        defer { self.file = file }
        batch.removeAll(keepingCapacity: true)
        if file.position == 0 { batch.append(contentsOf: LogFormat.header) }
        for record in records {
            let start = batch.count
            LogFormat.append(record.payload, to: &batch)
            var chain = CRC32C(resumingAfter: file.chain)
            chain.update(batch[start...])
            file.chain = chain.value
            file.sidecar.note(
                ExpectedRecord(
                    zxid: record.zxid, offset: file.position + start,
                    length: record.payload.count, chain: chain.value))
            lastAppended = record.zxid
        }
        let end = file.position + batch.count
        let size = LogFormat.preallocatedSize(
            from: file.position, to: end, size: file.size, block: preallocationBytes)
        if size > file.size {
            try file.handle.resize(to: size)
            file.size = size
        }
        try file.handle.write(batch, at: file.position)
        file.position = end
        file.size = max(file.size, end)
        recordsSinceRoll += records.count
    }

    private mutating func writeWatermark() throws(StorageError) {
        let watermark = Sidecar.Watermark(
            zxid: lastSynced, offset: bytesSinceRoll, committed: knownCommitted)
        try file?.sidecar.write(watermark)
    }
}
