import History
import Jute
import Logging
import Simulation
import Storage
import StorageTesting
import Testing
import ZnodeTree

/// A tree whose transactions are told to a history on a disk in memory.
final class Recorder {
    private(set) var disk: MemoryDisk
    private(set) var history: ChangeHistory
    private(set) var tree = DataTree()
    private(set) var all: [HistoricTransaction] = []
    private var zxid = Zxid(epoch: 1, counter: 0)
    let windowBytes: Int
    let segmentBytes: Int
    var keepsUp = true

    init(
        disk: MemoryDisk = MemoryDisk(), windowBytes: Int = 1 << 20, segmentBytes: Int = 1 << 16
    ) throws {
        self.disk = disk
        self.windowBytes = windowBytes
        self.segmentBytes = segmentBytes
        history = try Recorder.open(disk, from: .zero, windowBytes, segmentBytes)
    }

    static func open(
        _ disk: MemoryDisk, from snapshot: Zxid, _ windowBytes: Int, _ segmentBytes: Int,
        retention: RetentionPolicy = RetentionPolicy(), owner: UInt64 = 1
    ) throws -> ChangeHistory {
        ChangeHistory(
            try HistoryFiles(
                in: "/data/history", of: StorageIdentity(history: 1, node: 1, disk: owner),
                on: disk, segmentBytes: segmentBytes),
            from: snapshot, on: disk, retention: retention, windowBytes: windowBytes,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }

    /// Starts anew on the same disk, with a snapshot at `snapshot` and what follows it in the log.
    func restart(
        from snapshot: Zxid, retention: RetentionPolicy = RetentionPolicy()
    ) throws {
        history.close()
        history = try Recorder.open(
            disk, from: snapshot, windowBytes, segmentBytes, retention: retention)
        for result in results where result.zxid > snapshot { record(result) }
    }

    /// Goes on, from the next start on, with what this disk holds.
    func use(_ other: MemoryDisk) {
        disk = other
    }

    private func record(_ result: TxnResult) {
        history.applied(result)
        // A disk that keeps up: otherwise a small memory costs the oldest part.
        if keepsUp { history.sync(through: result.zxid) }
    }

    private var results: [TxnResult] = []

    var last: Zxid { zxid }

    @discardableResult
    func apply(_ txn: Txn, session: SessionID = .none) -> TxnResult {
        zxid = zxid.next
        let header = TxnHeader(
            session: session, cxid: 0, zxid: zxid, time: Int64(zxid.counter) * 10, type: txn.type)
        let result = tree.apply(TxnRecord(header: header, txn: txn, digest: nil))
        results.append(result)
        if !result.changes.isEmpty { all.append(HistoricTransaction(result)) }
        record(result)
        return result
    }

    /// Gets to the state of another without being told how.
    func skip(_ other: Recorder) {
        tree = other.tree
        zxid = other.zxid
        all = other.all
        results = []
    }

    func create(_ path: ZnodePath, _ data: [UInt8]? = [1, 2, 3], acl: [ACL] = ACL.open) {
        apply(
            .create(
                CreateTxn(
                    path: path, data: data, acl: acl,
                    mode: .ordinary(ephemeral: false, create2: false), parentCVersion: -1)))
    }

    func write(_ count: Int) {
        if tree.find("/n") == nil { create("/n") }
        for index in 0..<count {
            apply(.setData(path: "/n", data: Array("value \(index)".utf8), version: Int32(index)))
        }
    }

    /// Everything behind a zxid, from memory and disk, as a reader would take it.
    func read(after start: Zxid) async -> [HistoricTransaction]? {
        var found: [HistoricTransaction] = []
        var cursor = start
        while true {
            var excerpt = history.recent(after: cursor, limit: 7)
            if case .onDisk = excerpt {
                let history = history
                let position = cursor
                excerpt = await withCheckedContinuation { continuation in
                    history.older(after: position) { continuation.resume(returning: $0) }
                }
            }
            switch excerpt {
            case .transactions(let transactions, let through):
                found += transactions
                guard through > cursor else { return found }
                cursor = through
            case .gone, .onDisk:
                return nil
            }
        }
    }

    func expected(after start: Zxid) -> [HistoricTransaction] { all.filter { $0.zxid > start } }
}

@Suite struct HistoryTests {
    @Test func `every kind of change comes back from memory and from the disk`() async throws {
        let recorder = try Recorder(windowBytes: 1)
        let locked = [ACL(.all, Identity(scheme: "digest", id: "bob:x"))]
        recorder.create("/a", nil)
        recorder.create("/a/b", [], acl: locked)
        recorder.apply(.setData(path: "/a", data: nil, version: 1))
        recorder.apply(.setData(path: "/a/b", data: Array("x".utf8), version: 1))
        recorder.apply(.setACL(path: "/a", acl: locked, version: 1))
        recorder.apply(.createSession(timeoutMs: 5), session: SessionID(rawValue: 7))
        for name in ["/e1", "/e2"] as [ZnodePath] {
            recorder.apply(
                .create(
                    CreateTxn(
                        path: name, data: [], acl: ACL.open,
                        mode: .ordinary(ephemeral: true, create2: false), parentCVersion: -1)),
                session: SessionID(rawValue: 7))
        }
        recorder.apply(
            .create(
                CreateTxn(
                    path: "/ttl", data: [], acl: ACL.open, mode: .ttl(milliseconds: 90),
                    parentCVersion: -1)))
        recorder.apply(
            .create(
                CreateTxn(
                    path: "/box", data: [], acl: ACL.open, mode: .container, parentCVersion: -1)))
        recorder.apply(.delete(path: "/a/b", container: false))
        recorder.apply(.closeSession(paths: ["/e1", "/e2"]), session: SessionID(rawValue: 7))
        #expect(recorder.all.last?.changes.map(\.path) == ["/e1", "/e2"])
        #expect(recorder.all.last?.changes.map(\.znode.stat.ephemeralOwner.rawValue) == [7, 7])
        recorder.history.sync(through: recorder.last)
        #expect(await recorder.read(after: .zero) == recorder.expected(after: .zero))
        try recorder.restart(from: recorder.last)
        #expect(await recorder.read(after: .zero) == recorder.expected(after: .zero))
    }

    @Test func `a reader gets everything from any point, over the ends of files and of memory`()
        async throws
    {
        let recorder = try Recorder(windowBytes: 4_000, segmentBytes: 3_000)
        recorder.write(200)
        recorder.history.sync(through: recorder.last)
        for counter in stride(from: UInt32(0), through: 201, by: 13) {
            let start = Zxid(epoch: 1, counter: counter)
            #expect(await recorder.read(after: start) == recorder.expected(after: start))
        }
    }

    @Test func `what changes nothing moves the end`() throws {
        let recorder = try Recorder()
        recorder.apply(.error(.noNode))
        guard case .transactions([], let through) = recorder.history.recent(after: .zero) else {
            Issue.record("nothing has changed")
            return
        }
        #expect(through == recorder.last)
    }

    @Test func `a start replays what the disk lacks and repeats nothing`() async throws {
        let recorder = try Recorder(segmentBytes: 2_000)
        recorder.write(30)
        let snapshot = recorder.last
        recorder.keepsUp = false
        recorder.write(30)
        var generator = SeededGenerator(seed: 1)
        recorder.history.close()
        recorder.disk.crash(using: &generator)
        try recorder.restart(from: snapshot)
        #expect(recorder.history.floor == .zero)
        #expect(await recorder.read(after: .zero) == recorder.expected(after: .zero))
        recorder.write(5)
        #expect(await recorder.read(after: snapshot) == recorder.expected(after: snapshot))
    }

    @Test(arguments: 1...60)
    func `power may fail at any change of the disk`(changes: Int) async throws {
        let recorder = try Recorder(windowBytes: 1_500, segmentBytes: 1_200)
        recorder.disk.changesUntilPowerLoss = changes
        var snapshot = Zxid.zero
        for _ in 0..<6 {
            recorder.write(5)
            let point = recorder.last
            if let left = recorder.disk.changesUntilPowerLoss, left > 0 { snapshot = point }
        }
        var generator = SeededGenerator(seed: UInt64(changes))
        recorder.history.close()
        recorder.disk.crash(using: &generator)
        try recorder.restart(from: snapshot)
        recorder.write(3)
        recorder.history.sync(through: recorder.last)
        let floor = recorder.history.floor
        #expect(floor <= snapshot, "what was synced before the snapshot is there")
        #expect(await recorder.read(after: floor) == recorder.expected(after: floor))
    }

    @Test func `a state received whole leaves a hole, and only what follows is offered`()
        async throws
    {
        let recorder = try Recorder()
        recorder.write(10)
        recorder.history.jumped(to: Zxid(epoch: 9, counter: 0))
        #expect(recorder.history.floor == Zxid(epoch: 9, counter: 0))
        guard case .gone(let floor) = recorder.history.recent(after: Zxid(epoch: 1, counter: 3))
        else {
            Issue.record("there is a hole")
            return
        }
        #expect(floor == Zxid(epoch: 9, counter: 0))
    }

    /// What `other` has of a hole, piece by piece.
    private func fill(
        _ recorder: Recorder, from other: Recorder, damaging damage: Bool = false
    ) async throws {
        let hole = try #require(recorder.history.hole)
        var cursor = max(hole.after ?? .zero, other.history.floor)
        while cursor < hole.through {
            let start = cursor
            let piece = await withCheckedContinuation { continuation in
                other.history.export(after: start, through: hole.through) {
                    continuation.resume(returning: $0)
                }
            }
            var bytes = try #require(piece)
            if damage { bytes[bytes.count / 2] ^= 1 }
            guard let end = recorder.history.fill(hole, with: bytes, after: cursor) else { break }
            cursor = end
        }
        recorder.history.finishFilling(hole, isComplete: cursor == hole.through)
    }

    @Test(arguments: [1 << 20, 1_500])
    func `a hole is closed with what another member has`(windowBytes: Int) async throws {
        let whole = try Recorder(windowBytes: windowBytes, segmentBytes: 1_500)
        let holed = try Recorder(segmentBytes: 1_500)
        whole.write(20)
        holed.write(20)
        whole.write(40)
        holed.skip(whole)
        holed.history.jumped(to: holed.last)
        whole.write(10)
        holed.write(10)
        #expect(await holed.read(after: .zero) == nil)
        #expect(holed.history.hole?.after == Zxid(epoch: 1, counter: 21))
        try await fill(holed, from: whole)
        #expect(holed.history.hole == nil)
        #expect(holed.history.floor == .zero)
        #expect(await holed.read(after: .zero) == whole.expected(after: .zero))
        try holed.restart(from: holed.last)
        #expect(holed.history.floor == .zero)
        #expect(await holed.read(after: .zero) == whole.expected(after: .zero))
    }

    @Test func `what a wrong state has made of the transactions is got anew, all of it`()
        async throws
    {
        let right = try Recorder(segmentBytes: 1_500)
        let wrong = try Recorder(segmentBytes: 1_500)
        right.write(40)
        wrong.write(40)
        wrong.history.jumped(to: wrong.last)
        #expect(wrong.history.hole == nil, "the same state once more")
        wrong.history.jumped(to: wrong.last, wasWrong: true)
        #expect(await wrong.read(after: .zero) == nil)
        wrong.history.sync(through: wrong.last)
        #expect(wrong.history.hole?.through == wrong.last)
        #expect(wrong.history.hole?.after == nil, "nothing of it is kept for the other side")
        try await fill(wrong, from: right)
        #expect(wrong.history.floor == .zero)
        #expect(await wrong.read(after: .zero) == right.expected(after: .zero))
    }

    @Test func `a member without anything gets all that another has`() async throws {
        let whole = try Recorder(segmentBytes: 1_500)
        whole.write(50)
        let empty = try Recorder()
        empty.skip(whole)
        empty.history.jumped(to: empty.last)
        try await fill(empty, from: whole)
        #expect(empty.history.floor == .zero)
        #expect(await empty.read(after: .zero) == whole.expected(after: .zero))
    }

    @Test func `a damaged piece is thrown away, and the hole stays`() async throws {
        let whole = try Recorder()
        whole.write(50)
        let empty = try Recorder()
        empty.skip(whole)
        empty.history.jumped(to: empty.last)
        try await fill(empty, from: whole, damaging: true)
        #expect(empty.history.hole?.through == empty.last)
        #expect(await empty.read(after: .zero) == nil)
        let names = try empty.disk.names(in: "/data/history")
        #expect(!names.contains { $0.hasPrefix("fetched") })
        try await fill(empty, from: whole)
        #expect(await empty.read(after: .zero) == whole.expected(after: .zero))
    }

    @Test func `files of other data are not taken for this one's`() async throws {
        let recorder = try Recorder()
        recorder.write(20)
        recorder.history.sync(through: recorder.last)
        let other = try Recorder.open(
            recorder.disk, from: .zero, 1 << 20, 1 << 16, owner: 2)
        guard case .transactions([], _) = other.recent(after: .zero) else {
            Issue.record("there is nothing yet")
            return
        }
        #expect(other.hole == nil)
    }

    @Test func `a rotten file is a hole, told and not passed over`() async throws {
        let recorder = try Recorder(windowBytes: 1_000, segmentBytes: 2_000)
        recorder.write(60)
        recorder.history.sync(through: recorder.last)
        let names = try recorder.disk.names(in: "/data/history")
        #expect(names.count > 4)
        let path = "/data/history/\(names[1])"
        let file = try recorder.disk.open(path, .update)
        let middle = try file.size() / 2
        let byte = try file.read(1, at: middle)
        try file.write([byte[0] ^ 1], at: middle)
        let result = await recorder.read(after: .zero)
        #expect(result == nil)
        let floor = recorder.history.floor
        #expect(floor > .zero)
        #expect(await recorder.read(after: floor) == recorder.expected(after: floor))
    }

    @Test func `what is older or larger than is kept goes, and the floor rises`() async throws {
        let recorder = try Recorder(windowBytes: 1_000, segmentBytes: 2_000)
        recorder.write(100)
        recorder.history.sync(through: recorder.last)
        var retention = RetentionPolicy()
        retention.historyBytes = 5_000
        try recorder.restart(from: recorder.last, retention: retention)
        #expect(recorder.history.floor == .zero)
        recorder.history.purge(now: .seconds(0))
        let floor = recorder.history.floor
        #expect(floor > .zero)
        #expect(await recorder.read(after: floor) == recorder.expected(after: floor))
        #expect(await recorder.read(after: .zero) == nil)
    }

    @Test func `a disk that does not keep up costs the oldest part, not the memory`()
        async throws
    {
        let recorder = try Recorder(windowBytes: 1_000)
        recorder.disk.freeBytes = 0
        recorder.keepsUp = false
        recorder.write(100)
        let floor = recorder.history.floor
        #expect(floor > .zero)
        #expect(recorder.expected(after: floor).count < 10)
        #expect(await recorder.read(after: floor) == recorder.expected(after: floor))
    }

    @Test func `rot in the newest file costs what memory no longer has, and a new one is begun`()
        async throws
    {
        let recorder = try Recorder(windowBytes: 1_000, segmentBytes: 1 << 20)
        recorder.write(60)
        let names = try recorder.disk.names(in: "/data/history")
        let path = "/data/history/\(try #require(names.first { $0.hasPrefix("events") }))"
        recorder.disk.flip(bit: 3, at: 2_000, of: path)
        #expect(await recorder.read(after: .zero) == nil)
        let floor = recorder.history.floor
        recorder.write(20)
        #expect(await recorder.read(after: floor) == recorder.expected(after: floor))
        try recorder.restart(from: recorder.last)
        #expect(recorder.history.floor == floor)
        #expect(await recorder.read(after: floor) == recorder.expected(after: floor))
    }

    @Test func `memory that reaches back further than the files is told as long as it does`()
        async throws
    {
        let recorder = try Recorder(windowBytes: 30_000, segmentBytes: 2_000)
        var retention = RetentionPolicy()
        retention.historyBytes = 1_000
        try recorder.restart(from: .zero, retention: retention)
        for _ in 0..<20 {
            recorder.write(20)
            recorder.history.purge(now: .seconds(0))
            let floor = recorder.history.floor
            #expect(await recorder.read(after: floor) == recorder.expected(after: floor))
        }
        #expect(recorder.history.floor > .zero)
    }

    @Test func `a full disk costs history, not the node`() async throws {
        let recorder = try Recorder(windowBytes: 3_000, segmentBytes: 2_000)
        recorder.write(20)
        recorder.history.sync(through: recorder.last)
        recorder.disk.freeBytes = 0
        recorder.write(20)
        recorder.history.sync(through: recorder.last)
        let floor = recorder.history.floor
        #expect(await recorder.read(after: floor) == recorder.expected(after: floor))
        recorder.disk.freeBytes = nil
        recorder.write(20)
        recorder.history.sync(through: recorder.last)
        #expect(await recorder.read(after: recorder.history.floor) != nil)
        let kept = recorder.history.floor
        try recorder.restart(from: recorder.last)
        #expect(await recorder.read(after: kept) == recorder.expected(after: kept))
    }
}
