import Jute
import Storage
import StorageTesting
import Testing

@Suite struct PurgeTests {
    static let now = Duration.seconds(1_000_000)
    static let day = 24 * 3600

    static func log(_ counter: UInt32, bytes: Int = 100, days: Int = 30) -> Purge.File {
        file(.log, counter, "log", bytes, days)
    }

    static func snapshot(_ counter: UInt32, bytes: Int = 100, days: Int = 30) -> Purge.File {
        file(.snapshot, counter, "snapshot", bytes, days)
    }

    private static func file(
        _ kind: Purge.Kind, _ counter: UInt32, _ prefix: String, _ bytes: Int, _ days: Int
    ) -> Purge.File {
        Purge.File(
            kind: kind, zxid: zxid(0, counter),
            fileName: "\(prefix).\(zxid(0, counter).fileSuffix)", sizeBytes: bytes,
            modified: now - .seconds(days * day))
    }

    struct Case: CustomTestStringConvertible {
        var testDescription: String
        var files: [Purge.File]
        var removed: [String]
        var bytes = 4 << 30
        var retained = 3
    }

    @Test(arguments: [
        Case(
            testDescription: "fewer snapshots than are kept",
            files: [log(1), snapshot(0), log(3), snapshot(4)], removed: []),
        Case(
            testDescription: "exactly three, and a log before the oldest",
            files: [log(1), snapshot(4), log(3), snapshot(6), log(7), snapshot(8)],
            removed: ["log.1"]),
        Case(
            testDescription: "the log that begins before the oldest kept snapshot stays",
            files: [log(1), snapshot(2), log(3), snapshot(5), snapshot(6), log(7), snapshot(8)],
            removed: ["log.1", "snapshot.2"]),
        Case(
            testDescription: "a log that begins with the snapshot's zxid is enough",
            files: [log(1), log(5), snapshot(5), snapshot(6), snapshot(8)], removed: ["log.1"]),
        Case(
            testDescription: "nothing is old enough",
            files: [
                log(1, days: 6), snapshot(2, days: 6), log(3, days: 6), snapshot(5, days: 6),
                snapshot(6, days: 6), snapshot(8, days: 1),
            ],
            removed: []),
        Case(
            testDescription: "young, but over the bytes that are kept",
            files: [
                log(1, bytes: 600, days: 1), snapshot(2, days: 1), log(3, days: 1),
                snapshot(5, days: 1), snapshot(6, days: 1), log(7, days: 1), snapshot(8, days: 1),
            ],
            removed: ["log.1"], bytes: 1000),
        Case(
            testDescription: "a young snapshot keeps the log it needs",
            files: [
                log(1, days: 30), log(2, days: 30), snapshot(3, days: 6), log(5, days: 6),
                snapshot(5, days: 6), snapshot(6, days: 6), snapshot(8, days: 1),
            ],
            removed: ["log.1"]),
        Case(
            testDescription: "more than three when asked for",
            files: [log(1), snapshot(2), log(3), snapshot(5), snapshot(6), log(7), snapshot(8)],
            removed: ["log.1"], retained: 4),
        Case(
            testDescription: "never fewer than three",
            files: [log(1), snapshot(2), log(3), snapshot(5), snapshot(6), log(7), snapshot(8)],
            removed: ["log.1", "snapshot.2"], retained: 1),
    ])
    func `what goes`(example: Case) {
        var policy = RetentionPolicy()
        policy.historyBytes = example.bytes
        policy.snapshots = example.retained
        let removed = Purge.plan(example.files, policy: policy, now: PurgeTests.now)
        #expect(removed.map(\.fileName) == example.removed)
    }

    /// Snapshots at 2, 4, 6 and 8 and a log file behind each.
    static func member() throws -> (Member, DataDirectory) {
        let member = Member()
        let first = try member.recover()
        try first.directory.snapshots.write(exact: .zero)
        var log = first.log()
        for start in stride(from: UInt32(1), to: 9, by: 2) {
            try log.write(records(1, start...start + 1))
            try first.directory.snapshots.write(exact: zxid(1, start + 1))
            try log.roll()
        }
        return (member, first.directory)
    }

    @Test func `old files go, and the member starts from what is left`() throws {
        let (member, directory) = try PurgeTests.member()
        let removed = try directory.purge(RetentionPolicy(), now: .seconds(30 * PurgeTests.day))
        #expect(
            removed == [
                "snapshot.0", "log.100000001", "snapshot.100000002", "log.100000003",
            ])
        #expect(try !member.names().contains("aviary.log.100000001"))
        member.disk.flip(bit: 0, at: 30, of: Member.folder + "/snapshot.100000008")
        member.disk.flip(bit: 0, at: 30, of: Member.folder + "/snapshot.100000006")
        var generator = SeededGenerator(9)
        member.disk.crash(using: &generator)
        let found = try member.recover()
        #expect(found.state.snapshot?.name.zxid == zxid(1, 4))
        #expect(found.zxids == zxids(1, 5...8))
        #expect(found.state.loss == nil)
    }

    @Test func `nothing goes while a snapshot that is kept is damaged`() throws {
        let (member, directory) = try PurgeTests.member()
        member.disk.flip(bit: 0, at: 30, of: Member.folder + "/snapshot.100000006")
        let before = try member.names()
        #expect(throws: StorageError.self) {
            try directory.purge(RetentionPolicy(), now: .seconds(30 * PurgeTests.day))
        }
        #expect(try member.names() == before)
    }
}
