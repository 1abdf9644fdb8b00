import Jute
import Testing

@testable import Zab

/// A learner from the dial to the broadcast (quorum protocol reference, sections 5.1 to 5.4).
@Suite struct LearnerTests {
    // MARK: Discovery (4.2, 5.1; ZOOKEEPER-1282, -1291)

    @Test func `FOLLOWERINFO names the accepted epoch, OBSERVERINFO does it for an observer`() {
        var follower = PeerHarness(accepted: 4, current: 3)
        follower.joinQuorum(of: 3)
        #expect(follower.connect().toLeader == ["FOLLOWERINFO 4|0"])
        var observer = PeerHarness(id: 4, observers: [4], accepted: 4, current: 3)
        observer.joinQuorum(of: 3)
        #expect(observer.connect().toLeader == ["OBSERVERINFO 4|0"])
    }

    @Test
    func
        `a new epoch is promised on disk before ACKEPOCH tells current epoch and last zxid (ZOOKEEPER-1282)`()
    {
        var follower = PeerHarness(log: log(3, 1...7), accepted: 4, current: 3)
        let effects = follower.discover(epoch: 5)
        let answer = QuorumPacket(.ackEpoch, zxid: zxid(3, 7), data: [0, 0, 0, 3])
        #expect(effects.has(.saveAcceptedEpoch(5), before: .sendToLeader(answer)))
    }

    @Test func `an epoch that was promised before is not promised twice`() {
        var follower = PeerHarness(log: log(3, 1...7), accepted: 5, current: 3)
        let effects = follower.discover(epoch: 5)
        let answer = QuorumPacket(.ackEpoch, zxid: zxid(3, 7), data: [255, 255, 255, 255])
        #expect(effects.contains(.sendToLeader(answer)))
        #expect(!effects.contains(.saveAcceptedEpoch(5)))
    }

    @Test func `a leader of an older epoch than the promised one is left`() {
        var follower = PeerHarness(accepted: 6, current: 3)
        #expect(follower.discover(epoch: 5).departs)
    }

    @Test func `an observer's promise binds nobody, so it follows the older epoch after all`() {
        var observer = PeerHarness(id: 4, observers: [4], accepted: 6, current: 3)
        #expect(!observer.discover(epoch: 5).departs)
        observer.receive(.diff, .zero)
        #expect(observer.receive(.newLeader, zxid(5, 0)).contains(.saveCurrentEpoch(5)))
        #expect(observer.peer.state.acceptedEpoch == 6)
        var behind = PeerHarness(id: 4, observers: [4], accepted: 6, current: 6)
        #expect(behind.discover(epoch: 5).departs)
    }

    // MARK: Reaching the leader

    @Test func `a leader that does not listen yet is tried again, but not for ever`() {
        var follower = PeerHarness()
        follower.joinQuorum(of: 3)
        #expect(follower.effects.contains(.connect(to: 3)))
        follower.disconnect()
        #expect(follower.pass(25).contains(.connect(to: 3)))
        follower.pass(follower.peer.state.timing.leaderConnectPeriod)
        #expect(follower.disconnect().departs)
    }

    @Test
    func `silence of the initLimit up to UPTODATE, of the syncLimit afterwards, ends it (rule 7)`()
    {
        var follower = PeerHarness()
        follower.discover(epoch: 1)
        follower.receive(.diff, .zero)
        follower.receive(.newLeader, zxid(1, 0))
        #expect(!follower.pass(19_999).departs)
        follower.receive(.upToDate, .untrusted)
        #expect(!follower.pass(9999).departs)
        follower.receive(.ping, .zero)
        #expect(!follower.pass(9999).departs)
        #expect(follower.pass(1).departs)
    }

    // MARK: The acknowledgement of NEWLEADER (5.4, rules 1 and 2)

    @Test
    func `NEWLEADER is acknowledged once all received is durable (ZOOKEEPER-4646, -3023, -3911)`() {
        var follower = PeerHarness()
        follower.discover(epoch: 2)
        follower.receive(.diff, zxid(1, 2))
        follower.receiveCommitted(log(1, 1...2))
        #expect(follower.receive(.newLeader, zxid(2, 0)).toLeader.isEmpty)
        #expect(follower.sync().toLeader == ["ACK 2|0"])
    }

    @Test
    func
        `the data come first, then currentEpoch, then the acknowledgement (ZOOKEEPER-4643, -4785)`()
    {
        var follower = PeerHarness()
        follower.discover(epoch: 2)
        follower.receive(.diff, zxid(1, 1))
        follower.receiveCommitted(log(1, 1...1))
        #expect(!follower.receive(.newLeader, zxid(2, 0)).contains(.saveCurrentEpoch(2)))
        let effects = follower.sync()
        let acknowledgement = QuorumPacket(.ack, zxid: zxid(2, 0))
        #expect(effects.has(.saveCurrentEpoch(2), before: .sendToLeader(acknowledgement)))
    }

    @Test func `no transaction is acknowledged before NEWLEADER (ZOOKEEPER-4685)`() {
        var follower = PeerHarness()
        follower.discover(epoch: 2)
        follower.receive(.diff, zxid(1, 1))
        for proposal in log(1, 1...1) + log(2, 1...2) { follower.receive(proposal) }
        #expect(follower.sync().toLeader.isEmpty)
        #expect(
            follower.receive(.newLeader, zxid(2, 0)).toLeader
                == ["ACK 2|0", "ACK 1|1", "ACK 2|1", "ACK 2|2"])
    }

    @Test func `what came committed needs no acknowledgement of its own`() {
        var follower = PeerHarness()
        follower.discover(epoch: 2)
        follower.receive(.diff, zxid(1, 2))
        follower.receiveCommitted(log(1, 1...2))
        follower.receive(.newLeader, zxid(2, 0))
        #expect(follower.sync().toLeader == ["ACK 2|0"])
        #expect(follower.receive(.upToDate, .untrusted).toLeader == ["ACK 2|0"])
    }

    @Test func `nothing is served before UPTODATE, and everything committed with it`() {
        var follower = PeerHarness(
            log: log(1, 1...2), committed: zxid(1, 1), accepted: 1, current: 1)
        follower.discover(epoch: 2)
        follower.receive(.diff, zxid(1, 3))
        follower.receiveCommitted(log(1, 3...3))
        follower.receive(.newLeader, zxid(2, 0))
        #expect(follower.sync().delivered.isEmpty)
        #expect(
            follower.receive(.upToDate, .untrusted).delivered == [zxid(1, 2), zxid(1, 3)])
        #expect(follower.status.phase == .broadcast)
    }

    @Test func `a commit after NEWLEADER of a proposal before it is kept (rule 3, ZOOKEEPER-4394)`()
    {
        var follower = PeerHarness()
        follower.discover(epoch: 2)
        follower.receive(.diff, .zero)
        follower.receive(proposal(2, 1))
        follower.receive(.newLeader, zxid(2, 0))
        follower.receive(.commit, zxid(2, 1))
        #expect(follower.sync().toLeader == ["ACK 2|0", "ACK 2|1"])
        #expect(follower.receive(.upToDate, .untrusted).delivered == [zxid(2, 1)])
    }

    @Test func `a PING before UPTODATE and a packet of an unknown kind are ignored`() {
        var follower = PeerHarness()
        follower.discover(epoch: 2)
        follower.receive(.diff, .zero)
        follower.receive(.newLeader, zxid(2, 0))
        #expect(follower.receive(.ping, .zero).isEmpty)
        #expect(follower.receive(.init(rawValue: 77), .zero).isEmpty)
        follower.receive(.upToDate, .untrusted)
        #expect(follower.receive(.init(rawValue: 77), .zero).isEmpty)
    }

    @Test(arguments: [zxid(1, 0), zxid(3, 0), zxid(2, 1)])
    func `NEWLEADER of another epoch is refused`(zxid: Zxid) {
        var follower = PeerHarness()
        follower.discover(epoch: 2)
        follower.receive(.diff, .zero)
        #expect(follower.receive(.newLeader, zxid).departs)
    }

    // MARK: DIFF

    @Test func `a DIFF costs no snapshot (ZOOKEEPER-2678)`() {
        var follower = PeerHarness()
        follower.discover(epoch: 2)
        follower.receive(.diff, zxid(1, 1))
        follower.receiveCommitted(log(1, 1...1))
        let effects = follower.receive(.newLeader, zxid(2, 0)) + follower.sync()
        #expect(!effects.contains { if case .installSnapshot = $0 { true } else { false } })
        #expect(follower.status.synchronizedBy == .diff)
    }

    @Test
    func
        `a gap in the stream is noticed, and the whole state asked for (rule 6, ZOOKEEPER-4925, -2418)`()
    {
        var follower = PeerHarness(log: log(1, 1...2), accepted: 1, current: 1)
        follower.discover(epoch: 2)
        follower.receive(.diff, zxid(1, 5))
        let effects = follower.receive(proposal(1, 4))
        #expect(effects.contains(.disconnectFromLeader))
        #expect(!effects.departs)
        #expect(follower.pass(25).contains(.connect(to: 3)))
        follower.connect()
        #expect(follower.receive(.leaderInfo, zxid(2, 0)).toLeader == ["ACKEPOCH -1"])
    }

    @Test func `the first transaction of a later epoch leaves no gap (rule 6)`() {
        var follower = PeerHarness(log: log(1, 1...2), accepted: 1, current: 1)
        follower.discover(epoch: 3)
        follower.receive(.diff, zxid(2, 1))
        #expect(follower.receive(proposal(2, 1)).appended == [zxid(2, 1)])
    }

    @Test func `everything that is applied enters the window for later DIFFs (ZOOKEEPER-4925)`() {
        var follower = PeerHarness(log: log(1, 1...2), accepted: 1, current: 1)
        follower.discover(epoch: 2)
        follower.receive(.trunc, zxid(1, 1))
        follower.truncated()
        follower.receiveCommitted(log(1, 2...4))
        follower.receive(.newLeader, zxid(2, 0))
        follower.sync()
        follower.receive(.upToDate, .untrusted)
        follower.receiveCommitted(log(2, 1...1))
        #expect(
            follower.history.entries(after: .zero, through: zxid(2, 1)).map(\.zxid)
                == (log(1, 1...4) + log(2, 1...1)).map(\.zxid))
    }

    // MARK: TRUNC

    @Test func `a TRUNC cuts the log before anything else is taken (ZOOKEEPER-2832)`() {
        var follower = PeerHarness(log: log(1, 1...5), accepted: 1, current: 1)
        follower.discover(epoch: 2)
        #expect(follower.receive(.trunc, zxid(1, 3)).contains(.truncateLog(after: zxid(1, 3))))
        #expect(follower.receive(.newLeader, zxid(2, 0)).toLeader.isEmpty)
        #expect(follower.truncated().toLeader == ["ACK 2|0"])
        #expect(follower.history.lastLogged == zxid(1, 3))
    }

    @Test func `a TRUNC that drops more than may be dropped unasked cuts nothing`() {
        func receivingTrunc(limit: Int) -> PeerHarness {
            var follower = PeerHarness(
                log: log(1, 1...5), accepted: 1, current: 1, truncationLimit: limit)
            follower.discover(epoch: 2)
            follower.receive(.trunc, zxid(1, 2))
            return follower
        }
        let refused = receivingTrunc(limit: 2)
        let expected = Effect.exceedsTruncation(
            after: zxid(1, 2), through: zxid(1, 5), transactions: 3)
        #expect(refused.effects.contains(expected))
        #expect(!refused.effects.contains(.truncateLog(after: zxid(1, 2))))
        #expect(refused.history.lastLogged == zxid(1, 5))
        #expect(receivingTrunc(limit: 3).effects.contains(.truncateLog(after: zxid(1, 2))))
    }

    @Test func `what follows a TRUNC goes into the log (rule 4)`() {
        var follower = PeerHarness(log: log(1, 1...5), accepted: 1, current: 1)
        follower.discover(epoch: 3)
        follower.receive(.trunc, zxid(1, 3))
        follower.receive(proposal(2, 1))
        follower.receive(.commit, zxid(2, 1))
        #expect(follower.truncated().appended == [zxid(2, 1)])
    }

    @Test
    func `a sync that was under way when the log was cut acknowledges nothing (Keeper 102629)`() {
        var follower = PeerHarness()
        follower.follow(epoch: 1)
        for proposal in log(1, 1...3) { follower.receive(proposal) }
        let tenure = follower.peer.state.tenure
        follower.disconnect()
        follower.drain()
        follower.discover(epoch: 2)
        follower.receive(.trunc, zxid(1, 1))
        follower.truncated()
        follower.receive(proposal(1, 2))
        follower.receive(.newLeader, zxid(2, 0))
        #expect(follower.sync(tenure: tenure).toLeader.isEmpty)
        #expect(follower.sync().toLeader == ["ACK 2|0", "ACK 1|2"])
    }

    @Test func `a TRUNC below what is committed here is answered by asking for the whole state`() {
        var follower = PeerHarness(
            log: log(1, 1...5), committed: zxid(1, 4), accepted: 1, current: 1)
        follower.discover(epoch: 2)
        let effects = follower.receive(.trunc, zxid(1, 3))
        #expect(effects.contains(.disconnectFromLeader))
        #expect(!effects.contains(.truncateLog(after: zxid(1, 3))))
        #expect(follower.history.lastLogged == zxid(1, 5))
    }

    @Test func `a TRUNC to a zxid that is not in the log is not believed`() {
        var follower = PeerHarness(log: log(1, 1...3) + log(3, 1...2), accepted: 3, current: 3)
        follower.discover(epoch: 4)
        let effects = follower.receive(.trunc, zxid(2, 1))
        #expect(effects.contains(.disconnectFromLeader))
        #expect(follower.history.lastLogged == zxid(3, 2))
    }

    @Test func `a log that cannot be cut is still whole, and the whole state is asked for at once`()
    {
        var follower = PeerHarness(log: log(1, 1...5), accepted: 1, current: 1)
        follower.discover(epoch: 2)
        follower.receive(.trunc, zxid(1, 3))
        let effects = follower.truncated(succeeded: false)
        #expect(effects.contains(.disconnectFromLeader))
        #expect(!effects.departs, "its promise counts only while it stays with this leader")
        #expect(follower.history.lastLogged == zxid(1, 5))
    }

    @Test func `an unfinished TRUNC leaves memory and disk agreeing (rule 5, ZOOKEEPER-5094)`() {
        for (succeeded, last) in [(true, zxid(1, 3)), (false, zxid(1, 5))] {
            var follower = PeerHarness(log: log(1, 1...5), accepted: 1, current: 1)
            follower.discover(epoch: 2)
            follower.receive(.trunc, zxid(1, 3))
            follower.disconnect()
            follower.truncated(succeeded: succeeded)
            #expect(follower.drain().notifications(to: 2).map(\.zxid) == [last])
        }
    }

    // MARK: SNAP

    @Test func `a SNAP is made durable before it is acknowledged`() {
        var follower = PeerHarness()
        follower.discover(epoch: 2)
        follower.receiveSnapshot(at: zxid(1, 7))
        let effects = follower.receive(.newLeader, zxid(2, 0))
        #expect(effects.contains(.installSnapshot(zxid(1, 7))))
        #expect(effects.toLeader.isEmpty)
        let installed = follower.installSnapshot()
        let acknowledgement = QuorumPacket(.ack, zxid: zxid(2, 0))
        #expect(installed.has(.saveCurrentEpoch(2), before: .sendToLeader(acknowledgement)))
    }

    @Test
    func `what is committed behind a SNAP goes into it before it is durable (ZOOKEEPER-3104)`() {
        var follower = PeerHarness()
        follower.discover(epoch: 2)
        follower.receiveSnapshot(at: zxid(1, 7))
        follower.receive(proposal(1, 8))
        #expect(follower.receive(.commit, zxid(1, 8)).delivered == [zxid(1, 8)])
        #expect(
            follower.receive(.newLeader, zxid(2, 0)).contains(.installSnapshot(zxid(1, 8))))
    }

    @Test func `what the SNAP already holds is skipped`() {
        var follower = PeerHarness()
        follower.discover(epoch: 2)
        follower.receiveSnapshot(at: zxid(1, 7))
        follower.receiveCommitted(log(1, 6...7))
        #expect(follower.effects.isEmpty)
        follower.receive(proposal(1, 8))
        #expect(follower.receive(.commit, zxid(1, 8)).delivered == [zxid(1, 8)])
    }

    @Test func `uncommitted proposals go into the log behind the SNAP`() {
        var follower = PeerHarness()
        follower.discover(epoch: 2)
        follower.receiveSnapshot(at: zxid(1, 7))
        follower.receive(proposal(2, 1))
        follower.receive(.newLeader, zxid(2, 0))
        let installed = follower.installSnapshot()
        #expect(installed.appended == [zxid(2, 1)])
        #expect(installed.toLeader.isEmpty)
        #expect(follower.sync().toLeader == ["ACK 2|0", "ACK 2|1"])
    }

    @Test func `an unfinished SNAP is thrown away (rule 5, ZOOKEEPER-3642)`() {
        var follower = PeerHarness(log: log(1, 1...2), accepted: 1, current: 1)
        follower.discover(epoch: 2)
        follower.receiveSnapshot(at: zxid(1, 7))
        #expect(follower.disconnect().contains(.discardSnapshot))
        #expect(follower.drain().notifications(to: 2).map(\.zxid) == [zxid(1, 2)])
    }

    @Test func `an observer takes what comes between SNAP and UPTODATE (ZOOKEEPER-1551)`() {
        var observer = PeerHarness(id: 4, observers: [4])
        observer.discover(epoch: 2)
        observer.receiveSnapshot(at: zxid(1, 7))
        observer.receive(.newLeader, zxid(2, 0))
        observer.receive(.inform, zxid(2, 1), data: [1])
        observer.installSnapshot()
        observer.receive(.inform, zxid(2, 2), data: [2])
        observer.sync()
        #expect(observer.receive(.upToDate, .untrusted).delivered == [zxid(2, 1), zxid(2, 2)])
    }

    // MARK: Broadcast (6.2)

    @Test func `a proposal is acknowledged only once it is on disk, each in its order`() {
        var follower = PeerHarness()
        follower.follow(epoch: 1)
        follower.receive(proposal(1, 1))
        #expect(follower.receive(proposal(1, 2)).toLeader.isEmpty)
        #expect(follower.sync().toLeader == ["ACK 1|1", "ACK 1|2"])
        #expect(follower.sync().toLeader.isEmpty)
    }

    @Test
    func
        `a committed transaction is delivered once this server's own disk holds it (ZOOKEEPER-4882)`()
    {
        var follower = PeerHarness()
        follower.follow(epoch: 1)
        follower.receive(proposal(1, 1))
        #expect(follower.receive(.commit, zxid(1, 1)).delivered.isEmpty)
        #expect(follower.sync().delivered == [zxid(1, 1)])
    }

    @Test(arguments: [proposal(1, 2), proposal(2, 2), proposal(0, 1)])
    func `a proposal out of order ends the connection (rule 6)`(proposal: Proposal) {
        var follower = PeerHarness()
        follower.follow(epoch: 1)
        #expect(follower.receive(proposal).departs)
    }

    @Test func `a commit of what was never proposed ends the connection`() {
        var follower = PeerHarness()
        follower.follow(epoch: 1)
        #expect(follower.receive(.commit, zxid(1, 1)).departs)
    }

    @Test func `an observer acknowledges no transaction`() {
        var observer = PeerHarness(id: 4, observers: [4])
        observer.follow(epoch: 1)
        observer.receive(.inform, zxid(1, 1), data: [1])
        let effects = observer.sync()
        #expect(effects.delivered == [zxid(1, 1)])
        #expect(effects.toLeader.isEmpty)
    }

    @Test func `with reconfiguration off an activation is an ordinary commit (ZOOKEEPER-3829)`() {
        var follower = PeerHarness()
        follower.follow(epoch: 1)
        follower.receive(proposal(1, 1))
        follower.sync()
        let data: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 2]
        #expect(
            follower.receive(.commitAndActivate, zxid(1, 1), data: data).delivered
                == [zxid(1, 1)])
        #expect(follower.status.leader == 3)
        var observer = PeerHarness(id: 4, observers: [4])
        observer.follow(epoch: 1)
        let effects = observer.receive(.informAndActivate, zxid(1, 1), data: data + [7])
        #expect(
            effects.contains(
                .append(Proposal(zxid: zxid(1, 1), payload: [7]), tenure: 0)))
    }

    @Test func `a SYNC holds from the last commit that came before it`() {
        var follower = PeerHarness()
        follower.follow(epoch: 1)
        follower.receive(proposal(1, 1))
        follower.receive(.commit, zxid(1, 1))
        #expect(follower.receive(.sync, .zero).contains(.synced(through: zxid(1, 1))))
    }

    // MARK: The end of a role

    @Test func `the log is drained before the next vote is computed (ZOOKEEPER-4712, -4541)`() {
        var follower = PeerHarness()
        follower.follow(epoch: 1)
        follower.receive(proposal(1, 1))
        let effects = follower.disconnect()
        #expect(effects.contains(.drainLog))
        #expect(effects.notifications(to: 2).isEmpty)
        #expect(follower.drain().notifications(to: 2).map(\.zxid) == [zxid(1, 1)])
    }

    @Test func `a sync of an earlier role acknowledges nothing to the next leader`() {
        var follower = PeerHarness()
        follower.follow(epoch: 1)
        follower.receive(proposal(1, 1))
        let tenure = follower.peer.state.tenure
        follower.disconnect()
        follower.drain()
        follower.follow(epoch: 2)
        follower.receive(proposal(2, 1))
        #expect(follower.sync(tenure: tenure).toLeader.isEmpty)
    }
}
