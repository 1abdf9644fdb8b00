import Jute
import Zab

extension SimulatedEnsemble {
    mutating func handle(_ event: Event) {
        let now = events.now
        switch event {
        case .notification(let notification, let sender, let receiver, let life):
            step(receiver, life: life) { $0.receive(notification, from: sender, now: now) }
        case .lost(let server, let observer, let life):
            step(observer, life: life) { $0.lost(server, now: now) }
        case .dial(let learner, let leader, let life):
            dial(from: learner, to: leader, life: life)
        case .packet(let packet, let connection, let toLeader):
            deliver(packet, on: connection, toLeader: toLeader)
        case .snapshot(let state, let connection):
            deliver(state, on: connection)
        case .closed(let connection, let atLeader):
            closed(connection, atLeader: atLeader)
        case .tick(let id, let life):
            step(id, life: life) { $0.tick(now: now) }
            if isRunning(id, life: life) { scheduleTick(id) }
        case .synced(let id, let life, let count, let through, let tenure):
            synced(id, life: life, count: count, through: through, tenure: tenure)
        case .installed(let id, let life):
            installed(id, life: life)
        case .restart(let id):
            start(id)
        case .powerFailure:
            if isChaotic { failPower() }
        case .damageFollowers:
            if isChaotic { damageFollowers() }
        case .request:
            if now >= quietUntil { request() }
            scheduleNext(.request, within: 60)
        case .read:
            read()
            scheduleNext(.read, within: 200)
        case .disturbance:
            guard isChaotic else { return }
            disturb()
            events.add(.disturbance, after: disturbanceDelay())
        }
    }

    private mutating func scheduleNext(_ event: Event, within limit: Int64) {
        events.add(event, after: Int64.random(in: 1...limit, using: &random))
    }

    /// Lets a server take an input, and does what it says.
    mutating func step(_ id: PeerID, life: Int? = nil, _ input: (inout Peer) -> Void) {
        guard isRunning(id, life: life), servers[id]?.isFrozen == false else { return }
        servers[id]?.take(input)
        performEffects(of: id)
    }

    /// Whether a server is up, in the given life if one is given.
    func isRunning(_ id: PeerID, life: Int? = nil) -> Bool {
        servers[id]?.peer != nil && (life == nil || life == servers[id]?.life)
    }

    private mutating func performEffects(of id: PeerID) {
        while let effects = servers[id]?.peer?.takeEffects(), !effects.isEmpty {
            for effect in effects {
                if isChaotic, random.oneIn(faults.crashDuringStepRate) {
                    note("\(id) crashes before \(effect)")
                    return crash(id)
                }
                perform(effect, of: id)
                guard servers[id]?.peer != nil else { return }
            }
        }
    }

    // MARK: Life and death

    mutating func start(_ id: PeerID) {
        guard var server = servers[id], server.peer == nil else { return }
        server.life += 1
        server.isFrozen = false
        server.state = server.disk.snapshot
        let watermark = max(server.disk.committedWatermark, server.disk.snapshot.lastApplied)
        for proposal in server.disk.log where proposal.zxid <= watermark {
            server.state.apply(proposal)
        }
        let lastLogged = server.disk.log.last?.zxid ?? server.disk.snapshot.lastApplied
        // A crash between the data of an epoch and its file (ZOOKEEPER-1653).
        if server.disk.currentEpoch < lastLogged.epoch {
            precondition(lastLogged.epoch <= server.disk.acceptedEpoch)
            server.disk.currentEpoch = lastLogged.epoch
        }
        server.disk.readStanding()
        server.peer = Peer(
            id: id, ensemble: ensemble, timing: Timing(),
            history: History(
                floor: server.disk.snapshot.lastApplied, proposals: server.disk.log,
                lastCommitted: server.state.lastApplied,
                limits: .init(count: Int(random.next() % 3) * 20 + 5)),
            acceptedEpoch: server.disk.acceptedEpoch, currentEpoch: server.disk.currentEpoch,
            standing: server.disk.standing, now: events.now)
        // The first transaction says whose history it is.
        if lastLogged > .zero {
            server.peer?.know(1, isCommitted: server.state.lastApplied > .zero)
        }
        servers[id] = server
        note("\(id) starts at \(lastLogged), committed \(server.state.lastApplied)")
        let now = events.now
        step(id) { $0.start(now: now) }
        scheduleTick(id)
        repeatOldNotifications(to: id)
    }

    /// A new connection begins with the last message of the old one, however old (reference
    /// section 2.3).
    private mutating func repeatOldNotifications(to id: PeerID) {
        guard let life = servers[id]?.life else { return }
        for sender in serverIDs where isRunning(sender) && random.oneIn(2) {
            let link = Link(from: sender, to: id)
            guard let last = lastNotifications[link], !blocked.contains(link) else { continue }
            events.add(.notification(last, from: sender, to: id, life: life), after: 0)
        }
    }

    func deadline(of id: PeerID) -> Int64 {
        servers[id]?.peer?.nextDeadline ?? .max
    }

    mutating func scheduleTick(_ id: PeerID) {
        guard let life = servers[id]?.life else { return }
        let wait = min(50, max(1, deadline(of: id) - events.now))
        events.add(.tick(id, life: life), after: wait)
    }

    mutating func crash(_ id: PeerID) {
        guard var server = servers[id], server.peer != nil else { return }
        counters.crashes += 1
        note("\(id) crashes")
        server.peer = nil
        server.staged = nil
        server.isInstalling = false
        server.awaitedSyncs = []
        server.isListening = false
        server.isSyncing = false
        server.uplink = nil
        server.disk.crash(using: &random)
        servers[id] = server
        for other in serverIDs {
            lastNotifications[Link(from: id, to: other)] = nil
            guard other != id, let observer = servers[other],
                !blocked.contains(Link(from: id, to: other))
            else { continue }
            events.add(.lost(of: id, at: other, life: observer.life), after: delay())
        }
        for (number, connection) in connections.sorted(by: { $0.key < $1.key })
        where connection.learner == id || connection.leader == id {
            hangUp(number, from: id)
        }
    }

    mutating func disturb() {
        let id = serverIDs.randomElement(using: &random) ?? 1
        switch Int.random(in: 0..<18, using: &random) {
        case 0, 1:
            crash(id)
        case 2:
            if let leader { crash(leader) }
        case 11:
            if let leader { isolate([leader], symmetric: true) }
        case 12, 13:
            strandLeader()
        case 14:
            lose(id)
        case 15:
            failPower()
        case 16:
            starve()
        case 3, 4, 5, 6:
            for id in serverIDs where servers[id]?.peer == nil { start(id) }
        case 7:
            partition(symmetric: true)
        case 8:
            partition(symmetric: false)
        case 9:
            blocked = []
        case 10:
            servers[id]?.isFrozen = true
            note("\(id) freezes")
        default:
            thaw()
        }
    }

    /// The leader crashes with its last proposals on its own disk only: the tail that a TRUNC has to
    /// cut, if it comes back before the next leader has written anything.
    private mutating func strandLeader() {
        guard let leader, servers[leader]?.isFrozen == false else { return }
        let now = events.now
        for _ in 1...3 {
            let payload = payload(of: nextValue)
            nextValue += 1
            servers[leader]?.take { peer in
                guard let zxid = peer.zxidOfNextProposal(now: now) else { return }
                peer.propose(Proposal(zxid: zxid, payload: payload), now: now)
            }
        }
        for case .append(let proposal, _) in servers[leader]?.peer?.takeEffects() ?? [] {
            servers[leader]?.disk.log.append(proposal)
        }
        syncEverything(leader)
        crash(leader)
        quietUntil = now + 5000
        events.add(.restart(leader), after: Int64.random(in: 500...3000, using: &random))
    }

    /// Everybody loses what is not synced at once, and only the leader, whose disk may be the last
    /// to hold what was acknowledged too early, stays down.
    mutating func failPower() {
        let leader = leader
        note("the power fails")
        for id in serverIDs { crash(id) }
        for id in serverIDs where id != leader { start(id) }
    }

    /// A disk is emptied or damaged.
    ///
    /// Without a bound it is the only one: more than that no protocol survives. With one there may
    /// be several, as long as a whole server has what all of them had: an ensemble that has lost
    /// a transaction for good does not go on, by rights.
    private mutating func lose(_ id: PeerID) {
        let allAreWhole = servers.values.allSatisfy { $0.disk.standing == .trusted }
        guard allAreWhole || servers.values.allSatisfy(\.disk.isWholeOrBounded) else { return }
        crash(id)
        switch Int.random(in: 0..<4, using: &random) {
        case 0 where allAreWhole:
            counters.wipes += 1
            note("\(id) loses everything")
            servers[id]?.disk = SimulatedDisk()
            servers[id]?.disk.standing = .empty
        case 1 where allAreWhole:
            counters.damages += 1
            note("\(id) loses a part, and its epochs")
            servers[id]?.disk.damage(losingEpochs: true, using: &random)
        default:
            guard othersMakeUp(for: id) else { return }
            counters.boundedDamages += 1
            note("\(id) loses a part")
            servers[id]?.disk.damage(losingEpochs: false, using: &random)
        }
        if random.oneIn(2) { start(id) }
    }

    /// Whether a whole voter has everything that this disk and the damaged ones ever had.
    private func othersMakeUp(for id: PeerID) -> Bool {
        let lost = servers.values.compactMap { server in
            let bound = server.disk.standing.lossBound
            return server.id == id ? max(server.disk.end, bound ?? server.disk.end) : bound
        }
        let whole = servers.values.filter { server in
            server.id != id && server.disk.standing == .trusted
                && ensemble.voters.contains(server.id)
        }
        return whole.contains { server in lost.allSatisfy { $0 <= server.disk.end } }
    }

    /// A bare quorum goes on, so that the others fall behind; then its followers are damaged.
    private mutating func starve() {
        guard let leader else { return }
        let others = ensemble.sortedVoters.filter { $0 != leader }
        for id in others.prefix((others.count + 1) / 2) { crash(id) }
        events.add(.damageFollowers, after: Int64.random(in: 100...2000, using: &random))
    }

    /// What was acknowledged is now on the disk of the leader alone, which is down, and those that
    /// are up are behind or damaged: the ones must not lead on the word of the others.
    private mutating func damageFollowers() {
        guard let leader else { return }
        let followers = ensemble.sortedVoters.filter { $0 != leader && isRunning($0) }
        crash(leader)
        for id in followers {
            crash(id)
            let isAllowed = servers.values.allSatisfy(\.disk.isWholeOrBounded)
            guard isAllowed, othersMakeUp(for: id) else { continue }
            counters.boundedDamages += 1
            note("\(id) loses a part")
            servers[id]?.disk.damage(losingEpochs: false, using: &random)
        }
        for id in serverIDs where id != leader { start(id) }
        events.add(.restart(leader), after: Int64.random(in: 500...10_000, using: &random))
    }

    private mutating func thaw() {
        for id in serverIDs where servers[id]?.isFrozen == true {
            servers[id]?.isFrozen = false
            note("\(id) goes on")
        }
    }

    private var leader: PeerID? {
        servers.values.filter { $0.peer?.status.role == .leading }.map(\.id).min()
    }

    private mutating func partition(symmetric: Bool) {
        isolate(Set(serverIDs.filter { _ in random.oneIn(2) }), symmetric: symmetric)
    }

    private mutating func isolate(_ side: Set<PeerID>, symmetric: Bool) {
        blocked = []
        for one in serverIDs where side.contains(one) {
            for other in serverIDs where !side.contains(other) {
                blocked.insert(Link(from: one, to: other))
                if symmetric { blocked.insert(Link(from: other, to: one)) }
            }
        }
        note("partition \(side.sorted()) \(symmetric ? "both ways" : "one way")")
    }

    mutating func heal() {
        note("heal")
        blocked = []
        thaw()
        for id in serverIDs { start(id) }
    }

    // MARK: Clients

    private mutating func request() {
        guard let id = serverIDs.randomElement(using: &random) else { return }
        let value = nextValue
        nextValue += 1
        let now = events.now
        let request = ForwardedRequest(
            session: .none, cxid: 0, code: .setData, body: payload(of: value))
        var isLeader = false
        step(id) { peer in
            isLeader = peer.zxidOfNextProposal(now: now) != nil
            if !isLeader { _ = peer.forward(request, identities: nil, now: now) }
        }
        if isLeader { propose(request.body, at: id) }
    }

    mutating func propose(_ payload: [UInt8], at id: PeerID) {
        let now = events.now
        step(id) { peer in
            guard let zxid = peer.zxidOfNextProposal(now: now) else { return }
            peer.propose(Proposal(zxid: zxid, payload: payload), now: now)
        }
    }

    private mutating func read() {
        guard let id = serverIDs.randomElement(using: &random) else { return }
        let token = nextRead
        nextRead += 1
        let now = events.now
        let floor = lastAcknowledged
        reads[token] = floor
        var isOwn = false
        var isForwarded = false
        let sync = ForwardedRequest(session: .none, cxid: 0, code: .sync, body: [])
        step(id) { peer in
            isOwn = peer.confirmRead(token, now: now)
            if !isOwn { isForwarded = peer.forward(sync, identities: nil, now: now) }
        }
        if !isOwn { reads[token] = nil }
        if isForwarded, isRunning(id) { servers[id]?.awaitedSyncs.append(floor) }
    }

    /// The leader has answered the oldest SYNC.
    mutating func synced(through: Zxid, at id: PeerID) {
        guard let floor = servers[id]?.awaitedSyncs.first else { return }
        servers[id]?.awaitedSyncs.removeFirst()
        counters.syncs += 1
        if through < floor {
            fail("a SYNC at \(id) reached \(through) after \(floor) was acknowledged")
        }
    }

    mutating func readConfirmed(_ token: ReadToken, through: Zxid, at id: PeerID) {
        guard let floor = reads.removeValue(forKey: token) else { return }
        counters.reads += 1
        if through < floor {
            fail("a linearizable read at \(id) got \(through) after \(floor) was acknowledged")
        }
    }

    // MARK: State

    mutating func deliver(_ proposal: Proposal, at id: PeerID) {
        if servers[id]?.staged != nil {
            servers[id]?.staged?.apply(proposal)
            return
        }
        servers[id]?.state.apply(proposal)
        checkAgreement(id)
        if servers[id]?.peer?.status.role == .leading { acknowledge(proposal) }
        snapshotNowAndThen(id)
    }

    private mutating func acknowledge(_ proposal: Proposal) {
        let value = proposal.payload.reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        acknowledged[value] = proposal.zxid
        counters.acknowledged += 1
        lastAcknowledged = max(lastAcknowledged, proposal.zxid)
    }

    /// Agreement and total order: what this server delivered last is what every other delivered at
    /// the same place.
    private mutating func checkAgreement(_ id: PeerID) {
        guard let transactions = servers[id]?.state.transactions, let last = transactions.last
        else { return }
        let place = transactions.count - 1
        if place < history.count {
            if history[place] != last {
                fail("\(id) delivered \(last.zxid) where \(history[place].zxid) belongs")
            }
        } else if place == history.count {
            if let previous = history.last, !last.zxid.directlyFollows(previous.zxid) {
                fail("\(id) delivered \(last.zxid) directly after \(previous.zxid)")
            }
            history.append(last)
        } else {
            fail("\(id) delivered \(last.zxid) at place \(place), past \(history.count)")
        }
    }

    /// A state taken over whole must be a part of the one history.
    mutating func checkWholeState(_ id: PeerID) {
        guard let transactions = servers[id]?.state.transactions else { return }
        for (place, transaction) in transactions.enumerated() {
            if place < history.count {
                if history[place] != transaction {
                    return fail("\(id) holds \(transaction.zxid) at place \(place)")
                }
            } else {
                history.append(transaction)
            }
        }
    }

    private mutating func snapshotNowAndThen(_ id: PeerID) {
        servers[id]?.sinceSnapshot += 1
        guard var server = servers[id], let peer = server.peer, server.sinceSnapshot > 30,
            peer.state.history.durable >= server.state.lastApplied
        else { return }
        server.sinceSnapshot = 0
        let obsolete = server.disk.log.prefix { $0.zxid <= server.state.lastApplied }.count
        server.disk.snapshot = server.state
        server.disk.log.removeFirst(obsolete)
        server.disk.syncedCount -= min(obsolete, server.disk.syncedCount)
        servers[id] = server
    }
}
