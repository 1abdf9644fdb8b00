import DequeModule
import Dispatch
package import Jute
import Logging
import Storage
import Synchronization

/// A file's content, kept for a while.
struct CachedSegment: Sendable {
    var path: String
    var content: HistorySegment.Content
    var number: Int
}

/// Reading, on any thread.
extension ChangeHistory {
    /// Everything behind this zxid is held.
    package var floor: Zxid { state.withLock { $0.floor } }

    /// Up to where the served tree is, and so the history.
    package var last: Zxid { state.withLock { $0.visible } }

    /// What memory holds behind a zxid.
    ///
    /// - Parameters:
    ///   - zxid: Exclusive.
    ///   - limit: The largest number of transactions.
    /// - Returns: Transactions, or where else to look.
    package func recent(after zxid: Zxid, limit: Int = 256) -> Excerpt {
        state.withLock { state in
            if zxid < state.floor { return .gone(floor: state.floor) }
            if zxid >= state.visible { return .transactions([], through: state.visible) }
            if zxid < state.base { return .onDisk }
            let start = state.window.firstIndex(after: zxid)
            let found = state.window[start...].prefix(limit).prefix { $0.zxid <= state.visible }
            let isAll = start + found.count == state.window.count
            return .transactions(
                Array(found), through: isAll ? state.visible : found.last?.zxid ?? state.visible)
        }
    }

    /// What the disk holds behind a zxid.
    ///
    /// - Parameters:
    ///   - zxid: Exclusive.
    ///   - complete: Called on a thread of the history's own, with one file's worth at most.
    package func older(
        after zxid: Zxid, complete: @escaping @Sendable (Excerpt) -> Void
    ) {
        reader.async { complete(self.readFiles(after: zxid)) }
    }

    private func readFiles(after zxid: Zxid) -> Excerpt {
        let (floor, base, visible) = state.withLock { ($0.floor, $0.base, $0.visible) }
        if zxid < floor { return .gone(floor: floor) }
        let segments = files.listing.withLock { $0.segments }
        guard let index = segments.lastIndex(where: { $0.base <= zxid }) else {
            return .gone(floor: floor)
        }
        do throws(StorageError) {
            // The newest file is read while it grows, but it has all that memory has forgotten.
            let end = index + 1 < segments.count ? segments[index + 1].base : nil
            let content = try content(of: segments[index], through: end ?? base)
            let start = content.transactions.firstIndex(after: zxid)
            let found = content.transactions[start...].prefix(ChangeHistory.longestExcerpt)
                .prefix { $0.zxid <= visible }
            let isAll = start + found.count == content.transactions.count
            return .transactions(
                Array(found),
                through: isAll ? min(end ?? content.last, visible) : found.last?.zxid ?? visible)
        } catch {
            return lost(segments[index], next: segments[(index + 1)...].first, error)
        }
    }

    private static let longestExcerpt = 1_000
    private static let cacheTime = DispatchTimeInterval.seconds(10)

    /// A file's content, kept for a while: whoever catches up takes many pieces of it.
    func content(
        of segment: HistorySegment, through end: Zxid
    ) throws(StorageError) -> HistorySegment.Content {
        if let cached = cache.withLock({ $0 }), cached.path == segment.path,
            cached.content.last >= end
        {
            return cached.content
        }
        guard let content = try segment.read(from: disk, keeping: { _ in true }),
            content.last >= end
        else { throw .damagedFile(path: segment.path, problem: "a record is damaged") }
        let number = cache.withLock { cache in
            let number = (cache?.number ?? 0) + 1
            cache = CachedSegment(path: segment.path, content: content, number: number)
            return number
        }
        reader.asyncAfter(deadline: .now() + ChangeHistory.cacheTime) {
            self.cache.withLock { if $0?.number == number { $0 = nil } }
        }
        return content
    }

    /// A file that cannot be read is a hole: only what is behind it is offered from now on.
    @discardableResult
    func lost(
        _ segment: HistorySegment, next: HistorySegment?, _ error: StorageError
    ) -> Excerpt {
        let (isLoss, floor) = state.withLock { state in
            // It may have been removed while it was about to be read.
            let end = next?.base ?? state.base
            guard end > state.filesFloor else { return (false, state.floor) }
            state.filesFloor = end
            state.hasHole = true
            if next == nil {
                state.written = end
                state.restartsAt = end
            }
            return (true, state.floor)
        }
        if isLoss {
            logger.error("part of the history is lost: \(error)")
            writer.async {
                self.files.files.forget(through: segment)
                self.files.publish()
                self.write()
            }
        }
        return .gone(floor: floor)
    }
}
