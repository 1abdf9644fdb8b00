import Jute
import Storage
import StorageTesting
import Testing

@Suite struct TruncationTests {
    /// Three files: 1-4, 5-8, 9-12, and a snapshot of the empty database.
    static func member() throws -> (Member, DataDirectory, RecoveredState) {
        let member = Member()
        let first = try member.recover()
        try first.directory.snapshots.write(exact: .zero)
        var log = first.log()
        for start in [UInt32(1), 5, 9] {
            try log.write(records(1, start...start + 3))
            try log.roll()
        }
        member.disk.restart()
        let found = try member.recover()
        return (member, found.directory, found.state)
    }

    @Test(arguments: UInt32(0)...12)
    func `the log ends with the transaction asked for`(counter: UInt32) throws {
        let (member, directory, state) = try TruncationTests.member()
        var log = directory.openLog(after: state)
        let target = counter == 0 ? .zero : zxid(1, counter)
        #expect(
            try directory.truncate(to: target, &log) == .truncated(last: target, reload: false))
        #expect(log.lastAppended == target)
        var generator = SeededGenerator(UInt64(counter))
        member.disk.crash(using: &generator)
        let found = try member.recover()
        #expect(found.zxids == Array(zxids(1, 1...12).prefix(Int(counter))))
        #expect(found.state.loss == nil && found.state.damage == [])
    }

    @Test func `what follows goes into a new file, also under the name of one that went`() throws {
        let (member, directory, state) = try TruncationTests.member()
        var log = directory.openLog(after: state)
        _ = try directory.truncate(to: zxid(1, 8), &log)
        try log.write([LogRecord(zxid(1, 9), size: 99)] + records(2, 1...2))
        member.disk.restart()
        let found = try member.recover()
        #expect(found.zxids == zxids(1, 1...9) + zxids(2, 1...2))
        #expect(found.records[8].payload.count == 99)
    }

    @Test func `a transaction that is not there is cut before, not behind, the next one`() throws {
        let member = Member()
        let first = try member.recover()
        try first.directory.snapshots.write(exact: .zero)
        var log = first.log()
        try log.write(records(1, 1...3) + records(4, 1...3))
        #expect(
            try first.directory.truncate(to: zxid(2, 9), &log)
                == .truncated(last: zxid(1, 3), reload: false))
        member.disk.restart()
        #expect(try member.recover().zxids == zxids(1, 1...3))
    }

    @Test func `snapshots that hold what is cut are set aside first`() throws {
        let (member, directory, state) = try TruncationTests.member()
        try directory.snapshots.write(exact: zxid(1, 4))
        // Named below, but made while transactions up to 10 were applied.
        try directory.snapshots.write(
            zxid(1, 5), digest: SnapshotDigest(zxid: zxid(1, 10), digest: 1))
        try directory.snapshots.write(exact: zxid(1, 8))
        var log = directory.openLog(after: state)
        #expect(
            try directory.truncate(to: zxid(1, 6), &log)
                == .truncated(last: zxid(1, 6), reload: true))
        member.disk.restart()
        let found = try member.recover()
        #expect(found.state.snapshot?.name.zxid == zxid(1, 4))
        #expect(found.zxids == zxids(1, 5...6))
        #expect(
            try member.disk.names(in: Member.folder + "/aviary-detached/0001")
                == ["snapshot.100000005", "snapshot.100000008"])
    }

    @Test func `without a snapshot below the cut only the leader's can help`() throws {
        let (member, directory, state) = try TruncationTests.member()
        try directory.snapshots.write(exact: zxid(1, 8))
        try member.disk.remove(Member.folder + "/snapshot.0")
        var log = directory.openLog(after: state)
        #expect(try directory.truncate(to: zxid(1, 6), &log) == .needsSnapshot)
        #expect(log.lastAppended == zxid(1, 12))
        member.disk.restart()
        #expect(try member.recover().state.lastLogged == zxid(1, 12))
    }

    @Test(arguments: 0..<40)
    func `a crash at any step leaves at least what is kept`(changes: Int) throws {
        for seed in 0..<4 {
            var generator = SeededGenerator(UInt64(changes * 10 + seed))
            let (member, directory, state) = try TruncationTests.member()
            var log = directory.openLog(after: state)
            member.disk.changesUntilPowerLoss = changes
            do throws(StorageError) {
                _ = try directory.truncate(to: zxid(1, 3), &log)
            } catch {
                try #require(isPowerLoss(error))
            }
            member.disk.crash(using: &generator)
            let found = try member.recover()
            let read = found.zxids
            #expect(read.count >= 3 && zxids(1, 1...12).starts(with: read))
            #expect(found.state.loss == nil && found.state.damage == [])
        }
    }
}
