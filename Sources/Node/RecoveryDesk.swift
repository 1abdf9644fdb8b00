package import Jute
package import Logging
import Replica
package import Storage
import Synchronization
package import Zab
package import ZnodeTree

/// How much may be thrown away without a person being asked (`recovery.*`).
package struct RecoveryThresholds: Equatable, Sendable {
    /// Of what a member has, as a part of it from 0 to 1.
    package var differingRatio = 0.5
    package var differingNodes = 10_000
    package var truncatedTransactions = 1_000

    package init() {}

    /// A person is asked about every difference.
    package static var strict: RecoveryThresholds {
        var thresholds = RecoveryThresholds()
        thresholds.differingRatio = 0
        thresholds.differingNodes = 0
        thresholds.truncatedTransactions = 0
        return thresholds
    }
}

/// What a held member would lose if it took over the quorum's state.
package struct RecoveryReport: Equatable, Sendable {
    /// A later one has a higher number.
    package var number = 0
    package var hold: Hold
    /// Nil where no state was compared.
    package var difference: TreeDifference?
    /// Transactions in its log that the quorum does not have.
    package var droppedTransactions: Int
    /// The last of them.
    package var droppedThrough: Zxid?
    /// What a TRUNC would leave of its log; nil for a whole state that was compared.
    package var truncatedTo: Zxid?
    /// What the members of another ensemble's quorum publish of themselves: this member's own
    /// state does not say where they are reached.
    package var announcements: [PeerID: [UInt8]] = [:]
}

/// Where a member's repairs are decided on: what is too large for it to decide alone is reported
/// here and waits for an order.
package final class RecoveryDesk: Sendable {
    package let thresholds: RecoveryThresholds
    /// The order by which this member goes on without some others, if there ever was one.
    package let adoption: Adoption?
    private let directory: DataDirectory
    private let disk: any Disk
    private let dataDirectory: String
    private let logger: Logger
    private let count = Atomic<Int>(0)
    private let current = Mutex<RecoveryReport?>(nil)
    private let restart = Mutex<Restart>(Restart())

    private struct Restart {
        var isOrdered = false
        var perform: @Sendable () -> Void = {}
    }

    package init(
        _ directory: DataDirectory, _ thresholds: RecoveryThresholds,
        adoption: Adoption? = nil, dataDirectory: String, on disk: any Disk, logger: Logger
    ) {
        self.adoption = adoption
        self.logger = logger
        self.directory = directory
        self.thresholds = thresholds
        self.dataDirectory = dataDirectory
        self.disk = disk
    }

    /// Members that an earlier order has taken out. The configuration's file names them still.
    package var formerMembers: Set<PeerID> { adoption?.dead ?? [] }

    /// Why this member is held, and what it would lose; nil while it is not.
    package var report: RecoveryReport? { current.withLock { $0 } }

    // MARK: Deciding

    /// Compares what a leader has sent with what this member has.
    ///
    /// - Parameters:
    ///   - theirs: The leader's state.
    ///   - mine: The state served here.
    ///   - tail: Transactions logged here that may not be in it, in order.
    ///   - isUnnamed: Nothing here, not even in the tail, says that it is of the same ensemble.
    /// - Returns: Why it may not take the place of this member's state without a person's order;
    ///   nil if it may.
    func objection(
        to theirs: DataTree, insteadOf mine: DataTree,
        droppingAtMost tail: [Zxid], isUnnamed: Bool
    ) -> Hold? {
        let lineage = Lineage(in: theirs)
        if let own = Lineage(in: mine), !own.fits(theirs) {
            let hold = Hold.otherEnsemble(lineage?.ensemble)
            report(foreign: hold, mine, theirs, dropping: tail)
            return hold
        }
        let end = tail.last ?? mine.lastApplied
        if isUnnamed, let lineage, let named = theirs.stat(of: Lineage.path)?.czxid, named <= end {
            // One history has its name from there on.
            let hold = Hold.otherEnsemble(lineage.ensemble)
            report(foreign: hold, mine, theirs, dropping: tail)
            return hold
        }
        let span = tail.first.flatMap { first in tail.last.map { first...$0 } }
        let difference = TreeDifference(
            of: mine, against: theirs, isDiscarded: { lineage?.has($0) == false }, span: span)
        let dropped = tail.filter { $0 > difference.lastSeen ?? .untrusted }.count
        guard
            difference.counted > thresholds.differingNodes
                || difference.ratio > thresholds.differingRatio
                || dropped > thresholds.truncatedTransactions
        else {
            // Nothing of one history differs like this: somebody may want to know why.
            if difference.counted > 0 {
                warn(
                    "\(difference.counted) znodes that the quorum's history never had are set aside: "
                        + "\(difference.extra) extra, \(difference.conflicting) conflicting")
            }
            return nil
        }
        publish(
            RecoveryReport(
                hold: .tooDifferent, difference: difference, droppedTransactions: dropped,
                droppedThrough: dropped > 0 ? tail.last : nil))
        return .tooDifferent
    }

    /// Reports a TRUNC that is not obeyed.
    ///
    /// - Parameters:
    ///   - dropped: How many transactions it would cut.
    ///   - end: What it would leave.
    ///   - last: The last of those it would cut.
    func report(dropped: Int, after end: Zxid, through last: Zxid) {
        publish(
            RecoveryReport(
                hold: .tooDifferent, droppedTransactions: dropped, droppedThrough: last,
                truncatedTo: end))
    }

    /// Reports data of another ensemble: whatever the quorum does not have exactly so would go.
    ///
    /// - Parameters:
    ///   - hold: Why it is not let in.
    ///   - mine: The state served here.
    ///   - theirs: A quorum's; nil if it could not be had.
    ///   - tail: Transactions logged here that are not in this member's state.
    func report(
        foreign hold: Hold, _ mine: DataTree, _ theirs: DataTree?, dropping tail: [Zxid]
    ) {
        // The zxids of two ensembles say nothing of each other.
        let difference = TreeDifference(
            of: mine, against: theirs ?? DataTree(), isDiscarded: { _ in true })
        var report = RecoveryReport(
            hold: hold, difference: difference, droppedTransactions: tail.count,
            droppedThrough: tail.last)
        if let theirs { report.announcements = Announcements.all(in: theirs) }
        publish(report)
    }

    /// Reports that the others go on without this member.
    func reportRemoval() {
        publish(RecoveryReport(hold: .removed, droppedTransactions: 0))
    }

    private func publish(_ report: RecoveryReport) {
        var report = report
        report.number = count.add(1, ordering: .relaxed).newValue
        current.withLock { $0 = report }
    }

    // MARK: Orders

    /// What was set aside and is still there.
    package func detachments() throws(StorageError) -> [Detachment] {
        try directory.detachments()
    }

    /// Keeps what single znodes were before they were mended.
    ///
    /// - Parameter lines: A JSON object each.
    /// - Throws: `.disk`.
    package func keepMended(_ lines: [UInt8]) throws(StorageError) {
        try directory.keep(lines, as: "znodes.ndjson", because: .mended)
    }

    /// Deletes what was set aside.
    ///
    /// - Returns: False if there is nothing of this number.
    package func removeDetachment(_ number: Int, because reason: String) throws(StorageError)
        -> Bool
    {
        guard try directory.removeDetachment(number) else { return false }
        try audit("deleted what was set aside as \(number): \(reason)")
        return true
    }

    /// Writes an order down, once. The member starts anew and obeys it.
    ///
    /// - Parameters:
    ///   - rebuild: What to do.
    ///   - reason: The person's words, for the audit.
    /// - Returns: False if one was given before.
    /// - Throws: `.layout` for a detachment that is not there, `.disk`.
    package func order(_ rebuild: Rebuild, because reason: String) throws(StorageError) -> Bool {
        try once { () throws(StorageError) in
            try audit("\(rebuild.words): \(reason)")
            try directory.order(rebuild)
        }
    }

    private func once(_ body: () throws(StorageError) -> Void) throws(StorageError) -> Bool {
        let isFirst = restart.withLock { restart in
            defer { restart.isOrdered = true }
            return !restart.isOrdered
        }
        guard isFirst else { return false }
        do throws(StorageError) {
            try body()
        } catch {
            restart.withLock { $0.isOrdered = false }
            throw error
        }
        return true
    }

    /// Writes down that this member goes on without some others. It starts anew and obeys.
    ///
    /// - Parameters:
    ///   - adoption: The order, the same for every survivor.
    ///   - reason: The person's words, for the audit.
    /// - Returns: False if another order was given before.
    /// - Throws: `.disk`.
    package func order(_ adoption: Adoption, because reason: String) throws(StorageError) -> Bool {
        let dead = adoption.dead.sorted().map { "\($0)" }.joined(separator: ", ")
        return try once { () throws(StorageError) in
            try audit("go on without members \(dead), from epoch \(adoption.epoch): \(reason)")
            try directory.adopt(adoption)
        }
    }

    /// Lets the member start anew. Whoever runs it is told.
    package func restartNow() {
        let perform = restart.withLock { $0.perform }
        perform()
    }

    /// Who stops and starts the member.
    package func onRestart(_ perform: @escaping @Sendable () -> Void) {
        restart.withLock { $0.perform = perform }
    }

    // MARK: Files and log

    /// Tells whoever reads the log of this member.
    package func warn(_ line: String) {
        logger.warning("\(line)")
    }

    private var flagPath: String { dataDirectory + "/flags/force_recovery" }

    /// The first line of `flags/force_recovery`; nil without that file.
    package func fileFlag() throws(StorageError) -> String? {
        guard try disk.exists(flagPath), let bytes = try disk.content(of: flagPath) else {
            return nil
        }
        let line = String(decoding: bytes, as: UTF8.self).prefix { !$0.isNewline }
        return String(line.filter { !$0.isWhitespace })
    }

    /// Takes the file away: it was used, or refused.
    ///
    /// - Returns: Whether there was one.
    @discardableResult
    package func removeFileFlag() throws(StorageError) -> Bool {
        guard try disk.exists(flagPath) else { return false }
        try disk.remove(flagPath)
        try disk.syncDirectory(dataDirectory + "/flags")
        return true
    }

    /// Adds a line to `recovery.audit`, durably.
    package func audit(_ line: String) throws(StorageError) {
        let path = dataDirectory + "/recovery.audit"
        let isNew = try !disk.exists(path)
        let file = try disk.open(path, isNew ? .create : .update)
        let text = "\(currentTimeMillis()) \(String(line.map { $0.isNewline ? " " : $0 }))"
        try file.write(Array((text + "\n").utf8), at: try file.size())
        try file.sync()
        if isNew { try disk.syncDirectory(dataDirectory) }
    }
}

extension Rebuild {
    fileprivate var words: String {
        switch self {
        case .fromQuorum(keepingPromises: true): "adopt the quorum's state"
        case .fromQuorum(keepingPromises: false): "adopt the quorum's state, as a new member"
        case .fromDetached(let number): "put back what was set aside as \(number)"
        }
    }
}
