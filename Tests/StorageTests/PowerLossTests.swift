import Jute
import Storage
import StorageTesting
import Testing

/// Whatever was synced is there after the power was cut at any moment, and what is there is a
/// prefix of what was written.
@Suite struct PowerLossTests {
    /// What a member was doing when the power went.
    struct Story {
        var appended: [LogRecord] = []
        var synced = 0
        var committed = Zxid.zero
        var epoch: Epoch = 1
        var counter: UInt32 = 0

        mutating func next(_ count: Int, size: Int) -> [LogRecord] {
            let first = counter + 1
            counter += UInt32(count)
            let new = (first...counter).map { LogRecord(zxid(epoch, $0), size: size) }
            appended += new
            return new
        }

        mutating func truncate(to zxid: Zxid) {
            appended.removeAll { $0.zxid > zxid }
            synced = appended.count
            epoch = max(epoch, 1) + 1
            counter = 0
        }
    }

    @Test(arguments: 1...80)
    func `what was synced survives, whatever was going on (Keeper 116316)`(seed: Int) throws {
        var generator = SeededGenerator(UInt64(seed))
        let member = Member(preallocationBytes: 8 << 10)
        var story = Story()
        for _ in 0..<8 {
            let found = try member.recover()
            try expect(found, tells: story)
            story.appended = found.records.map { LogRecord(zxid: $0.zxid, payload: $0.payload) }
            story.synced = story.appended.count
            story.epoch += 1
            story.counter = 0
            var log = found.log()
            member.disk.changesUntilPowerLoss = Int.random(in: 1...60, using: &generator)
            do throws(StorageError) {
                while true { try act(&log, &story, &generator) }
            } catch {
                try #require(error == .dead || isPowerLoss(error), "\(error)")
            }
            member.disk.crash(using: &generator)
        }
    }

    private func act(
        _ log: inout TransactionLog, _ story: inout Story, _ generator: inout SeededGenerator
    ) throws(StorageError) {
        switch Int.random(in: 0..<20, using: &generator) {
        case 0..<10:
            let size = Int.random(in: 32...1500, using: &generator)
            let count = Int.random(in: 1...5, using: &generator)
            try log.append(story.next(count, size: size))
        case 10..<17:
            let appended = story.appended.count
            try log.sync()
            story.synced = appended
        case 17:
            try log.roll()
            story.synced = story.appended.count
        case 18:
            try log.flushWatermark()
        default:
            guard let zxid = story.appended.randomElement(using: &generator)?.zxid else { return }
            // From here on records above may go and may stay.
            try log.sync()
            story.synced = story.appended.filter { $0.zxid <= zxid }.count
            _ = try log.truncate(to: zxid)
            story.truncate(to: zxid)
        }
    }

    private func expect(_ found: borrowing Recovered, tells story: Story) throws {
        let state = found.state
        let records = found.records.map { LogRecord(zxid: $0.zxid, payload: $0.payload) }
        #expect(state.damage == [])
        #expect(state.loss == nil)
        #expect(story.appended.starts(with: records), "records that were never written")
        #expect(records.count >= story.synced, "synced records are gone")
    }
}

func isPowerLoss(_ error: StorageError) -> Bool {
    if case .disk(let failure) = error { failure.reason == .powerLoss } else { false }
}
