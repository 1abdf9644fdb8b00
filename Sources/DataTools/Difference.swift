import Jute
import Storage
import ZnodeTree

/// In what two states differ, znode by znode. `/zookeeper/config`, which each server writes for
/// itself, is left out.
package struct Difference: Codable, Equatable, Sendable {
    package enum Kind: String, Codable, Sendable {
        /// Only the first has it.
        case missing
        /// Only the second has it.
        case extra
        /// Both have it, and not the same.
        case conflicting
    }

    package struct Znode: Codable, Equatable, Sendable {
        package var kind: Kind
        package var path: String
        /// Of conflicting ones: `data`, `acl`, `stat`.
        package var what: [String]
        /// The mzxid in the first.
        package var first: String?
        /// The mzxid in the second.
        package var second: String?
    }

    package struct State: Codable, Equatable, Sendable {
        package var path: String
        package var inUse: Bool
        package var zxid: String
        package var digest: String
        package var znodes: Int
        package var sessions: Int
    }

    package private(set) var first: State
    package private(set) var second: State
    package private(set) var znodes: [Znode] = []
    /// Sessions that only one of them has, or that have another timeout.
    package private(set) var sessions: [String] = []

    package var isEmpty: Bool { znodes.isEmpty && sessions.isEmpty }

    /// Compares the newest states of two sources.
    ///
    /// - Parameters:
    ///   - first: What should be.
    ///   - second: What is compared with it.
    /// - Throws: `.unreadable`.
    package init(_ first: DataSource, _ second: DataSource) throws(DataToolError) {
        let one = try first.newestTree()
        let two = try second.newestTree()
        self.first = try State(of: first, one)
        self.second = try State(of: second, two)
        var comparison = TreeComparison(one, two)
        comparison.run { self.znodes.append($0) }
        sessions = Self.differences(one, two)
    }

    private static func differences(_ one: DataTree, _ two: DataTree) -> [String] {
        let all = Set((one.sessions + two.sessions).map(\.id)).sorted()
        return all.filter { one.timeout(of: $0) != two.timeout(of: $0) }.map(\.description)
    }
}

extension Difference.State {
    fileprivate init(of source: DataSource, _ tree: DataTree) throws(DataToolError) {
        self.init(
            path: source.path, inUse: try source.isInUse(), zxid: "\(tree.lastApplied)",
            digest: hexadecimal(tree.recomputedDigest()), znodes: tree.nodeCount,
            sessions: tree.sessionCount)
    }
}

extension DataSource {
    /// The newest state: of a directory, with the log up to its end.
    ///
    /// - Throws: `.unreadable`.
    fileprivate func newestTree() throws(DataToolError) -> DataTree {
        switch kind {
        case .snapshot(let store, let name):
            return try reading { () throws(StorageError) in try store.load(name).tree }
        case .directory(let directory):
            return try reading { () throws(StorageError) in try directory.newestTree() }
        }
    }
}

extension DataDirectory {
    /// - Throws: `.damagedLog` when the log cannot be read to its end, and what `recover` throws.
    fileprivate func newestTree() throws(StorageError) -> DataTree {
        var loader: SnapshotLoader?
        var loaded: DataTree?
        var zxid = Zxid.zero
        var records: [LoggedRecord] = []
        let state = try recover(
            beginSnapshot: { name in
                loader = name.map { _ in SnapshotLoader() }
                loaded = nil
                zxid = name?.zxid ?? .zero
            },
            body: { bytes in
                guard case .complete(let unused)? = try loader?.consume(bytes) else { return nil }
                loaded = try loader.take()?.finish(lastApplied: zxid)
                return bytes.count - unused
            },
            record: { record throws(StorageError) in records.append(record) })
        if let damage = state.damage.first { throw damage }
        var tree = loaded ?? DataTree()
        for record in records { _ = tree.apply(try record.transaction()) }
        return tree
    }
}

extension Difference {
    /// For people: a line for each znode, and two that sum up.
    package var lines: [String] {
        var lines = znodes.map { znode in
            switch znode.kind {
            case .missing: "missing \(znode.path) \(znode.first ?? "")"
            case .extra: "extra \(znode.path) \(znode.second ?? "")"
            case .conflicting:
                """
                conflicting \(znode.path) \(znode.first ?? "") \(znode.second ?? ""): \
                \(znode.what.joined(separator: ", "))
                """
            }
        }
        lines += sessions.map { "session \($0)" }
        for state in [first, second] {
            lines.append(
                """
                \(state.path)\(state.inUse ? ", in use" : ""): state at \(state.zxid), \
                \(state.znodes) znodes, digest \(state.digest)
                """)
        }
        return lines
    }
}
