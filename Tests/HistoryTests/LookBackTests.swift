import History
import Jute
import Simulation
import Storage
import StorageTesting
import Testing
import ZnodeTree

/// Earlier states are the present one with what came later undone: compared, znode by znode, with
/// copies that were kept.
@Suite struct LookBackTests {
    private static let seeds = (1...8).map { UInt64($0) }

    @Test(arguments: seeds)
    func `every znode is at every moment what it was`(seed: UInt64) async throws {
        // With much memory, with little, and with next to none.
        let life = try RandomLife(seed: seed, windowBytes: [1 << 20, 8_000, 1][Int(seed % 3)])
        life.live(180)
        if seed % 2 == 0 { try life.restart() }
        let everything = life.copies.reduce(into: Set<ZnodePath>()) { $0.formUnion($1.paths) }
        let tree = life.tree
        let now = life.now
        for copy in life.copies {
            let zxid = copy.lastApplied
            let found = try await life.lookBack { reader throws(HistoryGone) in
                var found: [ZnodePath: PastZnode] = [:]
                for path in everything {
                    found[path] = try reader.znode(
                        path, at: zxid, current: PastZnode(path, in: tree), now: now)
                }
                return found
            }
            for path in everything {
                #expect(found[path] == PastZnode(path, in: copy), "\(path) at \(zxid)")
            }
        }
    }

    @Test(arguments: seeds)
    func `the children of every moment are what they were`(seed: UInt64) async throws {
        let life = try RandomLife(seed: seed)
        life.live(200)
        let now = life.now
        for copy in life.copies {
            let zxid = copy.lastApplied
            for path in ["/", "/a", "/a/a"] as [ZnodePath] {
                let changed = try await life.lookBack { reader throws(HistoryGone) in
                    try reader.changedChildren(of: path, at: zxid, now: now)
                }
                var names = Set(life.tree.children(of: path)?.names ?? [])
                for (name, existed) in changed {
                    if existed { names.insert(name) } else { names.remove(name) }
                }
                #expect(names == Set(copy.children(of: path)?.names ?? []), "\(path) at \(zxid)")
            }
        }
    }

    @Test(arguments: seeds)
    func `the children of every moment are found with what they were`(seed: UInt64) async throws {
        let life = try RandomLife(seed: seed, windowBytes: [1 << 20, 8_000, 1][Int(seed % 3)])
        life.live(180)
        if seed % 2 == 0 { try life.restart() }
        let now = life.now
        let tree = life.tree
        for copy in life.copies {
            let zxid = copy.lastApplied
            for path in ["/", "/a", "/a/a"] as [ZnodePath] {
                let names = copy.children(of: path)?.names ?? []
                func found(dataLimit: Int?) async throws -> [(name: [UInt8], znode: PastZnode)] {
                    try await life.lookBack { reader throws(HistoryGone) in
                        try reader.children(
                            names, of: path, at: zxid, now: tree, through: now,
                            dataLimit: dataLimit)
                    }
                }
                let whole = try await found(dataLimit: .max)
                #expect(whole.map(\.name) == names, "\(path) at \(zxid)")
                for (name, znode) in whole {
                    #expect(znode == PastZnode(path.appending(name), in: copy), "at \(zxid)")
                }
                let bare = try await found(dataLimit: nil)
                #expect(bare.map(\.znode.moment) == whole.map(\.znode.moment))
                // Behind the first that holds anything.
                let first = whole.firstIndex { $0.znode.data?.isEmpty == false }
                #expect(try await found(dataLimit: 0).count == first.map { $0 + 1 } ?? whole.count)
            }
        }
    }

    @Test(arguments: seeds)
    func `a rollback leads to the state of the moment, but for sessions`(
        seed: UInt64
    ) async throws {
        var random = SeededGenerator(seed: seed)
        for _ in 0..<10 {
            let life = try RandomLife(seed: random.next())
            life.live(Int.random(in: 60...160, using: &random))
            let copy = try #require(life.copies.randomElement(using: &random))
            let top: ZnodePath = Bool.random(using: &random) ? "/" : "/a"
            // Without its parent nothing can come back.
            let rollback = try await self.rollback(life, top, copy.lastApplied)
            try #require(rollback.fits)
            var request = rollback.request
            if rollback.isThere {
                request.insert(Self.unchanged(top, since: life.tree.lastApplied), at: 0)
            }
            let before = life.tree
            let result = life.perform(.multi(request))
            #expect(result.error == .ok, "\(result.results)")
            Self.compare(life.tree, with: copy, before: before, below: top, rollback)
            let again = try await self.rollback(life, top, copy.lastApplied)
            #expect(again.isEmpty)
            #expect(Set(again.kept.map(\.path)) == Set(rollback.kept.map(\.path)))
        }
    }

    private func rollback(
        _ life: RandomLife, _ top: ZnodePath, _ zxid: Zxid
    ) async throws -> Rollback {
        let tree = life.tree
        let now = life.now
        return try await life.lookBack { reader throws(HistoryGone) in
            Rollback(try reader.subtree(top, at: zxid, now: tree, through: now), now: tree)
        }
    }

    private static func unchanged(_ path: ZnodePath, since zxid: Zxid) -> Operation {
        .check(
            path: ZnodePath("/aviary/guard/unchanged/\(zxid)\(path)"), version: -1)
    }

    private static func compare(
        _ tree: DataTree, with then: DataTree, before: DataTree, below top: ZnodePath,
        _ rollback: Rollback
    ) {
        let kept = Set(rollback.kept.map(\.path))
        for path in tree.paths.union(then.paths).union(before.paths) {
            guard path.isAtOrBelow(top) else {
                #expect(tree.data(of: path) == before.data(of: path), "\(path) is outside")
                continue
            }
            let live = before.find(path).map { before.mode(of: $0).isOfSession } ?? false
            if live {
                // With everything that it was.
                #expect(tree.stat(of: path) == before.stat(of: path), "\(path) is alive")
                continue
            }
            let past = then.find(path).flatMap { then.mode(of: $0).isOfSession ? nil : $0 }
            if kept.contains(path) {
                #expect((tree.find(path) == nil) == (before.find(path) == nil))
            } else {
                #expect((tree.find(path) == nil) == (past == nil), "\(path)")
            }
            guard let past, let present = tree.find(path) else { continue }
            #expect(tree.data(of: present) == then.data(of: past), "\(path)")
            if !kept.contains(path) {
                #expect(tree.mode(of: present) == then.mode(of: past), "\(path)")
            }
            if tree.acl(of: present) != then.acl(of: past) {
                #expect(rollback.acl.contains { $0.path == path }, "\(path)")
            }
        }
    }

    @Test(arguments: seeds)
    func `a page of history is what a search of everything finds`(seed: UInt64) async throws {
        let life = try RandomLife(seed: seed)
        life.live(200)
        let now = life.now
        for scope in [HistorySubject.Scope.node, .moment, .children, .subtree] {
            for path in ["/", "/a", "/a-b", "/a/b"] as [ZnodePath] {
                let subject = HistorySubject(path, scope)
                let expected = life.all.filter { subject.concerns($0) }.map(\.zxid)
                let (forward, backward) = try await life.lookBack { reader throws(HistoryGone) in
                    var found: ([Zxid], [Zxid]) = ([], [])
                    try reader.forEach(subject, after: .zero, through: now) {
                        found.0.append($0.zxid)
                        return true
                    }
                    try reader.forEachBackward(subject, after: .zero, through: now) {
                        found.1.append($0.zxid)
                        return true
                    }
                    return found
                }
                #expect(forward == expected, "\(scope) of \(path)")
                #expect(backward == expected.reversed(), "\(scope) of \(path)")
            }
        }
    }

    @Test(arguments: seeds)
    func `a time means the last state before anything later`(seed: UInt64) async throws {
        let life = try RandomLife(seed: seed)
        life.live(150)
        for time in stride(from: Int64(-30), through: 1_600, by: 7) {
            let expected =
                life.transactions.firstIndex { $0.time > time }
                .map { $0 == 0 ? .zero : life.transactions[$0 - 1].zxid }
                ?? life.transactions.last?.zxid
            let zxid = try await life.lookBack { reader throws(HistoryGone) in
                try reader.zxid(at: time)
            }
            // Transactions that change nothing may lie between.
            let found = life.transactions.last { $0.zxid <= zxid }?.zxid ?? .zero
            #expect(found == expected, "at \(time)")
        }
    }

    @Test(arguments: ["rotten", "missing"])
    func `an index that cannot be used is made again`(how: String) async throws {
        let life = try RandomLife(seed: 5, windowBytes: 1)
        life.live(300)
        let names = try life.disk.names(in: "/data/history").filter { $0.hasPrefix("index") }
        #expect(names.count > 3)
        for name in names {
            let path = "/data/history/\(name)"
            if how == "missing" {
                try life.disk.remove(path)
            } else {
                let size = try life.disk.open(path, .read).size()
                life.disk.flip(bit: 2, at: size / 2, of: path)
            }
        }
        let now = life.now
        let subject = HistorySubject("/a", .subtree)
        for _ in 0..<2 {
            let found = try await life.lookBack { reader throws(HistoryGone) in
                var found: [Zxid] = []
                try reader.forEach(subject, after: .zero, through: now) {
                    found.append($0.zxid)
                    return true
                }
                return found
            }
            #expect(found == life.all.filter { subject.concerns($0) }.map(\.zxid))
        }
        #expect(
            try life.disk.names(in: "/data/history").filter { $0.hasPrefix("index") } == names)
    }

    @Test func `one path is found without reading every file`() async throws {
        let life = try RandomLife(seed: 3, windowBytes: 1)
        life.perform(.create(CreateOperation(path: "/rare", data: [], mode: .container)))
        life.live(300)
        let path = life.disk
        // What is damaged is noticed only by who reads it.
        let files = try path.names(in: "/data/history").filter { $0.hasPrefix("events") }
        for name in files.dropFirst(2).dropLast() {
            path.flip(bit: 1, at: 60, of: "/data/history/\(name)")
        }
        let now = life.now
        let found = try await life.lookBack { reader throws(HistoryGone) in
            var found: [Zxid] = []
            try reader.forEach(HistorySubject("/rare", .node), after: .zero, through: now) {
                found.append($0.zxid)
                return true
            }
            return found
        }
        #expect(found.count == 1)
    }

    @Test func `what lies behind the floor is gone, not wrong`() async throws {
        let recorder = try Recorder(windowBytes: 1_000)
        recorder.write(20)
        recorder.history.jumped(to: Zxid(epoch: 2, counter: 0))
        let history = recorder.history
        let answer = await withCheckedContinuation { continuation in
            history.lookBack { reader throws(HistoryGone) in
                try reader.znode(
                    "/n", at: Zxid(epoch: 1, counter: 3), current: nil,
                    now: Zxid(epoch: 2, counter: 0))
            } complete: {
                continuation.resume(returning: $0)
            }
        }
        #expect(answer == .failure(HistoryGone(floor: Zxid(epoch: 2, counter: 0))))
        let time = await withCheckedContinuation { continuation in
            history.lookBack { reader throws(HistoryGone) in
                try reader.zxid(at: 5)
            } complete: {
                continuation.resume(returning: $0)
            }
        }
        // Nothing has happened since the floor.
        #expect(time == .success(Zxid(epoch: 2, counter: 0)))
    }

    @Test func `files of another format are a hole`() async throws {
        let recorder = try Recorder(windowBytes: 1_000, segmentBytes: 2_000)
        recorder.write(60)
        recorder.history.sync(through: recorder.last)
        let names = try recorder.disk.names(in: "/data/history")
            .filter { $0.hasPrefix("events") }
        for name in names.dropLast() {
            // The number's last byte: 2 becomes 3.
            recorder.disk.flip(bit: 0, at: 7, of: "/data/history/\(name)")
        }
        try recorder.restart(from: recorder.last)
        let floor = recorder.history.floor
        #expect(floor > .zero)
        #expect(recorder.history.hole?.through == floor)
        #expect(await recorder.read(after: floor) == recorder.expected(after: floor))
    }

    @Test func `modes come back, and what stands below a znode with it`() async throws {
        let life = try RandomLife(seed: 1)
        func create(_ path: ZnodePath, _ data: String, _ mode: CreateOperation.Mode) {
            life.perform(
                .create(CreateOperation(path: path, data: Array(data.utf8), mode: mode)),
                session: RandomLife.sessions[0])
        }
        create("/box", "b", .container)
        create("/box/x", "1", .persistent(sequential: false))
        let zxid = life.now
        life.perform(.delete(path: "/box/x", version: -1))
        life.perform(.delete(path: "/box", version: -1))
        create("/box", "other", .persistent(sequential: false))
        create("/box/x", "2", .ttl(milliseconds: 5, sequential: false))
        create("/box/y", "3", .persistent(sequential: false))
        var back = try await rollback(life, "/box", zxid)
        #expect(back.change.map(\.path) == ["/box", "/box/x"])
        #expect(back.change.map(\.isRecreated) == [true, true])
        #expect(back.delete.map(\.path) == ["/box/y"])
        // A live ephemeral keeps what is above it.
        create("/box/live", "e", .ephemeral(sequential: false))
        back = try await rollback(life, "/box", zxid)
        #expect(
            back.kept.map { "\($0.path) \($0.reason?.rawValue ?? "")" }
                == ["/box ancestor", "/box/live ephemeral"])
        #expect(back.change.map(\.path) == ["/box", "/box/x"])
        #expect(back.change.map(\.isRecreated) == [false, true])
        #expect(life.perform(.multi(back.request)).error == .ok)
        #expect(life.tree.data(of: "/box/x") == Array("1".utf8))
        #expect(life.tree.find("/box/x").map { life.tree.mode(of: $0) } == .persistent)
        #expect(life.tree.find("/box/live") != nil)
        #expect(life.tree.find("/box/y") == nil)
    }

    @Test func `nothing comes back below a live ephemeral`() async throws {
        let life = try RandomLife(seed: 1)
        func create(_ path: ZnodePath, _ mode: CreateOperation.Mode) {
            life.perform(
                .create(CreateOperation(path: path, data: [], mode: mode)),
                session: RandomLife.sessions[0])
        }
        create("/s", .persistent(sequential: false))
        create("/s/c", .persistent(sequential: false))
        create("/s/c/d", .persistent(sequential: false))
        let zxid = life.now
        for path in ["/s/c/d", "/s/c", "/s"] as [ZnodePath] {
            life.perform(.delete(path: path, version: -1))
        }
        create("/s", .ephemeral(sequential: false))
        let back = try await rollback(life, "/", zxid)
        #expect(back.isEmpty)
        #expect(
            back.kept.map { "\($0.path) \($0.reason?.rawValue ?? "")" }
                == ["/s ephemeral", "/s/c below-ephemeral", "/s/c/d below-ephemeral"])
    }

    @Test func `what is too large says so, and the counts are exact`() async throws {
        let life = try RandomLife(seed: 1)
        let long = [UInt8](repeating: 7, count: 1_000_000)
        let zxid = life.now
        for index in 0..<12 {
            life.perform(
                .create(
                    CreateOperation(
                        path: ZnodePath("/big\(index)"), data: long,
                        mode: .persistent(sequential: false))))
        }
        let full = life.now
        // Deletions take little.
        let back = try await rollback(life, "/", zxid)
        #expect(back.fits)
        #expect(back.delete.count == 12)
        #expect(life.perform(.multi(back.request)).error == .ok)
        let forth = try await rollback(life, "/", full)
        #expect(!forth.fits)
        #expect(forth.create.count == 12)
        let three = try await rollback(life, "/big1", full)
        #expect(three.fits)
    }
}

extension ZnodeMode {
    fileprivate var isOfSession: Bool {
        if case .ephemeral = self { true } else { false }
    }
}
