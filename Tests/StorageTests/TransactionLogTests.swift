import Checksum
import Jute
import Storage
import StorageTesting
import Testing

@Suite struct TransactionLogTests {
    /// Storage format reference, sections 2.4 and 12.
    static let goldenPayload = hex(
        """
        010000169db40000 00000000 0000000100000001 000001a20a158b21 fffffff6
        00001f40 00000002 0000000051c6d660
        """)

    @Test func `a record is byte for byte what ZooKeeper writes`() throws {
        var bytes: [UInt8] = []
        LogFormat.append(TransactionLogTests.goldenPayload, to: &bytes)
        #expect(
            bytes == hex("00000000b2dd097a 00000030") + TransactionLogTests.goldenPayload + [0x42])
    }

    @Test func `the checksum of the captured create is the original's`() {
        let create = hex(
            """
            010000169db40000 00000001 0000000100000002 000001a20a158b43 00000001 00000002 2f61
            00000005 68656c6c6f 00000001 0000001f 00000005 776f726c64 00000006 616e796f6e65 00
            00000001 00000002 0000000194efa915
            """)
        #expect(Adler32.checksum(of: create) == 0xe5e2_0ccb)
    }

    @Test func `a log file is header, records and zeros up to the preallocated size`() throws {
        let member = Member(preallocationBytes: 64 << 10)
        var log = try member.recover().log()
        try log.write([LogRecord(zxid: zxid(1, 1), payload: TransactionLogTests.goldenPayload)])

        let file = try member.content(of: "log.100000001")
        // Observed with the original and 64 KB.
        #expect(file.count == 65552)
        #expect(Array(file.prefix(16)) == hex("5a4b4c47 00000002 0000000000000000"))
        #expect(
            Array(file[16..<77])
                == hex("00000000b2dd097a 00000030") + TransactionLogTests.goldenPayload + [0x42])
        #expect(file[77...].allSatisfy { $0 == 0 })
    }

    @Test func `what was synced is there after a restart, in order`() throws {
        let member = Member()
        var log = try member.recover().log()
        try log.write(records(1, 1...5))
        try log.write(records(1, 6...6) + records(3, 1...2))
        member.disk.restart()

        let found = try member.recover()
        #expect(found.zxids == zxids(1, 1...6) + zxids(3, 1...2))
        #expect(
            found.records.map(\.payload) == (records(1, 1...6) + records(3, 1...2)).map(\.payload))
        #expect(found.state.lastLogged == zxid(3, 2))
        #expect(found.state.contiguousFrom == .zero)
        #expect(found.state.damage == [])
        #expect(found.state.loss == nil)
    }

    @Test func `a transaction that leaves a gap is refused and changes nothing`() throws {
        let member = Member()
        var log = try member.recover().log()
        try log.write(records(1, 1...2))
        for bad in [zxid(1, 2), zxid(1, 4), zxid(2, 2), zxid(1, 1)] {
            #expect(throws: StorageError.doesNotFollow(bad, last: zxid(1, 2))) {
                try log.append([LogRecord(bad)])
            }
        }
        try log.write(records(1, 3...3))
        #expect(log.lastSynced == zxid(1, 3))
    }

    @Test func `a transaction of more than 2097150 bytes is refused`() throws {
        let member = Member(preallocationBytes: 0)
        var log = try member.recover().log()
        #expect(throws: StorageError.badRecordSize(zxid(1, 1), bytes: 2_097_151)) {
            try log.append([LogRecord(zxid(1, 1), size: 2_097_151)])
        }
        try log.write([LogRecord(zxid(1, 1), size: 2_097_150)])
        member.disk.restart()
        #expect(try member.recover().zxids == [zxid(1, 1)])
    }

    @Test func `a start never appends to a file of an earlier one`() throws {
        let member = Member()
        var log = try member.recover().log()
        try log.write(records(1, 1...2))
        let before = try member.content(of: "log.100000001")
        member.disk.restart()

        var next = try member.recover().log()
        try next.write(records(1, 3...4))
        #expect(try member.content(of: "log.100000001") == Array(before.prefix(16 + 2 * 73)))
        #expect(try member.names().contains("log.100000003"))
        member.disk.restart()
        #expect(try member.recover().zxids == zxids(1, 1...4))
    }

    @Test func `a batch is one sync, with more of them only when a file begins`() throws {
        let member = Member()
        var log = try member.recover().log()
        try log.write(records(1, 1...2))
        let before = member.disk.changes
        try log.append(records(1, 3...100, size: 100))
        try log.sync()
        // One write and one sync of the log, one write of the sidecar.
        #expect(member.disk.changes - before == 3)
    }

    @Test func `rolling begins a file with the next transaction`() throws {
        let member = Member()
        var log = try member.recover().log()
        try log.write(records(1, 1...3))
        try log.append(records(1, 4...4))
        try log.roll()
        #expect(log.recordsSinceRoll == 0)
        try log.write(records(1, 5...6))
        #expect(
            try member.names().filter { $0.hasPrefix("log.") } == [
                "log.100000001", "log.100000005",
            ])
        var generator = SeededGenerator(1)
        member.disk.crash(using: &generator)
        #expect(try member.recover().zxids == zxids(1, 1...6))
    }

    @Test func `a full disk ends the log, and what was synced before stays`() throws {
        let member = Member(preallocationBytes: 0)
        var log = try member.recover().log()
        try log.write(records(1, 1...3))
        member.disk.freeBytes = 100
        #expect(throws: StorageError.self) { try log.append(records(1, 4...9)) }
        #expect(log.isDead == true)
        #expect(throws: StorageError.dead) { try log.append(records(1, 4...4)) }
        #expect(throws: StorageError.dead) { try log.sync() }
        #expect(log.lastSynced == zxid(1, 3))

        member.disk.freeBytes = nil
        member.disk.restart()
        let found = try member.recover()
        #expect(found.zxids.starts(with: zxids(1, 1...3)))
        #expect(found.state.loss == nil)
    }

    @Test func `a failed sync is never tried again (ZOOKEEPER-4882)`() throws {
        let member = Member()
        var log = try member.recover().log()
        try log.write(records(1, 1...3))
        try log.append(records(1, 4...5))
        member.disk.failsNextSync = true
        #expect(throws: StorageError.self) { try log.sync() }
        // The next one would succeed without having written anything.
        #expect(throws: StorageError.dead) { try log.sync() }
        #expect(throws: StorageError.dead) { try log.flushWatermark() }
        #expect(log.lastSynced == zxid(1, 3))
    }

    @Test func `the committed watermark survives, and never reaches beyond the log`() throws {
        let member = Member()
        var log = try member.recover().log()
        log.noteCommitted(zxid(1, 9))
        try log.write(records(1, 1...3))
        #expect(log.watermarkIsFlushed == false)
        try log.flushWatermark()
        #expect(log.watermarkIsFlushed == true)
        var generator = SeededGenerator(2)
        member.disk.crash(using: &generator)
        #expect(try member.recover().state.committed == zxid(1, 3))
    }

    @Test func `a second process cannot open the directory`() throws {
        let member = Member()
        let first = try member.open()
        #expect(throws: StorageError.locked(path: Member.folder)) { try member.open() }
        withExtendedLifetime(first) {}
    }
}
