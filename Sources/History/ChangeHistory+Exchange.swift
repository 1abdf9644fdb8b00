package import Jute
import Storage

// What members give each other of their histories, so that a hole that a received state has left
// can be closed.

extension ChangeHistory {
    /// Part of the history that another member may have.
    package struct Hole: Equatable, Sendable {
        /// What lies before it is here, from this zxid back; nil when nothing is.
        package var after: Zxid?
        /// Everything behind it is here.
        package var through: Zxid
    }

    private static let exportBytes = 4 << 20

    /// Makes a piece of the history for another member, as one of our files holds it.
    ///
    /// - Parameters:
    ///   - zxid: Exclusive.
    ///   - limit: Inclusive.
    ///   - complete: Called with nil when this node does not reach back that far; on a thread of
    ///     the history's or before this returns.
    package func export(
        after zxid: Zxid, through limit: Zxid, complete: @escaping @Sendable ([UInt8]?) -> Void
    ) {
        let excerpt = recent(after: zxid)
        guard case .onDisk = excerpt else {
            return complete(ChangeHistory.piece(excerpt, after: zxid, through: limit))
        }
        older(after: zxid) { complete(ChangeHistory.piece($0, after: zxid, through: limit)) }
    }

    private static func piece(
        _ excerpt: Excerpt, after zxid: Zxid, through limit: Zxid
    ) -> [UInt8]? {
        guard case .transactions(let transactions, let end) = excerpt else { return nil }
        var bytes = HistorySegment(base: zxid, in: "").header
        var through = min(end, limit)
        for transaction in transactions where transaction.zxid <= limit {
            HistorySegment.append(transaction, to: &bytes)
            if bytes.count >= exportBytes {
                through = transaction.zxid
                break
            }
        }
        HistorySegment.append(mark: through, to: &bytes)
        return bytes
    }

    /// What is missing here and may be elsewhere.
    package var hole: Hole? {
        guard let through = holeEnd else { return nil }
        return Hole(after: olderEnd, through: through)
    }
}
