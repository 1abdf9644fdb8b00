import DataTools
import Jute
import Storage
import StorageTesting
import Testing
import ZnodeTree

@Suite struct RestorationTests {
    private func history(on disk: MemoryDisk) throws -> [Recorder.Moment] {
        var recorder = try Recorder.open(on: disk)
        try recorder.fill(6, below: "/a")
        try recorder.snapshot()
        try recorder.fill(6, below: "/b")
        try recorder.beginEpoch(2)
        try recorder.fill(6, below: "/c")
        try recorder.snapshot()
        try recorder.perform(.create("/late"), after: 5_000)
        try recorder.perform(.create("/early"), after: -3_000)
        return recorder.finish()
    }

    /// What a start finds in a directory.
    private func opened(_ path: String, on disk: MemoryDisk) throws -> DataTree {
        let directory = try DataDirectory(
            DataDirectory.Configuration(dataDirectory: path), on: disk)
        var loader: SnapshotLoader?
        var tree: DataTree?
        var zxid = Zxid.zero
        let state = try directory.recover(
            beginSnapshot: { name in
                loader = name.map { _ in SnapshotLoader() }
                zxid = name?.zxid ?? .zero
            },
            body: { bytes in
                guard case .complete(let unused)? = try loader?.consume(bytes) else { return nil }
                tree = try loader.take()?.finish(lastApplied: zxid)
                return bytes.count - unused
            },
            record: { _ in Issue.record("a restored directory has no log") })
        #expect(state.damage.isEmpty && state.loss == nil)
        return try #require(tree)
    }

    @Test func `every state of the past comes back exactly`() throws {
        let disk = MemoryDisk()
        let moments = try history(on: disk)
        for (number, moment) in moments.enumerated() {
            let restoration = try Restoration(
                to: .zxid(moment.zxid), from: DataSource("data", on: disk))
            try restoration.write(to: "out\(number)")
            let tree = try opened("out\(number)", on: disk)
            #expect(bytes(of: tree) == moment.body)
            #expect(tree.lastApplied == moment.zxid)
            #expect(tree.digest == moment.digest)
            #expect(try Check(of: DataSource("out\(number)", on: disk)).problems.isEmpty)
        }
    }

    @Test func `a time means the last zxid up to which everything is at most as late`() throws {
        let disk = MemoryDisk()
        let moments = try history(on: disk)
        for moment in moments {
            let first = moments.firstIndex { $0.time > moment.time } ?? moments.endIndex
            let expected = moments[first - 1]
            let restoration = try Restoration(
                to: .milliseconds(moment.time), from: DataSource("data", on: disk))
            #expect(restoration.zxid == expected.zxid)
        }
        // The clock went back: the last but one is later than the last.
        let late = moments[moments.count - 2]
        #expect(moments[moments.count - 1].time < late.time)
        let before = try Restoration(
            to: .milliseconds(late.time - 1), from: DataSource("data", on: disk))
        #expect(before.zxid == moments[moments.count - 3].zxid)
    }

    @Test func `between two epochs the state is that at the end of the first`() throws {
        let disk = MemoryDisk()
        let moments = try history(on: disk)
        let last = try #require(moments.last { $0.zxid.epoch == 1 })
        let restoration = try Restoration(
            to: .zxid(Zxid(epoch: 2, counter: 0)), from: DataSource("data", on: disk))
        #expect(restoration.zxid == last.zxid)
    }

    @Test func `the epochs of the result are above all that was ever promised`() throws {
        let disk = MemoryDisk()
        _ = try history(on: disk)
        try Restoration(to: .newest, from: DataSource("data", on: disk)).write(to: "out")
        let epochs = try Inspection(of: DataSource("out", on: disk)).epochs
        let expected: Int64 = 2 + 1 << 20
        #expect(epochs == Inspection.Epochs(accepted: expected, current: expected))
        #expect(try Inspection(of: DataSource("out", on: disk)).identity == nil)
    }

    @Test func `what is out of reach is refused, and what is in reach is told`() throws {
        let disk = MemoryDisk()
        let moments = try history(on: disk)
        let beyond = try #require(moments.last).zxid.next
        for point in [Restoration.Point.zxid(beyond), .milliseconds(1)] {
            let error = #expect(throws: DataToolError.self) {
                try Restoration(to: point, from: DataSource("data", on: disk))
            }
            guard case .outOfReach(let line) = error else {
                Issue.record("\(String(describing: error))")
                continue
            }
            #expect(line.contains("from 0000000000000000 to \(moments[moments.count - 1].zxid)"))
        }
    }

    @Test func `states below the oldest snapshot are out of reach`() throws {
        let disk = MemoryDisk()
        let moments = try history(on: disk)
        try disk.remove("data/version-2/snapshot.0")
        #expect(throws: DataToolError.self) {
            try Restoration(to: .zxid(moments[2].zxid), from: DataSource("data", on: disk))
        }
        let newest = try Restoration(to: .newest, from: DataSource("data", on: disk))
        #expect(newest.zxid == moments.last?.zxid)
    }

    @Test func `nothing is overwritten, and nothing that is open is read`() throws {
        let disk = MemoryDisk()
        var recorder = try Recorder.open(on: disk)
        try recorder.perform(.create("/a"))
        #expect(throws: DataToolError.self) {
            try Restoration(to: .newest, from: DataSource("data", on: disk))
        }
        _ = recorder.finish()
        try disk.makeDirectory("out/something")
        let restoration = try Restoration(to: .newest, from: DataSource("data", on: disk))
        #expect(throws: DataToolError.self) { try restoration.write(to: "out") }
        #expect(throws: DataToolError.self) { try restoration.write(to: "data") }
    }

    @Test func `a damaged log is not passed over`() throws {
        let disk = MemoryDisk()
        let moments = try history(on: disk)
        let logs = try Inspection(of: DataSource("data", on: disk)).logs
        disk.flip(bit: 3, at: 200, of: logs[0].file)
        let lastOfFirst = try #require(moments.last { "\($0.zxid)" <= logs[0].last ?? "" })
        let source = try DataSource("data", on: disk)
        // A snapshot lies behind the damage.
        for point in [Restoration.Point.newest, .zxid(lastOfFirst.zxid)] {
            #expect(throws: Never.self) { try Restoration(to: point, from: source) }
        }
        let between = try #require(moments.last { $0.zxid < lastOfFirst.zxid })
        for point in [Restoration.Point.zxid(between.zxid), .milliseconds(between.time)] {
            #expect(throws: DataToolError.self) { try Restoration(to: point, from: source) }
        }
        let before = try Restoration(to: .zxid(moments[0].zxid), from: source)
        #expect(before.zxid == moments[0].zxid)
    }

    @Test func `the newest state of a log that is damaged at its end is not guessed`() throws {
        let disk = MemoryDisk()
        let moments = try history(on: disk)
        let log = try #require(Inspection(of: DataSource("data", on: disk)).logs.last)
        disk.flip(bit: 3, at: try #require(log.synced?.bytes) - 20, of: log.file)
        let source = try DataSource("data", on: disk)
        let late = try #require(moments.last)
        for point in [
            Restoration.Point.newest, .zxid(late.zxid), .milliseconds(late.time + 60_000),
        ] {
            #expect(throws: DataToolError.self) { try Restoration(to: point, from: source) }
        }
        let before = moments[moments.count - 2]
        #expect(throws: Never.self) { try Restoration(to: .zxid(before.zxid), from: source) }
    }

    @Test func `a snapshot file becomes a directory`() throws {
        let disk = MemoryDisk()
        let moments = try history(on: disk)
        let file = try #require(Inspection(of: DataSource("data", on: disk)).snapshots.first).file
        let zxid = try Restoration(to: .newest, from: DataSource(file, on: disk))
        try zxid.write(to: "out")
        let moment = try #require(moments.first { $0.zxid == zxid.zxid })
        #expect(bytes(of: try opened("out", on: disk)) == moment.body)
    }
}
