import Jute
import Storage
import StorageTesting
import Synchronization
import Testing

@Suite struct LogWriterTests {
    /// What the log thread has reported, and a way to wait for it.
    final class Reports: Sendable {
        private let all = Mutex<[LogCompletion]>([])

        func note(_ completion: LogCompletion) { all.withLock { $0.append(completion) } }

        var completions: [LogCompletion] { all.withLock { $0 } }

        var persisted: [Zxid] {
            completions.compactMap { completion in
                if case .persisted(_, let zxid) = completion { zxid } else { nil }
            }
        }
    }

    static func writer(_ member: Member) throws -> (LogWriter, Reports, DataDirectory) {
        let reports = Reports()
        let found = try member.recover()
        let writer = LogWriter(found.log()) { reports.note($0) }
        return (writer, reports, found.directory)
    }

    /// Waits until a condition holds, for half a minute at most.
    static func wait(_ condition: () -> Bool) async -> Bool {
        for _ in 0..<30_000 {
            if condition() { return true }
            try? await Task.sleep(for: .milliseconds(1))
        }
        return false
    }

    @Test func `what is reported is on the disk, in order and in the end all of it`() async throws {
        let member = Member()
        let (writer, reports, directory) = try LogWriterTests.writer(member)
        for counter in UInt32(1)...500 {
            writer.append([LogRecord(zxid(1, counter))], tenure: 4)
        }
        writer.stop()
        #expect(reports.persisted.last == zxid(1, 500))
        #expect(reports.persisted == reports.persisted.sorted())
        #expect(
            reports.completions.allSatisfy { completion in
                if case .persisted(4, _) = completion { true } else { false }
            })
        let counters = writer.counters
        #expect(counters.records == 500 && counters.bytes == 500 * 60)
        #expect(counters.batches == reports.persisted.count && counters.syncs <= 500)
        var generator = SeededGenerator(4)
        member.disk.crash(using: &generator)
        withExtendedLifetime(directory) {}
        #expect(try member.recover().zxids == zxids(1, 1...500))
    }

    @Test(arguments: [true, false])
    func `a sync that takes longer than it may is remembered and counted`(isSlow: Bool) throws {
        let member = Member()
        let found = try member.recover()
        let writer = LogWriter(found.log(), slowSync: isSlow ? .zero : .seconds(600)) { _ in }
        #expect(!writer.isSlow)
        writer.append([LogRecord(zxid(1, 1))], tenure: 1)
        writer.stop()
        #expect(writer.isSlow == isSlow)
        #expect((writer.counters.slowSyncs > 0) == isSlow)
    }

    @Test func `everything queued meanwhile is one batch, each tenure its own`() async throws {
        let member = Member()
        let (writer, reports, _) = try LogWriterTests.writer(member)
        let gate = Mutex((isReached: false, isOpen: false))
        writer.perform { _ in
            gate.withLock { $0.isReached = true }
            while !gate.withLock({ $0.isOpen }) {}
        }
        #expect(await LogWriterTests.wait { gate.withLock { $0.isReached } })
        for counter in UInt32(1)...50 { writer.append([LogRecord(zxid(1, counter))], tenure: 1) }
        for counter in UInt32(51)...60 { writer.append([LogRecord(zxid(1, counter))], tenure: 2) }
        gate.withLock { $0.isOpen = true }
        writer.stop()
        #expect(
            reports.completions == [
                .persisted(tenure: 1, through: zxid(1, 50)),
                .persisted(tenure: 2, through: zxid(1, 60)),
            ])
    }

    @Test func `work waits for what was queued before it, and nothing overtakes it`() async throws {
        let member = Member()
        let (writer, reports, directory) = try LogWriterTests.writer(member)
        try directory.snapshots.write(exact: .zero)
        let outcome = Mutex<(before: [Zxid], TruncationOutcome?)>(([], nil))
        writer.append(records(1, 1...9), tenure: 1)
        writer.perform { log throws(StorageError) in
            let result = try directory.truncate(to: zxid(1, 5), &log)
            outcome.withLock { $0 = (reports.persisted, result) }
        }
        writer.append(records(2, 1...2), tenure: 2)
        writer.stop()
        let (before, result) = outcome.withLock { $0 }
        #expect(before == [zxid(1, 9)])
        #expect(result == .truncated(last: zxid(1, 5), reload: false))
        member.disk.restart()
        #expect(try member.recover().zxids == zxids(1, 1...5) + zxids(2, 1...2))
    }

    @Test func `a failed sync is reported once, and nothing is reported after it`() async throws {
        let member = Member()
        let (writer, reports, _) = try LogWriterTests.writer(member)
        writer.append(records(1, 1...2), tenure: 1)
        #expect(await LogWriterTests.wait { reports.persisted == [zxid(1, 2)] })
        // The idle flush must not take the failure that is meant for the log.
        #expect(await LogWriterTests.wait { writer.counters.watermarkFlushes == 1 })
        member.disk.failsNextSync = true
        writer.append(records(1, 3...3), tenure: 1)
        #expect(await LogWriterTests.wait { reports.completions.count == 2 })
        writer.append(records(1, 4...4), tenure: 1)
        let result = Mutex<StorageError?>(nil)
        writer.perform({ _ in }) { answer in
            if case .failure(let error) = answer { result.withLock { $0 = error } }
        }
        writer.stop()
        #expect(result.withLock { $0 } == .dead)
        #expect(reports.completions.count == 2)
        guard case .failed(.disk(let error))? = reports.completions.last else {
            Issue.record("\(reports.completions)")
            return
        }
        #expect(error.operation == .sync)
    }

    // MARK: At once, on the caller's thread

    /// A writer whose thread sleeps, and whose last sync was quick.
    private static func idleWriter(
        _ member: Member
    ) async throws -> (LogWriter, Reports, DataDirectory) {
        let (writer, reports, directory) = try LogWriterTests.writer(member)
        // Whether syncs are quick is not known before there was one.
        #expect(!writer.writeAtOnce(records(1, 1...1), tenure: 1))
        #expect(reports.completions.isEmpty)
        writer.append(records(1, 1...1), tenure: 1)
        // Asleep for good: the sidecar is on the disk, too.
        #expect(await LogWriterTests.wait { writer.counters.watermarkFlushes == 1 })
        return (writer, reports, directory)
    }

    /// A machine that is busy elsewhere may make a sync take long; then the thread has the next.
    private static func write(_ records: [LogRecord], _ writer: LogWriter, _ reports: Reports) async
    {
        if writer.writeAtOnce(records, tenure: 7) {
            #expect(reports.completions.last == .persisted(tenure: 7, through: records[0].zxid))
        } else {
            writer.append(records, tenure: 7)
            #expect(await LogWriterTests.wait { reports.persisted.last == records[0].zxid })
        }
    }

    @Test func `what is written at once is on the disk when the caller goes on`() async throws {
        let member = Member()
        let (writer, reports, _) = try await LogWriterTests.idleWriter(member)
        var generator = SeededGenerator(5)
        for counter in UInt32(2)...200 {
            await LogWriterTests.write(records(1, counter...counter), writer, reports)
            guard counter % 40 == 0 else { continue }
            let crashed = Member(on: member.disk.copy())
            crashed.disk.crash(using: &generator)
            #expect(try crashed.recover().zxids == zxids(1, 1...counter))
        }
        #expect(reports.persisted == zxids(1, 1...200))
        let counters = writer.counters
        #expect(counters.records == 200 && counters.syncs == 200)
        // The thread has looked after the sidecar again.
        #expect(await LogWriterTests.wait { writer.counters.watermarkFlushes >= 2 })
        writer.stop()
        member.disk.crash(using: &generator)
        #expect(try member.recover().zxids == zxids(1, 1...200))
    }

    @Test func `nothing is written at once while the thread has work`() async throws {
        let member = Member()
        let (writer, reports, _) = try await LogWriterTests.idleWriter(member)
        let gate = Mutex((isReached: false, isOpen: false))
        writer.perform { _ in
            gate.withLock { $0.isReached = true }
            while !gate.withLock({ $0.isOpen }) {}
        }
        #expect(await LogWriterTests.wait { gate.withLock { $0.isReached } })
        #expect(!writer.writeAtOnce(records(1, 2...2), tenure: 1))
        writer.append(records(1, 2...2), tenure: 1)
        #expect(!writer.writeAtOnce(records(1, 3...3), tenure: 1))
        writer.append(records(1, 3...3), tenure: 1)
        gate.withLock { $0.isOpen = true }
        writer.stop()
        #expect(!writer.writeAtOnce(records(1, 4...4), tenure: 1))
        #expect(reports.persisted.last == zxid(1, 3))
    }

    @Test func `a sync that fails at once is reported once, and ends the log`() async throws {
        let member = Member()
        let (writer, reports, _) = try await LogWriterTests.idleWriter(member)
        member.disk.failsNextSync = true
        if !writer.writeAtOnce(records(1, 2...2), tenure: 1) {
            writer.append(records(1, 2...2), tenure: 1)
        }
        #expect(await LogWriterTests.wait { reports.completions.count == 2 })
        #expect(writer.failure != nil)
        #expect(!writer.writeAtOnce(records(1, 3...3), tenure: 1))
        writer.stop()
        #expect(reports.completions.count == 2)
        guard case .failed(.disk)? = reports.completions.last else {
            Issue.record("\(reports.completions)")
            return
        }
    }

    @Test func `a gap fails the log instead of being written`() async throws {
        let member = Member()
        let (writer, reports, _) = try LogWriterTests.writer(member)
        writer.append(records(1, 2...2), tenure: 1)
        writer.stop()
        #expect(reports.completions == [.failed(.doesNotFollow(zxid(1, 2), last: .zero))])
    }

    @Test func `what is committed is written down when the log is idle`() async throws {
        let member = Member()
        let (writer, reports, _) = try LogWriterTests.writer(member)
        writer.append(records(1, 1...2), tenure: 1)
        #expect(await LogWriterTests.wait { !reports.persisted.isEmpty })
        writer.setCommitted(zxid(1, 2))
        writer.stop()
        var generator = SeededGenerator(8)
        member.disk.crash(using: &generator)
        #expect(try member.recover().state.committed == zxid(1, 2))
    }
}
