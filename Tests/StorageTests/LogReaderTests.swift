import Jute
import Storage
import StorageTesting
import Testing

@Suite struct LogReaderTests {
    static func read(
        _ directory: DataDirectory, after: Zxid, through: Zxid
    ) throws(StorageError) -> [Zxid] {
        var reader = try LogReader(directory, after: after, through: through)
        var read: [Zxid] = []
        while let record = try reader.next() { read.append(record.zxid) }
        return read
    }

    /// Files of 1-3, 4-6 and, still open, 7-9 and the next epoch's first two.
    static func log(_ member: Member) throws -> (DataDirectory, Zxid) {
        let found = try member.recover()
        var log = found.log()
        for start in [UInt32(1), 4] {
            try log.write(records(1, start...start + 2))
            try log.roll()
        }
        try log.write(records(1, 7...9) + records(2, 1...2))
        return (found.directory, log.lastSynced)
    }

    @Test func `every part of the log can be read, over the ends of files`() throws {
        let (directory, last) = try LogReaderTests.log(Member())
        let all = zxids(1, 1...9) + zxids(2, 1...2)
        for start in 0...all.count {
            let after = start == 0 ? .zero : all[start - 1]
            #expect(
                try LogReaderTests.read(directory, after: after, through: last)
                    == Array(all[start...]))
            for end in start..<all.count {
                #expect(
                    try LogReaderTests.read(directory, after: after, through: all[end])
                        == Array(all[start...end]))
            }
        }
    }

    @Test func `a gap, a rotten record and a missing end are errors, never silence`() throws {
        let member = Member()
        let (directory, last) = try LogReaderTests.log(member)
        #expect(throws: StorageError.self) {
            try LogReaderTests.read(directory, after: .zero, through: zxid(2, 3))
        }
        member.disk.flip(bit: 2, at: 100, of: Member.folder + "/log.100000004")
        #expect(throws: StorageError.self) {
            try LogReaderTests.read(directory, after: zxid(1, 3), through: last)
        }
        try member.disk.remove(Member.folder + "/log.100000004")
        #expect(throws: StorageError.self) {
            try LogReaderTests.read(directory, after: zxid(1, 2), through: last)
        }
    }

    @Test func `the end of an epoch is missed although the next one begins at 1 anyway`() throws {
        let member = Member()
        let found = try member.recover()
        var log = found.log()
        try log.write(records(1, 1...3))
        try log.roll()
        try log.write(records(1, 4...6))
        try log.roll()
        try log.write(records(2, 1...2))
        try member.disk.remove(Member.folder + "/log.100000004")
        #expect(throws: StorageError.self) {
            try LogReaderTests.read(found.directory, after: zxid(1, 2), through: zxid(2, 2))
        }
    }
}
