import DataTools
import Jute
import Testing
import ZnodeTree

@Suite struct RestorePlanTests {
    /// A leader without an ensemble: what it prepares it applies.
    struct Applier {
        var tree = DataTree()
        private var preparer = RequestPreparer()
        private var zxid = Zxid(epoch: 1, counter: 0)
        static let session = SessionID(rawValue: 0x77)
        static let root = Identity(scheme: "super", id: "")

        init() {
            #expect(apply(.createSession(timeoutMs: 10_000)) == .ok)
        }

        @discardableResult
        mutating func apply(
            _ operation: Operation, as identity: Identity = Applier.root
        ) -> ErrorCode {
            zxid = zxid.next
            let record = preparer.prepare(
                RequestPreparer.Input(
                    session: Applier.session, cxid: 1, identities: [identity],
                    operation: .success(operation)),
                zxid: zxid, time: 1_000, tree: tree)
            return tree.apply(record).error
        }

        /// Carries a plan out.
        mutating func apply(_ plan: RestorePlan) {
            for batch in plan.batches { #expect(apply(.multi(batch)) == .ok) }
            for (path, acl) in plan.accessLists {
                #expect(apply(.setACL(path: path, acl: acl, version: -1)) == .ok, "\(path)")
            }
        }

        mutating func makeSomething(using random: inout SeededGenerator) {
            let path = Self.path(using: &random)
            let data = random.next() % 4 == 0 ? nil : Array("\(random.next() % 3)".utf8)
            switch random.next() % 8 {
            case 0: apply(.delete(path: path, version: -1))
            case 1: apply(.setData(path: path, data: data, version: -1))
            case 2:
                let permissions = Permissions(rawValue: Int32(random.next() % 31) + 1)
                apply(.setACL(path: path, acl: [ACL(permissions, .anyone)], version: -1))
            default:
                let modes: [CreateOperation.Mode] = [
                    .persistent(sequential: false), .ephemeral(sequential: false), .container,
                    .ttl(milliseconds: 60_000, sequential: false),
                    .persistent(sequential: false), .persistent(sequential: false),
                ]
                let mode = modes[Int(random.next() % 6)]
                apply(.create(CreateOperation(path: path, data: data, mode: mode)))
            }
        }

        private static func path(using random: inout SeededGenerator) -> ZnodePath {
            let tops: [ZnodePath] = ["/", "/", "/", "/zookeeper/quota", "/aviary"]
            var path = tops[Int(random.next() % 5)]
            for _ in 0...(random.next() % 3) {
                path = path.appending(Array("n\(random.next() % 4)".utf8))
            }
            return path
        }
    }

    /// What a restore is about, of every znode.
    private func restored(_ tree: DataTree) -> [ZnodePath: String] {
        var found: [ZnodePath: String] = [:]
        var pending: [ZnodePath] = [.root]
        while let path = pending.popLast(), let znode = tree.find(path) {
            if case .ephemeral = tree.mode(of: znode) { continue }
            let isSystem = path.isAtOrBelow("/zookeeper") && !path.isAtOrBelow("/zookeeper/quota")
            if path.isAtOrBelow("/aviary") { continue }
            if !isSystem {
                let acl = path.isAtOrBelow("/zookeeper") ? [] : tree.acl(of: znode)
                found[path] =
                    "\(tree.mode(of: znode)) \(String(describing: tree.data(of: znode))) \(acl)"
            }
            pending += tree.children(of: path)?.names.map { path.appending($0) } ?? []
        }
        return found
    }

    @Test(arguments: 1...30 as ClosedRange<UInt64>)
    func `a plan leads from any state to any other, and then there is nothing to do`(
        seed: UInt64
    ) {
        var random = SeededGenerator(seed)
        var current = Applier()
        var target = Applier()
        current.apply(
            .create(
                CreateOperation(
                    path: "/aviary", data: [], mode: .persistent(sequential: false))))
        for _ in 0..<150 { current.makeSomething(using: &random) }
        for _ in 0..<150 { target.makeSomething(using: &random) }
        let system = current.tree.find("/aviary").map { current.tree.stat(of: $0) }
        for _ in 0..<3 {
            let plan = RestorePlan(from: current.tree, to: target.tree)
            if plan.isEmpty { break }
            current.apply(plan)
        }
        let isDone = RestorePlan(from: current.tree, to: target.tree).isEmpty
        let isEqual = restored(current.tree) == restored(target.tree)
        #expect(isDone && isEqual)
        #expect(current.tree.find("/aviary").map { current.tree.stat(of: $0) } == system)
        let left = current.tree.ephemerals(of: Applier.session)
        #expect(left.allSatisfy { $0.isAtOrBelow("/aviary") })
    }

    @Test func `equal states need nothing`() {
        var random = SeededGenerator(99)
        var one = Applier()
        for _ in 0..<200 { one.makeSomething(using: &random) }
        var two = one
        let plan = RestorePlan(from: DataTree(), to: one.tree)
        #expect(plan.count > 5)
        // But for the ephemerals, which no file brings back.
        two.apply(.closeSession)
        #expect(RestorePlan(from: two.tree, to: one.tree).isEmpty)
    }

    @Test func `a plan stays far below what a transaction may hold`() {
        var target = Applier()
        for number in 0..<30 {
            target.apply(
                .create(
                    CreateOperation(
                        path: ZnodePath("/n\(number)"), data: [UInt8](repeating: 1, count: 100_000),
                        mode: .persistent(sequential: false))))
        }
        target.apply(
            .create(
                CreateOperation(
                    path: "/large", data: [UInt8](repeating: 1, count: 1_040_000),
                    mode: .persistent(sequential: false))))
        let plan = RestorePlan(from: DataTree(), to: target.tree)
        let sizes = plan.batches.map { batch in batch.reduce(0) { $0 + $1.body.count } }
        #expect(sizes.reduce(0, +) > 4_000_000)
        #expect(sizes.allSatisfy { $0 < 1_100_000 })
        #expect(sizes.filter { $0 > 520_000 }.count == 1)
    }

    @Test func `while the gate is there only the restore gets through`() {
        var leader = Applier()
        let somebody = Identity(scheme: "world", id: "anyone")
        leader.apply(.create("/aviary"))
        leader.apply(.create("/a"))
        leader.apply(.create(RestoreGate.path))
        #expect(leader.apply(.create("/b"), as: somebody) == .throttledOp)
        #expect(leader.apply(.set("/a", "1"), as: somebody) == .throttledOp)
        #expect(leader.apply(.delete(path: "/a", version: -1), as: somebody) == .throttledOp)
        #expect(
            leader.apply(.setACL(path: "/a", acl: ACL.open, version: -1), as: somebody)
                == .throttledOp)
        #expect(
            leader.apply(.multi([.check(path: "/a", version: -1), .create("/b")]), as: somebody)
                == .throttledOp)
        // The nodes' own znodes, barriers and sessions.
        #expect(leader.apply(.create("/aviary/nodes"), as: somebody) == .ok)
        #expect(leader.apply(.multi([]), as: somebody) == .ok)
        #expect(leader.apply(.create("/b")) == .ok)
        leader.apply(.delete(path: RestoreGate.path, version: -1))
        #expect(leader.apply(.set("/a", "1"), as: somebody) == .ok)
    }
}

/// SplitMix64: a generator whose whole state is a seed.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(_ seed: UInt64) {
        state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }
}
