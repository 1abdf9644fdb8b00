import Jute
import Testing

@testable import Zab

/// One server in a test's hands: every input is a step, and what it says is kept in `effects`.
///
/// Nothing is performed on its own: the test says when the disk has synced, when the log is cut
/// and when a connection is made, so that every order of events can be written down.
struct PeerHarness {
    private(set) var peer: Peer
    private(set) var now: Milliseconds = 1000
    /// What the last step said.
    private(set) var effects: [Effect] = []
    private var lastConnection: LearnerConnection = 0

    /// A server that is looking. Unless it `waits`, those that make a quorum with it have answered
    /// already that their history has no name.
    init(
        id: PeerID = 1, of voters: Set<PeerID> = [1, 2, 3], observers: Set<PeerID> = [],
        log: [Proposal] = [], floor: Zxid = .zero, committed: Zxid = .zero,
        accepted: Epoch = 0, current: Epoch = 0, standing: Standing = .trusted,
        limits: History.Limits = History.Limits(), truncationLimit: Int = .max,
        ensembleID: EnsembleID? = nil, isNameCommitted: Bool = true, hold: Hold? = nil,
        configVersion: Int64 = 0, waits: Bool = false
    ) {
        peer = Peer(
            id: id,
            ensemble: Ensemble(
                quorum: .majority(voters: voters), observers: observers,
                configText: Array("version=\(configVersion)".utf8), configVersion: configVersion),
            timing: Timing(),
            history: History(
                floor: floor, proposals: log, lastCommitted: committed, limits: limits),
            acceptedEpoch: accepted, currentEpoch: current, standing: standing,
            truncationLimit: truncationLimit, now: now)
        if let ensembleID { peer.know(ensembleID, isCommitted: isNameCommitted) }
        step { peer, now in peer.start(heldFor: hold, now: now) }
        guard ensembleID == nil, hold == nil, !waits else { return }
        for voter in voters.sorted() where voter != id && !peer.isLooking {
            hear(.looking, for: voter, at: .untrusted, epoch: Vote.lostEpoch, from: voter)
        }
    }

    @discardableResult
    mutating func step(_ input: (inout Peer, Milliseconds) -> Void) -> [Effect] {
        input(&peer, now)
        effects = peer.takeEffects()
        return effects
    }

    /// Time passes, and the server is told as often as it wants to be.
    @discardableResult
    mutating func pass(_ duration: Milliseconds) -> [Effect] {
        let end = now + duration
        var all: [Effect] = []
        while peer.nextDeadline <= end {
            now = max(now + 1, peer.nextDeadline)
            all += step { peer, now in peer.tick(now: now) }
        }
        now = max(now, end)
        all += step { peer, now in peer.tick(now: now) }
        effects = all
        return all
    }

    // MARK: Election

    @discardableResult
    mutating func hear(
        _ stand: Notification.State, for leader: PeerID, at zxid: Zxid = .zero, epoch: Epoch = 0,
        round: Int64 = 1, from sender: PeerID, _ ensemble: EnsembleID? = nil
    ) -> [Effect] {
        let notification = Notification(
            state: stand, leader: leader, zxid: zxid, electionEpoch: round, peerEpoch: epoch,
            config: nil, ensemble: ensemble)
        return step { peer, now in peer.receive(notification, from: sender, now: now) }
    }

    /// Every other voter votes for this server.
    mutating func winElection() {
        let vote = Vote(
            leader: peer.state.id, zxid: peer.state.history.lastLogged,
            peerEpoch: peer.state.currentEpoch)
        for voter in peer.state.ensemble.sortedVoters where voter != peer.state.id {
            hear(
                .looking, for: vote.leader, at: vote.zxid, epoch: vote.peerEpoch,
                round: peer.logicalClock, from: voter)
        }
    }

    /// Every other voter says that it follows this leader, which says that it leads.
    mutating func joinQuorum(of leader: PeerID, epoch: Epoch = 1) {
        for voter in peer.state.ensemble.sortedVoters where voter != peer.state.id {
            hear(
                voter == leader ? .leading : .following, for: leader, epoch: epoch, round: 50,
                from: voter)
        }
    }

    // MARK: Disk

    /// The log has everything on disk.
    @discardableResult
    mutating func sync(tenure: Int? = nil) -> [Effect] {
        let last = peer.state.history.lastLogged
        let tenure = tenure ?? peer.state.tenure
        return step { peer, now in peer.logged(through: last, tenure: tenure, now: now) }
    }

    @discardableResult
    mutating func drain() -> [Effect] {
        step { peer, now in peer.drained(now: now) }
    }

    @discardableResult
    mutating func truncated(succeeded: Bool = true) -> [Effect] {
        step { peer, now in peer.truncated(succeeded: succeeded, now: now) }
    }

    // MARK: Learner

    @discardableResult
    mutating func connect() -> [Effect] {
        step { peer, now in peer.connectedToLeader(now: now) }
    }

    @discardableResult
    mutating func disconnect() -> [Effect] {
        step { peer, now in peer.disconnectedFromLeader(now: now) }
    }

    @discardableResult
    mutating func receive(
        _ kind: QuorumPacket.Kind, _ zxid: Zxid, data: [UInt8]? = nil
    ) -> [Effect] {
        step { peer, now in
            peer.receiveFromLeader(QuorumPacket(kind, zxid: zxid, data: data), now: now)
        }
    }

    @discardableResult
    mutating func receive(_ proposal: Proposal) -> [Effect] {
        receive(.proposal, proposal.zxid, data: proposal.payload)
    }

    /// PROPOSAL and COMMIT of each.
    mutating func receiveCommitted(_ proposals: [Proposal]) {
        for proposal in proposals {
            receive(proposal)
            receive(.commit, proposal.zxid)
        }
    }

    /// Up to ACKEPOCH.
    @discardableResult
    mutating func discover(epoch: Epoch, leader: PeerID = 3) -> [Effect] {
        joinQuorum(of: leader, epoch: epoch)
        connect()
        return receive(.leaderInfo, zxid(epoch, 0), data: [0, 1, 0, 0])
    }

    /// Up to UPTODATE, with an empty DIFF.
    mutating func follow(epoch: Epoch, leader: PeerID = 3) {
        discover(epoch: epoch, leader: leader)
        receive(.diff, peer.state.history.lastLogged)
        receive(.newLeader, zxid(epoch, 0))
        receive(.upToDate, .untrusted)
    }

    /// The whole state comes, at once.
    mutating func receiveSnapshot(at zxid: Zxid) {
        receive(.snap, zxid)
        step { peer, now in peer.snapshotReceived(now: now) }
    }

    @discardableResult
    mutating func installSnapshot() -> [Effect] {
        step { peer, now in peer.snapshotInstalled(now: now) }
    }

    // MARK: Leader

    /// FOLLOWERINFO on a new connection.
    mutating func introduce(
        _ id: PeerID, accepted: Epoch = 0, observes: Bool = false
    ) -> LearnerConnection {
        lastConnection += 1
        let connection = lastConnection
        step { peer, now in peer.learnerConnected(connection, now: now) }
        let info = LearnerInfo(id: id, configVersion: 0)
        receive(
            observes ? .observerInfo : .followerInfo, zxid(accepted, 0), data: info.data,
            on: connection)
        return connection
    }

    @discardableResult
    mutating func receive(
        _ kind: QuorumPacket.Kind, _ zxid: Zxid, data: [UInt8]? = nil,
        on connection: LearnerConnection
    ) -> [Effect] {
        step { peer, now in
            peer.receive(QuorumPacket(kind, zxid: zxid, data: data), from: connection, now: now)
        }
    }

    /// ACKEPOCH.
    @discardableResult
    mutating func promise(
        current: Int32, last: Zxid, on connection: LearnerConnection
    ) -> [Effect] {
        var data = JuteWriter(reserving: 4)
        data.write(int: current)
        return receive(.ackEpoch, last, data: data.bytes, on: connection)
    }

    @discardableResult
    mutating func acknowledge(
        _ zxid: Zxid, on connection: LearnerConnection
    ) -> [Effect] {
        receive(.ack, zxid, on: connection)
    }

    /// Elects this server and establishes it with each given follower, which has its whole history.
    mutating func lead(with followers: [PeerID]) -> [LearnerConnection] {
        winElection()
        let accepted = peer.state.acceptedEpoch
        let current = Int32(peer.state.currentEpoch)
        let last = peer.state.history.lastLogged
        let connections = followers.map { introduce($0, accepted: accepted) }
        for connection in connections {
            promise(current: current, last: last, on: connection)
        }
        for connection in connections {
            acknowledge(zxid(peer.state.currentEpoch, 0), on: connection)
        }
        return connections
    }

    /// An established leader takes a learner in, up to UPTODATE.
    mutating func admit(
        _ id: PeerID, last: Zxid, observes: Bool = false
    ) -> LearnerConnection {
        let epoch = peer.state.currentEpoch
        let connection = introduce(id, accepted: epoch, observes: observes)
        promise(current: -1, last: last, on: connection)
        acknowledge(zxid(epoch, 0), on: connection)
        return connection
    }

    @discardableResult
    mutating func propose(_ text: String = "write") -> [Effect] {
        step { peer, now in
            guard let zxid = peer.zxidOfNextProposal(now: now) else { return }
            peer.propose(Proposal(zxid: zxid, payload: Array(text.utf8)), now: now)
        }
    }

    @discardableResult
    mutating func read(_ token: ReadToken) -> [Effect] {
        step { peer, now in _ = peer.confirmRead(token, now: now) }
    }

    // MARK: Questions

    var status: Status { peer.status }
    var history: History { peer.state.history }
}

func zxid(_ epoch: Epoch, _ counter: UInt32) -> Zxid { Zxid(epoch: epoch, counter: counter) }

func proposal(_ epoch: Epoch, _ counter: UInt32) -> Proposal {
    Proposal(zxid: zxid(epoch, counter), payload: [UInt8(epoch), UInt8(counter % 256)])
}

/// The transactions of an epoch, as a log holds them.
func log(_ epoch: Epoch, _ counters: ClosedRange<UInt32>) -> [Proposal] {
    counters.map { proposal(epoch, $0) }
}

extension [Effect] {
    /// What goes to the leader, by kind and zxid.
    var toLeader: [String] {
        compactMap { effect in
            guard case .sendToLeader(let packet) = effect else { return nil }
            return "\(packet.kind) \(name(packet.zxid))"
        }
    }

    /// What goes to one learner, by kind and zxid.
    func to(_ connection: LearnerConnection) -> [String] {
        compactMap { effect in
            switch effect {
            case .send(let packet, connection): "\(packet.kind) \(name(packet.zxid))"
            case .sendSnapshot(connection): "SNAP"
            case .close(connection, _): "close"
            default: nil
            }
        }
    }

    var delivered: [Zxid] {
        compactMap { effect in
            guard case .deliver(let proposal) = effect else { return nil }
            return proposal.zxid
        }
    }

    var appended: [Zxid] {
        compactMap { effect in
            guard case .append(let proposal, _) = effect else { return nil }
            return proposal.zxid
        }
    }

    /// The notifications to one server.
    func notifications(to peer: PeerID) -> [Notification] {
        compactMap { effect in
            guard case .notify(let notification, peer) = effect else { return nil }
            return notification
        }
    }

    var confirmedReads: [ReadToken] {
        compactMap { effect in
            guard case .readConfirmed(let token, _) = effect else { return nil }
            return token
        }
    }

    var departs: Bool {
        contains { effect in
            if case .departed = effect { true } else { false }
        }
    }

    /// Whether `first` is done, and before `second`.
    func has(_ first: Effect, before second: Effect) -> Bool {
        guard let one = firstIndex(of: first), let other = firstIndex(of: second) else {
            return false
        }
        return one < other
    }
}

/// `2|5`, as the reference writes it.
private func name(_ zxid: Zxid) -> String {
    zxid == .untrusted ? "-1" : "\(zxid.epoch)|\(zxid.counter)"
}
