import Jute
import Testing

@testable import Zab

/// Servers whose disk is empty or damaged (SOUNDNESS, section 6).
@Suite struct StandingTests {
    @Test func `an empty server and a damaged one take no part in votes`() {
        for standing in [Standing.empty, .mayHaveLost] {
            var server = PeerHarness(standing: standing)
            #expect(server.effects.notifications(to: 2).map(\.zxid) == [.untrusted])
            server.hear(.looking, for: 3, at: zxid(1, 1), epoch: 1, from: 3)
            server.hear(.looking, for: 3, at: zxid(1, 1), epoch: 1, from: 2)
            server.pass(10_000)
            #expect(server.status.role == .looking)
        }
    }

    @Test func `their votes are not counted`() {
        var server = PeerHarness()
        server.hear(.looking, for: 2, at: .untrusted, epoch: -1, from: 2)
        server.hear(.looking, for: 3, at: .untrusted, epoch: -2, from: 3)
        server.pass(10_000)
        #expect(server.status.role == .looking)
    }

    @Test
    func `an empty server votes once every voter was heard to be empty, and none contradicts`() {
        var server = PeerHarness(standing: .empty)
        server.hear(.looking, for: 2, at: .untrusted, epoch: -1, from: 2)
        server.pass(1000)
        #expect(server.peer.state.standing != .trusted)
        let effects = server.hear(.looking, for: 3, at: .zero, epoch: 0, from: 3)
        #expect(effects.notifications(to: 2).count == 1, "it asks everybody again")
        server.pass(199)
        #expect(server.peer.state.standing != .trusted)
        let decided = server.pass(1)
        #expect(server.peer.state.standing == .trusted)
        #expect(decided.contains(.trustHistory))
        #expect(decided.notifications(to: 2).last?.zxid == .zero)
    }

    @Test func `what a server said before this disk was emptied is corrected by its answer`() {
        var server = PeerHarness(standing: .empty)
        server.hear(.looking, for: 2, at: .zero, epoch: 0, from: 2)
        server.hear(.looking, for: 3, at: .zero, epoch: 0, from: 3)
        server.hear(.following, for: 1, at: .zero, epoch: 1, from: 2)
        server.pass(1000)
        #expect(server.peer.state.standing != .trusted)
    }

    @Test func `what was heard in an earlier election is not believed in the next`() {
        var server = PeerHarness(of: [1, 2, 3, 4, 5], standing: .empty)
        server.hear(.looking, for: 2, at: .zero, epoch: 0, from: 2)
        server.hear(.following, for: 3, epoch: 1, from: 4)
        server.hear(.following, for: 3, epoch: 1, from: 5)
        server.hear(.leading, for: 3, epoch: 1, from: 3)
        server.connect()
        server.disconnect()
        server.drain()
        for other in PeerID(3)...5 {
            server.hear(.looking, for: other, at: .zero, epoch: 0, from: other)
        }
        server.pass(1000)
        #expect(server.peer.state.standing != .trusted)
    }

    @Test func `a damaged server is not an empty one: those who wait for emptiness go on waiting`()
    {
        let damaged = PeerHarness(id: 3, standing: .mayHaveLost)
        guard let said = damaged.effects.notifications(to: 1).first else {
            Issue.record("it says nothing")
            return
        }
        var server = PeerHarness(standing: .empty)
        server.hear(.looking, for: 2, at: .zero, epoch: 0, from: 2)
        server.hear(.looking, for: 3, at: said.zxid, epoch: said.peerEpoch, from: 3)
        server.pass(10_000)
        #expect(server.peer.state.standing != .trusted)
    }

    @Test func `a single empty server leads at once`() {
        let server = PeerHarness(of: [1], standing: .empty)
        #expect(server.status.role == .leading)
        #expect(server.status.phase == .broadcast)
    }

    @Test func `an emptied server does not lead, though its followers still believe in it`() {
        for standing in [Standing.empty, .mayHaveLost] {
            var server = PeerHarness(id: 3, standing: standing)
            server.hear(.following, for: 3, epoch: 1, round: 1, from: 1)
            server.hear(.following, for: 3, epoch: 1, round: 1, from: 2)
            #expect(server.status.role == .looking)
        }
    }

    @Test func `it joins an established leader, is not counted and asks for the whole state`() {
        var server = PeerHarness(standing: .mayHaveLost)
        let effects = server.discover(epoch: 5)
        let answer = QuorumPacket(.ackEpoch, zxid: .untrusted, data: [0xFF, 0xFF, 0xFF, 0xFF])
        #expect(effects.contains(.sendToLeader(answer)))
    }

    @Test func `it counts again once that state is durable`() {
        var server = PeerHarness(standing: .mayHaveLost)
        server.discover(epoch: 5)
        server.receiveSnapshot(at: zxid(4, 7))
        #expect(server.receive(.newLeader, zxid(5, 0)).toLeader.isEmpty)
        #expect(server.peer.state.standing == .mayHaveLost)
        let effects = server.installSnapshot()
        let acknowledgement = QuorumPacket(.ack, zxid: zxid(5, 0))
        #expect(effects.has(.trustHistory, before: .sendToLeader(acknowledgement)))
        #expect(server.peer.state.standing == .trusted)
    }

    @Test func `it accepts no DIFF`() {
        var server = PeerHarness(standing: .mayHaveLost)
        server.discover(epoch: 5)
        #expect(server.receive(.diff, zxid(4, 7)).departs)
    }

    @Test func `a leader sends it the whole state and does not count its promise`() {
        var leader = PeerHarness(id: 3, of: [1, 2, 3], accepted: 1, current: 1)
        leader.winElection()
        let connection = leader.introduce(1, accepted: 0)
        leader.promise(current: -1, last: .untrusted, on: connection)
        #expect(leader.status.phase == .discovery)
        let other = leader.introduce(2, accepted: 1)
        let effects = leader.promise(current: 1, last: .zero, on: other)
        #expect(effects.to(connection).first == "SNAP")
    }
}
