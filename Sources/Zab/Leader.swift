import DequeModule
import Jute

/// This server leading, from the discovery of its epoch to the broadcast.
///
/// - Source: quorum protocol reference, sections 5.1, 5.2, 5.5, 6.
struct Leader: Sendable {
    enum Phase: Equatable {
        /// Waits for FOLLOWERINFO of a quorum.
        case discovery
        /// LEADERINFO sent: waits for ACKEPOCH of a quorum.
        case promising(Epoch)
        /// NEWLEADER sent: waits for its ACK from a quorum.
        case synchronization(Epoch)
        case broadcast(Epoch)
    }

    /// A learner's connection.
    struct Follower: Sendable {
        enum Stage: Equatable {
            case connected
            /// Its FOLLOWERINFO came.
            case introduced
            /// LEADERINFO sent.
            case promising
            /// Its ACKEPOCH came: `last` is the end of its log.
            case promised(last: Zxid)
            /// Its synchronization is queued, ending with NEWLEADER; live traffic follows.
            case synchronizing
            /// NEWLEADER acknowledged.
            case acknowledged
            /// UPTODATE sent.
            case active
        }

        var id: PeerID?
        var observes = false
        var stage = Stage.connected
        var deadline: Milliseconds
        /// What NEWLEADER stands behind: its acknowledgement covers everything up to here.
        var synchronizedThrough = Zxid.zero
        /// Everything up to here is on its disk.
        var acknowledged = Zxid.zero
        /// The proposal whose acknowledgement is due next, and since when it is awaited.
        var awaited = Zxid.zero
        var awaitedSince: Milliseconds = 0
        /// PINGs since UPTODATE; earlier ones are not answered.
        var pingsSent = 0
        var pingsAnswered = 0

        /// Whether it gets proposals and commits as they happen.
        var isForwarding: Bool {
            switch stage {
            case .synchronizing, .acknowledged, .active: true
            case .connected, .introduced, .promising, .promised: false
            }
        }

        /// Whether what it acknowledges counts: only behind its acknowledgement of NEWLEADER.
        var countsForCommit: Bool { stage == .acknowledged || stage == .active }
    }

    private(set) var phase = Phase.discovery
    private var followers: [LearnerConnection: Follower] = [:]
    /// Negative ids for learners that do not say theirs.
    private var lastInventedID: PeerID = -1

    /// Own currentEpoch and last zxid at the election: what a follower may not be ahead of.
    private let initialEpoch: Epoch
    private let initialLast: Zxid
    /// Voters whose acceptedEpoch was heard, and those that promised the new one.
    private var introduced: Set<PeerID> = []
    private var promised: Set<PeerID> = []
    private var highestAcceptedEpoch: Epoch

    var nextZxid: Zxid = .zero
    private var reads = ReadRounds()

    private var phaseDeadline: Milliseconds
    private var nextPing: Milliseconds
    private var nextQuorumCheck: Milliseconds

    init(_ state: inout PeerState) {
        initialEpoch = state.currentEpoch
        initialLast = state.history.lastLogged
        highestAcceptedEpoch = max(state.acceptedEpoch, state.highestPromiseHeard)
        phaseDeadline = state.now + state.timing.initPeriod
        nextPing = state.now + state.timing.pingInterval
        nextQuorumCheck = state.now + state.timing.tickTime
        introduced = [state.id]
        promised = [state.id]
        state.perform(.listen)
    }

    var epoch: Epoch? {
        switch phase {
        case .discovery: nil
        case .promising(let epoch), .synchronization(let epoch), .broadcast(let epoch): epoch
        }
    }

    var isEstablished: Bool {
        if case .broadcast = phase { true } else { false }
    }

    var statusPhase: Status.Phase {
        switch phase {
        case .discovery, .promising: .discovery
        case .synchronization: .synchronization
        case .broadcast: .broadcast
        }
    }

    var nextDeadline: Milliseconds {
        min(nextPing, nextQuorumCheck, isEstablished ? .max : phaseDeadline)
    }

    /// Connections in a fixed order: that of a dictionary differs in every process.
    private var connections: [LearnerConnection] { followers.keys.sorted() }

    // MARK: Connections

    mutating func connected(_ connection: LearnerConnection, _ state: inout PeerState) {
        followers[connection] = Follower(
            deadline: state.now + state.timing.initPeriod + state.timing.syncPeriod)
    }

    mutating func closed(
        _ connection: LearnerConnection, _ state: inout PeerState
    ) throws(Departure) {
        followers[connection] = nil
        if isEstablished { try checkQuorum(state) }
    }

    private mutating func close(
        _ connection: LearnerConnection, _ reason: String, _ state: inout PeerState
    ) {
        followers[connection] = nil
        state.perform(.close(connection, reason: reason))
    }

    /// The leadership ends.
    mutating func leave(_ state: inout PeerState) {
        for connection in connections {
            close(connection, "leadership ended", &state)
        }
        state.perform(.stopListening)
        state.perform(.readsAbandoned)
    }

    /// A whole state went out to a learner: time for the rest of its synchronization.
    mutating func snapshotSent(_ connection: LearnerConnection, _ state: inout PeerState) {
        followers[connection]?.deadline = state.now + state.timing.initPeriod
    }

    mutating func receive(
        _ packet: QuorumPacket, from connection: LearnerConnection, _ state: inout PeerState
    ) throws(Departure) {
        guard let follower = followers[connection] else { return }
        switch follower.stage {
        case .connected:
            try introduce(packet, connection, &state)
        case .promising:
            promise(packet, connection, &state)
        case .synchronizing:
            acknowledgeNewLeader(packet, connection, &state)
        case .acknowledged, .active:
            let period = state.timing.syncPeriod
            followers[connection]?.deadline = state.now + period
            return receiveBroadcast(packet, connection, &state)
        case .introduced, .promised:
            close(connection, "\(packet.kind) before its turn", &state)
        }
        try advance(&state)
    }

    // MARK: Discovery

    private mutating func introduce(
        _ packet: QuorumPacket, _ connection: LearnerConnection, _ state: inout PeerState
    ) throws(Departure) {
        guard packet.kind == .followerInfo || packet.kind == .observerInfo else {
            return close(connection, "\(packet.kind) instead of FOLLOWERINFO", &state)
        }
        let info: LearnerInfo
        do throws(JuteError) {
            info = try LearnerInfo(data: packet.data)
        } catch {
            return close(connection, "malformed FOLLOWERINFO", &state)
        }
        guard info.protocolVersion >= LearnerInfo.currentProtocolVersion else {
            return close(connection, "protocol \(info.protocolVersion) is too old", &state)
        }
        guard info.configVersion <= state.ensemble.configVersion else {
            return close(connection, "its configuration is newer", &state)
        }
        let id = info.id ?? inventID()
        guard id != state.id else {
            return close(connection, "it has the id of this leader", &state)
        }
        if let older = connections.first(where: { followers[$0]?.id == id }) {
            close(older, "server \(id) connected again", &state)
        }
        followers[connection]?.id = id
        followers[connection]?.observes = packet.kind == .observerInfo
        followers[connection]?.stage = .introduced
        guard state.ensemble.voters.contains(id), packet.kind == .followerInfo else { return }
        let accepted = packet.zxid.epoch
        state.highestPromiseHeard = max(state.highestPromiseHeard, accepted)
        guard let epoch else {
            introduced.insert(id)
            highestAcceptedEpoch = max(highestAcceptedEpoch, accepted)
            return
        }
        // It may never follow this leader, and would stay outside for as long as this one leads.
        guard accepted <= epoch else {
            throw Departure("server \(id) has promised epoch \(accepted)")
        }
    }

    private mutating func inventID() -> PeerID {
        lastInventedID -= 1
        return lastInventedID
    }

    private mutating func promise(
        _ packet: QuorumPacket, _ connection: LearnerConnection, _ state: inout PeerState
    ) {
        guard packet.kind == .ackEpoch, let data = packet.data else {
            return close(connection, "\(packet.kind) instead of ACKEPOCH", &state)
        }
        let currentEpoch: Epoch
        do throws(JuteError) {
            var reader = JuteReader(data)
            currentEpoch = Epoch(try reader.readInt())
        } catch {
            return close(connection, "malformed ACKEPOCH", &state)
        }
        if currentEpoch != -1, case .promising = phase {
            guard (currentEpoch, packet.zxid) <= (initialEpoch, initialLast) else {
                return close(connection, "it is ahead of this leader", &state)
            }
            if let follower = followers[connection], let id = follower.id, !follower.observes,
                packet.zxid != .untrusted, state.ensemble.voters.contains(id)
            {
                promised.insert(id)
            }
        }
        followers[connection]?.stage = .promised(last: packet.zxid)
    }

    // MARK: Progress

    /// Does whatever has become possible.
    mutating func advance(_ state: inout PeerState) throws(Departure) {
        if case .discovery = phase, state.ensemble.quorum.isQuorum(introduced) {
            let epoch = highestAcceptedEpoch + 1
            guard epoch <= Epoch(Int32.max) else { throw Departure("the epochs are used up") }
            state.accept(epoch)
            phase = .promising(epoch)
            phaseDeadline = state.now + state.timing.initPeriod
        }
        if let epoch {
            sendLeaderInfo(epoch, &state)
        }
        if case .promising(let epoch) = phase, state.ensemble.quorum.isQuorum(promised) {
            state.enter(epoch)
            nextZxid = Zxid(epoch: epoch, counter: 1)
            phase = .synchronization(epoch)
            phaseDeadline = state.now + state.timing.initPeriod
        }
        switch phase {
        case .discovery, .promising:
            break
        case .synchronization(let epoch):
            synchronizeFollowers(epoch, &state)
            if state.ensemble.quorum.isQuorum(newLeaderAcknowledgements(state)) {
                establish(epoch, &state)
            }
        case .broadcast(let epoch):
            synchronizeFollowers(epoch, &state)
            activateFollowers(&state)
        }
    }

    private mutating func sendLeaderInfo(_ epoch: Epoch, _ state: inout PeerState) {
        for connection in connections where followers[connection]?.stage == .introduced {
            followers[connection]?.stage = .promising
            var data = JuteWriter(reserving: 4)
            data.write(int: LearnerInfo.currentProtocolVersion)
            state.perform(
                .send(
                    QuorumPacket(
                        .leaderInfo, zxid: Zxid(epoch: epoch, counter: 0), data: data.bytes),
                    connection))
        }
    }

    /// Those that hold this leader's whole history durably. Its own voice needs its own disk.
    private func newLeaderAcknowledgements(_ state: PeerState) -> Set<PeerID> {
        var acknowledged: Set<PeerID> = state.history.durable >= initialLast ? [state.id] : []
        for follower in followers.values where follower.stage == .acknowledged {
            if let id = follower.id, !follower.observes { acknowledged.insert(id) }
        }
        return acknowledged
    }

    private mutating func establish(_ epoch: Epoch, _ state: inout PeerState) {
        phase = .broadcast(epoch)
        while state.history.hasUncommitted {
            state.deliverNext()
        }
        activateFollowers(&state)
    }

    private mutating func activateFollowers(_ state: inout PeerState) {
        for connection in connections where followers[connection]?.stage == .acknowledged {
            followers[connection]?.stage = .active
            followers[connection]?.deadline = state.now + state.timing.syncPeriod
            state.perform(.send(QuorumPacket(.upToDate, zxid: .untrusted), connection))
        }
    }

    // MARK: Synchronization

    private mutating func synchronizeFollowers(_ epoch: Epoch, _ state: inout PeerState) {
        for connection in connections {
            guard case .promised(let last) = followers[connection]?.stage else { continue }
            synchronize(connection, last: last, epoch, &state)
        }
    }

    /// Queues a learner's whole synchronization and registers it for live traffic, in one step.
    ///
    /// NEWLEADER stands before every uncommitted proposal: a Java 3.8 follower cannot take a
    /// commit between NEWLEADER and UPTODATE of what was proposed before (ZOOKEEPER-4394).
    private mutating func synchronize(
        _ connection: LearnerConnection, last: Zxid, _ epoch: Epoch, _ state: inout PeerState
    ) {
        let committed = isEstablished ? state.history.lastCommitted : initialLast
        var sent: Zxid
        switch SyncPlan.choose(last: last, history: state.history, committed: committed) {
        case .diff(let zxid, let after):
            state.perform(.send(QuorumPacket(.diff, zxid: zxid), connection))
            sent = after
        case .trunc(let zxid):
            state.perform(.send(QuorumPacket(.trunc, zxid: zxid), connection))
            sent = zxid
        case .snap:
            state.perform(.sendSnapshot(connection))
            sent = state.history.lastCommitted
        }
        if sent < committed {
            for entry in state.history.entries(after: sent, through: committed) {
                sendProposal(entry, connection, &state)
                state.perform(.send(QuorumPacket(.commit, zxid: entry.zxid), connection))
            }
        }
        state.perform(
            .send(
                QuorumPacket(
                    .newLeader, zxid: Zxid(epoch: epoch, counter: 0),
                    data: state.ensemble.configText),
                connection))
        followers[connection]?.synchronizedThrough = committed
        followers[connection]?.stage = .synchronizing
        followers[connection]?.deadline = state.now + state.timing.initPeriod
        guard followers[connection]?.observes == false, isEstablished else { return }
        for entry in state.history.uncommitted {
            sendProposal(entry, connection, &state)
        }
    }

    private func sendProposal(
        _ proposal: Proposal, _ connection: LearnerConnection, _ state: inout PeerState
    ) {
        state.perform(
            .send(
                QuorumPacket(.proposal, zxid: proposal.zxid, data: proposal.payload), connection))
    }

    private mutating func acknowledgeNewLeader(
        _ packet: QuorumPacket, _ connection: LearnerConnection, _ state: inout PeerState
    ) {
        guard packet.kind == .ack else {
            return close(connection, "\(packet.kind) instead of the ACK of NEWLEADER", &state)
        }
        guard packet.zxid == epoch.map({ Zxid(epoch: $0, counter: 0) }) else {
            // The log of a Java follower before 3.8.5 may be faster than its acknowledgement of
            // NEWLEADER (ZOOKEEPER-4685). It counts from then on.
            return noteAcknowledgement(packet.zxid, connection, &state)
        }
        if let follower = followers[connection] {
            followers[connection]?.acknowledged = max(
                follower.acknowledged, follower.synchronizedThrough)
        }
        followers[connection]?.stage = .acknowledged
        followers[connection]?.deadline = state.now + state.timing.initPeriod
    }

    // MARK: Broadcast

    private mutating func receiveBroadcast(
        _ packet: QuorumPacket, _ connection: LearnerConnection, _ state: inout PeerState
    ) {
        switch packet.kind {
        case .ack:
            receiveAcknowledgement(packet.zxid, connection, &state)
        case .ping:
            if followers[connection]?.stage == .active {
                followers[connection]?.pingsAnswered += 1
                confirmReads(&state)
            }
            forward(packet, connection, &state) { data throws(JuteError) in
                .touched(try SessionTouch.list(data: data))
            }
        case .revalidate:
            forward(packet, connection, &state) { data throws(JuteError) in
                var reader = JuteReader(data ?? [])
                return .revalidate(try SessionTouch(from: &reader), connection)
            }
        case .request:
            receiveRequest(packet, connection, &state)
        default:
            break
        }
    }

    private mutating func forward(
        _ packet: QuorumPacket, _ connection: LearnerConnection, _ state: inout PeerState,
        _ effect: ([UInt8]?) throws(JuteError) -> Effect
    ) {
        do throws(JuteError) {
            state.perform(try effect(packet.data))
        } catch {
            close(connection, "malformed \(packet.kind)", &state)
        }
    }

    private mutating func receiveRequest(
        _ packet: QuorumPacket, _ connection: LearnerConnection, _ state: inout PeerState
    ) {
        guard followers[connection]?.stage == .active else {
            return close(connection, "REQUEST before UPTODATE", &state)
        }
        do throws(JuteError) {
            let request = try ForwardedRequest(data: packet.data)
            if request.code == .sync {
                beginRead(.learner(connection), &state)
            } else {
                state.perform(
                    .forwarded(request, identities: packet.identities ?? [], connection))
            }
        } catch {
            close(connection, "malformed REQUEST", &state)
        }
    }

    private mutating func receiveAcknowledgement(
        _ zxid: Zxid, _ connection: LearnerConnection, _ state: inout PeerState
    ) {
        noteAcknowledgement(zxid, connection, &state)
        if zxid > state.history.lastCommitted { commit(&state) }
    }

    private mutating func noteAcknowledgement(
        _ zxid: Zxid, _ connection: LearnerConnection, _ state: inout PeerState
    ) {
        // The second ACK of NEWLEADER, or one of an observer: neither counts.
        guard !zxid.beginsEpoch, let follower = followers[connection], !follower.observes else {
            return
        }
        guard zxid <= state.history.lastLogged else {
            return close(connection, "ACK \(zxid) of what was never proposed", &state)
        }
        followers[connection]?.acknowledged = max(follower.acknowledged, zxid)
    }

    /// The zxid that the next proposal gets, or nil while this leader may not propose.
    ///
    /// - Throws: When the counter of this epoch is used up (ZOOKEEPER-1277).
    func zxidOfNextProposal() throws(Departure) -> Zxid? {
        guard isEstablished else { return nil }
        guard nextZxid.counter < UInt32.max else { throw Departure("the counter is used up") }
        return nextZxid
    }

    /// Sends a transaction to everybody's log, its own included, without waiting for earlier ones.
    mutating func propose(_ proposal: Proposal, _ state: inout PeerState) {
        precondition(isEstablished && proposal.zxid == nextZxid)
        nextZxid = nextZxid.next
        for connection in connections {
            guard let follower = followers[connection], follower.isForwarding, !follower.observes
            else { continue }
            sendProposal(proposal, connection, &state)
        }
        state.append(proposal)
    }

    mutating func logged(_ state: inout PeerState) throws(Departure) {
        if isEstablished { commit(&state) } else { try advance(&state) }
    }

    /// Commits what a quorum has on disk, strictly in zxid order.
    private mutating func commit(_ state: inout PeerState) {
        guard isEstablished, state.history.hasUncommitted else { return }
        var acknowledged = [state.id: state.history.durable]
        for follower in followers.values where !follower.observes && follower.countsForCommit {
            if let id = follower.id { acknowledged[id] = follower.acknowledged }
        }
        let candidates = Set(acknowledged.values).sorted(by: >)
        let limit = candidates.first { zxid in
            state.ensemble.quorum.isQuorum(Set(acknowledged.filter { $0.value >= zxid }.keys))
        }
        guard let limit else { return }
        while let next = state.history.firstUncommitted, next.zxid <= limit {
            for connection in connections {
                guard let follower = followers[connection], follower.isForwarding else {
                    continue
                }
                let packet =
                    follower.observes
                    ? QuorumPacket(.inform, zxid: next.zxid, data: next.payload)
                    : QuorumPacket(.commit, zxid: next.zxid)
                state.perform(.send(packet, connection))
            }
            state.deliverNext()
        }
    }

    // MARK: Linearizable reads

    mutating func beginRead(_ reader: ReadRounds.Reader, _ state: inout PeerState) {
        var expected: [LearnerConnection: Int] = [:]
        for connection in connections where followers[connection]?.stage == .active {
            ping(connection, &state)
            expected[connection] = followers[connection]?.pingsSent
        }
        reads.begin(reader, through: state.history.lastCommitted, expected: expected)
        confirmReads(&state)
    }

    /// Answers the reads for which a quorum has replied to a PING sent after they came: no other
    /// leader was established before them. On a connection that became active after the read, that
    /// is any PING. A SYNC is answered on the ordered connection, behind
    /// every commit it must see.
    private mutating func confirmReads(_ state: inout PeerState) {
        let confirmed = reads.takeConfirmed { round in
            var voices: Set<PeerID> = [state.id]
            for (connection, follower) in followers where !follower.observes {
                if let id = follower.id,
                    follower.pingsAnswered >= round.expected[connection] ?? 1
                {
                    voices.insert(id)
                }
            }
            return state.ensemble.quorum.isQuorum(voices)
        }
        for round in confirmed {
            switch round.reader {
            case .own(let token):
                state.perform(.readConfirmed(token, through: round.through))
            case .learner(let connection):
                if followers[connection] != nil {
                    state.perform(.send(QuorumPacket(.sync, zxid: .zero), connection))
                }
            }
        }
    }

    // MARK: Time

    mutating func tick(_ state: inout PeerState) throws(Departure) {
        if !isEstablished, state.now >= phaseDeadline {
            throw Departure("no quorum joined within the initLimit")
        }
        if state.now >= nextPing {
            nextPing = state.now + state.timing.pingInterval
            pingFollowers(&state)
        }
        if state.now >= nextQuorumCheck {
            nextQuorumCheck = state.now + state.timing.tickTime
            dropSilentFollowers(&state)
            if isEstablished { try checkQuorum(state) }
        }
    }

    private mutating func pingFollowers(_ state: inout PeerState) {
        for connection in connections {
            guard followers[connection]?.isForwarding == true else { continue }
            if isOverdue(connection, state) {
                close(connection, "a proposal is unacknowledged for too long", &state)
            } else {
                ping(connection, &state)
            }
        }
    }

    /// Whether a follower acknowledges proposals too late, whether or not a quorum goes on without
    /// it. As exact as the interval of the PINGs.
    private mutating func isOverdue(_ connection: LearnerConnection, _ state: PeerState) -> Bool {
        guard let follower = followers[connection], follower.stage == .active, !follower.observes
        else { return false }
        guard follower.acknowledged >= follower.awaited else {
            return state.now - follower.awaitedSince > state.timing.syncPeriod
        }
        followers[connection]?.awaited = state.history.lastLogged
        followers[connection]?.awaitedSince = state.now
        return false
    }

    private mutating func ping(_ connection: LearnerConnection, _ state: inout PeerState) {
        if followers[connection]?.stage == .active { followers[connection]?.pingsSent += 1 }
        state.perform(.send(QuorumPacket(.ping, zxid: state.history.lastLogged), connection))
    }

    private mutating func dropSilentFollowers(_ state: inout PeerState) {
        for connection in connections {
            if let follower = followers[connection], state.now >= follower.deadline {
                close(connection, "silent for too long", &state)
            }
        }
    }

    private func checkQuorum(_ state: PeerState) throws(Departure) {
        var present: Set<PeerID> = [state.id]
        for follower in followers.values where !follower.observes {
            if let id = follower.id, follower.stage != .connected { present.insert(id) }
        }
        guard state.ensemble.quorum.isQuorum(present) else {
            throw Departure("no quorum follows any more")
        }
    }

    // MARK: For people

    /// The servers that follow or observe now, with what they have on disk.
    func learners() -> [(id: PeerID, acknowledged: Zxid, isActive: Bool)] {
        connections.compactMap { connection in
            guard let follower = followers[connection], let id = follower.id else { return nil }
            return (id, follower.acknowledged, follower.stage == .active)
        }
    }

    func peer(of connection: LearnerConnection) -> PeerID? {
        followers[connection]?.id
    }
}
