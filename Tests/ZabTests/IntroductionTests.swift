import Jute
import Testing

@testable import Zab

/// Whose history the others have is known before the first vote (SOUNDNESS, section 6).
@Suite struct IntroductionTests {
    static let last = Zxid(epoch: 9, counter: 4)

    /// A server with the history of ensemble 7, just started.
    private func newcomer(
        voters: Set<PeerID> = [1, 2, 3], id: PeerID = 1
    ) -> PeerHarness {
        PeerHarness(
            id: id, of: voters, floor: Self.last, committed: Self.last, accepted: 9, current: 9,
            ensembleID: 7)
    }

    private func sent(_ effects: [Effect]) -> [Notification] {
        effects.compactMap {
            if case .notify(let notification, _) = $0 { notification } else { nil }
        }
    }

    @Test func `what is said before belonging is known can neither win nor be counted`() {
        let server = newcomer()
        let said = sent(server.effects)
        #expect(said.count == 2)
        for notification in said {
            #expect(notification.zxid == .untrusted)
            #expect(notification.peerEpoch == Vote.lostEpoch)
            #expect(notification.ensemble == 7)
        }
        var listener = PeerHarness(id: 2)
        let vote = listener.peer.status
        listener.step { peer, now in peer.receive(said[0], from: 1, now: now) }
        listener.pass(60_000)
        #expect(listener.peer.status == vote)
    }

    @Test(arguments: [EnsembleID?.none, 7])
    func `a quorum that may have the same history lets the server vote`(name: EnsembleID?) {
        var server = newcomer()
        let said = sent(
            server.hear(.looking, for: 2, at: Zxid(epoch: 9, counter: 2), epoch: 9, from: 2, name))
        #expect(server.peer.isLooking)
        #expect(said.contains { $0.zxid == Self.last && $0.leader == 1 && $0.ensemble == 7 })
    }

    @Test func `the data of another ensemble is held, whatever its zxid`() {
        var server = newcomer()
        server.hear(.leading, for: 3, at: Zxid(epoch: 2, counter: 1), epoch: 2, from: 3, 8)
        #expect(server.peer.status.hold == nil, "one of three is no quorum")
        let effects = server.hear(
            .following, for: 3, at: Zxid(epoch: 2, counter: 1), epoch: 2, from: 2, 8)
        #expect(server.peer.status.hold == .otherEnsemble(8))
        #expect(effects.contains(.metStranger(2, 8)))
        #expect(sent(effects).isEmpty)
        #expect(sent(server.pass(60_000)).isEmpty)
        #expect(sent(server.hear(.looking, for: 2, from: 2, 8)).isEmpty, "it does not answer")
    }

    @Test func `two strangers of different ensembles hold nobody`() {
        var server = newcomer()
        server.hear(.looking, for: 3, from: 3, 8)
        server.hear(.looking, for: 2, from: 2, 9)
        #expect(server.peer.status.hold == nil)
        #expect(!server.peer.isLooking)
        server.hear(.looking, for: 2, from: 2, 7)
        #expect(server.peer.isLooking, "the disk of server 2 was put right")
    }

    @Test func `a stranger's vote never counts, but it is answered so that it learns of itself`() {
        var server = newcomer()
        server.hear(.looking, for: 2, at: .zero, from: 2, 7)
        let foreign = Zxid(epoch: 50, counter: 1)
        let effects = server.hear(.looking, for: 3, at: foreign, epoch: 50, round: 90, from: 3, 8)
        #expect(sent(effects).allSatisfy { $0.leader == 1 && $0.ensemble == 7 })
        #expect(!sent(effects).isEmpty)
        server.hear(.looking, for: 3, at: foreign, epoch: 50, round: 90, from: 3, 8)
        #expect(server.effects.allSatisfy { $0 != .metStranger(3, 8) }, "it is told of once")
        server.pass(500)
        #expect(server.peer.status.role == .looking)
        #expect(server.peer.logicalClock == 1, "nor does its round")
    }

    @Test func `a question that is lost is asked again`() {
        var server = newcomer()
        #expect(sent(server.pass(1_000)).count >= 4)
    }

    @Test func `whoever has no history, or nobody beside it, has nothing to introduce`() {
        #expect(PeerHarness().peer.isLooking)
        #expect(newcomer(voters: [1]).peer.status.role == .leading)
    }

    @Test func `a server that is told to hold leaves its leader and says nothing any more`() {
        var server = PeerHarness()
        server.joinQuorum(of: 3)
        server.connect()
        server.step { peer, now in peer.hold(.tooDifferent, now: now) }
        #expect(server.effects.contains(.disconnectFromLeader))
        #expect(server.effects.contains(.drainLog))
        server.drain()
        #expect(server.peer.status.hold == .tooDifferent)
        server.hear(.looking, for: 2, from: 2)
        #expect(sent(server.effects).isEmpty)
        #expect(server.peer.nextDeadline == .max)
    }

    @Test(arguments: [(EnsembleID?.some(7), true), (nil, false), (8, false)])
    func `only a server of the same history can say that this one was taken out`(
        name: EnsembleID?, isHeld: Bool
    ) {
        var server = newcomer()
        let later = Notification(
            state: .looking, leader: 2, zxid: .zero, electionEpoch: 1, peerEpoch: 0,
            config: Array("server.2=a:1:2:participant\nversion=1".utf8), ensemble: name)
        server.step { peer, now in peer.receive(later, from: 2, now: now) }
        #expect((server.peer.status.hold == .removed) == isHeld)
    }

    @Test func `a server that was held before its start stays so`() {
        var server = PeerHarness(hold: .otherName)
        #expect(server.peer.status.hold == .otherName)
        #expect(sent(server.pass(10_000)).isEmpty)
    }
}
