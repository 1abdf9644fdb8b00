import Jute
import Testing

@testable import Zab

/// Servers whose disk is empty or damaged (SOUNDNESS, section 6).
@Suite struct StandingTests {
    @Test func `an empty server and a damaged one take no part in votes`() {
        for standing in [Standing.empty, .mayHaveLost(bound: nil)] {
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
        let damaged = PeerHarness(id: 3, standing: .mayHaveLost(bound: nil))
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
        for standing in [Standing.empty, .mayHaveLost(bound: nil)] {
            var server = PeerHarness(id: 3, standing: standing)
            server.hear(.following, for: 3, epoch: 1, round: 1, from: 1)
            server.hear(.following, for: 3, epoch: 1, round: 1, from: 2)
            #expect(server.status.role == .looking)
        }
    }

    @Test func `it joins an established leader, is not counted and asks for the whole state`() {
        var server = PeerHarness(standing: .mayHaveLost(bound: nil))
        let effects = server.discover(epoch: 5)
        let answer = QuorumPacket(.ackEpoch, zxid: .untrusted, data: [0xFF, 0xFF, 0xFF, 0xFF])
        #expect(effects.contains(.sendToLeader(answer)))
    }

    @Test func `it counts again once that state is durable`() {
        var server = PeerHarness(standing: .mayHaveLost(bound: nil))
        server.discover(epoch: 5)
        server.receiveSnapshot(at: zxid(4, 7))
        #expect(server.receive(.newLeader, zxid(5, 0)).toLeader.isEmpty)
        #expect(server.peer.state.standing == .mayHaveLost(bound: nil))
        let effects = server.installSnapshot()
        let acknowledgement = QuorumPacket(.ack, zxid: zxid(5, 0))
        #expect(effects.has(.trustHistory, before: .sendToLeader(acknowledgement)))
        #expect(server.peer.state.standing == .trusted)
    }

    @Test func `it accepts no DIFF`() {
        var server = PeerHarness(standing: .mayHaveLost(bound: nil))
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

extension Vote {
    /// For server 3.
    fileprivate static func of(_ epoch: Epoch, _ last: Zxid) -> Vote {
        Vote(leader: 3, zxid: last, peerEpoch: epoch)
    }
}

/// Servers that have lost something and know how far it reached (SOUNDNESS, section 6).
@Suite struct BoundTests {
    /// Of its five transactions two are left.
    static let damaged = PeerHarness(
        log: log(1, 1...2), accepted: 1, current: 1,
        standing: .mayHaveLost(bound: Bound(epoch: 1, zxid: zxid(1, 5))))

    @Test func `it never proposes itself, though others may still vote for it`() {
        var server = Self.damaged
        #expect(server.effects.notifications(to: 2).map(\.zxid) == [.untrusted])
        for voter in PeerID(2)...3 {
            server.hear(.looking, for: 1, at: zxid(1, 5), epoch: 1, from: voter)
        }
        #expect(server.effects.notifications(to: 2) == [])
        server.pass(10_000)
        #expect(server.status.role == .looking)
    }

    @Test(arguments: [Vote.of(1, zxid(1, 4)), .of(0, zxid(1, 9)), .of(1, .untrusted)])
    func `it supports nobody who is behind the bound, in no round`(vote: Vote) {
        var server = Self.damaged
        for round in [Int64(1), 7] {
            for voter in PeerID(2)...3 {
                let effects = server.hear(
                    .looking, for: 3, at: vote.zxid, epoch: vote.peerEpoch, round: round,
                    from: voter)
                #expect(effects.notifications(to: 2).allSatisfy { $0.zxid == .untrusted })
            }
        }
        server.pass(10_000)
        #expect(server.status.role == .looking)
    }

    @Test(arguments: [Vote.of(1, zxid(1, 5)), .of(1, zxid(1, 6)), .of(2, zxid(1, 4))])
    func `it supports a candidate at or above the bound, and its vote counts`(
        vote: Vote
    ) {
        var server = Self.damaged
        let effects = server.hear(
            .looking, for: 3, at: vote.zxid, epoch: vote.peerEpoch, from: 3)
        let support = effects.notifications(to: 3).first
        #expect(support?.leader == 3)
        #expect(support?.zxid == vote.zxid && support?.peerEpoch == vote.peerEpoch)
        server.pass(200)
        #expect(server.status.role == .following && server.status.leader == 3)
    }

    @Test func `it takes up the round of its candidate, for nobody takes up its own`() {
        var server = Self.damaged
        server.joinQuorum(of: 3)
        server.connect()
        server.disconnect()
        server.drain()
        #expect(server.peer.logicalClock == 51)
        let effects = server.hear(.looking, for: 3, at: zxid(1, 5), epoch: 1, round: 4, from: 3)
        #expect(effects.notifications(to: 3).first?.electionEpoch == 4)
        // A vote for somebody behind the bound does not turn it away again.
        server.hear(.looking, for: 2, at: zxid(1, 4), epoch: 1, round: 9, from: 2)
        server.pass(200)
        #expect(server.status.leader == 3)
    }

    @Test func `its promise names the bound, not what is left of its log`() {
        var server = Self.damaged
        let answer = QuorumPacket(.ackEpoch, zxid: zxid(1, 5), data: [0, 0, 0, 1])
        #expect(server.discover(epoch: 5).contains(.sendToLeader(answer)))
    }

    @Test func `a leader behind the bound does not get the promise`() {
        var leader = PeerHarness(id: 3, log: log(1, 1...4), accepted: 1, current: 1)
        leader.winElection()
        let connection = leader.introduce(1, accepted: 1)
        let effects = leader.promise(current: 1, last: zxid(1, 5), on: connection)
        #expect(effects.to(connection) == ["close"])
        #expect(leader.status.phase == .discovery)
    }

    @Test(arguments: [QuorumPacket.Kind.diff, .trunc])
    func `what continues the bound is no use: it asks the same leader for the whole state`(
        kind: QuorumPacket.Kind
    ) {
        var server = Self.damaged
        server.discover(epoch: 5)
        let effects = server.receive(kind, zxid(1, 5))
        #expect(effects == [.disconnectFromLeader])
        server.pass(25)
        server.connect()
        let answer = QuorumPacket(.ackEpoch, zxid: .untrusted, data: [0xFF, 0xFF, 0xFF, 0xFF])
        #expect(
            server.receive(.leaderInfo, zxid(5, 0), data: [0, 1, 0, 0])
                .contains(.sendToLeader(answer)))
        server.receiveSnapshot(at: zxid(1, 5))
        #expect(server.receive(.newLeader, zxid(5, 0)).toLeader.isEmpty)
        #expect(server.peer.state.standing != .trusted)
        let installed = server.installSnapshot()
        let acknowledgement = QuorumPacket(.ack, zxid: zxid(5, 0))
        #expect(installed.has(.trustHistory, before: .sendToLeader(acknowledgement)))
        #expect(server.peer.state.standing == .trusted)
    }

    @Test func `a leader that only knows DIFF is left`() {
        var server = Self.damaged
        server.discover(epoch: 5)
        server.receive(.diff, zxid(1, 5))
        server.pass(25)
        server.connect()
        server.receive(.leaderInfo, zxid(5, 0), data: [0, 1, 0, 0])
        #expect(server.receive(.diff, zxid(1, 5)).departs)
    }

    @Test func `after a restart between the two connections it is not counted twice`() {
        var server = PeerHarness(
            log: log(1, 1...2), accepted: 5, current: 1,
            standing: .mayHaveLost(bound: Bound(epoch: 1, zxid: zxid(1, 5))))
        let answer = QuorumPacket(.ackEpoch, zxid: .untrusted, data: [0xFF, 0xFF, 0xFF, 0xFF])
        #expect(server.discover(epoch: 5).contains(.sendToLeader(answer)))
    }

    @Test func `an observer's word counts for nothing, with a bound or without`() {
        var server = PeerHarness(
            id: 4, observers: [4], log: log(1, 1...2), accepted: 1, current: 1,
            standing: .mayHaveLost(bound: Bound(epoch: 1, zxid: zxid(1, 5))))
        let answer = QuorumPacket(.ackEpoch, zxid: .untrusted, data: [0xFF, 0xFF, 0xFF, 0xFF])
        #expect(server.discover(epoch: 5).contains(.sendToLeader(answer)))
    }

    @Test func `of three, with one down and one damaged, the whole one leads and serves`() {
        var whole = PeerHarness(id: 3, log: log(1, 1...5), accepted: 1, current: 1)
        var server = Self.damaged
        // The election: each hears the other.
        server.hear(.looking, for: 3, at: zxid(1, 5), epoch: 1, from: 3)
        whole.hear(.looking, for: 1, at: .untrusted, epoch: -2, from: 1)
        whole.hear(.looking, for: 3, at: zxid(1, 5), epoch: 1, from: 1)
        server.pass(200)
        whole.pass(200)
        #expect(whole.status.role == .leading && server.status.leader == 3)
        // Its promise counts, and brings a DIFF that is of no use.
        let first = whole.introduce(1, accepted: 1)
        #expect(
            whole.promise(current: 1, last: zxid(1, 5), on: first).to(first).first == "DIFF 1|5")
        #expect(whole.status.phase == .synchronization)
        // Its second connection brings the whole state, and its acknowledgement the quorum.
        let second = whole.introduce(1, accepted: 2)
        #expect(whole.promise(current: -1, last: .untrusted, on: second).to(second).first == "SNAP")
        whole.acknowledge(zxid(2, 0), on: second)
        #expect(whole.status.isSynchronized)
        whole.propose()
        whole.sync()
        #expect(whole.acknowledge(zxid(2, 1), on: second).delivered == [zxid(2, 1)])
    }

    // MARK: Doubt

    @Test func `a leader that doubts its state hands over, and is no candidate`() {
        var leader = PeerHarness()
        leader.winElection()
        #expect(leader.peer.status.role == .leading)
        leader.step { peer, now in peer.distrust("outvoted", now: now) }
        #expect(leader.effects.contains(.saveLoss(through: .zero)))
        leader.drain()
        let votes = leader.effects.compactMap { effect in
            if case .notify(let notification, _) = effect { notification.zxid } else { nil }
        }
        #expect(!votes.isEmpty && votes.allSatisfy { $0 == .untrusted })
        #expect(leader.peer.state.standing == .mayHaveLost(bound: Bound(epoch: 0, zxid: .zero)))
    }

    @Test func `doubt is noted once, and alone it helps nobody`() {
        var single = PeerHarness(of: [1])
        single.step { peer, now in peer.distrust("rotten", now: now) }
        #expect(single.effects.isEmpty)
        #expect(single.peer.status.role == .leading)
        var follower = PeerHarness()
        follower.joinQuorum(of: 3)
        follower.step { peer, now in peer.distrust("outvoted", now: now) }
        follower.drain()
        follower.step { peer, now in peer.distrust("outvoted", now: now) }
        #expect(follower.effects.isEmpty)
    }
}
