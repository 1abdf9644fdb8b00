import Jute

/// Writes the sidecar of one log file.
struct SidecarWriter: Sendable {
    private let file: any DiskFile
    private let log: Zxid
    private var slots: Int
    /// Slots that are not in the file yet.
    private var pending: [UInt8] = []
    private var pendingSlots = 0
    private(set) var isSynced = true
    private var lastCommitted: Zxid?

    /// Starts the sidecar of a new log. The file is durable on return, its name is not.
    init(creating path: String, log: Zxid, previous: Zxid, on disk: any Disk) throws(StorageError) {
        file = try disk.open(path, .replace)
        self.log = log
        try file.write(Sidecar.header(log: log, previous: previous), at: 0)
        try file.sync()
        slots = Sidecar.headerSlots
    }

    /// Goes on with an existing sidecar, to lower its watermark.
    init(continuing path: String, log: Zxid, on disk: any Disk) throws(StorageError) {
        file = try disk.open(path, .update)
        self.log = log
        slots = max(
            Sidecar.headerSlots, (try file.size() + Sidecar.slotSize - 1) / Sidecar.slotSize)
    }

    /// Remembers a record that was handed to the log.
    mutating func note(_ record: ExpectedRecord) {
        append(.record(record))
    }

    /// Writes what was noted, now that the log is synced up to `watermark`.
    mutating func write(_ watermark: Sidecar.Watermark) throws(StorageError) {
        append(.watermark(watermark))
        try file.write(pending, at: slots * Sidecar.slotSize)
        slots += pendingSlots
        pendingSlots = 0
        pending.removeAll(keepingCapacity: true)
        lastCommitted = watermark.committed
        isSynced = false
    }

    /// Whether the file already tells of this committed transaction.
    func knows(committed zxid: Zxid) -> Bool {
        lastCommitted == zxid
    }

    mutating func sync() throws(StorageError) {
        if isSynced { return }
        try file.sync()
        isSynced = true
    }

    private mutating func append(_ slot: Sidecar.Slot) {
        Sidecar.append(slot, number: slots + pendingSlots, log: log, to: &pending)
        pendingSlots += 1
    }
}
