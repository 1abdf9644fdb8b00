import Jute
import Storage
import StorageTesting
import Testing

/// A disk without room: what has to be written is written, as long as the reserve lasts.
@Suite struct FullDiskTests {
    private static let reserve = 512 << 10
    private static let reservePath = Member.folder + "/" + FileNames.reserve

    private func member(free: Int? = 8 << 20, reserve: Int = reserve) -> Member {
        var member = Member(preallocationBytes: 64 << 10)
        member.disk.freeBytes = free
        member.configuration.reserveBytes = reserve
        return member
    }

    private func reserve(of directory: DataDirectory) throws -> DiskReserve {
        try #require(directory.room?.reserves.first)
    }

    @Test func `the reserve takes its room from the disk at the start`() throws {
        let member = member()
        let directory = try member.open()
        #expect(try reserve(of: directory).isWhole)
        #expect(try member.disk.open(Self.reservePath, .read).size() == Self.reserve)
        #expect(try #require(member.disk.freeBytes) <= 8 << 20 - Self.reserve)
        #expect(directory.room?.isLow == false)
    }

    @Test func `another configuration gives it another size`() throws {
        let member = member()
        try member.open().close()
        member.disk.restart()
        var smaller = member
        smaller.configuration.reserveBytes = Self.reserve / 2
        #expect(try reserve(of: smaller.open()).isWhole)
        #expect(try member.disk.open(Self.reservePath, .read).size() == Self.reserve / 2)
        member.disk.restart()
        #expect(try reserve(of: member.open()).isWhole)
        #expect(try member.disk.open(Self.reservePath, .read).size() == Self.reserve)
    }

    @Test func `the log goes on when others have filled the disk, and low is told at once`() throws
    {
        let member = member()
        let found = try member.recover()
        let room = try #require(found.directory.room)
        var log = found.log()
        try log.write(records(1, 1...3))
        member.disk.freeBytes = 0
        #expect(!room.isLow)
        try log.write(records(1, 4...40))
        #expect(room.isLow, "before anybody has looked")
        try log.roll()
        try log.write(records(1, 41...50))
        #expect(log.isDead == false)

        member.disk.restart()
        let restarted = try member.recover()
        #expect(restarted.zxids == zxids(1, 1...50))
        #expect(restarted.state.loss == nil)
        #expect(restarted.directory.room?.isLow == true)
    }

    @Test func `promises are durable on a full disk`() throws {
        let member = member()
        let found = try member.recover()
        var epochs = try found.directory.epochs(lastZxid: .zero)
        member.disk.freeBytes = 0
        try epochs.setAccepted(7)
        try epochs.setCurrent(7)
        member.disk.restart()
        #expect(try member.recover().directory.epochs(lastZxid: .zero).current == 7)
    }

    @Test func `snapshots get nothing of the reserve`() throws {
        let member = member()
        let directory = try member.recover().directory
        member.disk.freeBytes = 100
        var writer = try directory.snapshots.begin(zxid(1, 1))
        #expect(throws: StorageError.self) {
            try writer.append([UInt8](repeating: 1, count: 1 << 20))
        }
        #expect(try reserve(of: directory).isWhole)
    }

    @Test func `when the reserve is used up the log ends, and keeps what it has acknowledged`()
        throws
    {
        let member = member()
        let found = try member.recover()
        var log = found.log()
        member.disk.freeBytes = 0
        var failure: StorageError?
        var counter: UInt32 = 1
        while failure == nil {
            do throws(StorageError) {
                try log.append([LogRecord(zxid(1, counter), size: 40_000)])
                try log.sync()
                counter += 1
            } catch {
                failure = error
            }
        }
        #expect(failure?.isLackOfSpace == true)
        #expect(counter > 8)
        #expect(log.lastSynced == zxid(1, counter - 1))
        #expect(throws: StorageError.dead) { try log.sync() }

        member.disk.restart()
        member.disk.freeBytes = 8 << 20
        let restarted = try member.recover()
        #expect(restarted.zxids.starts(with: zxids(1, 1...(counter - 1))))
        #expect(restarted.state.loss == nil)
        #expect(try reserve(of: restarted.directory).isWhole)
        #expect(restarted.directory.room?.isLow == false)
    }

    @Test func `a sync without room has failed for good, whatever the reserve holds`() throws {
        let member = member()
        let found = try member.recover()
        var log = found.log()
        try log.write(records(1, 1...3))
        try log.append(records(1, 4...6))
        member.disk.syncFailure = .noSpace
        member.disk.failsNextSync = true
        let before = member.disk.changes
        #expect { try log.sync() } throws: { ($0 as? StorageError)?.isLackOfSpace == true }
        #expect(member.disk.changes == before + 1, "tried once")
        #expect(throws: StorageError.dead) { try log.sync() }
        #expect(log.lastSynced == zxid(1, 3))
        #expect(try reserve(of: found.directory).isWhole)
    }

    @Test func `growing stops above an empty disk and begins again well above that`() throws {
        let member = member()
        let room = try #require(try member.open().room)
        member.disk.freeBytes = Self.reserve
        #expect(try !room.look())
        member.disk.freeBytes = Self.reserve - 1
        #expect(try room.look())
        member.disk.freeBytes = 2 * Self.reserve - 1
        #expect(try room.look())
        #expect(room.isLow)
        member.disk.freeBytes = 2 * Self.reserve
        #expect(try !room.look())
        #expect(!room.isLow)
        #expect(try !room.hasRoom(for: 1))
    }

    @Test func `the reserve is whole again before data may grow`() throws {
        let member = member()
        let found = try member.recover()
        let room = try #require(found.directory.room)
        var log = found.log()
        member.disk.freeBytes = 0
        try log.write(records(1, 1...30))
        let missing = Self.reserve - room.reserves[0].heldBytes
        #expect(missing > 0)
        member.disk.freeBytes = 2 * Self.reserve + missing - 1
        #expect(try room.look())
        #expect(room.reserves[0].heldBytes == Self.reserve - missing)
        member.disk.freeBytes = 2 * Self.reserve + missing
        #expect(try !room.look())
        #expect(room.reserves[0].isWhole)
        #expect(member.disk.freeBytes == 2 * Self.reserve)
    }

    @Test func `a start on a full disk holds back what it can get`() throws {
        let member = member(free: Self.reserve / 2)
        let directory = try member.open()
        #expect(directory.room?.isLow == true)
        #expect(try reserve(of: directory).heldBytes == 0)
        member.disk.freeBytes = 4 * Self.reserve
        #expect(try directory.room?.look() == false)
        #expect(try reserve(of: directory).isWhole)
    }
}
