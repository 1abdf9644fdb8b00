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
        #expect(sent(effects).allSatisfy { $0.zxid == .untrusted })
        let later = server.pass(60_000)
        #expect(sent(later).allSatisfy { $0.zxid == .untrusted })
        #expect(later.last == .inspected, "no leader was found whose state could be compared")
        #expect(server.peer.nextDeadline == .max)
        #expect(sent(server.hear(.looking, for: 2, from: 2, 8)).isEmpty, "it does not answer")
    }

    // MARK: What would be lost

    private func held() -> PeerHarness {
        var server = newcomer()
        server.hear(.following, for: 3, epoch: 2, from: 2, 8)
        server.hear(.following, for: 2, epoch: 2, from: 3, 8)
        #expect(server.peer.status.hold == .otherEnsemble(8))
        return server
    }

    @Test func `a held server looks at the state of the quorum's leader, as an observer`() {
        var server = held()
        #expect(server.hear(.leading, for: 2, epoch: 2, from: 3, 8).isEmpty)
        #expect(server.hear(.leading, for: 2, epoch: 2, from: 2, 9) == [.metStranger(2, 9)])
        #expect(server.hear(.leading, for: 2, epoch: 2, from: 2, 8).contains(.connect(to: 2)))
        let packets = server.connect().compactMap { effect -> QuorumPacket? in
            if case .sendToLeader(let packet) = effect { packet } else { nil }
        }
        #expect(packets.map(\.kind) == [.observerInfo] && packets[0].zxid == .zero)
        let answer = QuorumPacket(.ackEpoch, zxid: .untrusted, data: [255, 255, 255, 255])
        #expect(
            server.receive(.leaderInfo, zxid(2, 0), data: [0, 1, 0, 0]) == [.sendToLeader(answer)])
        #expect(server.receive(.snap, zxid(2, 7)) == [.beginSnapshot(zxid(2, 7))])
        server.step { peer, now in peer.snapshotProgressed(now: now) }
        server.step { peer, now in peer.snapshotReceived(now: now) }
        #expect(server.effects == [.disconnectFromLeader, .inspected])
        #expect(server.receive(.newLeader, zxid(2, 0)).isEmpty)
        #expect(server.peer.state.acceptedEpoch == 9 && server.peer.state.currentEpoch == 9)
        #expect(server.peer.state.history.lastLogged == Self.last)
        #expect(server.pass(60_000).isEmpty, "once is enough")
    }

    @Test func `a leader that is gone before its state has come is looked for again`() {
        var server = held()
        server.hear(.leading, for: 2, epoch: 2, from: 2, 8)
        server.connect()
        server.receive(.leaderInfo, zxid(2, 0), data: [0, 1, 0, 0])
        server.receive(.snap, zxid(2, 7))
        #expect(server.disconnect() == [.discardSnapshot])
        #expect(!sent(server.pass(1_000)).isEmpty)
        #expect(server.hear(.leading, for: 3, epoch: 3, from: 3, 8) == [.connect(to: 3)])
    }

    @Test func `a leader that falls silent, or sends anything else, is not waited for`() {
        var server = held()
        server.hear(.leading, for: 2, epoch: 2, from: 2, 8)
        server.connect()
        var other = server
        #expect(server.pass(60_000) == [.disconnectFromLeader, .inspected])
        other.receive(.leaderInfo, zxid(2, 0), data: [0, 1, 0, 0])
        #expect(
            other.receive(.diff, zxid(2, 7))
                == [.discardSnapshot, .disconnectFromLeader, .inspected])
    }

    // MARK: A history without a name

    /// A server with a folder that the original has written.
    private func unnamed(
        _ name: EnsembleID? = nil, bound: Zxid = last, current: Epoch = 9
    ) -> PeerHarness {
        PeerHarness(
            floor: bound, committed: bound, accepted: current, current: current, ensembleID: name,
            isNameCommitted: false, waits: true)
    }

    @Test(arguments: [EnsembleID?.none, 8])
    func `beside a history with a name, one without is no candidate`(own: EnsembleID?) {
        var server = unnamed(own)
        #expect(sent(server.effects).allSatisfy { $0.ensemble == nil && $0.zxid == .untrusted })
        server.hear(.looking, for: 2, at: Zxid(epoch: 2, counter: 1), epoch: 2, from: 2, 7)
        #expect(server.peer.isLooking && server.peer.state.isUnnamed)
        #expect(
            server.peer.state.standing == .mayHaveLost(bound: Bound(epoch: 9, zxid: Self.last)))
        let said = sent(server.pass(60_000))
        #expect(!said.isEmpty && said.allSatisfy { $0.zxid == .untrusted })
        #expect(server.peer.status.role == .looking, "whoever is behind is not supported either")
        // A quorum without it is joined, and asked for its whole state.
        server.hear(.leading, for: 2, epoch: 10, round: 4, from: 2, 7)
        server.hear(.following, for: 2, epoch: 10, round: 4, from: 3, 7)
        #expect(server.peer.status.role == .following)
        server.connect()
        server.receive(.leaderInfo, zxid(10, 0), data: [0, 1, 0, 0])
        server.receiveSnapshot(at: zxid(10, 7))
        server.receive(.newLeader, zxid(10, 0))
        server.step { peer, now in peer.snapshotInstalled(now: now) }
        #expect(server.peer.state.standing == .trusted && !server.peer.state.isUnnamed)
    }

    @Test func `a member from before the name supports whoever has as much`() {
        var server = unnamed(bound: zxid(2, 5), current: 2)
        let said = sent(
            server.hear(.looking, for: 2, at: zxid(2, 9), epoch: 2, round: 3, from: 2, 7))
        #expect(said.contains { $0.leader == 2 && $0.zxid == zxid(2, 9) })
    }

    @Test func `a name in the log is known, and not told before it is committed`() {
        var server = unnamed(7)
        let said = sent(server.hear(.looking, for: 2, at: zxid(2, 1), epoch: 2, from: 2, 7))
        #expect(server.peer.state.standing == .trusted)
        #expect(said.contains { $0.leader == 1 && $0.zxid == Self.last && $0.ensemble == nil })
        server.step { peer, _ in peer.know(7) }
        #expect(sent(server.hear(.looking, for: 2, from: 2, 7)).allSatisfy { $0.ensemble == 7 })
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

    @Test(arguments: [UInt64(1), 2, 3])
    func `who counts by an older configuration is not voted for`(version: UInt64) {
        var server = PeerHarness(id: 1, configVersion: 2)
        let vote = Notification(
            state: .looking, leader: 3, zxid: zxid(5, 5), electionEpoch: 1, peerEpoch: 5,
            config: Array("server.1=a:1:2:participant\nversion=\(version)".utf8))
        let said = sent(server.step { peer, now in peer.receive(vote, from: 3, now: now) })
        #expect(said.contains { $0.leader == 3 } == (version >= 2))
    }

    @Test func `a server that was held before its start stays so`() {
        var server = PeerHarness(hold: .otherName)
        #expect(server.peer.status.hold == .otherName)
        #expect(sent(server.pass(10_000)).allSatisfy { $0.zxid == .untrusted })
        #expect(server.hear(.leading, for: 3, epoch: 2, from: 3, 5) == [.connect(to: 3)])
    }
}
