import Jute
import Testing

@testable import Zab

/// A leader from its election to the end of its epoch (quorum protocol reference, sections 5 and 6).
@Suite struct LeaderTests {
    // MARK: Discovery (5.1; ZOOKEEPER-1282, -1291)

    @Test
    func
        `the new epoch is above every accepted epoch of a quorum, and durable before LEADERINFO (ZOOKEEPER-335)`()
    {
        var leader = PeerHarness(id: 3, accepted: 4, current: 4)
        leader.winElection()
        #expect(leader.effects.contains(.listen))
        let follower = leader.introduce(1, accepted: 6)
        let info = QuorumPacket(.leaderInfo, zxid: zxid(7, 0), data: [0, 1, 0, 0])
        #expect(leader.effects.has(.saveAcceptedEpoch(7), before: .send(info, follower)))
    }

    @Test func `observers and strangers make no quorum for an epoch`() {
        var leader = PeerHarness(id: 3, observers: [4])
        leader.winElection()
        _ = leader.introduce(4, accepted: 9, observes: true)
        _ = leader.introduce(77, accepted: 9)
        #expect(leader.status.phase == .discovery)
        #expect(leader.peer.state.acceptedEpoch == 0)
        _ = leader.introduce(1)
        #expect(leader.peer.state.acceptedEpoch == 1)
    }

    @Test
    func
        `currentEpoch is durable after a quorum of promises and before any NEWLEADER (ZOOKEEPER-1291)`()
    {
        var leader = PeerHarness(id: 3)
        leader.winElection()
        let follower = leader.introduce(1)
        let effects = leader.promise(current: 0, last: .zero, on: follower)
        let newLeader = QuorumPacket(
            .newLeader, zxid: zxid(1, 0), data: Array("version=0".utf8))
        #expect(effects.has(.saveCurrentEpoch(1), before: .send(newLeader, follower)))
    }

    @Test func `a follower that promised this epoch before is not counted`() {
        var leader = PeerHarness(id: 3)
        leader.winElection()
        let follower = leader.introduce(1)
        leader.promise(current: -1, last: .zero, on: follower)
        #expect(leader.status.phase == .discovery)
    }

    @Test(arguments: [(Int32(2), zxid(1, 1)), (Int32(1), zxid(1, 4))])
    func `a follower that is ahead is sent away (ZOOKEEPER-1154)`(current: Int32, last: Zxid) {
        var leader = PeerHarness(id: 3, log: log(1, 1...3), accepted: 2, current: 1)
        leader.winElection()
        let follower = leader.introduce(1, accepted: 2)
        #expect(
            leader.promise(current: current, last: last, on: follower).to(follower) == ["close"])
        #expect(leader.status.phase == .discovery)
    }

    @Test func `once the quorum is settled a follower may be ahead, and is cut`() {
        var leader = PeerHarness(id: 3, log: log(1, 1...3), accepted: 1, current: 1)
        _ = leader.lead(with: [1])
        let late = leader.introduce(2, accepted: 1)
        #expect(
            leader.promise(current: 1, last: zxid(1, 9), on: late).to(late).prefix(2)
                == ["TRUNC 1|3", "NEWLEADER 2|0"])
    }

    @Test func `a voter that promised a later epoch ends this one, or it could never join`() {
        var leader = PeerHarness(id: 3, accepted: 4, current: 4)
        _ = leader.lead(with: [1])
        _ = leader.introduce(2, accepted: 8)
        #expect(leader.effects.departs)
        leader.drain()
        _ = leader.lead(with: [1])
        #expect(leader.peer.state.acceptedEpoch == 9)
    }

    @Test func `without a quorum within the initLimit it gives up`() {
        var leader = PeerHarness(id: 3)
        leader.winElection()
        #expect(!leader.pass(19_999).departs)
        #expect(leader.pass(1).departs)
    }

    @Test func `a learner with the leader's own id is refused`() {
        var leader = PeerHarness(id: 3)
        leader.winElection()
        let impostor = leader.introduce(3)
        #expect(leader.effects.to(impostor) == ["close"])
    }

    @Test func `a server that connects again replaces its older connection`() {
        var leader = PeerHarness(id: 3)
        leader.winElection()
        let first = leader.introduce(1)
        _ = leader.introduce(1)
        #expect(leader.effects.to(first) == ["close"])
    }

    @Test func `a malformed or misplaced packet closes the connection that it came on`() {
        var leader = PeerHarness(id: 3)
        leader.winElection()
        let first = leader.introduce(1)
        #expect(leader.receive(.ackEpoch, .zero, data: [0], on: first).to(first) == ["close"])
        let second = leader.introduce(1)
        #expect(leader.receive(.ack, .zero, on: second).to(second) == ["close"])
        #expect(leader.status.role == .leading)
    }

    // MARK: Synchronization (5.3, 5.5)

    @Test func `a learner in line gets an empty DIFF`() {
        var leader = PeerHarness(id: 3, log: log(1, 1...3), accepted: 1, current: 1)
        leader.winElection()
        let follower = leader.introduce(1, accepted: 1)
        let effects = leader.promise(current: 1, last: zxid(1, 3), on: follower)
        #expect(effects.to(follower) == ["DIFF 1|3", "NEWLEADER 2|0"])
    }

    @Test func `what a learner lacks comes as PROPOSAL and COMMIT, one after the other`() {
        var leader = PeerHarness(id: 3, log: log(1, 1...3), accepted: 1, current: 1)
        leader.winElection()
        let follower = leader.introduce(1, accepted: 1)
        let effects = leader.promise(current: 1, last: zxid(1, 1), on: follower)
        #expect(
            effects.to(follower) == [
                "DIFF 1|3", "PROPOSAL 1|2", "COMMIT 1|2", "PROPOSAL 1|3", "COMMIT 1|3",
                "NEWLEADER 2|0",
            ])
    }

    @Test func `the uncommitted tail of the elected leader is never cut from anybody`() {
        var leader = PeerHarness(
            id: 3, log: log(1, 1...3), committed: zxid(1, 1), accepted: 1, current: 1)
        leader.winElection()
        let follower = leader.introduce(1, accepted: 1)
        let effects = leader.promise(current: 1, last: zxid(1, 3), on: follower)
        #expect(effects.to(follower) == ["DIFF 1|3", "NEWLEADER 2|0"])
    }

    @Test func `NEWLEADER stands before every uncommitted proposal (ZOOKEEPER-4394)`() {
        var leader = PeerHarness(id: 3, of: [1, 2, 3])
        _ = leader.lead(with: [1])
        leader.propose()
        let late = leader.introduce(2, accepted: 1)
        let effects = leader.promise(current: -1, last: .zero, on: late)
        #expect(effects.to(late) == ["DIFF 0|0", "NEWLEADER 1|0", "PROPOSAL 1|1"])
    }

    @Test func `a leader that is established commits everything it has, in order`() {
        var leader = PeerHarness(
            id: 3, log: log(1, 1...3), committed: zxid(1, 1), accepted: 1, current: 1)
        leader.winElection()
        let follower = leader.introduce(1, accepted: 1)
        leader.promise(current: 1, last: zxid(1, 3), on: follower)
        let effects = leader.acknowledge(zxid(2, 0), on: follower)
        #expect(effects.delivered == [zxid(1, 2), zxid(1, 3)])
        #expect(effects.to(follower) == ["UPTODATE -1"])
        #expect(leader.status.phase == .broadcast)
    }

    @Test func `the acknowledgement of an observer establishes nobody`() {
        var leader = PeerHarness(id: 3, observers: [4])
        leader.winElection()
        let follower = leader.introduce(1)
        let observer = leader.introduce(4, observes: true)
        leader.promise(current: 0, last: .zero, on: observer)
        leader.promise(current: 0, last: .zero, on: follower)
        leader.acknowledge(zxid(1, 0), on: observer)
        #expect(leader.status.phase == .synchronization)
    }

    @Test func `UPTODATE comes once`() {
        var leader = PeerHarness(id: 3)
        let follower = leader.lead(with: [1])[0]
        #expect(leader.acknowledge(zxid(1, 0), on: follower).to(follower).isEmpty)
        #expect(!leader.pass(5).to(follower).contains("UPTODATE -1"))
    }

    @Test
    func `an ACK that overtook that of NEWLEADER is kept, and counts behind it (ZOOKEEPER-4685)`() {
        var leader = PeerHarness(id: 3)
        _ = leader.lead(with: [1])
        leader.propose()
        let late = leader.introduce(2, accepted: 1)
        leader.promise(current: -1, last: .zero, on: late)
        let early = leader.acknowledge(zxid(1, 1), on: late)
        #expect(early.delivered.isEmpty && early.to(late).isEmpty)
        leader.acknowledge(zxid(1, 0), on: late)
        #expect(leader.sync().delivered == [zxid(1, 1)])
    }

    @Test func `another packet than the ACK of NEWLEADER closes the connection`() {
        var leader = PeerHarness(id: 3)
        _ = leader.lead(with: [1])
        let late = leader.introduce(2, accepted: 1)
        leader.promise(current: -1, last: .zero, on: late)
        #expect(leader.receive(.ping, .zero, data: [], on: late).to(late) == ["close"])
    }

    // MARK: PING

    @Test func `PINGs begin with NEWLEADER, long before UPTODATE`() {
        var leader = PeerHarness(id: 3)
        leader.winElection()
        let early = leader.introduce(1)
        #expect(leader.pass(5000).to(early).isEmpty)
        leader.promise(current: 0, last: .zero, on: early)
        #expect(leader.pass(1000).to(early) == ["PING 0|0"])
    }

    @Test func `a silent learner is dropped after the syncLimit`() {
        var leader = PeerHarness(id: 3)
        let followers = leader.lead(with: [1, 2])
        for _ in 1...15 {
            leader.receive(.ping, .zero, data: [], on: followers[0])
            leader.pass(1000)
        }
        #expect(leader.peer.learners.map(\.id) == [1])
        #expect(leader.status.role == .leading)
    }

    @Test func `a leader without a quorum of learners steps down`() {
        var leader = PeerHarness(id: 3)
        let follower = leader.lead(with: [1])[0]
        leader.step { peer, now in peer.learnerClosed(follower, now: now) }
        #expect(leader.effects.departs)
        #expect(leader.effects.contains(.stopListening))
        #expect(leader.effects.contains(.drainLog))
    }

    @Test
    func `a follower that acknowledges nothing is dropped, though a quorum goes on without it`() {
        var leader = PeerHarness(id: 3)
        let followers = leader.lead(with: [1, 2])
        for counter in UInt32(1)...15 {
            leader.propose()
            leader.sync()
            leader.acknowledge(zxid(1, counter), on: followers[0])
            leader.receive(.ping, .zero, data: [], on: followers[0])
            leader.receive(.ping, .zero, data: [], on: followers[1])
            leader.pass(1000)
        }
        #expect(leader.peer.learners.map(\.id) == [1])
        #expect(leader.history.lastCommitted == zxid(1, 15))
    }

    // MARK: Broadcast (6.2)

    @Test func `a proposal goes to every follower and into the own log at once`() {
        var leader = PeerHarness(id: 3)
        let followers = leader.lead(with: [1, 2])
        let effects = leader.propose()
        #expect(effects.to(followers[0]) == ["PROPOSAL 1|1"])
        #expect(effects.to(followers[1]) == ["PROPOSAL 1|1"])
        #expect(effects.appended == [zxid(1, 1)])
        #expect(leader.propose().appended == [zxid(1, 2)], "without waiting for the first")
    }

    @Test func `the leader's own voice counts only after its own disk`() {
        var leader = PeerHarness(id: 3)
        let followers = leader.lead(with: [1])
        leader.propose()
        #expect(leader.acknowledge(zxid(1, 1), on: followers[0]).delivered.isEmpty)
        #expect(leader.sync().delivered == [zxid(1, 1)])
    }

    @Test func `a single server commits nothing before its disk holds it (etcd 14370)`() {
        var leader = PeerHarness(of: [1])
        #expect(leader.propose().delivered == [])
        #expect(leader.sync().delivered == [zxid(1, 1)])
    }

    @Test
    func `live traffic reaches a learner from where its synchronization ends (TLA+ notes 1-3)`() {
        var leader = PeerHarness(id: 3)
        let followers = leader.lead(with: [1])
        leader.propose()
        leader.sync()
        leader.acknowledge(zxid(1, 1), on: followers[0])
        leader.propose()
        let late = leader.introduce(2, accepted: 1)
        let effects = leader.promise(current: -1, last: .zero, on: late)
        #expect(
            effects.to(late) == [
                "DIFF 1|1", "PROPOSAL 1|1", "COMMIT 1|1", "NEWLEADER 1|0", "PROPOSAL 1|2",
            ])
        #expect(leader.propose().to(late) == ["PROPOSAL 1|3"])
        leader.sync()
        let commits = leader.acknowledge(zxid(1, 3), on: followers[0])
        #expect(commits.to(late) == ["COMMIT 1|2", "COMMIT 1|3"])
    }

    @Test func `a quorum of followers commits what the leader's disk does not hold yet`() {
        var leader = PeerHarness(id: 3)
        let followers = leader.lead(with: [1, 2])
        leader.propose()
        leader.acknowledge(zxid(1, 1), on: followers[0])
        let effects = leader.acknowledge(zxid(1, 1), on: followers[1])
        #expect(effects.delivered == [zxid(1, 1)])
        #expect(effects.to(followers[0]) == ["COMMIT 1|1"])
    }

    @Test func `commits come in the order of the proposals`() {
        var leader = PeerHarness(id: 3)
        let followers = leader.lead(with: [1, 2])
        for _ in 1...3 { leader.propose() }
        leader.acknowledge(zxid(1, 3), on: followers[0])
        let effects = leader.acknowledge(zxid(1, 2), on: followers[1])
        #expect(effects.to(followers[0]) == ["COMMIT 1|1", "COMMIT 1|2"])
        #expect(effects.to(followers[1]) == ["COMMIT 1|1", "COMMIT 1|2"])
    }

    @Test func `an observer gets the INFORM of what is committed and nothing before`() {
        var leader = PeerHarness(id: 3, observers: [4])
        let followers = leader.lead(with: [1])
        let observer = leader.admit(4, last: .zero, observes: true)
        #expect(leader.propose().to(observer).isEmpty)
        leader.sync()
        #expect(leader.acknowledge(zxid(1, 1), on: followers[0]).to(observer) == ["INFORM 1|1"])
    }

    @Test func `what an observer acknowledges does not count`() {
        var leader = PeerHarness(id: 3, observers: [4])
        _ = leader.lead(with: [1])
        let observer = leader.admit(4, last: .zero, observes: true)
        leader.propose()
        leader.sync()
        #expect(leader.acknowledge(zxid(1, 1), on: observer).delivered.isEmpty)
    }

    @Test func `what a follower acknowledged before its connection broke counts no more`() {
        var leader = PeerHarness(id: 3, log: log(1, 1...1), accepted: 1, current: 1)
        let followers = leader.lead(with: [1, 2])
        leader.propose()
        leader.acknowledge(zxid(2, 1), on: followers[0])
        leader.step { peer, now in peer.learnerClosed(followers[0], now: now) }
        // It loses it again, by the TRUNC that brings it in line.
        let again = leader.introduce(1, accepted: 2)
        let effects = leader.promise(current: -1, last: zxid(2, 1), on: again)
        #expect(effects.to(again) == ["TRUNC 1|1", "NEWLEADER 2|0", "PROPOSAL 2|1"])
        leader.acknowledge(zxid(2, 0), on: again)
        #expect(leader.sync().delivered.isEmpty)
        #expect(leader.acknowledge(zxid(2, 1), on: again).delivered == [zxid(2, 1)])
    }

    @Test func `an acknowledgement of what was never proposed closes the connection`() {
        var leader = PeerHarness(id: 3)
        let follower = leader.lead(with: [1, 2])[0]
        #expect(leader.acknowledge(zxid(1, 1), on: follower).to(follower) == ["close"])
    }

    @Test func `no proposal is made before the leader is established`() {
        var leader = PeerHarness(id: 3)
        leader.winElection()
        leader.step { peer, now in #expect(peer.zxidOfNextProposal(now: now) == nil) }
    }

    @Test func `proposals of an epoch that ended stay in the log for the next vote`() {
        var leader = PeerHarness(id: 3)
        let follower = leader.lead(with: [1])[0]
        leader.propose()
        leader.step { peer, now in peer.learnerClosed(follower, now: now) }
        #expect(leader.drain().notifications(to: 1).map(\.zxid) == [zxid(1, 1)])
    }

    @Test
    func `the counter never reaches its last value: a new epoch begins (ZOOKEEPER-1277, -2789)`() {
        var state = PeerHarness(of: [1]).peer.state
        var leader = Leader(&state)
        #expect(throws: Never.self) { try leader.advance(&state) }
        leader.nextZxid = Zxid(epoch: 1, counter: .max - 1)
        #expect(throws: Never.self) { try leader.zxidOfNextProposal() }
        leader.nextZxid = leader.nextZxid.next
        #expect(throws: Departure.self) { try leader.zxidOfNextProposal() }
    }
}
