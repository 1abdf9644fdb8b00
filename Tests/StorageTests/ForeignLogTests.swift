import Jute
import Storage
import StorageTesting
import Testing

/// Folders that ZooKeeper has written, before us or between two of our starts.
@Suite struct ForeignLogTests {
    static func file(_ records: [LogRecord], padding: Int = 100) -> [UInt8] {
        var bytes = LogFormat.header
        for record in records {
            LogFormat.append(record.payload, to: &bytes)
        }
        return bytes + [UInt8](repeating: 0, count: padding)
    }

    /// A folder with a snapshot and these logs.
    static func member(_ logs: [(Zxid, [UInt8])], snapshot: Zxid = .zero) throws -> Member {
        let member = Member()
        try member.open().snapshots.write(exact: snapshot)
        for (name, content) in logs {
            try member.replace("log." + name.fileSuffix, with: content)
        }
        member.disk.restart()
        return member
    }

    static func spoil(_ file: [UInt8], at offset: Int) -> [UInt8] {
        var file = file
        file[offset] ^= 0x10
        return file
    }

    @Test func `logs of the original are read, and ours continue them`() throws {
        let member = try ForeignLogTests.member([
            (zxid(1, 1), ForeignLogTests.file(records(1, 1...3))),
            (zxid(1, 4), ForeignLogTests.file(records(1, 4...5), padding: 0)),
        ])
        let found = try member.recover()
        #expect(found.zxids == zxids(1, 1...5))
        // Nothing tells whether what is below the snapshot belongs to this history.
        #expect(found.state.contiguousFrom == .zero)
        #expect(found.directory.identity == nil && !found.directory.isFresh)
        var log = found.log()
        try log.write(records(1, 6...8))
        member.disk.restart()
        #expect(try member.recover().zxids == zxids(1, 1...8))
    }

    @Test func `a torn tail of the last file is passed over`() throws {
        let whole = ForeignLogTests.file(records(1, 1...3), padding: 0)
        for end in 16 + 73 * 2..<whole.count {
            for padding in [0, 50] {
                let torn = Array(whole.prefix(end)) + [UInt8](repeating: 0, count: padding)
                let member = try ForeignLogTests.member([(zxid(1, 1), torn)])
                let read = try member.recover().zxids
                #expect(read == zxids(1, 1...2), "cut at \(end), then \(padding) zeros")
            }
        }
    }

    @Test func `the next log may have the name of the record that was torn`() throws {
        let whole = ForeignLogTests.file(records(1, 1...3), padding: 0)
        let member = try ForeignLogTests.member([(zxid(1, 1), Array(whole.dropLast(5)))])
        var log = try member.recover().log()
        try log.write(records(1, 3...4))
        member.disk.restart()
        #expect(try member.recover().zxids == zxids(1, 1...4))

        // Nothing but the torn record in it: the file is in the way of ours.
        let only = ForeignLogTests.file(records(1, 1...1), padding: 0)
        let second = try ForeignLogTests.member([(zxid(1, 1), Array(only.dropLast(5)))])
        var next = try second.recover().log()
        try next.write(records(1, 1...2))
        second.disk.restart()
        #expect(try second.recover().zxids == zxids(1, 1...2))
        #expect(
            try second.disk.names(in: Member.folder + "/aviary-detached/0001")
                == ["log.100000001"])
    }

    @Test func `a torn tail before a file that does not continue it is damage`() throws {
        let whole = ForeignLogTests.file(records(1, 1...3), padding: 0)
        let torn = Array(whole.dropLast(5))
        #expect(
            try ForeignLogTests.member([
                (zxid(1, 1), torn), (zxid(2, 1), ForeignLogTests.file(records(2, 1...2))),
            ]).recover().zxids == zxids(1, 1...2) + zxids(2, 1...2))
        let gap = try ForeignLogTests.member([
            (zxid(1, 1), torn), (zxid(1, 5), ForeignLogTests.file(records(1, 5...6))),
        ])
        #expect(throws: StorageError.self) { try gap.recover() }
    }

    @Test(arguments: [16, 20, 24, 40, 60])
    func `a wrong checksum or length stops the start, as in the original`(offset: Int) throws {
        let good = ForeignLogTests.file(records(1, 1...3))
        let member = try ForeignLogTests.member([
            (zxid(1, 1), ForeignLogTests.spoil(good, at: offset))
        ])
        let error = #expect(throws: StorageError.self) { try member.recover() }
        guard case .damagedLog(let damage)? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(damage.path == Member.folder + "/log.100000001" && damage.offset == 16)
        // Nothing was changed.
        #expect(try member.names().contains("log.100000001"))
    }

    @Test func `logs without any snapshot stop the start`() throws {
        let member = Member()
        try member.replace("log.100000001", with: ForeignLogTests.file(records(1, 1...3)))
        #expect(throws: StorageError.self) { try member.recover() }
    }

    @Test func `a hole before the snapshot is the original's, one behind it is a loss`() throws {
        let logs = [
            (zxid(1, 1), ForeignLogTests.file(records(1, 1...3))),
            (zxid(1, 9), ForeignLogTests.file(records(1, 9...10))),
        ]
        #expect(
            try ForeignLogTests.member(logs, snapshot: zxid(1, 8)).recover().zxids
                == zxids(1, 9...10))
        let member = try ForeignLogTests.member(logs, snapshot: zxid(1, 2))
        #expect(throws: StorageError.self) { try member.recover() }
    }

    @Test func `what the original has cut from our log is not missed`() throws {
        let member = Member()
        let first = try member.recover()
        try first.directory.snapshots.write(exact: .zero)
        var log = first.log()
        try log.write(records(1, 1...6))
        try log.flushWatermark()
        member.disk.restart()
        // TRUNC to 1|4, then a new epoch.
        let file = try member.disk.open(Member.folder + "/log.100000001", .update)
        try file.resize(to: 16 + 4 * 73)
        try file.sync()
        try member.replace("log.200000001", with: ForeignLogTests.file(records(2, 1...2)))
        let found = try member.recover()
        #expect(found.zxids == zxids(1, 1...4) + zxids(2, 1...2))
        #expect(found.state.loss == nil && found.state.damage == [])
    }
}
