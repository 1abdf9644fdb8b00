import Jute
import Logging
import Node
import Replica
import Storage
import Testing
import Zab
import ZnodeTree

@Suite(.serialized) struct EnsembleTests {
    private func withEnsemble(
        _ count: Int, _ body: (InProcessEnsemble) async throws -> Void
    ) async throws {
        let ensemble = try InProcessEnsemble(count)
        do {
            try await ensemble.startAll()
            try await ensemble.wait("a leader and its followers") {
                ensemble.leader != nil && ensemble.followers.count == count - 1
            }
            try await body(ensemble)
        } catch {
            await ensemble.stopAll()
            throw error
        }
        await ensemble.stopAll()
    }

    @Test func `a node that stands alone takes a write and serves it`() async throws {
        try await withEnsemble(1) { ensemble in
            let outcome = await ensemble[1].put("/a", "hello")
            #expect(outcome.zxid != nil)
            #expect(ensemble[1].text("/a") == "hello")
        }
    }

    @Test func `three nodes agree on what any of them was told`() async throws {
        try await withEnsemble(3) { ensemble in
            for id in PeerID(1)...3 {
                let path = ZnodePath("/from-\(id)")
                let outcome = await ensemble[id].put(path, "by \(id)")
                let zxid = try #require(outcome.zxid)
                try await ensemble.wait("\(path) everywhere") {
                    ensemble.nodes.values.allSatisfy { $0.status.committed >= zxid }
                }
                for other in PeerID(1)...3 {
                    #expect(ensemble[other].text(path) == "by \(id)")
                }
            }
            let digests = Set(ensemble.nodes.values.map { $0.served.read { $0.digest } })
            #expect(digests.count == 1)
            #expect(ensemble.nodes.values.allSatisfy { $0.status.counters.digestMismatches == 0 })
        }
    }

    @Test func `a condition on the mzxid is decided by the leader`() async throws {
        try await withEnsemble(3) { ensemble in
            let follower = try #require(ensemble.followers.first)
            let first = try #require(await follower.put("/a", "1").zxid)
            let second = try #require(await follower.put("/a", "2", .mzxid([first])).zxid)
            #expect(second > first)
            let refused = await follower.put("/a", "3", .mzxid([first]))
            #expect(refused.refusal == .conditionFailed)
            #expect(follower.text("/a") == "2")
        }
    }

    @Test func `a linearizable read on a follower sees every acknowledged write`() async throws {
        try await withEnsemble(3) { ensemble in
            let leader = try #require(ensemble.leader)
            let follower = try #require(ensemble.followers.first)
            for round in 0..<50 {
                #expect(await leader.put("/counter", "\(round)").zxid != nil)
                #expect(await follower.linearized() == .ready)
                #expect(follower.text("/counter") == "\(round)")
            }
        }
    }

    @Test func `a restarted ensemble still has what it acknowledged`() async throws {
        try await withEnsemble(3) { ensemble in
            for number in 0..<20 {
                #expect(await ensemble[1].put(ZnodePath("/n\(number)"), "\(number)").zxid != nil)
            }
            for id in PeerID(1)...3 { await ensemble.stop(id) }
            try await ensemble.startAll()
            try await ensemble.wait("a leader again") { ensemble.leader != nil }
            try await ensemble.wait("node 1 in the quorum") {
                ensemble[1].status.isSynchronized
            }
            for number in 0..<20 {
                #expect(ensemble[1].text(ZnodePath("/n\(number)")) == "\(number)")
            }
        }
    }

    @Test func `writes go on when the leader stops`() async throws {
        try await withEnsemble(3) { ensemble in
            let leader = try #require(ensemble.leader)
            let follower = try #require(ensemble.followers.first)
            #expect(await follower.put("/before", "x").zxid != nil)
            await ensemble.stop(leader.id)
            // Held through the election, and sent to the new leader.
            #expect(await follower.put("/after", "y").zxid != nil)
            #expect(follower.text("/before") == "x")
        }
    }

    @Test
    func
        `a session that is closed behind a node's back takes its ephemerals there too (ZOOKEEPER-1367, -5010, -2355)`()
        async throws
    {
        try await withEnsemble(3) { ensemble in
            let leader = try #require(ensemble.leader)
            let follower = try #require(ensemble.followers.first).id
            let session = await leader.openSession()
            let owner = Caller(identities: [], session: session)
            let ephemeral = Creation(mode: .ephemeral(sequential: false))
            let created = await leader.write(.create("/e", data: [], ephemeral), as: owner)
            let zxid = try #require(created.zxid)
            try await ensemble.wait("it everywhere") {
                ensemble[follower].status.committed >= zxid
            }
            #expect(ensemble[follower].text("/e") != nil)
            await ensemble.stop(follower)
            let closed = try #require(await leader.write(.closeSession(session), as: owner).zxid)
            try await ensemble.start(follower)
            try await ensemble.wait("the node in line") {
                ensemble[follower].status.isSynchronized
                    && ensemble[follower].status.committed >= closed
            }
            // What a synchronization brings is applied like everything else, sessions and all.
            #expect(ensemble[follower].text("/e") == nil)
            #expect(!ensemble[follower].served.read { $0.sessions.contains { $0.id == session } })
            #expect(ensemble[follower].status.counters.digestMismatches == 0)
        }
    }

    @Test func `with one node down, one that has lost a part helps the whole one to lead`()
        async throws
    {
        try await withEnsemble(3) { ensemble in
            var last: Zxid?
            for number in 1...10 { last = await ensemble[1].put("/a", "\(number)").zxid }
            let written = try #require(last)
            try await ensemble.wait("the writes everywhere") {
                ensemble.nodes.values.allSatisfy { $0.status.committed >= written }
            }
            for id in PeerID(1)...3 { await ensemble.stop(id) }
            try ensemble.damageLog(of: 2)
            // At the first start after the damage, and at every other one.
            for _ in 1...2 { try expectBound(of: 2, in: ensemble, from: written) }
            try await ensemble.start(1)
            try await ensemble.start(2)
            try await ensemble.wait("the two to serve") {
                ensemble.leader?.id == 1 && ensemble.followers.count == 1
            }
            #expect(ensemble[2].text("/a") == "10")
            #expect(await ensemble[2].put("/a", "11").zxid != nil)
            await ensemble.stop(2)
            let opened = try open(2, in: ensemble)
            #expect(opened.standing == .trusted)
        }
    }

    private func open(
        _ id: PeerID, in ensemble: InProcessEnsemble
    ) throws -> (standing: Standing, lastLogged: Zxid) {
        let opened = try OpenedNode.open(
            ensemble.settings(id), on: PosixDisk(), now: 0,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        return (opened.peer.state.standing, opened.peer.state.history.lastLogged)
    }

    private func expectBound(
        of id: PeerID, in ensemble: InProcessEnsemble, from written: Zxid
    ) throws {
        let opened = try open(id, in: ensemble)
        #expect(opened.lastLogged < written)
        guard case .mayHaveLost(let bound?) = opened.standing else {
            Issue.record("it is \(opened.standing)")
            return
        }
        #expect(bound.zxid >= written && bound.epoch == written.epoch)
    }
}
