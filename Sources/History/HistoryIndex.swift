import Jute
import Synchronization

/// Where in a file of the history a transaction is.
struct RecordPlace: Equatable, Sendable {
    var zxid: Zxid
    /// Of the record's frame, from the start of the file.
    var offset: Int
    /// Frame and payload together.
    var length: Int
}

/// Which transactions of one file touched which paths.
struct HistoryIndex: Sendable {
    /// The transactions in their order.
    private(set) var places: [HistoryKey: [RecordPlace]] = [:]
    /// The largest time of a transaction in the file; nil when there is none.
    private(set) var latestTime: Int64?

    /// Adds a transaction behind all that are there.
    mutating func add(_ transaction: HistoricTransaction, at offset: Int, length: Int) {
        latestTime = max(latestTime ?? .min, transaction.time)
        let place = RecordPlace(zxid: transaction.zxid, offset: offset, length: length)
        for key in HistoryKey.keys(of: transaction) {
            places[key, default: []].append(place)
        }
    }

    /// Where the transactions are that concern a subject, in their order, each once.
    func places(of subject: HistorySubject) -> [RecordPlace] {
        switch subject.scope {
        case .node:
            return places[HistoryKey(subject.path)] ?? []
        case .moment:
            let all = [HistoryKey(subject.path), HistoryKey(childrenOf: subject.path)]
            return HistoryIndex.inOrder(all.map { places[$0] ?? [] })
        case .children, .childMoments, .subtree:
            var walk = HistoryKey.Walk(subject)
            let range = walk.lower
            let found = places.filter { key, _ in
                range <= key && key < walk.upper && walk.takes(key)
            }
            return HistoryIndex.inOrder(Array(found.values))
        }
    }

    static func inOrder(_ lists: [[RecordPlace]]) -> [RecordPlace] {
        if lists.count == 1 { return lists[0] }
        var all = lists.flatMap { $0 }.sorted { $0.offset < $1.offset }
        var previous: Int?
        all.removeAll { place in
            defer { previous = place.offset }
            return place.offset == previous
        }
        return all
    }
}

/// The index of the file that grows: written by one thread, read by others.
///
/// What it says is in the file by the time that memory forgets it.
final class GrowingIndex: Sendable {
    private let content: Mutex<HistoryIndex>

    init(_ index: HistoryIndex = HistoryIndex()) {
        content = Mutex(index)
    }

    func add(_ transaction: HistoricTransaction, at offset: Int, length: Int) {
        content.withLock { $0.add(transaction, at: offset, length: length) }
    }

    func places(of subject: HistorySubject) -> [RecordPlace] {
        content.withLock { $0.places(of: subject) }
    }

    var latestTime: Int64? { content.withLock { $0.latestTime } }

    var index: HistoryIndex { content.withLock { $0 } }
}
