import DataTools
import Jute
import Storage
import StorageTesting
import Testing

@Suite struct InspectionTests {
    @Test func `a directory tells whose it is, what it holds and how far it reaches`() throws {
        let disk = MemoryDisk()
        var recorder = try Recorder.open(on: disk)
        try recorder.fill(5, below: "/a")
        try recorder.snapshot()
        try recorder.fill(5, below: "/b")
        let moments = recorder.finish()
        let last = try #require(moments.last)

        let inspection = try Inspection(of: DataSource("data", on: disk))
        #expect(!inspection.inUse)
        #expect(inspection.identity?.node == 1)
        #expect(inspection.epochs == Inspection.Epochs(accepted: 2, current: 2))
        #expect(inspection.snapshots.count == 2)
        #expect(inspection.snapshots.allSatisfy { $0.problem == nil })
        #expect(inspection.logs.count == 2)
        #expect(inspection.logs.map(\.records).reduce(0, +) == moments.count)
        #expect(inspection.logs.last?.last == "\(last.zxid)")
        #expect(inspection.logs.last?.synced?.committed == "\(last.zxid)")
        #expect(inspection.markers.isEmpty && inspection.detached.isEmpty)
        #expect(inspection.lines.contains { $0.hasPrefix("log.100000001: ") })
    }

    @Test func `a directory that is open says so and is left alone`() throws {
        let disk = MemoryDisk()
        var recorder = try Recorder.open(on: disk)
        try recorder.perform(.create("/a"))
        let before = disk.changes
        #expect(try Inspection(of: DataSource("data", on: disk)).inUse)
        let check = try Check(of: DataSource("data", on: disk))
        #expect(check.inUse && check.problems.isEmpty)
        #expect(disk.changes == before)
        try recorder.perform(.create("/b"))
    }

    @Test func `what is neither a directory nor a snapshot is refused in a line`() throws {
        let disk = MemoryDisk()
        try disk.makeDirectory("empty")
        #expect(throws: DataToolError.self) { try DataSource("none", on: disk) }
        #expect(throws: DataToolError.self) { try DataSource("empty", on: disk) }
        try disk.replaceContent(of: "empty/file", with: [1, 2, 3])
        #expect(throws: DataToolError.self) { try DataSource("empty/file", on: disk) }
    }

    @Test func `a snapshot file by itself tells its zxid, whatever it is called`() throws {
        let disk = MemoryDisk()
        var recorder = try Recorder.open(on: disk)
        try recorder.perform(.create("/a"))
        try recorder.snapshot()
        let last = try #require(recorder.finish().last)
        try disk.rename(
            "data/version-2/snapshot.\(last.zxid.fileSuffix)", to: "data/backup.bin")
        let inspection = try Inspection(of: DataSource("data/backup.bin", on: disk))
        #expect(inspection.snapshots.map(\.zxid) == ["\(last.zxid)"])
        #expect(try Check(of: DataSource("data/backup.bin", on: disk)).problems.isEmpty)
    }
}
