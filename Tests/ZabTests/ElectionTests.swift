import Jute
import Testing

@testable import Zab

/// Fast leader election (quorum protocol reference, section 3).
@Suite struct ElectionTests {
    // MARK: The order of votes (3.3)

    private func vote(_ leader: PeerID, _ zxid: Zxid, _ epoch: Epoch) -> Vote {
        Vote(leader: leader, zxid: zxid, peerEpoch: epoch)
    }

    @Test func `the epoch decides, then the zxid, then the id (ZOOKEEPER-1154, -1156)`() {
        let quorum = QuorumVerifier.majority(voters: [1, 2, 3])
        #expect(vote(1, zxid(1, 1), 3).beats(vote(2, zxid(2, 9), 2), in: quorum))
        #expect(vote(1, zxid(2, 2), 2).beats(vote(3, zxid(2, 1), 2), in: quorum))
        #expect(vote(2, zxid(2, 1), 2).beats(vote(1, zxid(2, 1), 2), in: quorum))
        #expect(!vote(2, zxid(2, 1), 2).beats(vote(2, zxid(2, 1), 2), in: quorum))
    }

    @Test func `a server without weight never beats another`() {
        let quorum = QuorumVerifier.hierarchical(
            groups: [1: [1, 2, 3]], weights: [1: 1, 2: 1, 3: 0])
        #expect(!vote(3, zxid(9, 9), 9).beats(vote(1, .zero, 0), in: quorum))
    }

    @Test func `a hierarchical quorum is most of the weight in most of the groups`() {
        let quorum = QuorumVerifier.hierarchical(
            groups: [1: [1, 2, 3], 2: [4, 5, 6], 3: [7, 8, 9], 4: [10]], weights: [10: 0])
        #expect(quorum.isQuorum([1, 2, 4, 5]))
        #expect(!quorum.isQuorum([1, 2, 3, 4, 7, 10]))
    }

    // MARK: Votes

    @Test func `the first vote is the last zxid in the log, committed or not (ZOOKEEPER-2845)`() {
        let server = PeerHarness(log: log(1, 1...5), committed: zxid(1, 3), accepted: 1, current: 1)
        let vote = server.effects.notifications(to: 2)
        #expect(vote.map(\.zxid) == [zxid(1, 5)])
        #expect(vote.map(\.peerEpoch) == [1])
        #expect(vote.map(\.state) == [.looking])
    }

    @Test func `a better vote is taken over and told to every voter`() {
        var server = PeerHarness()
        let effects = server.hear(.looking, for: 3, at: zxid(1, 1), epoch: 1, from: 3)
        #expect(effects.notifications(to: 2).map(\.leader) == [3])
        #expect(effects.notifications(to: 3).map(\.leader) == [3])
    }

    @Test func `a worse vote changes nothing`() {
        var server = PeerHarness(log: log(1, 1...5), accepted: 1, current: 1)
        let effects = server.hear(.looking, for: 3, at: zxid(1, 4), epoch: 1, from: 3)
        #expect(effects.isEmpty)
    }

    @Test func `nobody waits for the vote of a server whose connection has ended`() {
        var server = PeerHarness()
        server.step { peer, now in peer.lost(3, now: now) }
        server.hear(.looking, for: 2, from: 2)
        #expect(server.status.leader == 2)

        // The end of the connection can also come last.
        server = PeerHarness()
        server.hear(.looking, for: 2, from: 2)
        #expect(server.status.leader == nil)
        server.step { peer, now in peer.lost(3, now: now) }
        #expect(server.status.leader == 2)
    }

    @Test func `whoever speaks again is waited for, and the dead are elected by nobody at once`() {
        var server = PeerHarness(of: [1, 2, 3, 4, 5])
        for lost: PeerID in [3, 4] { server.step { peer, now in peer.lost(lost, now: now) } }
        server.hear(.looking, for: 3, at: zxid(1, 1), epoch: 1, from: 4)
        server.hear(.looking, for: 3, at: zxid(1, 1), epoch: 1, from: 2)
        server.hear(.looking, for: 3, at: zxid(1, 1), epoch: 1, from: 5)
        #expect(server.status.leader == nil)

        server = PeerHarness()
        server.step { peer, now in peer.lost(3, now: now) }
        server.hear(.looking, for: 1, round: 0, from: 3)
        server.hear(.looking, for: 2, from: 2)
        #expect(server.status.leader == nil)
    }

    @Test func `a quorum of equal votes decides after 200 ms in which nothing better came`() {
        var server = PeerHarness()
        server.hear(.looking, for: 2, from: 2)
        server.pass(199)
        #expect(server.status.role == .looking)
        server.pass(1)
        #expect(server.status.role == .following)
        #expect(server.status.leader == 2)
    }

    @Test func `a better vote within the 200 ms is waited for anew`() {
        var server = PeerHarness()
        server.hear(.looking, for: 2, from: 2)
        server.pass(150)
        server.hear(.looking, for: 3, from: 3)
        server.pass(199)
        #expect(server.status.role == .looking)
        server.pass(1)
        #expect(server.status.leader == 3)
    }

    @Test func `with every voter heard there is nothing to wait for`() {
        var server = PeerHarness()
        server.hear(.looking, for: 3, from: 3)
        server.hear(.looking, for: 3, from: 2)
        #expect(server.status.leader == 3)
    }

    @Test func `a later round replaces everything heard in the earlier one`() {
        var server = PeerHarness()
        server.hear(.looking, for: 2, from: 2)
        let effects = server.hear(.looking, for: 1, round: 7, from: 3)
        #expect(effects.notifications(to: 2).map(\.electionEpoch) == [7])
        #expect(server.peer.logicalClock == 7)
        // The vote of round 1 does not count any more.
        server.pass(100)
        server.hear(.looking, for: 1, round: 1, from: 2)
        #expect(server.status.role == .looking)
    }

    @Test func `a voter of an earlier round is told the present one`() {
        var server = PeerHarness()
        server.hear(.looking, for: 1, round: 7, from: 3)
        let effects = server.hear(.looking, for: 2, round: 2, from: 2)
        #expect(effects.notifications(to: 2).map(\.electionEpoch) == [7])
    }

    @Test func `an observer answers nobody, or it and a voter would never be done`() {
        var observer = PeerHarness(id: 4, observers: [4])
        observer.hear(.looking, for: 1, round: 7, from: 3)
        let effects = observer.hear(.looking, for: 2, round: 2, from: 2)
        #expect(effects.notifications(to: 2).isEmpty)
    }

    @Test func `an observer follows whom the voters elect and names nobody itself`() {
        var observer = PeerHarness(id: 4, observers: [4])
        let own = observer.effects.notifications(to: 1)
        #expect(own.map(\.leader) == [.min])
        #expect(own.map(\.zxid.rawValue) == [.min])
        observer.hear(.looking, for: 3, from: 3)
        observer.hear(.looking, for: 3, from: 1)
        observer.pass(200)
        #expect(observer.status.role == .observing)
        #expect(observer.status.leader == 3)
    }

    @Test func `a vote for a server that is no voter is ignored`() {
        var server = PeerHarness()
        #expect(server.hear(.looking, for: 9, at: zxid(9, 9), epoch: 9, from: 2).isEmpty)
    }

    // MARK: Joining those who have settled (3.5, leader check)

    @Test func `a joiner needs a quorum that agrees`() {
        var server = PeerHarness(of: [1, 2, 3, 4, 5])
        server.hear(.leading, for: 3, epoch: 2, round: 9, from: 3)
        server.hear(.following, for: 3, epoch: 2, round: 9, from: 2)
        #expect(server.status.role == .looking)
        server.hear(.following, for: 3, epoch: 2, round: 9, from: 4)
        #expect(server.status.leader == 3)
    }

    @Test func `a joiner needs the leader's own word, or a dead one would be elected again`() {
        var server = PeerHarness()
        server.hear(.following, for: 3, epoch: 2, round: 9, from: 2)
        server.hear(.following, for: 3, epoch: 2, round: 9, from: 3)
        #expect(server.status.role == .looking)
        server.hear(.leading, for: 3, epoch: 2, round: 9, from: 3)
        #expect(server.status.leader == 3)
    }

    @Test
    func
        `settled servers agree by leader and epoch, whatever their zxid and round (ZOOKEEPER-1805, -1818)`()
    {
        var server = PeerHarness()
        server.hear(.leading, for: 3, at: zxid(1, 9), epoch: 2, round: 4, from: 3)
        server.hear(.following, for: 3, at: zxid(1, 2), epoch: 2, round: 9, from: 2)
        #expect(server.status.leader == 3)
    }

    @Test func `settled servers of two epochs do not agree`() {
        var server = PeerHarness()
        server.hear(.leading, for: 3, epoch: 2, round: 9, from: 3)
        server.hear(.following, for: 3, epoch: 1, round: 9, from: 2)
        #expect(server.status.role == .looking)
    }

    @Test func `a synchronized member names the new epoch (ZOOKEEPER-1732)`() {
        var server = PeerHarness(accepted: 4, current: 4)
        server.follow(epoch: 5)
        let answer = server.hear(.looking, for: 2, from: 2).notifications(to: 2)
        #expect(answer.map(\.peerEpoch) == [5])
        #expect(answer.map(\.state) == [.following])
        #expect(answer.map(\.electionEpoch) == [50])
    }

    @Test func `a leader names the new epoch once it is established (ZOOKEEPER-1732)`() {
        var leader = PeerHarness(id: 3, accepted: 4, current: 4)
        _ = leader.lead(with: [1])
        let answer = leader.hear(.looking, for: 2, from: 2).notifications(to: 2)
        #expect(answer.map(\.peerEpoch) == [5])
        #expect(answer.map(\.state) == [.leading])
    }

    @Test func `followers that still mean an earlier life make its next life the leader`() {
        var server = PeerHarness(id: 3, log: log(1, 1...2), accepted: 1, current: 1)
        server.hear(.following, for: 3, epoch: 1, round: 1, from: 1)
        server.hear(.following, for: 3, epoch: 1, round: 1, from: 2)
        #expect(server.status.role == .leading)
    }

    // MARK: Repetition

    @Test func `an unanswered notification is repeated, ever more slowly`() {
        var server = PeerHarness()
        #expect(server.pass(200).notifications(to: 2).count == 1)
        #expect(server.pass(399).notifications(to: 2).isEmpty)
        #expect(server.pass(1).notifications(to: 2).count == 1)
        #expect(server.pass(16_000).notifications(to: 2).count >= 9)
    }
}
