import DataTools
import Jute
import Storage
import StorageTesting
import Testing

@Suite struct DifferenceTests {
    @Test func `equal states have no difference, wherever they come from`() throws {
        let disk = MemoryDisk()
        var recorder = try Recorder.open(on: disk)
        try recorder.fill(10, below: "/a")
        _ = recorder.finish()
        try Restoration(to: .newest, from: DataSource("data", on: disk)).write(to: "copy")
        let difference = try Difference(
            DataSource("data", on: disk), DataSource("copy", on: disk))
        #expect(difference.isEmpty)
        #expect(difference.first.digest == difference.second.digest)
    }

    @Test func `each znode that differs is told, with both zxids`() throws {
        let disk = MemoryDisk()
        var recorder = try Recorder.open(on: disk)
        try recorder.perform(.create("/a"))
        try recorder.perform(.create("/a/gone", "x"))
        try recorder.perform(.create("/a/gone/below", "x"))
        try recorder.perform(.create("/a/changed", "x"))
        let before = try #require(recorder.moments.last).zxid
        try recorder.perform(.delete(path: "/a/gone/below", version: -1))
        try recorder.perform(.delete(path: "/a/gone", version: -1))
        try recorder.perform(.set("/a/changed", "y"))
        try recorder.perform(.create("/new"))
        let moments = recorder.finish()
        try Restoration(to: .zxid(before), from: DataSource("data", on: disk)).write(to: "old")

        let difference = try Difference(
            DataSource("old", on: disk), DataSource("data", on: disk))
        let told = Dictionary(grouping: difference.znodes, by: \.path).mapValues { $0[0] }
        #expect(difference.znodes.count == told.count)
        #expect(told["/a/gone"]?.kind == .missing)
        #expect(told["/a/gone/below"]?.kind == .missing)
        #expect(told["/new"]?.kind == .extra)
        #expect(told["/new"]?.second == "\(moments[moments.count - 1].zxid)")
        let changed = try #require(told["/a/changed"])
        #expect(changed.kind == .conflicting)
        #expect(changed.what == ["data", "stat"])
        #expect(changed.first == "\(before)")
        #expect(changed.second == "\(moments[moments.count - 2].zxid)")
        // Their lists of children have changed.
        #expect(told["/"]?.what == ["stat"] && told["/a"]?.what == ["stat"])
        #expect(Set(told.keys) == ["/", "/a", "/a/gone", "/a/gone/below", "/a/changed", "/new"])
    }
}
