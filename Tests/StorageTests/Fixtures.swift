import Jute
import Storage
import StorageTesting
import Testing

/// A member whose disk is in memory, and the words in which the tests speak of it.
struct Member {
    let disk: MemoryDisk
    var configuration: DataDirectory.Configuration
    /// Of the log and the snapshots.
    static let folder = "data/version-2"

    init(on disk: MemoryDisk = MemoryDisk(), preallocationBytes: Int = 16 << 10) {
        self.disk = disk
        configuration = DataDirectory.Configuration(dataDirectory: "data")
        configuration.preallocationBytes = preallocationBytes
    }

    func open() throws(StorageError) -> DataDirectory {
        try DataDirectory(configuration, on: disk)
    }

    /// Starts, and returns everything that was found.
    @discardableResult
    func recover() throws(StorageError) -> Recovered {
        try Recovered(try open())
    }

    func content(of name: String) throws -> [UInt8] {
        try #require(try disk.content(of: Member.folder + "/" + name))
    }

    func replace(_ name: String, with content: [UInt8]) throws {
        try disk.makeDirectory(Member.folder)
        let file = try disk.open(Member.folder + "/" + name, .replace)
        try file.write(content, at: 0)
        try file.sync()
        try disk.syncDirectory(Member.folder)
    }

    func names() throws -> [String] {
        try disk.names(in: Member.folder)
    }
}

/// A start of a member, and what it has read.
struct Recovered: ~Copyable {
    let directory: DataDirectory
    let state: RecoveredState
    let records: [LoggedRecord]
    let body: FakeBody

    init(_ directory: DataDirectory) throws(StorageError) {
        var records: [LoggedRecord] = []
        var body = FakeBody()
        state = try directory.recover(
            beginSnapshot: { _ in body = FakeBody() },
            body: { try body.consume($0) },
            record: { record throws(StorageError) in records.append(record) })
        self.directory = directory
        self.records = records
        self.body = body
    }

    var zxids: [Zxid] { records.map(\.zxid) }

    func log() -> TransactionLog {
        directory.openLog(after: state)
    }
}

/// A consumer of snapshot bodies that understands as much as is needed to find their end.
///
/// - Source: storage format reference, section 4.1.
struct FakeBody {
    private(set) var bytes: [UInt8] = []

    struct Nonsense: Error {}

    mutating func consume(_ piece: UnsafeRawBufferPointer) throws -> Int? {
        let before = bytes.count
        bytes.append(contentsOf: piece)
        do throws(JuteError) {
            var reader = JuteReader(bytes)
            try FakeBody.skip(&reader)
            bytes.removeLast(reader.remaining)
            return reader.index - before
        } catch {
            if error == .truncated { return nil }
            throw Nonsense()
        }
    }

    private static func skip(_ reader: inout JuteReader) throws(JuteError) {
        let sessions = try reader.readInt()
        try reader.skip(Int(sessions) * 12)
        for _ in 0..<(try reader.readInt()) {
            _ = try reader.readLong()
            for _ in 0..<(try reader.readInt()) {
                _ = try reader.readInt()
                _ = try reader.readBufferRange()
                _ = try reader.readBufferRange()
            }
        }
        while try reader.readPath() != ZnodePath("/") {
            _ = try reader.readBufferRange()
            try reader.skip(68)
        }
    }

    /// A body with as many nodes below an empty root.
    static func nodes(_ count: Int, data: Int = 10) -> [UInt8] {
        var writer = JuteWriter()
        writer.write(int: 1)
        writer.write(long: 0x0100_0000_0000_0001)
        writer.write(int: 4000)
        writer.write(int: 0)
        for index in 0...count {
            writer.write(string: index == 0 ? "" : "/node-\(index)")
            writer.write(buffer: (0..<data).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ index) })
            writer.write(long: -1)
            writer.write(raw: [UInt8](repeating: UInt8(truncatingIfNeeded: index), count: 60))
        }
        writer.write(string: "/")
        return writer.bytes
    }
}

extension LogRecord {
    /// A transaction that says who it is, of any size.
    init(_ zxid: Zxid, size: Int = 60) {
        var writer = JuteWriter()
        TxnHeader(
            session: SessionID(rawValue: 1), cxid: 7, zxid: zxid, time: 1_700_000_000_000,
            type: .setData
        ).write(to: &writer)
        while writer.bytes.count < size {
            writer.write(byte: UInt8(truncatingIfNeeded: writer.bytes.count &* 7) | 1)
        }
        self.init(zxid: zxid, payload: writer.bytes)
    }
}

func zxid(_ epoch: Epoch, _ counter: UInt32) -> Zxid {
    Zxid(epoch: epoch, counter: counter)
}

func records(_ epoch: Epoch, _ counters: ClosedRange<UInt32>, size: Int = 60) -> [LogRecord] {
    counters.map { LogRecord(zxid(epoch, $0), size: size) }
}

func zxids(_ epoch: Epoch, _ counters: ClosedRange<UInt32>) -> [Zxid] {
    counters.map { zxid(epoch, $0) }
}

extension SnapshotStore {
    @discardableResult
    func write(
        _ zxid: Zxid, body: [UInt8] = FakeBody.nodes(3), digest: SnapshotDigest?
    ) throws(StorageError) -> SnapshotName {
        var writer = try begin(zxid)
        try writer.append(body)
        return try writer.finish(digest: digest)
    }

    @discardableResult
    func write(exact zxid: Zxid) throws(StorageError) -> SnapshotName {
        try write(zxid, digest: SnapshotDigest(zxid: zxid, digest: 1))
    }
}

extension TransactionLog {
    mutating func write(_ records: [LogRecord]) throws(StorageError) {
        try append(records)
        try sync()
    }
}

/// SplitMix64: a generator whose whole state is a seed.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(_ seed: UInt64) {
        state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }
}

func hex(_ text: String) -> [UInt8] {
    let digits = text.compactMap(\.hexDigitValue)
    return stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
}
