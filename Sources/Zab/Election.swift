import Jute

/// Fast leader election while this server is looking.
///
/// - Source: quorum protocol reference, section 3.5.
struct Election: Sendable {
    /// A vote as one server stated it.
    private struct Statement {
        var vote: Vote
        var electionEpoch: Int64
        var state: Notification.State

        /// Settled servers' zxids and rounds differ legitimately (ZOOKEEPER-1805, -1818).
        func agrees(with other: Statement) -> Bool {
            if state != .looking, other.state != .looking {
                return vote.leader == other.vote.leader
                    && vote.peerEpoch == other.vote.peerEpoch
            }
            return vote == other.vote && electionEpoch == other.electionEpoch
        }
    }

    private let id: PeerID
    private let quorum: QuorumVerifier
    private let timing: Timing
    private let initialVote: Vote
    /// For a server that is no candidate: the least that one must have to get its support.
    private let leastSupported: Bound?

    private(set) var logicalClock: Int64
    private(set) var proposal: Vote
    /// Votes of this round, this server's own among them.
    private var received: [PeerID: Statement] = [:]
    /// What settled servers said, of any round.
    private var outOfElection: [PeerID: Statement] = [:]

    private var notificationInterval: Milliseconds
    private var repeatAt: Milliseconds
    /// Voters that are not connected any more: nobody waits for their votes.
    private var absent: Set<PeerID>
    /// Set while a quorum of equal votes waits to stay unbeaten.
    private var finalizeAt: Milliseconds?

    /// The vote that won, once there is one.
    private(set) var decision: Vote?
    /// Set when the proposal must be told to every voter.
    private var mustBroadcast = true

    /// Begins a round.
    ///
    /// - Parameters:
    ///   - id: This server.
    ///   - quorum: Who votes.
    ///   - timing: The periods.
    ///   - initialVote: This server for leader, or `.none` if it may not be one.
    ///   - bound: For a server that may not lead but vote: the least that it supports.
    ///   - absent: Voters whose connections have ended, and who have said nothing since.
    ///   - logicalClock: The number of this round.
    ///   - now: The time.
    init(
        id: PeerID, quorum: QuorumVerifier, timing: Timing, initialVote: Vote,
        supportsFrom bound: Bound? = nil, absent: Set<PeerID> = [], logicalClock: Int64,
        now: Milliseconds
    ) {
        self.id = id
        self.quorum = quorum
        self.timing = timing
        self.initialVote = initialVote
        leastSupported = bound
        self.absent = absent
        self.logicalClock = logicalClock
        proposal = initialVote
        notificationInterval = timing.minNotificationInterval
        repeatAt = now + notificationInterval
        recordOwnVote()
        check(now)
    }

    var nextDeadline: Milliseconds { min(repeatAt, finalizeAt ?? .max) }

    /// True once after every change that the voters must hear of.
    mutating func takeBroadcast() -> Bool {
        defer { mustBroadcast = false }
        return mustBroadcast
    }

    mutating func tick(_ now: Milliseconds) {
        if let finalizeAt, now >= finalizeAt { decision = proposal }
        guard decision == nil, now >= repeatAt else { return }
        mustBroadcast = true
        notificationInterval = min(2 * notificationInterval, timing.maxNotificationInterval)
        repeatAt = now + notificationInterval
    }

    mutating func receive(_ notification: Notification, from sender: PeerID, now: Milliseconds) {
        absent.remove(sender)
        guard decision == nil, quorum.voters.contains(sender),
            quorum.voters.contains(notification.leader)
        else { return }
        let statement = Statement(
            vote: Vote(
                leader: notification.leader, zxid: notification.zxid,
                peerEpoch: notification.peerEpoch),
            electionEpoch: notification.electionEpoch, state: notification.state)
        switch notification.state {
        case .looking: receiveVote(statement, from: sender, now: now)
        case .following, .leading: receiveSettled(statement, from: sender)
        case .observing: break
        }
    }

    /// The connection to a voter has ended.
    mutating func lost(_ voter: PeerID, now: Milliseconds) {
        absent.insert(voter)
        if decision == nil { check(now) }
    }

    private mutating func receiveVote(
        _ statement: Statement, from sender: PeerID, now: Milliseconds
    ) {
        // A database that is not trusted neither counts nor is counted (storage format, 8).
        guard statement.vote.zxid != .untrusted else { return }
        if initialVote.zxid == .untrusted {
            // Whoever is behind the bound gets no support, in no round.
            guard mayBeSupported(statement.vote) else { return }
            // Without a candidate there is no vote that a round could count: the candidate's own
            // round is the right one, an older one too. Nobody takes up the round of a server
            // whose vote is not trusted.
            if proposal == initialVote, statement.electionEpoch < logicalClock {
                logicalClock = statement.electionEpoch
                received = [:]
            }
        }
        guard statement.electionEpoch >= logicalClock else { return }
        if statement.electionEpoch > logicalClock {
            logicalClock = statement.electionEpoch
            received = [:]
            propose(statement.vote.beats(initialVote, in: quorum) ? statement.vote : initialVote)
        } else if statement.vote.beats(proposal, in: quorum) {
            propose(statement.vote)
        }
        received[sender] = statement
        check(now)
    }

    /// Whether a server that is no candidate may help this vote to win.
    private func mayBeSupported(_ vote: Vote) -> Bool {
        guard let leastSupported, vote.leader != id, quorum.weight(of: vote.leader) != 0 else {
            return false
        }
        return Bound(epoch: vote.peerEpoch, zxid: vote.zxid) >= leastSupported
    }

    private mutating func receiveSettled(_ statement: Statement, from sender: PeerID) {
        if statement.electionEpoch == logicalClock {
            received[sender] = statement
            if isSettled(statement, among: received) {
                decision = statement.vote
                return
            }
        }
        outOfElection[sender] = statement
        if isSettled(statement, among: outOfElection) {
            logicalClock = statement.electionEpoch
            decision = statement.vote
        }
    }

    /// A quorum agrees, and the leader says itself that it leads: without that, servers that
    /// still believe in a dead leader would elect it again.
    private func isSettled(_ statement: Statement, among statements: [PeerID: Statement]) -> Bool {
        guard quorum.isQuorum(supporters(of: statement, among: statements)) else { return false }
        let leader = statement.vote.leader
        if leader == id {
            // They may mean the server that this one was before it lost its disk.
            return initialVote.zxid != .untrusted && logicalClock == statement.electionEpoch
        }
        return statements[leader]?.state == .leading
    }

    private func supporters(
        of statement: Statement, among statements: [PeerID: Statement]
    ) -> Set<PeerID> {
        Set(statements.filter { $0.value.agrees(with: statement) }.keys)
    }

    private mutating func propose(_ vote: Vote) {
        proposal = vote
        mustBroadcast = true
        finalizeAt = nil
        recordOwnVote()
    }

    private mutating func recordOwnVote() {
        guard quorum.voters.contains(id), proposal.zxid != .untrusted else { return }
        received[id] = Statement(
            vote: proposal, electionEpoch: logicalClock, state: .looking)
    }

    /// Starts, keeps or ends the wait for a better vote.
    private mutating func check(_ now: Milliseconds) {
        guard proposal.zxid != .untrusted else { return }
        let own = Statement(vote: proposal, electionEpoch: logicalClock, state: .looking)
        let supporters = supporters(of: own, among: received)
        guard quorum.isQuorum(supporters) else {
            finalizeAt = nil
            return
        }
        // With every voter heard that could be, nothing better can come. Who has died since it was
        // voted for is followed by nobody in a hurry.
        if !absent.contains(proposal.leader),
            supporters.isSuperset(of: quorum.voters.subtracting(absent))
        {
            decision = proposal
        } else if finalizeAt == nil {
            finalizeAt = now + timing.finalizeWait
        }
    }
}
