import DataTools
import Jute
import Storage
import StorageTesting
import Testing
import ZnodeTree

@Suite struct CheckTests {
    private static let folder = "data/version-2"

    /// Two snapshots above the first, three logs.
    private func history(on disk: MemoryDisk) throws -> [Recorder.Moment] {
        var recorder = try Recorder.open(on: disk)
        try recorder.fill(8, below: "/a")
        try recorder.snapshot()
        try recorder.fill(8, below: "/b")
        try recorder.snapshot()
        try recorder.fill(8, below: "/c")
        return recorder.finish()
    }

    private func check(_ disk: MemoryDisk) throws -> Check {
        try Check(of: DataSource("data", on: disk))
    }

    @Test func `what is in order has no problem, and nothing is changed`() throws {
        let disk = MemoryDisk()
        let moments = try history(on: disk)
        let before = disk.changes
        let check = try check(disk)
        #expect(check.problems.isEmpty, "\(check.lines)")
        #expect(check.records == moments.count)
        #expect(check.snapshots == 3)
        #expect(check.through == moments.last.map { "\($0.zxid)" })
        #expect(disk.changes == before)
    }

    @Test func `a bit that flips anywhere in a synced log is found`() throws {
        let pristine = MemoryDisk()
        _ = try history(on: pristine)
        var generator = SystemRandomNumberGenerator()
        for file in try Inspection(of: DataSource("data", on: pristine)).logs {
            let synced = try #require(file.synced?.bytes)
            for _ in 0..<40 {
                let disk = pristine.copy()
                // The version and the database id of the header are nobody's concern.
                let offset = Int.random(in: 16..<synced, using: &generator)
                let bit = Int.random(in: 0..<8, using: &generator)
                disk.flip(bit: bit, at: offset, of: file.file)
                let found = try check(disk).problems
                #expect(found.count >= 1, "bit \(bit) at \(offset) of \(file.file)")
                #expect(found.contains { $0.file == file.file })
            }
        }
    }

    @Test func `a bit that flips anywhere in a snapshot is found`() throws {
        let pristine = MemoryDisk()
        _ = try history(on: pristine)
        for file in try Inspection(of: DataSource("data", on: pristine)).snapshots {
            for offset in stride(from: 0, to: file.bytes, by: max(1, file.bytes / 60)) {
                // Four bytes of version and eight of database id come behind the magic number.
                if (4..<16).contains(offset) { continue }
                let disk = pristine.copy()
                disk.flip(bit: 0, at: offset, of: file.file)
                let found = try check(disk).problems
                #expect(found.contains { $0.file == file.file }, "byte \(offset) of \(file.file)")
            }
        }
    }

    @Test func `a log that is gone is missed`() throws {
        let disk = MemoryDisk()
        _ = try history(on: disk)
        let logs = try Inspection(of: DataSource("data", on: disk)).logs
        try disk.remove(logs[1].file)
        let check = try check(disk)
        #expect(check.problems.contains { $0.file == logs[1].file || $0.file == logs[2].file })
    }

    @Test func `bytes behind the last sync are a note, not a problem`() throws {
        let disk = MemoryDisk()
        _ = try history(on: disk)
        let log = try #require(Inspection(of: DataSource("data", on: disk)).logs.last)
        let file = try disk.open(log.file, .update)
        try file.write([1, 2, 3, 4, 5], at: try #require(log.synced?.bytes))
        let check = try check(disk)
        #expect(check.problems.isEmpty)
        #expect(check.notes.contains { $0.contains("never synced") })
    }

    @Test func `a state that its log does not lead to is told with the transaction`() throws {
        let disk = MemoryDisk()
        let moments = try history(on: disk)
        // Whole and sealed, but another state: what memory that has rotted would write.
        let newest = try #require(
            Inspection(of: DataSource("data", on: disk)).snapshots.first)
        let zxid = try #require(Zxid(parsed: newest.zxid))
        var tree = DataTree()
        tree.setLastApplied(zxid)
        try disk.remove(newest.file)
        try SnapshotStore(on: disk, in: Self.folder)
            .write(tree, digest: SnapshotDigest(zxid: zxid, digest: tree.digest))
        let check = try check(disk)
        #expect(moments.contains { $0.zxid == zxid })
        #expect(check.problems.map(\.file) == [newest.file])
        #expect(check.problems.map(\.zxid) == [newest.zxid])
    }

    @Test func `a snapshot with a digest of other znodes is told`() throws {
        let disk = MemoryDisk()
        var recorder = try Recorder.open(on: disk)
        try recorder.perform(.create("/a"))
        let tree = recorder.tree
        _ = recorder.finish()
        try SnapshotStore(on: disk, in: Self.folder)
            .write(tree, digest: SnapshotDigest(zxid: tree.lastApplied, digest: 42))
        #expect(try check(disk).problems.contains { $0.what.contains("000000000000002a") })
    }

    @Test func `damaged epochs and identity are told`() throws {
        let disk = MemoryDisk()
        _ = try history(on: disk)
        try disk.replaceContent(of: Self.folder + "/currentEpoch", with: Array("x".utf8))
        #expect(try check(disk).problems.contains { $0.file.hasSuffix("currentEpoch") })
        try disk.replaceContent(of: Self.folder + "/currentEpoch", with: Array("7".utf8))
        #expect(try check(disk).problems.contains { $0.what.contains("above the accepted one") })
        try disk.replaceContent(of: Self.folder + "/currentEpoch", with: Array("2".utf8))
        #expect(try check(disk).problems.isEmpty)
        disk.flip(bit: 0, at: 9, of: Self.folder + "/aviary.identity")
        #expect(try check(disk).problems.contains { $0.what.contains("identity") })
    }
}

extension Zxid {
    init?(parsed text: String) {
        guard let value = UInt64(text, radix: 16) else { return nil }
        self.init(rawValue: Int64(bitPattern: value))
    }
}
