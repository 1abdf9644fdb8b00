import History
import Jute
import Storage
import StorageTesting
import Testing

/// A bit rots in a file of the history: what is told is right, or not told at all.
@Suite struct HistoryRotTests {
    @Test func `a bit that flips at any byte falsifies nothing`() async throws {
        let recorder = try Recorder(windowBytes: 1, segmentBytes: 500)
        recorder.write(8)
        let snapshot = recorder.last
        recorder.write(3)
        recorder.history.sync(through: recorder.last)
        let (disk, expected) = (recorder.disk, recorder.expected(after: .zero))
        let names = try disk.names(in: "/data/history")
        #expect(names.count > 3)
        recorder.history.close()
        var complete = 0
        for name in names {
            let path = "/data/history/" + name
            for offset in try #require(try disk.content(of: path)).indices {
                let rotten = disk.copy()
                rotten.flip(bit: offset % 8, at: offset, of: path)
                recorder.use(rotten)
                // As the node does it: the log holds what is behind the snapshot.
                try recorder.restart(from: snapshot)
                let place: Comment = "byte \(offset) of \(name)"
                #expect(
                    await recorder.read(after: snapshot) == expected.filter { $0.zxid > snapshot },
                    place)
                let all = await recorder.read(after: .zero)
                if all != nil { complete += 1 }
                #expect(all == nil || all == expected, place)
                let floor = recorder.history.floor
                #expect(
                    await recorder.read(after: floor) == expected.filter { $0.zxid > floor },
                    place)
                recorder.history.close()
            }
        }
        #expect(complete > 0, "some bits are needed by nobody")
    }
}
