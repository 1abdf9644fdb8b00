import History
import Jute
import Logging
import Simulation
import Storage
import StorageTesting
import Testing
import ZnodeTree

/// A tree that lives by requests drawn from a seed, with its history, and a copy of it after every
/// transaction.
final class RandomLife {
    let disk = MemoryDisk()
    private(set) var history: ChangeHistory
    private(set) var tree = DataTree()
    /// The tree after each transaction, the empty one first.
    private(set) var copies: [DataTree] = [DataTree()]
    private(set) var transactions: [(zxid: Zxid, time: Int64)] = []
    private(set) var all: [HistoricTransaction] = []
    private var preparer = RequestPreparer()
    private var zxid = Zxid(epoch: 1, counter: 0)
    private var random: SeededGenerator
    private let windowBytes: Int
    private let segmentBytes: Int

    static let sessions = (1...3).map { SessionID(rawValue: $0) }

    init(seed: UInt64, windowBytes: Int = 6_000, segmentBytes: Int = 2_000) throws {
        random = SeededGenerator(seed: seed)
        self.windowBytes = windowBytes
        self.segmentBytes = segmentBytes
        history = try Recorder.open(disk, from: .zero, windowBytes, segmentBytes)
        perform(.createSession(timeoutMs: 9_000), session: RandomLife.sessions[0])
    }

    var now: Zxid { history.last }

    func restart() throws {
        history.sync(through: zxid)
        history.close()
        history = try Recorder.open(disk, from: zxid, windowBytes, segmentBytes)
    }

    /// Prepares, applies and records; the outcome is whatever the rules say.
    @discardableResult
    func perform(_ operation: Operation, session: SessionID = .none) -> TxnResult {
        zxid = zxid.next
        let time = Int64(transactions.count) * 10 + Int64.random(in: -25...25, using: &random)
        let record = preparer.prepare(
            RequestPreparer.Input(
                session: session, cxid: 0, identities: [], operation: .success(operation),
                isLeaderInternal: true),
            zxid: zxid, time: time, tree: tree)
        let result = tree.apply(record)
        #expect(result.digestMatches != false)
        history.applied(result)
        history.sync(through: zxid)
        copies.append(tree)
        if !result.changes.isEmpty {
            transactions.append((zxid, time))
            all.append(HistoricTransaction(result))
        }
        return result
    }

    func live(_ steps: Int) {
        for _ in 0..<steps { step() }
    }

    private func step() {
        switch Int.random(in: 0..<40, using: &random) {
        case 0: perform(.createSession(timeoutMs: 9_000), session: anySession())
        case 1: perform(.closeSession, session: anySession())
        case 2..<6: perform(.setACL(path: anyPath(), acl: anyACL(), version: -1))
        case 6..<10:
            perform(
                .multi((0..<Int.random(in: 1...5, using: &random)).map { _ in single() }),
                session: anySession())
        default: perform(single(), session: anySession())
        }
    }

    private func single() -> Operation {
        switch Int.random(in: 0..<10, using: &random) {
        case 0..<4:
            .create(
                CreateOperation(path: anyPath(), data: anyData(), acl: anyACL(), mode: anyMode()))
        case 4..<7: .delete(path: anyPath(), version: -1)
        default: .setData(path: anyPath(), data: anyData(), version: -1)
        }
    }

    private func anySession() -> SessionID {
        RandomLife.sessions.randomElement(using: &random) ?? .none
    }

    /// A few names, so that paths meet again, with neighbours that sort into each other's way.
    private func anyPath() -> ZnodePath {
        let names = ["a", "a-b", "a0", "b"]
        var path = ZnodePath.root
        for _ in 0..<Int.random(in: 1...3, using: &random) {
            path = path.appending((names.randomElement(using: &random) ?? "a").utf8)
        }
        return path
    }

    private func anyData() -> [UInt8]? {
        let count = Int.random(in: -1...3, using: &random)
        return count < 0 ? nil : (0..<count).map { _ in UInt8.random(in: 65...66, using: &random) }
    }

    private func anyACL() -> [ACL] {
        Bool.random(using: &random)
            ? ACL.open : [ACL(.all, Identity(scheme: "digest", id: "bob:x"))]
    }

    private func anyMode() -> CreateOperation.Mode {
        switch Int.random(in: 0..<8, using: &random) {
        case 0, 1: .ephemeral(sequential: false)
        case 2: .container
        case 3: .ttl(milliseconds: Int64.random(in: 1...2, using: &random), sequential: false)
        case 4: .persistent(sequential: true)
        default: .persistent(sequential: false)
        }
    }

    // MARK: Looking back

    /// Asks the history as a member would, and waits.
    func lookBack<Answer: Sendable>(
        _ body: @escaping @Sendable (HistoryReader) throws(HistoryGone) -> Answer
    ) async throws -> Answer {
        let history = history
        return try await withCheckedContinuation { continuation in
            history.lookBack(body) { continuation.resume(returning: $0) }
        }.get()
    }
}

extension DataTree {
    /// All paths but those below which servers write without a transaction.
    var paths: Set<ZnodePath> {
        var found: Set<ZnodePath> = ["/"]
        func add(_ znode: ZnodeID) {
            forEachChild(of: znode) { child in
                let path = path(of: child)
                if path != "/zookeeper" {
                    found.insert(path)
                    add(child)
                }
                return true
            }
        }
        if let root = find("/") { add(root) }
        return found
    }
}
