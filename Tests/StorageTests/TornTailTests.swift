import Jute
import Storage
import StorageTesting
import Testing

/// Which ends of a log are torn and which are rotten: rules of soundness, section 6.
@Suite struct TornTailTests {
    static let log = Member.folder + "/log.100000001"
    /// Header, then records of 32 + 13 bytes each.
    static let recordSize = 45
    static let start = 16

    /// A log of six records, of which `synced` are below the watermark on the disk.
    static func member(synced: Int) throws -> Member {
        let member = Member(preallocationBytes: 0)
        var log = try member.recover().log()
        if synced > 0 { try log.write(records(1, 1...UInt32(synced), size: 32)) }
        try log.flushWatermark()
        if synced < 6 { try log.append(records(1, UInt32(synced + 1)...6, size: 32)) }
        member.disk.restart()
        return member
    }

    static func recover(_ member: Member) throws -> (zxids: [Zxid], state: RecoveredState) {
        let found = try member.recover()
        return (found.zxids, found.state)
    }

    static func cut(_ member: Member, to size: Int) throws {
        let file = try member.disk.open(log, .update)
        try file.resize(to: size)
        try file.sync()
    }

    @Test func `a log cut at any byte above the watermark keeps every record before the cut`()
        throws
    {
        let member = try TornTailTests.member(synced: 3)
        let size = try member.content(of: "log.100000001").count
        for end in TornTailTests.start + 3 * TornTailTests.recordSize...size {
            let torn = Member(on: member.disk.copy())
            try TornTailTests.cut(torn, to: end)
            let whole = (end - TornTailTests.start) / TornTailTests.recordSize
            let found = try TornTailTests.recover(torn)
            #expect(found.zxids == zxids(1, 1...UInt32(whole)), "cut at \(end)")
            #expect(found.state.damage == [] && found.state.loss == nil)
            torn.disk.restart()
            // The tail is gone for good.
            #expect(
                try torn.content(of: "log.100000001").count
                    == TornTailTests.start + whole * TornTailTests.recordSize)
        }
    }

    @Test func `a log cut at any byte below the watermark is damaged, and nobody knows how far`()
        throws
    {
        let member = try TornTailTests.member(synced: 6)
        for end in 0..<TornTailTests.start + 6 * TornTailTests.recordSize {
            let cut = Member(on: member.disk.copy())
            try TornTailTests.cut(cut, to: end)
            let whole = max(0, (end - TornTailTests.start) / TornTailTests.recordSize)
            let found = try TornTailTests.recover(cut)
            #expect(found.zxids == Array(zxids(1, 1...6).prefix(whole)), "cut at \(end)")
            // More may have been synced above the watermark, and have gone the same way.
            #expect(found.state.loss == .unknown)
            guard case .damagedLog(let damage)? = found.state.damage.first else {
                Issue.record("no damage reported for a cut at \(end)")
                continue
            }
            #expect(damage.path == TornTailTests.log)
            #expect(
                damage.expected?.zxid == zxid(1, UInt32(whole + 1)) || end < TornTailTests.start)
        }
    }

    @Test func `a bit that flips at any byte below the watermark is damage at that record`()
        throws
    {
        let member = try TornTailTests.member(synced: 6)
        for offset in TornTailTests.start..<TornTailTests.start + 6 * TornTailTests.recordSize {
            let rotten = Member(on: member.disk.copy())
            rotten.disk.flip(bit: offset % 8, at: offset, of: TornTailTests.log)
            let record = (offset - TornTailTests.start) / TornTailTests.recordSize
            let found = try TornTailTests.recover(rotten)
            #expect(found.zxids == Array(zxids(1, 1...6).prefix(record)), "at \(offset)")
            #expect(found.state.loss == (record < 5 ? .through(zxid(1, 6)) : .unknown))
            guard case .damagedLog(let damage)? = found.state.damage.first else {
                Issue.record("no damage reported for a bit at \(offset)")
                continue
            }
            #expect(damage.offset == TornTailTests.start + record * TornTailTests.recordSize)
        }
    }

    @Test func `a bit that flips at any byte above the watermark cuts the log there`() throws {
        let member = try TornTailTests.member(synced: 3)
        let first = TornTailTests.start + 3 * TornTailTests.recordSize
        for offset in first..<first + 3 * TornTailTests.recordSize {
            let torn = Member(on: member.disk.copy())
            torn.disk.flip(bit: offset % 8, at: offset, of: TornTailTests.log)
            let record = (offset - TornTailTests.start) / TornTailTests.recordSize
            let found = try TornTailTests.recover(torn)
            // Also when valid records follow.
            #expect(found.zxids == Array(zxids(1, 1...6).prefix(record)), "at \(offset)")
            #expect(found.state.damage == [] && found.state.loss == nil)
        }
    }

    @Test func `a hole of zeros below the watermark is damage`() throws {
        let member = try TornTailTests.member(synced: 6)
        let file = try member.disk.open(TornTailTests.log, .update)
        try file.write([UInt8](repeating: 0, count: 90), at: 16 + 45)
        let found = try TornTailTests.recover(member)
        #expect(found.zxids == zxids(1, 1...1))
        #expect(found.state.loss == .through(zxid(1, 6)))
    }

    @Test func `what was synced above a watermark that is behind belongs to the bound`() throws {
        let member = Member(preallocationBytes: 0)
        var log = try member.recover().log()
        try log.write(records(1, 1...3, size: 32))
        try log.flushWatermark()
        let sidecar = try member.content(of: "aviary.log.100000001")
        try log.write(records(1, 4...6, size: 32))
        member.disk.restart()
        // A loss of power: the log is synced, its sidecar was still to be.
        try member.replace("aviary.log.100000001", with: sidecar)
        member.disk.flip(bit: 0, at: 16 + 45 + 20, of: TornTailTests.log)
        let found = try TornTailTests.recover(member)
        #expect(found.zxids == zxids(1, 1...1))
        #expect(found.state.loss == .through(zxid(1, 6)))
    }

    @Test func `a damaged file that others follow has a known bound, whatever its end is like`()
        throws
    {
        let member = Member(preallocationBytes: 0)
        var log = try member.recover().log()
        try log.write(records(1, 1...3, size: 32))
        try log.roll()
        try log.write(records(2, 1...2, size: 32))
        try log.flushWatermark()
        member.disk.restart()
        try TornTailTests.cut(member, to: 16 + 45)
        let found = try TornTailTests.recover(member)
        #expect(found.zxids == zxids(1, 1...1))
        #expect(found.state.loss == .through(zxid(2, 2)))
    }

    @Test func `the damaged log is kept, and the good part goes on`() throws {
        let member = try TornTailTests.member(synced: 6)
        let before = try member.content(of: "log.100000001")
        let sidecar = try member.content(of: "aviary.log.100000001")
        member.disk.flip(bit: 0, at: 16 + 45 + 20, of: TornTailTests.log)
        var log = try member.recover().log()
        // The history that a leader brings, which need not be the one that was lost.
        try log.write(records(2, 1...3))
        member.disk.restart()

        let found = try TornTailTests.recover(member)
        #expect(found.zxids == zxids(1, 1...1) + zxids(2, 1...3))
        #expect(found.state.damage == [])
        #expect(found.state.loss == .through(zxid(1, 6)))
        var kept = try member.content(of: "aviary-detached/0001/log.100000001")
        #expect(kept.count == before.count && kept != before)
        kept[16 + 45 + 20] ^= 1
        #expect(kept == before)
        #expect(try member.content(of: "aviary-detached/0001/aviary.log.100000001") == sidecar)
    }

    @Test func `a loss is remembered until it is healed`() throws {
        let member = try TornTailTests.member(synced: 6)
        member.disk.flip(bit: 0, at: 16 + 45 + 20, of: TornTailTests.log)
        #expect(try TornTailTests.recover(member).state.loss == .through(zxid(1, 6)))
        member.disk.restart()
        #expect(try TornTailTests.recover(member).state.loss == .through(zxid(1, 6)))
        member.disk.restart()
        try member.open().lossHealed()
        member.disk.restart()
        #expect(try TornTailTests.recover(member).state.loss == nil)
    }

    @Test func `a log that is gone is missed`() throws {
        let member = try TornTailTests.member(synced: 6)
        try member.disk.remove(TornTailTests.log)
        let found = try TornTailTests.recover(member)
        #expect(found.zxids == [])
        #expect(found.state.loss == .unknown)
    }

    @Test func `a missing file between two others is a gap, and nothing behind it is used`() throws
    {
        let member = Member(preallocationBytes: 0)
        var log = try member.recover().log()
        try log.write(records(1, 1...3))
        try log.roll()
        try log.write(records(1, 4...6))
        try log.roll()
        // An epoch that begins: its first number tells nothing of what was before.
        try log.write(records(2, 1...3))
        try log.flushWatermark()
        member.disk.restart()
        try member.disk.remove(Member.folder + "/log.100000004")
        let found = try TornTailTests.recover(member)
        #expect(found.zxids == zxids(1, 1...3))
        #expect(found.state.loss == .through(zxid(2, 3)))
    }

    @Test func `any bit that flips in the sidecar loses no record`() throws {
        let member = try TornTailTests.member(synced: 6)
        let sidecar = "aviary.log.100000001"
        for offset in try member.content(of: sidecar).indices {
            let rotten = Member(on: member.disk.copy())
            rotten.disk.flip(bit: offset % 8, at: offset, of: Member.folder + "/" + sidecar)
            let found = try TornTailTests.recover(rotten)
            #expect(found.zxids == zxids(1, 1...6), "at \(offset)")
            #expect(found.state.damage == [])
        }
    }
}
