import Jute
import Storage
import ZnodeTree

/// A tree that is carried through the logs, and the digests that it has to meet on the way.
struct Replay {
    private var tree: DataTree
    /// Only above this is the tree that of one moment.
    private let exactAfter: Zxid
    /// Of the snapshots above the first, ascending.
    private var expected: [(digest: SnapshotDigest, path: String)] = []
    /// Snapshots that have other znodes than their digests say.
    private var doubtful: [Doubt] = []
    /// What follows is no longer that of the same history, or cannot be told.
    private var hasStopped = false

    /// The original writes a digest while the next transaction is half applied: then that one
    /// leads to the digest that it foretells. What has rotted does not mend.
    private struct Doubt {
        var tree: DataTree
        var problem: Check.Problem
        var patience = 100
    }

    /// From an empty database.
    init() {
        tree = DataTree()
        exactAfter = .zero
    }

    init(_ loaded: LoadedSnapshot) {
        tree = loaded.tree
        exactAfter = loaded.summary.upperBound ?? Zxid(rawValue: .max)
    }

    /// A later snapshot of the same history.
    mutating func expect(_ summary: SnapshotSummary, of path: String) {
        guard let digest = summary.digest, digest.zxid >= exactAfter else { return }
        expected.append((digest, path))
        expected.sort { $0.digest.zxid < $1.digest.zxid }
    }

    /// A snapshot that is wrong unless the log behind it says otherwise.
    mutating func doubt(_ loaded: LoadedSnapshot, _ problem: Check.Problem) {
        doubtful.append(Doubt(tree: loaded.tree, problem: problem))
    }

    private mutating func clear(by record: TxnRecord) {
        let zxid = record.header.zxid
        for index in doubtful.indices.reversed()
        where zxid > doubtful[index].tree.lastApplied && doubtful[index].patience > 0 {
            doubtful[index].patience -= 1
            guard zxid.directlyFollows(doubtful[index].tree.lastApplied) else {
                doubtful[index].patience = 0
                continue
            }
            if doubtful[index].tree.apply(record).digestMatches == true {
                doubtful.remove(at: index)
            }
        }
    }

    /// No digest is compared any more.
    mutating func stop() {
        hasStopped = true
    }

    /// Goes on by one transaction.
    ///
    /// - Parameters:
    ///   - record: The next one; what the tree has already is passed over.
    ///   - position: Where it lies.
    ///   - file: In which file.
    /// - Returns: Digests that are not what they should be.
    mutating func apply(
        _ record: TxnRecord, at position: LogPosition, in file: String
    ) -> [Check.Problem] {
        let zxid = record.header.zxid
        clear(by: record)
        guard !hasStopped, zxid > tree.lastApplied else { return [] }
        guard zxid.directlyFollows(tree.lastApplied) else {
            // The gap itself is told by the audit.
            hasStopped = true
            return []
        }
        let result = tree.apply(record)
        guard zxid > exactAfter else { return [] }
        var problems: [Check.Problem] = []
        if result.digestMatches == false {
            problems.append(
                Check.Problem(
                    file: file, offset: position.offset, zxid: "\(zxid)",
                    what: """
                        it leads to the digest \(hexadecimal(tree.digest)), not to \
                        \(hexadecimal(record.digest?.treeDigest ?? 0)), which it foretells
                        """))
            // Everything behind it would differ as well.
            hasStopped = true
        }
        return problems + compare(through: zxid)
    }

    /// The digests of snapshots that the logs do not reach are not compared.
    mutating func finish() -> [Check.Problem] {
        compare(through: tree.lastApplied) + doubtful.map(\.problem)
    }

    private mutating func compare(through zxid: Zxid) -> [Check.Problem] {
        var problems: [Check.Problem] = []
        while let (digest, path) = expected.first, digest.zxid <= zxid {
            expected.removeFirst()
            guard digest.zxid == zxid, !hasStopped, digest.digest != tree.digest else { continue }
            problems.append(
                Check.Problem(
                    file: path, zxid: "\(zxid)",
                    what: """
                        it has the digest \(hexadecimal(digest.digest)), and the log leads to \
                        \(hexadecimal(tree.digest))
                        """))
        }
        return problems
    }
}
