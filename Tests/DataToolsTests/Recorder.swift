import Jute
import Storage
import StorageTesting
import Testing
import ZnodeTree

/// A member that writes a history to a disk, and remembers what the state was at each zxid.
struct Recorder: ~Copyable {
    let disk: MemoryDisk
    private let directory: DataDirectory
    private var log: TransactionLog
    private(set) var tree = DataTree()
    private var preparer = RequestPreparer()
    private var zxid: Zxid
    private var time: Int64
    private var cxid: Int32 = 0
    /// Every state, as the bytes of a snapshot's body.
    private(set) var moments: [Moment] = []

    struct Moment {
        var zxid: Zxid
        var time: Int64
        var body: [UInt8]
        var digest: UInt64
    }

    static let session = SessionID(rawValue: 0x100)

    static func open(on disk: MemoryDisk) throws -> Recorder {
        var recorder = try Recorder(on: disk)
        try recorder.perform(.createSession(timeoutMs: 8_000))
        return recorder
    }

    private init(on disk: MemoryDisk) throws {
        var configuration = DataDirectory.Configuration(dataDirectory: "data")
        configuration.preallocationBytes = 4 << 10
        let directory = try DataDirectory(configuration, on: disk)
        let state = try directory.recover(
            beginSnapshot: { _ in }, body: { _ in nil }, record: { _ in })
        let empty = DataTree()
        try directory.snapshots.write(
            empty, digest: SnapshotDigest(zxid: .zero, digest: empty.digest))
        var epochs = try directory.epochs(lastZxid: .zero)
        try directory.establish(StorageIdentity(history: 0xABC, node: 1, disk: 0xDEF))
        try epochs.setAccepted(2)
        try epochs.setCurrent(2)
        self.disk = disk
        self.directory = directory
        log = directory.openLog(after: state)
        zxid = Zxid(epoch: 1, counter: 0)
        time = 1_700_000_000_000
    }

    /// Prepares, logs and applies.
    mutating func perform(
        _ operation: Operation, session: SessionID = Recorder.session,
        after milliseconds: Int64 = 10
    ) throws {
        zxid = zxid.next
        cxid += 1
        time += milliseconds
        let record = preparer.prepare(
            RequestPreparer.Input(
                session: session, cxid: cxid, identities: [Identity(scheme: "ip", id: "::1")],
                operation: .success(operation)),
            zxid: zxid, time: time, tree: tree)
        try log.append([LogRecord(zxid: zxid, payload: record.payload)])
        try log.sync()
        log.noteCommitted(zxid)
        try log.flushWatermark()
        #expect(tree.apply(record).digestMatches != false)
        moments.append(
            Moment(
                zxid: zxid, time: record.header.time, body: bytes(of: tree), digest: tree.digest))
    }

    /// Some of everything.
    mutating func fill(_ count: Int, below path: ZnodePath) throws {
        try perform(.create(path))
        for number in 0..<count {
            let child = path.appending(Array("n\(number)".utf8))
            try perform(.create(child, "value \(number)"))
            if number % 3 == 0 { try perform(.set(child, "again \(number)")) }
            if number % 4 == 0 {
                try perform(.setACL(path: child, acl: [ACL(.read, .anyone)], version: -1))
            }
            if number % 5 == 0 { try perform(.delete(path: child, version: -1)) }
        }
        let ephemeral = CreateOperation.Mode.ephemeral(sequential: false)
        try perform(.create(path.appending(Array("e".utf8)), "mine", mode: ephemeral))
    }

    mutating func snapshot() throws {
        try log.roll()
        try directory.snapshots.write(
            tree, digest: SnapshotDigest(zxid: zxid, digest: tree.digest))
    }

    mutating func beginEpoch(_ epoch: Epoch) throws {
        zxid = Zxid(epoch: epoch, counter: 0)
    }

    /// What was recorded, with the disk let go.
    consuming func finish() -> [Moment] {
        moments
    }
}

func bytes(of tree: DataTree) -> [UInt8] {
    var serializer = SnapshotSerializer(view: tree)
    var bytes: [UInt8] = []
    while let chunk = serializer.next() { bytes += chunk }
    return bytes
}

extension SnapshotStore {
    @discardableResult
    func write(_ tree: DataTree, digest: SnapshotDigest?) throws(StorageError) -> SnapshotName {
        var writer = try begin(tree.lastApplied)
        try writer.append(bytes(of: tree))
        return try writer.finish(digest: digest)
    }
}

extension Operation {
    static func create(
        _ path: ZnodePath, _ data: String = "",
        mode: CreateOperation.Mode = .persistent(sequential: false)
    ) -> Operation {
        .create(CreateOperation(path: path, data: Array(data.utf8), mode: mode))
    }

    static func set(_ path: ZnodePath, _ data: String) -> Operation {
        .setData(path: path, data: Array(data.utf8), version: -1)
    }
}
