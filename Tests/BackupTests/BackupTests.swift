import Backup
import Crypto
import Jute
import Logging
import Storage
import StorageTesting
import Testing

@Suite struct BackupTests {
    private let disk = MemoryDisk()
    private let catalog: SnapshotCatalog
    private let folder: BackupFolder

    init() throws {
        try disk.makeDirectory("data")
        catalog = SnapshotCatalog(in: "data", on: disk)
        folder = BackupFolder("backups/here", on: disk)
    }

    /// A sealed snapshot with a body that nobody reads.
    @discardableResult
    private func write(_ counter: UInt32, body: Int = 5_000) throws -> Zxid {
        let zxid = Zxid(epoch: 1, counter: counter)
        var writer = try SnapshotStore(on: disk, in: "data").begin(zxid)
        let bytes = (0..<body).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ Int(counter)) }
        try writer.append(bytes + [0, 0, 0, 1, 0x2F])
        try writer.finish(digest: SnapshotDigest(zxid: zxid, digest: UInt64(counter)))
        return zxid
    }

    private func add(_ zxid: Zxid, keep: Int = 3) throws -> BackupFolder.Outcome {
        let (entry, file) = try #require(try catalog.open(zxid))
        return try folder.add(entry, file, keep: keep)
    }

    @Test func `the catalog tells size, digest and SHA-256, the newest first`() throws {
        try write(1)
        try write(2)
        let entries = try catalog.list()
        #expect(entries.map(\.zxid.counter) == [2, 1])
        #expect(entries.map(\.digest) == [2, 1])
        let content = try #require(try disk.content(of: "data/snapshot.100000002"))
        #expect(entries[0].sizeBytes == content.count)
        #expect(entries[0].sha256.bytes == Array(SHA256.hash(data: content)))
    }

    @Test func `the catalog knows no damaged snapshot and none that is gone`() throws {
        let damaged = try write(1)
        let gone = try write(2)
        disk.flip(bit: 1, at: 400, of: "data/snapshot.100000001")
        try disk.remove("data/snapshot.100000002")
        #expect(try catalog.open(damaged) == nil)
        #expect(try catalog.open(gone) == nil)
        #expect(try catalog.list().isEmpty)
    }

    @Test func `a file that is written again is read again`() throws {
        let zxid = try write(1)
        let before = try #require(try catalog.open(zxid)).entry
        disk.time = .seconds(5)
        try write(1, body: 6_000)
        let after = try #require(try catalog.open(zxid)).entry
        #expect(before.sha256 != after.sha256)
    }

    @Test func `a backup is the file itself, beside what sha256sum reads`() throws {
        let zxid = try write(1)
        let outcome = try add(zxid)
        #expect(outcome.zxid == zxid && outcome.removed.isEmpty)
        let copy = try #require(try disk.content(of: "backups/here/snapshot.100000001"))
        #expect(try disk.content(of: "data/snapshot.100000001") == copy)
        let hex = SHA256.hash(data: copy).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }
        let manifest = try #require(
            try disk.content(of: "backups/here/snapshot.100000001.sha256"))
        #expect(
            String(decoding: manifest, as: UTF8.self) == hex.joined() + "  snapshot.100000001\n")
    }

    @Test func `only so many are kept`() throws {
        for counter in 1...5 as ClosedRange<UInt32> { _ = try add(try write(counter), keep: 2) }
        #expect(try folder.list().map(\.counter) == [5, 4])
        #expect(
            try disk.names(in: "backups/here") == [
                "snapshot.100000004", "snapshot.100000004.sha256", "snapshot.100000005",
                "snapshot.100000005.sha256",
            ])
    }

    @Test func `whenever the power is cut, what is listed is whole`() throws {
        let first = try write(1)
        let second = try write(2)
        _ = try add(first, keep: 1)
        for cut in 1...40 {
            let disk = disk.copy()
            let catalog = SnapshotCatalog(in: "data", on: disk)
            let folder = BackupFolder("backups/here", on: disk)
            let (entry, file) = try #require(try catalog.open(second))
            disk.changesUntilPowerLoss = cut
            do {
                _ = try folder.add(entry, file, keep: 1)
                disk.changesUntilPowerLoss = nil
            } catch {
                var generator = SystemRandomNumberGenerator()
                disk.crash(using: &generator)
            }
            let listed = try folder.list()
            #expect(!listed.isEmpty, "cut after \(cut) changes")
            for zxid in listed {
                try SnapshotStore(on: disk, in: "backups/here").verify(SnapshotName(zxid))
            }
        }
    }

    @Test func `a full disk is told, alarmed and made up for at the next turn`() async throws {
        let zxid = try write(1)
        let schedule = BackupSchedule(
            .init(directory: "backups/here", interval: .seconds(1), keep: 2), from: catalog,
            on: disk, clock: { 42 },
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        disk.freeBytes = 100
        await schedule.takeOne { zxid }
        #expect(schedule.status.isFailing && schedule.status.failed == 1)
        #expect(try folder.list().isEmpty)
        disk.freeBytes = nil
        await schedule.takeOne { zxid }
        #expect(!schedule.status.isFailing && schedule.status.taken == 1)
        #expect(schedule.status.zxid == zxid && schedule.status.time == 42)
        // Nothing new: nothing is copied.
        await schedule.takeOne { zxid }
        #expect(schedule.status.taken == 1)
        await schedule.takeOne { throw StorageError.dead }
        #expect(schedule.status.isFailing)
    }
}
