import Jute
import Storage
import StorageTesting
import Testing

/// A leader's snapshot takes the place of everything: SNAP.
@Suite struct InstallTests {
    static let body = FakeBody.nodes(7)

    /// A member with transactions that its leader does not have, and a snapshot of them.
    static func member() throws -> (Member, DataDirectory, RecoveredState) {
        let member = Member()
        let first = try member.recover()
        try first.directory.snapshots.write(exact: .zero)
        var log = first.log()
        try log.write(records(1, 1...5))
        try first.directory.snapshots.write(exact: zxid(1, 5))
        try log.roll()
        try log.write(records(1, 6...9))
        member.disk.restart()
        let found = try member.recover()
        return (member, found.directory, found.state)
    }

    static func install(
        _ zxid: Zxid, _ directory: DataDirectory, _ log: inout TransactionLog
    ) throws(StorageError) {
        var writer = try directory.snapshots.begin(zxid)
        try writer.append(InstallTests.body)
        try directory.install(writer, digest: SnapshotDigest(zxid: zxid, digest: 1), &log)
    }

    @Test(arguments: [zxid(2, 0), zxid(1, 4), zxid(1, 5), zxid(1, 9), zxid(3, 7)])
    func `the leader's history is the only one left`(zxid: Zxid) throws {
        let (member, directory, state) = try InstallTests.member()
        var log = directory.openLog(after: state)
        try log.write(records(1, 10...10))
        try InstallTests.install(zxid, directory, &log)
        #expect(log.lastAppended == zxid && log.contiguousFrom == zxid)
        try log.write([LogRecord(zxid.next)])

        var generator = SeededGenerator(5)
        member.disk.crash(using: &generator)
        let found = try member.recover()
        let body = found.body.bytes
        #expect(body == InstallTests.body)
        #expect(found.state.snapshot?.name.zxid == zxid)
        #expect(found.zxids == [zxid.next])
        #expect(found.state.contiguousFrom == zxid)
        #expect(found.state.loss == nil && found.state.damage == [])
    }

    @Test func `the old files are kept aside`() throws {
        let (member, directory, state) = try InstallTests.member()
        var log = directory.openLog(after: state)
        try InstallTests.install(zxid(2, 0), directory, &log)
        #expect(
            try member.disk.names(in: Member.folder + "/aviary-detached/0001")
                == [
                    "aviary.log.100000001", "aviary.log.100000006", "log.100000001",
                    "log.100000006", "snapshot.0", "snapshot.100000005",
                ])
        let kept = try #require(try directory.detachments().first)
        #expect(kept.number == 1 && kept.cause == .receivedState && kept.isState)
        #expect(kept.files.count == 6 && kept.files.allSatisfy { $0.sizeBytes > 0 })
    }

    @Test(arguments: [zxid(2, 0), zxid(1, 5), zxid(1, 3)], 0..<50)
    func `a crash at any step leaves the old history or the new one, whole (Keeper 111339)`(
        zxid: Zxid, changes: Int
    ) throws {
        for seed in 0..<3 {
            var generator = SeededGenerator(UInt64(changes * 10 + seed))
            let (member, directory, state) = try InstallTests.member()
            var log = directory.openLog(after: state)
            member.disk.changesUntilPowerLoss = changes
            var isInstalled = false
            do throws(StorageError) {
                try InstallTests.install(zxid, directory, &log)
                isInstalled = true
            } catch {
                try #require(isPowerLoss(error))
            }
            member.disk.crash(using: &generator)
            let found = try member.recover()
            let body = found.body.bytes
            if body == InstallTests.body {
                #expect(found.state.lastLogged == zxid)
            } else {
                #expect(!isInstalled)
                #expect(found.state.snapshot?.name.zxid == Zxid(epoch: 1, counter: 5))
                #expect(found.state.lastLogged == Zxid(epoch: 1, counter: 9))
            }
            #expect(found.state.loss == nil && found.state.damage == [])
        }
    }
}
