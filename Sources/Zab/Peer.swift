package import Jute

/// One server of the ensemble as the protocol sees it: it takes what happened and says what to do.
///
/// It opens no socket, no file and no thread and asks no clock: whoever drives it passes the time
/// in, performs `takeEffects()` in order, and calls back as the effects say. The same code runs in
/// production and in the simulation.
package struct Peer: Sendable {
    private enum Role: Sendable {
        /// Between two roles: the log is brought to disk before the vote is computed
        /// (ZOOKEEPER-4712, -4541).
        case draining
        /// Finds out, once after a start, whether it belongs here.
        case introducing(Introduction)
        /// Waits for a person.
        case held(Hold)
        case looking(Election)
        case following(Learner)
        case leading(Leader)
    }

    package internal(set) var state: PeerState
    private var role = Role.draining
    /// Rounds of elections so far; in memory only.
    private(set) var logicalClock: Int64 = 0
    /// The vote that this server settled on, while it is not looking.
    private var settledVote: Vote?
    private let observes: Bool
    /// For a server with an empty disk: when it may vote if nobody contradicts.
    private var allEmptyAt: Milliseconds?

    /// Begins once the log has everything.
    private var pendingHold: Hold?
    /// Of a server that was held before it had compared anything.
    private var inspection: Inspection?
    private var reported: Status?

    /// A server as a start finds it.
    ///
    /// - Parameters:
    ///   - id: This server.
    ///   - ensemble: Its configuration.
    ///   - timing: The periods.
    ///   - history: What its log holds; all of it is on disk.
    ///   - acceptedEpoch: From its file.
    ///   - currentEpoch: From its file.
    ///   - standing: Whether its history can be relied on.
    ///   - truncationLimit: How many transactions may be cut off without a person being asked.
    ///   - now: The time.
    package init(
        id: PeerID, ensemble: Ensemble, timing: Timing, history: History,
        acceptedEpoch: Epoch, currentEpoch: Epoch, standing: Standing = .trusted,
        truncationLimit: Int = .max, now: Milliseconds
    ) {
        state = PeerState(
            id: id, ensemble: ensemble, timing: timing, history: history,
            acceptedEpoch: acceptedEpoch, currentEpoch: currentEpoch,
            needsSnapshot: standing != .trusted, standing: standing, now: now,
            truncationLimit: truncationLimit)
        observes = !ensemble.voters.contains(id)
    }

    // MARK: Driving

    /// What to do now, in order. Empty when there is nothing to do.
    package mutating func takeEffects() -> [Effect] {
        guard !state.effects.isEmpty else { return [] }
        defer { state.effects = [] }
        return state.effects
    }

    /// When `tick` must be called at the latest.
    package var nextDeadline: Milliseconds {
        switch role {
        case .draining: .max
        case .held: inspection?.nextDeadline ?? .max
        case .introducing(let introduction): introduction.repeatAt
        case .looking(let election): min(election.nextDeadline, allEmptyAt ?? .max)
        case .following(let learner): learner.nextDeadline
        case .leading(let leader): leader.nextDeadline
        }
    }

    /// Begins the first election.
    ///
    /// - Parameters:
    ///   - hold: Why it may not, if that is known already.
    ///   - now: The time.
    package mutating func start(heldFor hold: Hold? = nil, now: Milliseconds) {
        state.now = now
        // Nobody else could have seen what this disk held.
        if state.standing == .empty, state.ensemble.voters == [state.id] { trust() }
        if let hold {
            role = .held(hold)
            report()
            inspect(nil)
        } else if state.hasHistory, state.ensemble.voters != [state.id] {
            role = .introducing(
                Introduction(
                    id: state.id, of: state.ensembleID,
                    isCertain: state.ensembleID != nil && state.isNameCommitted,
                    quorum: state.ensemble.quorum, timing: state.timing, now: now))
            report()
            introduce()
        } else {
            look()
        }
    }

    package mutating func tick(now: Milliseconds) {
        state.now = now
        if case .introducing(var introduction) = role {
            let isDue = introduction.tick(now)
            role = .introducing(introduction)
            if isDue { introduce() }
        }
        var asks = false
        withInspection { inspection, state in asks = inspection.tick(&state) }
        if asks { introduce() }
        if isLooking, let allEmptyAt, now >= allEmptyAt {
            trust()
            look()
        }
        withElection { election, state in election.tick(state.now) }
        withLearner { learner, state throws(Departure) in try learner.tick(&state) }
        withLeader { leader, state throws(Departure) in try leader.tick(&state) }
    }

    package var status: Status {
        switch role {
        case .draining, .introducing, .looking:
            Status(role: .looking, phase: .election, leader: nil, epoch: state.currentEpoch)
        case .held(let hold):
            Status(
                role: .looking, phase: .election, leader: nil, epoch: state.currentEpoch,
                hold: hold)
        case .following(let learner):
            Status(
                role: observes ? .observing : .following, phase: learner.statusPhase,
                leader: learner.leader, epoch: learner.epoch ?? state.acceptedEpoch,
                synchronizedBy: learner.synchronizedBy)
        case .leading(let leader):
            Status(
                role: .leading, phase: leader.statusPhase, leader: state.id,
                epoch: leader.epoch ?? state.acceptedEpoch)
        }
    }

    /// While a received state is made durable: what this server had logged and nobody here knows
    /// to be committed.
    package var tailOnDisk: [Zxid] {
        guard case .following(let learner) = role, let history = learner.historyOnDisk else {
            return []
        }
        return history.uncommitted.map(\.zxid)
    }

    // MARK: Doubt

    /// The state made of this server's log is not the one that the others have. It gives up its
    /// role and gets the state of a leader, which it is not itself any more.
    ///
    /// What it has acknowledged was logged: it still vouches for that, so that a quorum that needs
    /// its word does not lose it.
    package mutating func distrust(_ reason: String, now: Milliseconds) {
        state.now = now
        guard state.standing == .trusted, state.ensemble.voters != [state.id] else { return }
        state.distrustHistory()
        state.perform(.saveLoss(through: state.history.lastLogged))
        withLearner { _, _ throws(Departure) in throw Departure(reason) }
        withLeader { _, _ throws(Departure) in throw Departure(reason) }
        if isLooking { look() }
    }

    // MARK: Belonging here

    /// Whose history this server has.
    ///
    /// - Parameters:
    ///   - ensemble: Its name.
    ///   - isCommitted: Whether the served state says so, or only a transaction in the log: that
    ///     one is not told to others.
    package mutating func know(_ ensemble: EnsembleID, isCommitted: Bool = true) {
        state.ensembleID = ensemble
        state.isNameCommitted = isCommitted
    }

    /// A notification that cannot win and nobody counts: what matters is the answer.
    private mutating func introduce() {
        let vote = Vote(leader: state.id, zxid: .untrusted, peerEpoch: Vote.lostEpoch)
        let notification = notification(.looking, vote, 0)
        for voter in state.ensemble.sortedVoters where voter != state.id {
            state.perform(.notify(notification, voter))
        }
    }

    /// - Returns: Whether the notification may be taken for more than a sign of life.
    mutating func checkBelonging(_ notification: Notification, from sender: PeerID) -> Bool {
        if let own = state.ensembleID, let other = notification.ensemble, own != other {
            if state.strangers.updateValue(other, forKey: sender) != other {
                state.perform(.metStranger(sender, other))
            }
        } else {
            state.strangers[sender] = nil
        }
        if isLooking || isIntroducing, isRemoved(by: notification) {
            role = .held(.removed)
            report()
        }
        if case .introducing(var introduction) = role {
            let verdict = introduction.hear(notification, from: sender)
            role = .introducing(introduction)
            switch verdict {
            case .open: return false
            case .same: look()
            case .other(let ensemble):
                role = .held(.otherEnsemble(ensemble))
                report()
                inspect(ensemble)
            case .unnamed:
                takeOverName()
                look()
            }
        }
        if case .held = role {
            withInspection { inspection, state in
                inspection.hear(notification, from: sender, &state)
            }
            return false
        }
        return state.strangers[sender] == nil && !isOutdated(notification)
    }

    /// Whether the sender counts by an older configuration. It does so until it obeys the same
    /// order, and where that has taken others out it can neither lead nor follow: its vote would
    /// only be waited for.
    private func isOutdated(_ notification: Notification) -> Bool {
        guard state.ensemble.configVersion > 0 else { return false }
        return notification.configVersion ?? .max < UInt64(state.ensemble.configVersion)
    }

    /// The others have a name for their history, and this server's may never have been theirs: it
    /// gets a leader's whole state, which is compared with its own. Until then it is no candidate,
    /// and supports whoever has as much; a start begins anew.
    private mutating func takeOverName() {
        state.ensembleID = nil
        state.strangers = [:]
        guard state.standing == .trusted else { return }
        state.isUnnamed = true
        state.distrustHistory()
    }

    private var isIntroducing: Bool {
        if case .introducing = role { true } else { false }
    }

    /// Whether the sender has a later configuration, and this server is not in it.
    ///
    /// Only a server with the same history can have been told so by a person. The original's say no
    /// name: their configuration may be later because they were reconfigured, and it lacks whoever
    /// is about to join.
    private func isRemoved(by notification: Notification) -> Bool {
        guard let config = notification.config, let ensemble = notification.ensemble,
            ensemble == state.ensembleID
        else { return false }
        guard let version = notification.configVersion,
            version > UInt64(bitPattern: state.ensemble.configVersion)
        else { return false }
        let lines = config.split(separator: UInt8(ascii: "\n"))
        return !lines.contains { $0.starts(with: "server.\(state.id)=".utf8) }
    }

    /// Leaves its leader and takes no part any more. A start begins anew.
    package mutating func hold(_ hold: Hold, now: Milliseconds) {
        state.now = now
        pendingHold = hold
        withLearner { _, _ throws(Departure) in throw Departure("a person has to decide") }
        withLeader { _, _ throws(Departure) in throw Departure("a person has to decide") }
        if case .draining = role { return }
        beginHold()
    }

    /// Looks for the state of a leader, to compare it.
    private mutating func inspect(_ ensemble: EnsembleID?) {
        guard state.ensemble.voters != [state.id] else { return state.perform(.inspected) }
        inspection = Inspection(of: ensemble, timing: state.timing, now: state.now)
        introduce()
    }

    mutating func withInspection(_ step: (inout Inspection, inout PeerState) -> Void) {
        guard case .held = role, var inspection else { return }
        step(&inspection, &state)
        self.inspection = inspection
    }

    private mutating func beginHold() {
        guard let hold = pendingHold.take() else { return }
        role = .held(hold)
        report()
    }

    // MARK: Roles

    /// Runs a step of the election, if there is one, and settles it when it is decided.
    mutating func withElection(_ step: (inout Election, inout PeerState) -> Void) {
        guard case .looking(var election) = role else { return }
        role = .draining
        step(&election, &state)
        if election.takeBroadcast() {
            let notification = notification(.looking, election.proposal, election.logicalClock)
            for voter in state.ensemble.sortedVoters where voter != state.id {
                state.perform(.notify(notification, voter))
            }
        }
        role = .looking(election)
        logicalClock = election.logicalClock
        if let decision = election.decision { settle(decision) }
    }

    /// A server with an empty disk hears of another voter. Once all of them are empty it asks
    /// again, and becomes a voter unless one contradicts: the first thing heard from a server can
    /// be what it said before this disk was emptied (reference section 2.3).
    mutating func hear(_ notification: Notification, from sender: PeerID) {
        guard case .empty(var heard) = state.standing else { return }
        let isEmpty =
            notification.state == .looking && notification.zxid <= .zero
            && (Vote.emptyEpoch...0).contains(notification.peerEpoch)
        if isEmpty { heard.insert(sender) } else { heard.remove(sender) }
        state.standing = .empty(heard: heard)
        guard heard.isSuperset(of: state.ensemble.voters.subtracting([state.id])) else {
            allEmptyAt = nil
            return
        }
        guard allEmptyAt == nil else { return }
        allEmptyAt = state.now + state.timing.finalizeWait
        for voter in state.ensemble.sortedVoters where voter != state.id { answer(voter) }
    }

    /// The empty history of this server is the right one.
    private mutating func trust() {
        state.trustHistory()
        allEmptyAt = nil
    }

    mutating func withLearner(
        _ step: (inout Learner, inout PeerState) throws(Departure) -> Void
    ) {
        guard case .following(var learner) = role else { return }
        // Moved out, so that changing its collections does not copy them.
        role = .draining
        do throws(Departure) {
            try step(&learner, &state)
            if case .broadcast(let epoch) = learner.phase { settledVote?.peerEpoch = epoch }
            role = .following(learner)
            report()
        } catch {
            learner.leave(&state)
            drain(after: error)
        }
    }

    mutating func withLeader(
        _ step: (inout Leader, inout PeerState) throws(Departure) -> Void
    ) {
        guard case .leading(var leader) = role else { return }
        role = .draining
        do throws(Departure) {
            try step(&leader, &state)
            // All settled members name the new epoch, or a joiner never sees them agree
            // (ZOOKEEPER-1732).
            if case .broadcast(let epoch) = leader.phase { settledVote?.peerEpoch = epoch }
            role = .leading(leader)
            report()
        } catch {
            leader.leave(&state)
            drain(after: error)
        }
    }

    private mutating func report() {
        checkInvariants()
        let status = status
        guard status != reported else { return }
        reported = status
        state.perform(.changed(status))
    }

    private mutating func drain(after departure: Departure) {
        role = .draining
        settledVote = nil
        state.tenure += 1
        state.perform(.departed(departure))
        state.perform(.drainLog)
        report()
    }

    /// The log has everything on disk: the vote can be computed.
    package mutating func drained(now: Milliseconds) {
        guard case .draining = role else { return }
        state.now = now
        state.history.markDurable(state.history.lastLogged)
        if pendingHold != nil { return beginHold() }
        look()
    }

    private mutating func look() {
        logicalClock += 1
        // What was heard in an earlier election may have changed since.
        if case .empty = state.standing { state.standing = .empty }
        allEmptyAt = nil
        state.needsSnapshot = state.standing != .trusted
        let vote = initialVote
        role = .looking(
            Election(
                id: state.id, quorum: state.ensemble.quorum, timing: state.timing,
                initialVote: vote, supportsFrom: state.bound, absent: state.absent,
                logicalClock: logicalClock, now: state.now))
        report()
        withElection { _, _ in }
    }

    private var initialVote: Vote {
        guard state.isVoter else { return .none }
        return switch state.standing {
        case .trusted:
            Vote(leader: state.id, zxid: state.history.lastLogged, peerEpoch: state.currentEpoch)
        case .empty:
            Vote(leader: state.id, zxid: .untrusted, peerEpoch: Vote.emptyEpoch)
        case .mayHaveLost:
            Vote(leader: state.id, zxid: .untrusted, peerEpoch: Vote.lostEpoch)
        }
    }

    private mutating func settle(_ vote: Vote) {
        precondition(vote.leader != state.id || state.standing == .trusted)
        settledVote = vote
        if vote.leader == state.id {
            role = .leading(Leader(&state))
            report()
            withLeader { leader, state throws(Departure) in try leader.advance(&state) }
        } else {
            role = .following(
                Learner(leader: vote.leader, observes: observes, state: &state))
            report()
        }
    }

    // MARK: Questions

    var isLooking: Bool {
        if case .looking = role { true } else { false }
    }

    var isSynchronizedLearner: Bool {
        if case .following(let learner) = role { learner.statusPhase == .broadcast } else { false }
    }

    func withReadOnlyLeader<Answer>(_ question: (Leader) -> Answer) -> Answer? {
        if case .leading(let leader) = role { question(leader) } else { nil }
    }

    /// Tells one server what this one stands for. An observer's word decides nothing, so it gives
    /// none: a looking voter and a looking observer would answer each other for ever.
    mutating func answer(_ peer: PeerID) {
        guard !observes else { return }
        switch role {
        case .draining, .introducing, .held:
            break
        case .looking(let election):
            state.perform(
                .notify(
                    notification(.looking, election.proposal, election.logicalClock), peer))
        case .following, .leading:
            guard let settledVote else { return }
            let stand: Notification.State =
                settledVote.leader == state.id ? .leading : observes ? .observing : .following
            state.perform(
                .notify(notification(stand, settledVote, logicalClock), peer))
        }
    }

    private func notification(
        _ stand: Notification.State, _ vote: Vote, _ round: Int64
    ) -> Notification {
        Notification(
            state: stand, leader: vote.leader, zxid: vote.zxid, electionEpoch: round,
            peerEpoch: vote.peerEpoch, config: state.ensemble.configText,
            ensemble: state.isNameCommitted ? state.ensembleID : nil)
    }

    /// What holds between any two inputs, whatever peers and disks do.
    private func checkInvariants() {
        precondition(state.currentEpoch <= state.acceptedEpoch)
        precondition(state.history.lastCommitted <= state.history.lastLogged)
        precondition(state.history.durable <= state.history.lastLogged)
    }
}
