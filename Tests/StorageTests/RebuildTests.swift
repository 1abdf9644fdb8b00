import Jute
import Storage
import StorageTesting
import Testing

/// A person gives up what a member has: everything goes aside, nothing is lost, and the member
/// counts only after it has got a leader's whole state.
@Suite struct RebuildTests {
    /// With transactions, a snapshot, epochs and an identity.
    static func member() throws -> (Member, DataDirectory) {
        let (member, directory, state) = try InstallTests.member()
        var epochs = try directory.epochs(lastZxid: state.lastLogged)
        try epochs.setAccepted(7)
        try directory.establish(StorageIdentity(history: 1, node: 1, disk: 2))
        try directory.setClusterName("blue")
        return (member, directory)
    }

    static func restart(_ member: Member) throws(StorageError) -> DataDirectory {
        member.disk.restart()
        return try member.open()
    }

    @Test(arguments: [true, false])
    func `everything goes aside, the promises only if they are another ensemble's`(
        keepsPromises: Bool
    ) throws {
        let (member, directory) = try Self.member()
        try directory.order(.fromQuorum(keepingPromises: keepsPromises))
        let next = try Self.restart(member)
        #expect(next.identity == nil)
        let found = try Recovered(next)
        #expect(found.state.snapshot == nil && found.records.isEmpty)
        #expect(found.state.loss == .unknown)
        let epochs = try next.epochs(lastZxid: .zero, afterLoss: true)
        #expect(epochs.accepted == (keepsPromises ? 7 : 0))
        #expect(try next.clusterName() == (keepsPromises ? "blue" : nil))
        let kept = try #require(try next.detachments().last)
        #expect(kept.cause == .adoptedQuorum && kept.isState)
        #expect(kept.files.contains { $0.name == "log.100000001" })
        #expect(kept.files.contains { $0.name == "aviary.identity" })
    }

    @Test func `what is known to be committed outlives starts that write nothing`() throws {
        let member = Member()
        let first = try member.recover()
        try first.directory.snapshots.write(exact: .zero)
        var log = first.log()
        try log.write(records(1, 1...5))
        log.noteCommitted(zxid(1, 4))
        try log.flushWatermark()
        for _ in 0..<3 {
            member.disk.restart()
            let found = try member.recover()
            #expect(found.state.committed == Zxid(epoch: 1, counter: 4))
            _ = found.log()
        }
    }

    @Test func `an order is obeyed once`() throws {
        let (member, directory) = try Self.member()
        try directory.order(.fromQuorum(keepingPromises: true))
        _ = try Self.restart(member)
        let count = try Self.restart(member).detachments().count
        #expect(count == 1)
    }

    @Test func `what was set aside can be put back, and what was there instead goes aside`() throws
    {
        let (member, directory) = try Self.member()
        try directory.order(.fromQuorum(keepingPromises: true))
        let empty = try Self.restart(member)
        try empty.snapshots.write(exact: zxid(3, 3))
        let number = try #require(try empty.detachments().last?.number)
        try empty.order(.fromDetached(number))
        let next = try Self.restart(member)
        let found = try Recovered(next)
        #expect(found.state.lastLogged == Zxid(epoch: 1, counter: 9))
        #expect(found.state.loss == .unknown, "others may have gone on without it")
        let kept = try next.detachments()
        #expect(kept.map(\.cause) == [.restoredState])
        #expect(kept[0].files.map(\.name) == ["snapshot.300000003"])
    }

    @Test func `there is nothing to put back where no state was set aside`() throws {
        let (_, directory) = try Self.member()
        #expect(throws: StorageError.layout("no state was set aside as 4")) {
            try directory.order(.fromDetached(4))
        }
    }

    @Test func `a detachment is deleted by order only`() throws {
        let (member, directory) = try Self.member()
        try directory.order(.fromQuorum(keepingPromises: false))
        let next = try Self.restart(member)
        #expect(try !next.removeDetachment(9))
        #expect(try next.removeDetachment(1))
        #expect(try next.detachments().isEmpty)
    }

    @Test(arguments: [true, false], 0..<60)
    func `a crash at any step is made good by the next start`(putsBack: Bool, changes: Int) throws {
        for seed in 0..<3 {
            var generator = SeededGenerator(UInt64(changes * 10 + seed))
            let (member, directory) = try Self.member()
            try directory.order(.fromQuorum(keepingPromises: true))
            if putsBack {
                let empty = try Self.restart(member)
                try empty.order(.fromDetached(1))
            }
            member.disk.restart()
            member.disk.changesUntilPowerLoss = changes
            do throws(StorageError) {
                _ = try member.open()
            } catch {
                try #require(isPowerLoss(error))
            }
            member.disk.crash(using: &generator)
            let next = try member.open()
            let found = try Recovered(next)
            #expect(found.state.loss == .unknown)
            #expect(found.state.damage == [])
            if putsBack {
                #expect(found.state.lastLogged == Zxid(epoch: 1, counter: 9))
            } else {
                #expect(found.state.snapshot == nil && found.records.isEmpty)
                let kept = try next.detachments()
                #expect(kept.map(\.number) == [1] && kept[0].files.count >= 7)
            }
        }
    }
}
