import Jute
import Testing

@testable import Zab

/// Linearizable reads (SOUNDNESS, section 1).
@Suite struct ReadTests {
    private func pong(_ leader: inout PeerHarness, _ connection: LearnerConnection) -> [Effect] {
        leader.receive(.ping, .zero, data: [], on: connection)
    }

    @Test func `a read waits for a PING that was sent after it came (etcd 20418)`() {
        var leader = PeerHarness(id: 3)
        let follower = leader.lead(with: [1])[0]
        leader.pass(1000)
        #expect(leader.read(7).to(follower) == ["PING 0|0"])
        #expect(pong(&leader, follower).confirmedReads.isEmpty, "of the PING before the read")
        #expect(pong(&leader, follower).confirmedReads == [7])
    }

    @Test func `a single server confirms itself`() {
        var leader = PeerHarness(of: [1])
        #expect(leader.read(1).confirmedReads == [1])
    }

    @Test func `a read holds from what was committed when it came`() {
        var leader = PeerHarness(id: 3)
        let followers = leader.lead(with: [1, 2])
        leader.propose()
        leader.sync()
        leader.acknowledge(zxid(1, 1), on: followers[0])
        leader.read(7)
        leader.propose()
        let effects = pong(&leader, followers[0])
        #expect(effects.contains(.readConfirmed(7, through: zxid(1, 1))))
    }

    @Test func `a leader that is not established begins no read`() {
        var leader = PeerHarness(id: 3)
        leader.winElection()
        leader.step { peer, now in
            let begun = peer.confirmRead(1, now: now)
            #expect(!begun)
        }
    }

    @Test func `observers confirm nothing`() {
        var leader = PeerHarness(id: 3, observers: [4])
        _ = leader.lead(with: [1])
        let observer = leader.admit(4, last: .zero, observes: true)
        leader.read(7)
        #expect(pong(&leader, observer).confirmedReads.isEmpty)
    }

    @Test func `a follower that connects again still confirms the reads that waited for it`() {
        var leader = PeerHarness(id: 3)
        let followers = leader.lead(with: [1, 2])
        leader.read(7)
        leader.step { peer, now in peer.learnerClosed(followers[0], now: now) }
        let again = leader.admit(1, last: .zero)
        leader.pass(1000)
        #expect(pong(&leader, again).confirmedReads == [7])
    }

    @Test func `reads are confirmed in their order, each by its own PING`() {
        var leader = PeerHarness(id: 3)
        let followers = leader.lead(with: [1, 2])
        leader.read(7)
        leader.read(8)
        #expect(pong(&leader, followers[0]).confirmedReads == [7])
        #expect(pong(&leader, followers[1]).confirmedReads.isEmpty)
        #expect(pong(&leader, followers[1]).confirmedReads == [8])
    }

    @Test func `a follower that connected after several reads confirms all of them at once`() {
        var leader = PeerHarness(id: 3)
        let followers = leader.lead(with: [1, 2])
        leader.read(7)
        leader.read(8)
        let again = leader.admit(1, last: .zero)
        leader.step { peer, now in peer.learnerClosed(followers[1], now: now) }
        leader.pass(1000)
        #expect(pong(&leader, again).confirmedReads == [7, 8])
    }

    @Test func `the end of a leadership abandons its reads`() {
        var leader = PeerHarness(id: 3)
        let follower = leader.lead(with: [1])[0]
        leader.read(7)
        leader.step { peer, now in peer.learnerClosed(follower, now: now) }
        #expect(leader.effects.contains(.readsAbandoned))
    }

    @Test
    func
        `a SYNC is answered when a quorum has confirmed the leader, behind the commits it must see`()
    {
        var leader = PeerHarness(id: 3)
        let followers = leader.lead(with: [1, 2])
        leader.propose()
        leader.sync()
        leader.acknowledge(zxid(1, 1), on: followers[0])
        let sync = ForwardedRequest(session: .none, cxid: 0, code: .sync, body: [])
        #expect(
            leader.receive(.request, .untrusted, data: sync.data, on: followers[0])
                .to(followers[0]) == ["PING 1|1"])
        #expect(pong(&leader, followers[1]).to(followers[0]) == ["SYNC 0|0"])
    }

    @Test func `a write is for the driver, and none comes before UPTODATE`() {
        var leader = PeerHarness(id: 3)
        let follower = leader.lead(with: [1])[0]
        let request = ForwardedRequest(session: .none, cxid: 1, code: .create, body: [1])
        #expect(
            leader.receive(.request, .untrusted, data: request.data, on: follower)
                .contains(.forwarded(request, identities: [], follower)))
        var early = PeerHarness(id: 3, of: [1, 2, 3, 4, 5])
        early.winElection()
        let connections = [1, 2].map { early.introduce($0) }
        for connection in connections {
            early.promise(current: 0, last: .zero, on: connection)
        }
        early.acknowledge(zxid(1, 0), on: connections[0])
        #expect(
            early.receive(.request, .untrusted, data: request.data, on: connections[0])
                .to(connections[0]) == ["close"])
    }
}
