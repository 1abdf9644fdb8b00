package import Jute
import Synchronization

/// Which of a node's roles asked for a write. What was asked in one tenure never counts as an
/// acknowledgement in the next.
package typealias Tenure = UInt64

package enum LogCompletion: Equatable, Sendable {
    /// All that was queued in this tenure, up to this transaction, is on the disk.
    case persisted(tenure: Tenure, through: Zxid)
    /// The log has failed and takes nothing any more. Comes once.
    case failed(StorageError)
}

package struct LogCounters: Equatable, Sendable {
    package var batches = 0
    package var records = 0
    /// Of payload.
    package var bytes = 0
    /// Of the log, without those of the sidecar and the files that `perform` touches.
    package var syncs = 0
    package var watermarkFlushes = 0
    package var longestSync: Duration = .zero
    /// Batches, and syncs of the sidecar, that took longer than is a warning.
    package var slowSyncs = 0

    package init() {}
}

/// The log thread: whatever is queued when it looks becomes one write and one `fdatasync`.
///
/// - Source: DESIGN's threads; rules of soundness, section 6.
package final class LogWriter: Sendable {
    package typealias Work = @Sendable (inout TransactionLog) throws(StorageError) -> Void

    /// Records to be written as one batch, or a piece of work.
    private struct Job: Sendable {
        var records: [LogRecord] = []
        var tenure: Tenure = 0
        var bytes = 0
        var work: Work?
        var then: (@Sendable (Result<Void, StorageError>) -> Void)?
    }

    private struct Mailbox {
        var jobs: [Job] = []
        var isWaiting = false
        var isStopping = false
        var failure: StorageError?
    }

    private struct Writing {
        /// Of what is being written and synced.
        var beganAt: ContinuousClock.Instant?
        var lastSlowAt: ContinuousClock.Instant?
    }

    private let mailbox = Mutex(Mailbox())
    /// Whoever writes holds it: the log thread, or while that sleeps who calls `writeAtOnce`.
    private let log: Mutex<TransactionLog>
    /// How long the last sync took.
    private let lastSyncNanoseconds = Atomic(Int64.max)
    private let measured = Mutex(LogCounters())
    private let committed = Atomic(Int64.min)
    private let parker = Parker()
    private let thread = Mutex<PosixThread?>(nil)
    private let slowSync: Duration
    private let writing = Mutex(Writing())
    private let onCompletion: @Sendable (LogCompletion) -> Void

    /// A batch takes what is queued up to about this much, so that a late acknowledgement does
    /// not hold up an early one.
    private static let batchBytes = 4 << 20
    /// How long a slow sync is remembered.
    private static let slownessMemory = Duration.seconds(30)
    /// How long the log has to be idle before the sidecar is synced.
    private static let idleMilliseconds = 20
    /// How many batches a log that is never idle writes between two syncs of its sidecar.
    private static let batchesBetweenFlushes = 16
    /// What a caller of `writeAtOnce` may be held up for, as far as the last sync tells.
    private static let quickNanoseconds: Int64 = 1_000_000

    /// - Parameters:
    ///   - log: Belongs to the log thread from now on.
    ///   - slowSync: A sync that takes longer counts as slow.
    ///   - onCompletion: Called once for each batch, on the thread that has written it.
    package init(
        _ log: consuming TransactionLog, slowSync: Duration = .seconds(1),
        onCompletion: @escaping @Sendable (LogCompletion) -> Void
    ) {
        self.log = Mutex(log)
        self.slowSync = slowSync
        self.onCompletion = onCompletion
        let started = PosixThread { [self] in run() }
        thread.withLock { $0 = started }
    }

    /// Queues transactions.
    ///
    /// - Parameters:
    ///   - records: Each follows the one before it. A gap is a mistake of the caller's and fails
    ///     the log.
    ///   - tenure: What the completion will name.
    package func append(_ records: [LogRecord], tenure: Tenure) {
        if records.isEmpty { return }
        let bytes = records.reduce(0) { $0 + $1.payload.count }
        send { mailbox in
            if let last = mailbox.jobs.indices.last, mailbox.jobs[last].work == nil,
                mailbox.jobs[last].tenure == tenure, mailbox.jobs[last].bytes < LogWriter.batchBytes
            {
                mailbox.jobs[last].records.append(contentsOf: records)
                mailbox.jobs[last].bytes += bytes
            } else {
                mailbox.jobs.append(Job(records: records, tenure: tenure, bytes: bytes))
            }
        }
    }

    /// Writes and syncs transactions on the calling thread, if the log thread sleeps and the last
    /// sync was quick: to wake that thread and to be woken by it takes longer than such a sync.
    ///
    /// - Parameters:
    ///   - records: As for `append`.
    ///   - tenure: As for `append`.
    /// - Returns: Whether they were written, or the log has failed; the completion has been told
    ///   by then. If not, nothing has happened, and they are to be queued.
    package func writeAtOnce(_ records: [LogRecord], tenure: Tenure) -> Bool {
        let isQuick =
            lastSyncNanoseconds.load(ordering: .relaxed) <= LogWriter.quickNanoseconds
        guard isQuick, isIdle else { return false }
        let written = log.withLockIfAvailable { log in
            let wasFlushed = log.watermarkIsFlushed
            return (write(records, to: &log), wasFlushed)
        }
        guard let (result, wasFlushed) = written else { return false }
        report(result, records, tenure: tenure)
        // The log thread looks after the sidecar, and sleeps for good as long as there is nothing
        // to be done about it.
        if wasFlushed { parker.unpark() }
        return true
    }

    private var isIdle: Bool {
        mailbox.withLock { mailbox in
            mailbox.isWaiting && mailbox.jobs.isEmpty && !mailbox.isStopping
                && mailbox.failure == nil
        }
    }

    /// Queues work that needs the log for itself: all that was queued before is on the disk, and
    /// nothing is written meanwhile. For rolling, truncation, an installed snapshot, and epochs
    /// that must not be durable before the log is.
    ///
    /// - Parameters:
    ///   - work: Called on the log thread.
    ///   - then: Called on the log thread with the result, `.dead` if the log has failed before.
    package func perform(
        _ work: @escaping Work,
        then: @escaping @Sendable (Result<Void, StorageError>) -> Void = { _ in }
    ) {
        let accepted = send { $0.jobs.append(Job(work: work, then: then)) }
        if !accepted { then(.failure(.dead)) }
    }

    /// Ends the file being written; the next transaction begins another one.
    package func roll() {
        perform { log throws(StorageError) in try log.roll() }
    }

    /// Remembers how far transactions are committed. Cheap, and written down when there is an
    /// occasion.
    package func setCommitted(_ zxid: Zxid) {
        committed.store(zxid.rawValue, ordering: .relaxed)
    }

    /// Writes what is queued, and ends the thread; what is queued later is ignored. Has to be
    /// called for the log to be released, and not on the log thread.
    package func stop() {
        let thread = thread.withLock { $0.take() }
        precondition(thread?.isCurrent != true, "the log thread cannot wait for its own end")
        mailbox.withLock { $0.isStopping = true }
        parker.unpark()
        thread?.join()
    }

    /// Why it takes nothing any more.
    package var failure: StorageError? { mailbox.withLock { $0.failure } }

    /// Whether a sync takes longer than it may, now or a moment ago.
    package var isSlow: Bool {
        let times = writing.withLock { $0 }
        let now = ContinuousClock.now
        if let beganAt = times.beganAt, now - beganAt > slowSync { return true }
        return times.lastSlowAt.map { now - $0 < LogWriter.slownessMemory } ?? false
    }

    package var counters: LogCounters { measured.withLock { $0 } }

    /// - Returns: False when the log has failed or is stopping.
    @discardableResult
    private func send(_ change: (inout Mailbox) -> Void) -> Bool {
        let (isOpen, wake) = mailbox.withLock { mailbox in
            if mailbox.isStopping || mailbox.failure != nil { return (false, false) }
            change(&mailbox)
            defer { mailbox.isWaiting = false }
            return (true, mailbox.isWaiting)
        }
        if wake { parker.unpark() }
        return isOpen
    }

    private func run() {
        var jobs: [Job] = []
        var unflushedBatches = 0
        while true {
            let (isStopping, isFailed) = mailbox.withLock { mailbox in
                jobs.removeAll(keepingCapacity: true)
                swap(&jobs, &mailbox.jobs)
                mailbox.isWaiting = jobs.isEmpty
                return (mailbox.isStopping, mailbox.failure != nil)
            }
            if jobs.isEmpty {
                if isStopping || isFailed {
                    if !isFailed { flushWatermark() }
                    return
                }
                let isFlushed = log.withLock { log in
                    noteCommitted(&log)
                    return log.watermarkIsFlushed
                }
                let limit = isFlushed ? nil : LogWriter.idleMilliseconds
                if !parker.park(milliseconds: limit) {
                    flushWatermark()
                    unflushedBatches = 0
                }
                continue
            }
            for job in jobs {
                run(job)
                unflushedBatches += 1
            }
            if unflushedBatches >= LogWriter.batchesBetweenFlushes {
                flushWatermark()
                unflushedBatches = 0
            }
        }
    }

    private func run(_ job: Job) {
        if mailbox.withLock({ $0.failure != nil }) {
            job.then?(.failure(.dead))
        } else if let work = job.work {
            job.then?(runAlone(work))
        } else {
            let result = log.withLock { log in write(job.records, to: &log) }
            report(result, job.records, tenure: job.tenure)
        }
    }

    private func runAlone(_ work: Work) -> Result<Void, StorageError> {
        let (result, isDead) = log.withLock { log in
            noteCommitted(&log)
            do throws(StorageError) {
                try work(&log)
                return (Result<Void, StorageError>.success(()), log.isDead)
            } catch {
                return (.failure(error), log.isDead)
            }
        }
        if isDead {
            if case .failure(let error) = result { fail(error) } else { fail(.dead) }
        }
        return result
    }

    /// What is on the disk, and how long its sync took.
    private typealias Written = (through: Zxid, syncTime: Duration)

    private func write(
        _ records: [LogRecord], to log: inout TransactionLog
    ) -> Result<Written, StorageError> {
        beginWriting()
        defer { endWriting() }
        noteCommitted(&log)
        do throws(StorageError) {
            try log.append(records)
            let start = ContinuousClock.now
            try log.sync()
            return .success((log.lastSynced, ContinuousClock.now - start))
        } catch {
            return .failure(error)
        }
    }

    private func report(
        _ result: Result<Written, StorageError>, _ records: [LogRecord], tenure: Tenure
    ) {
        switch result {
        case .success(let written):
            let (seconds, attoseconds) = written.syncTime.components
            lastSyncNanoseconds.store(
                seconds * 1_000_000_000 + attoseconds / 1_000_000_000, ordering: .relaxed)
            measured.withLock { counters in
                counters.batches += 1
                counters.syncs += 1
                counters.records += records.count
                counters.bytes += records.reduce(0) { $0 + $1.payload.count }
                counters.longestSync = max(counters.longestSync, written.syncTime)
            }
            onCompletion(.persisted(tenure: tenure, through: written.through))
        case .failure(let error):
            fail(error)
        }
    }

    private func flushWatermark() {
        let failure = log.withLock { log -> StorageError? in
            beginWriting()
            defer { endWriting() }
            noteCommitted(&log)
            do throws(StorageError) {
                try log.flushWatermark()
                return nil
            } catch {
                return error
            }
        }
        measured.withLock { $0.watermarkFlushes += 1 }
        if let failure { fail(failure) }
    }

    private func beginWriting() {
        let now = ContinuousClock.now
        writing.withLock { $0.beganAt = now }
    }

    private func endWriting() {
        let now = ContinuousClock.now
        let isSlow = writing.withLock { writing in
            defer { writing.beganAt = nil }
            guard let beganAt = writing.beganAt, now - beganAt > slowSync else { return false }
            writing.lastSlowAt = now
            return true
        }
        if isSlow { measured.withLock { $0.slowSyncs += 1 } }
    }

    private func noteCommitted(_ log: inout TransactionLog) {
        let zxid = Zxid(rawValue: committed.load(ordering: .relaxed))
        if zxid > .zero { log.noteCommitted(zxid) }
    }

    private func fail(_ error: StorageError) {
        let abandoned = mailbox.withLock { mailbox -> [Job]? in
            if mailbox.failure != nil { return nil }
            mailbox.failure = error
            defer { mailbox.jobs = [] }
            return mailbox.jobs
        }
        guard let abandoned else { return }
        onCompletion(.failed(error))
        for job in abandoned { job.then?(.failure(.dead)) }
    }
}
