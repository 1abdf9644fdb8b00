import Jute
import Testing
import ZnodeTree

/// Thousands of random requests, pipelined, against the naive model.
@Suite struct ModelTests {
    static let sessions = (1...3).map { SessionID(rawValue: Int64($0)) }

    @Test(arguments: 1...8 as ClosedRange<UInt64>)
    func `pipelined requests end as they would one after the other`(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        var leader = Leader(sessions: [])
        var model = NaiveModel(of: leader.tree)
        for step in 0..<1_500 {
            let session = Self.sessions[Int.random(in: 0..<3, using: &random)]
            let operation = Self.operation(using: &random, model)
            let record = leader.prepare(.success(operation), session: session)
            let expected = model.perform(
                operation, session: session, zxid: leader.zxid, time: leader.time)
            try #require(
                Self.outcome(of: record) == expected,
                "step \(step) of seed \(seed): \(operation)")
            // Sometimes the tree is far behind, sometimes not at all.
            if Int.random(in: 0..<4, using: &random) == 0 {
                leader.applyQueued(Int.random(in: 0...leader.queue.count, using: &random))
            }
        }
        leader.applyQueued()
        #expect(NaiveModel(of: leader.tree) == model)
        #expect(leader.tree.digest == leader.tree.recomputedDigest())
        #expect(leader.tree.nodeCount == model.znodes.count)
        for path in model.znodes.keys {
            #expect(
                leader.tree.children(of: path)?.names.map { path.appending($0) }
                    == model.children(of: path))
        }
    }

    /// The code of the operation that failed, or `.ok`.
    private static func outcome(of record: TxnRecord) -> ErrorCode {
        switch record.txn {
        case .error(let code): return code
        case .multi(let txns):
            for txn in txns {
                if case .error(let code) = txn { return code }
            }
            return .ok
        default: return .ok
        }
    }

    static func operation(
        using random: inout SeededGenerator, _ model: NaiveModel
    ) -> Operation {
        switch Int.random(in: 0..<100, using: &random) {
        case 0..<3: return .createSession(timeoutMs: 4000)
        case 3..<5: return .closeSession
        case 5..<25:
            let count = Int.random(in: 0...5, using: &random)
            return .multi((0..<count).map { _ in simple(using: &random, model, inMulti: true) })
        default: return simple(using: &random, model, inMulti: false)
        }
    }

    private static func simple(
        using random: inout SeededGenerator, _ model: NaiveModel, inMulti: Bool
    ) -> Operation {
        let path = path(using: &random)
        let data = [nil, "", "x", String(repeating: "data", count: 30)].randomElement(
            using: &random)
        let version = Int32.random(in: -1...2, using: &random)
        switch Int.random(in: 0..<10, using: &random) {
        case 0..<5:
            let modes: [CreateOperation.Mode] = [
                .persistent, .persistent, .persistent, .ephemeral, .sequential,
                .ephemeral(sequential: true), .container, .ttl(5_000),
            ]
            return .create(
                path, data ?? "y", mode: modes.randomElement(using: &random) ?? .persistent)
        case 5..<7:
            return .set(path, data ?? "z", version: version)
        case 7:
            return inMulti
                ? .check(path: path, version: version)
                : .setACL(path: path, acl: [ACL(.all, .anyone)], version: version)
        default:
            return .delete(path: path, version: version)
        }
    }

    /// One to three components out of a few, so that requests meet.
    private static func path(using random: inout SeededGenerator) -> ZnodePath {
        let depth = Int.random(in: 1...3, using: &random)
        let names = (0..<depth).map { _ in
            ["a", "b", "ü", "long-name-of-a-znode"].randomElement(using: &random) ?? "a"
        }
        return ZnodePath("/" + names.joined(separator: "/"))
    }
}
