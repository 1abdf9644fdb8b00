import DequeModule
import Dispatch
package import Jute
import Logging
import Storage
import Synchronization

/// The history does not reach back as far as somebody wants to look.
package struct HistoryGone: Error, Equatable, Sendable {
    /// Everything behind it is held.
    package var floor: Zxid

    package init(floor: Zxid) {
        self.floor = floor
    }
}

extension ChangeHistory {
    /// Looks back, on a thread of the history's own.
    ///
    /// - Parameters:
    ///   - body: May block, and keeps others who look back waiting.
    ///   - complete: Gets what it returned, on the same thread.
    package func lookBack<Answer: Sendable>(
        _ body: @escaping @Sendable (HistoryReader) throws(HistoryGone) -> Answer,
        complete: @escaping @Sendable (Result<Answer, HistoryGone>) -> Void
    ) {
        reader.async {
            complete(Result { () throws(HistoryGone) in try body(HistoryReader(history: self)) })
        }
    }

    /// What memory holds up to a zxid.
    ///
    /// - Parameters:
    ///   - zxid: Inclusive.
    ///   - limit: The largest number of transactions.
    /// - Returns: The last of them in their order, and behind which zxid that is everything up to
    ///   `zxid`; nil when memory has nothing of it.
    fileprivate func recent(
        through zxid: Zxid, limit: Int
    ) -> (transactions: [HistoricTransaction], after: Zxid)? {
        state.withLock { state in
            guard zxid > state.base else { return nil }
            let end = state.window.firstIndex(after: zxid)
            let start = max(0, end - limit)
            let after =
                start == 0 ? state.base : Zxid(rawValue: state.window[start].zxid.rawValue - 1)
            return (Array(state.window[start..<end]), after)
        }
    }
}

/// Looks back by way of the indices: a file is read only where it has something to say.
///
/// Used on the history's reading thread only.
package struct HistoryReader {
    let history: ChangeHistory

    private static let pieceLimit = 512

    // MARK: Visiting

    /// Visits the transactions that concern a subject, the oldest first.
    ///
    /// - Parameters:
    ///   - subject: What it is about.
    ///   - after: Exclusive.
    ///   - through: Inclusive; no later than the history's last.
    ///   - body: Says whether to go on.
    /// - Throws: When the history does not reach back to `after`.
    package func forEach(
        _ subject: HistorySubject, after: Zxid, through: Zxid,
        _ body: (HistoricTransaction) -> Bool
    ) throws(HistoryGone) {
        var position = after
        while position < through {
            switch history.recent(after: position, limit: HistoryReader.pieceLimit) {
            case .gone(let floor):
                throw HistoryGone(floor: floor)
            case .transactions(let transactions, let end):
                for transaction in transactions
                where transaction.zxid <= through && subject.concerns(transaction) {
                    guard body(transaction) else { return }
                }
                guard end > position else { return }
                position = end
            case .onDisk:
                let file = try file(after: position)
                var goesOn = true
                try visit(file, subject, after: position, through: through) { transaction in
                    goesOn = body(transaction)
                    return goesOn
                }
                guard goesOn else { return }
                position = file.end
            }
        }
    }

    /// Visits the transactions that concern a subject, the newest first.
    ///
    /// - Parameters:
    ///   - subject: What it is about.
    ///   - after: Exclusive; nil for all that is held.
    ///   - through: Inclusive; no later than the history's last.
    ///   - body: Says whether to go on.
    /// - Throws: When the history does not reach back to `after`.
    package func forEachBackward(
        _ subject: HistorySubject, after: Zxid?, through: Zxid,
        _ body: (HistoricTransaction) -> Bool
    ) throws(HistoryGone) {
        var position = through
        while true {
            let floor = history.floor
            let after = after ?? floor
            guard position > after else { return }
            guard after >= floor else { throw HistoryGone(floor: floor) }
            if let recent = history.recent(through: position, limit: HistoryReader.pieceLimit) {
                for transaction in recent.transactions.reversed()
                where transaction.zxid > after && subject.concerns(transaction) {
                    guard body(transaction) else { return }
                }
                position = recent.after
            } else {
                let file = try file(after: Zxid(rawValue: position.rawValue - 1))
                var goesOn = true
                try visit(
                    file, subject, after: max(after, file.segment.base), through: position,
                    isBackward: true
                ) { transaction in
                    goesOn = body(transaction)
                    return goesOn
                }
                guard goesOn else { return }
                position = file.segment.base
            }
        }
    }

    // MARK: Time

    /// The state that a time means: the largest zxid such that every transaction up to it has a
    /// time that is not later. The times of transactions are not in order.
    ///
    /// - Parameter time: Milliseconds since 1970.
    /// - Returns: The zxid; of the last transaction that is held for a time to come.
    /// - Throws: When that lies before what is held.
    package func zxid(at time: Int64) throws(HistoryGone) -> Zxid {
        let floor = history.floor
        let last = history.last
        var position = floor
        /// Where the first later transaction follows `position`.
        func found() throws(HistoryGone) -> Zxid {
            // What came before the floor may have been as late.
            guard position > floor || floor == .zero else { throw HistoryGone(floor: floor) }
            return position
        }
        while position < last {
            let transactions: [HistoricTransaction]
            let end: Zxid
            switch history.recent(after: position, limit: HistoryReader.pieceLimit) {
            case .gone(let floor):
                throw HistoryGone(floor: floor)
            case .transactions(let recent, let through):
                guard through > position else { return position }
                transactions = recent
                end = through
            case .onDisk:
                let file = try file(after: position)
                end = file.end
                transactions =
                    try latestTime(of: file) ?? .min > time ? try content(of: file) : []
            }
            for transaction in transactions where transaction.zxid > position {
                if transaction.time > time { return try found() }
                position = transaction.zxid
            }
            position = max(position, end)
        }
        return last
    }

    // MARK: Files

    /// A file, and up to where it is of use.
    private struct File {
        var segment: HistorySegment
        /// The one behind it; nil for the one that grows.
        var next: HistorySegment?
        var growing: GrowingIndex
        /// It holds everything up to here, and memory or the next file what follows.
        var end: Zxid
    }

    /// The file that holds what follows a zxid that memory has forgotten.
    private func file(after zxid: Zxid) throws(HistoryGone) -> File {
        let (base, floor) = history.state.withLock { ($0.base, $0.floor) }
        let listing = history.files.listing.withLock { $0 }
        guard zxid >= floor,
            let index = listing.segments.lastIndex(where: { $0.base <= zxid })
        else { throw HistoryGone(floor: floor) }
        let next = index + 1 < listing.segments.count ? listing.segments[index + 1] : nil
        return File(
            segment: listing.segments[index], next: next, growing: listing.growing,
            end: next?.base ?? max(base, zxid.next))
    }

    private func visit(
        _ file: File, _ subject: HistorySubject, after: Zxid, through: Zxid,
        isBackward: Bool = false, _ body: (HistoricTransaction) -> Bool
    ) throws(HistoryGone) {
        do throws(StorageError) {
            let limit = min(through, file.end)
            let places = try places(of: subject, in: file)
                .filter { $0.zxid > after && $0.zxid <= limit }
            if places.isEmpty { return }
            let open = try history.disk.open(file.segment.path, .read)
            for place in isBackward ? places.reversed() : places {
                guard let found = try HistorySegment.transaction(at: place, in: open) else {
                    throw .damagedFile(
                        path: file.segment.path, problem: "a record is not where it was written")
                }
                guard body(found) else { return }
            }
        } catch {
            throw lost(file, error)
        }
    }

    private func places(
        of subject: HistorySubject, in file: File
    ) throws(StorageError) -> [RecordPlace] {
        guard file.next != nil else { return file.growing.places(of: subject) }
        if let index = try index(of: file), let places = try index.places(of: subject) {
            return places
        }
        return try remadeIndex(of: file).places(of: subject)
    }

    private func latestTime(of file: File) throws(HistoryGone) -> Int64? {
        guard file.next != nil else { return file.growing.latestTime }
        do throws(StorageError) {
            if let index = try index(of: file) { return index.latestTime }
            return try remadeIndex(of: file).latestTime
        } catch {
            throw lost(file, error)
        }
    }

    private func index(of file: File) throws(StorageError) -> HistoryIndexFile? {
        let size = try history.disk.open(file.segment.path, .read).size()
        return try HistoryIndexFile(about: file.segment, size: size, on: history.disk)
    }

    /// The index is missing or damaged: the file it is about tells the same.
    private func remadeIndex(of file: File) throws(StorageError) -> HistoryIndex {
        guard let bytes = try history.disk.content(of: file.segment.path),
            let content = file.segment.content(of: bytes, keeping: { _ in false }),
            content.isWhole, content.last >= file.end
        else {
            throw .damagedFile(path: file.segment.path, problem: "a record is damaged")
        }
        let index = file.segment.index(of: bytes)
        do throws(StorageError) {
            try HistoryFiles.writeIndex(
                index, of: file.segment, size: bytes.count, on: history.disk)
        } catch {
            history.logger.warning("the history's index cannot be written: \(error)")
        }
        return index
    }

    private func content(of file: File) throws(HistoryGone) -> [HistoricTransaction] {
        do throws(StorageError) {
            return try history.content(of: file.segment, through: file.end).transactions
                .filter { $0.zxid <= file.end }
        } catch {
            throw lost(file, error)
        }
    }

    private func lost(_ file: File, _ error: StorageError) -> HistoryGone {
        history.lost(file.segment, next: file.next, error)
        return HistoryGone(floor: history.floor)
    }
}
