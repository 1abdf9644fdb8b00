import Jute
import Zab

extension SimulatedEnsemble {
    /// Does what a server says. Everything that its comment calls durable or synchronous is.
    mutating func perform(_ effect: Effect, of id: PeerID) {
        let now = events.now
        switch effect {
        case .notify(let notification, let receiver):
            notify(notification, from: id, to: receiver)
        case .saveAcceptedEpoch(let epoch):
            servers[id]?.disk.acceptedEpoch = epoch
        case .saveCurrentEpoch(let epoch):
            servers[id]?.disk.currentEpoch = epoch
        case .trustHistory:
            counters.trusts += 1
            servers[id]?.disk.standing = .trusted
        case .append(let proposal, _):
            servers[id]?.disk.log.append(proposal)
            beginSync(id)
        case .drainLog:
            syncEverything(id)
            servers[id]?.peer?.drained(now: now)
        case .truncateLog(let zxid):
            syncEverything(id)
            servers[id]?.disk.log.removeAll { $0.zxid > zxid }
            syncEverything(id)
            counters.truncs += 1
            let reaches = servers[id].map { $0.disk.snapshot.lastApplied <= zxid } ?? false
            servers[id]?.peer?.truncated(succeeded: reaches, now: now)
        case .connect(let leader):
            guard let life = servers[id]?.life else { return }
            events.add(.dial(from: id, to: leader, life: life), after: delay())
        case .sendToLeader(let packet), .answerPing(let packet):
            guard let connection = servers[id]?.uplink else { return }
            var packet = packet
            if packet.kind == .ping { packet.data = [] }
            if packet.kind == .ackEpoch, packet.zxid != .untrusted,
                servers[id]?.disk.standing != .trusted
            {
                counters.countedPromises += 1
            }
            send(
                .packet(packet, connection: connection, toLeader: true), on: connection,
                toLeader: true)
        case .disconnectFromLeader:
            if let connection = servers[id]?.uplink { hangUp(connection, from: id) }
            servers[id]?.uplink = nil
        case .beginSnapshot:
            counters.snaps += 1
            servers[id]?.staged = SimulatedState()
        case .installSnapshot:
            guard let life = servers[id]?.life else { return }
            servers[id]?.isInstalling = true
            events.add(.installed(id, life: life), after: delay())
        case .discardSnapshot:
            discardSnapshot(id)
        case .listen:
            counters.elections += 1
            servers[id]?.isListening = true
        case .stopListening:
            servers[id]?.isListening = false
        case .send(let packet, let connection):
            send(
                .packet(packet, connection: connection, toLeader: false), on: connection,
                toLeader: false)
        case .sendSnapshot(let connection):
            guard let state = servers[id]?.state else { return }
            send(.snapshot(state, connection: connection), on: connection, toLeader: false)
        case .close(let connection, _):
            hangUp(connection, from: id)
        case .forwarded(let request, _, _):
            propose(request.body, at: id)
        case .readConfirmed(let token, let through):
            readConfirmed(token, through: through, at: id)
        case .deliver(let proposal):
            deliver(proposal, at: id)
        case .changed(let status):
            changed(status, of: id)
        case .departed(let departure):
            note("\(id) leaves: \(departure.reason)")
            servers[id]?.awaitedSyncs = []
        case .saveLoss:
            fail("\(id) doubts its state")
        case .inspected:
            fail("\(id) is held")
        case .exceedsTruncation:
            fail("\(id) wants to ask a person")
        case .metStranger(let server, _):
            fail("\(id) takes \(server) for a stranger")
        case .synced(let through):
            synced(through: through, at: id)
        case .revalidated, .revalidate, .touched, .readsAbandoned:
            break
        }
    }

    private mutating func changed(_ status: Status, of id: PeerID) {
        note("\(id) is \(status.role) in \(status.phase), epoch \(status.epoch)")
        guard status.phase == .broadcast else { return }
        if status.synchronizedBy == .diff { counters.diffs += 1 }
        checkWholeState(id)
        guard status.role == .leading else { return }
        if let other = leaders[status.epoch], other != id {
            fail("\(id) and \(other) both lead epoch \(status.epoch)")
        }
        leaders[status.epoch] = id
        // What the quorum has just acknowledged had better be on its disks.
        if isChaotic, random.oneIn(8) {
            events.add(
                .powerFailure, after: Int64.random(in: 0...faults.syncDelay, using: &random))
        }
    }

    // MARK: Log

    private mutating func beginSync(_ id: PeerID) {
        guard let server = servers[id], !server.isSyncing, let peer = server.peer,
            let last = server.disk.log.last
        else { return }
        servers[id]?.isSyncing = true
        events.add(
            .synced(
                id, life: server.life, count: server.disk.log.count, through: last.zxid,
                tenure: peer.state.tenure),
            after: Int64.random(in: 0...faults.syncDelay, using: &random))
    }

    mutating func synced(_ id: PeerID, life: Int, count: Int, through: Zxid, tenure: Int) {
        guard var server = servers[id], server.life == life, server.peer != nil else { return }
        server.isSyncing = false
        server.disk.syncedCount = max(
            server.disk.syncedCount, server.disk.log.prefix { $0.zxid <= through }.count)
        if let committed = server.peer?.state.history.lastCommitted, random.oneIn(2) {
            server.disk.committedWatermark = min(
                committed, server.disk.log.last?.zxid ?? committed)
        }
        servers[id] = server
        let now = events.now
        step(id) { $0.logged(through: through, tenure: tenure, now: now) }
        if let server = servers[id], server.disk.syncedCount < server.disk.log.count {
            beginSync(id)
        }
    }

    mutating func syncEverything(_ id: PeerID) {
        let count = servers[id]?.disk.log.count ?? 0
        servers[id]?.disk.syncedCount = count
    }

    mutating func installed(_ id: PeerID, life: Int) {
        guard isRunning(id, life: life), servers[id]?.isInstalling == true else { return }
        install(id)
        let now = events.now
        step(id) { $0.snapshotInstalled(now: now) }
    }

    private mutating func install(_ id: PeerID) {
        guard var server = servers[id], let staged = server.staged else { return }
        server.disk.snapshot = staged
        server.disk.log = []
        server.disk.syncedCount = 0
        server.disk.committedWatermark = staged.lastApplied
        server.state = staged
        server.staged = nil
        server.isInstalling = false
        servers[id] = server
    }

    /// Too late, now and then: the received state is the durable one already.
    private mutating func discardSnapshot(_ id: PeerID) {
        if servers[id]?.isInstalling == true, random.oneIn(2), let staged = servers[id]?.staged {
            install(id)
            servers[id]?.peer?.snapshotWasInstalled(at: staged.lastApplied)
        }
        servers[id]?.staged = nil
        servers[id]?.isInstalling = false
    }

    // MARK: Network

    mutating func delay() -> Int64 {
        Int64.random(in: 0...faults.delay, using: &random)
    }

    private mutating func notify(
        _ notification: Notification, from sender: PeerID, to receiver: PeerID
    ) {
        lastNotifications[Link(from: sender, to: receiver)] = notification
        guard let life = servers[receiver]?.life,
            !blocked.contains(Link(from: sender, to: receiver))
        else { return }
        if isChaotic, random.oneIn(faults.lossRate) { return }
        let event = Event.notification(notification, from: sender, to: receiver, life: life)
        events.add(event, after: delay())
        if random.oneIn(faults.duplicationRate) { events.add(event, after: 10 * delay()) }
    }

    mutating func dial(from learner: PeerID, to leader: PeerID, life: Int) {
        guard let server = servers[learner], server.life == life, server.peer != nil else { return }
        let now = events.now
        guard let target = servers[leader], target.peer != nil, target.isListening,
            !target.isFrozen, !blocked.contains(Link(from: learner, to: leader)),
            !blocked.contains(Link(from: leader, to: learner))
        else {
            return step(learner) { $0.disconnectedFromLeader(now: now) }
        }
        nextConnection += 1
        let number = nextConnection
        connections[number] = Connection(
            learner: learner, learnerLife: server.life, leader: leader, leaderLife: target.life)
        servers[learner]?.uplink = number
        step(leader) { $0.learnerConnected(number, now: now) }
        step(learner) { $0.connectedToLeader(now: now) }
    }

    private mutating func send(_ event: Event, on number: Int, toLeader: Bool) {
        guard var connection = connections[number], !connection.isBroken else { return }
        let link =
            toLeader
            ? Link(from: connection.learner, to: connection.leader)
            : Link(from: connection.leader, to: connection.learner)
        if blocked.contains(link) {
            connections[number]?.isBroken = true
            return
        }
        let earliest = toLeader ? connection.lastArrival.toLeader : connection.lastArrival.toLearner
        let arrival = max(earliest, events.now + delay())
        if toLeader {
            connection.lastArrival.toLeader = arrival
        } else {
            connection.lastArrival.toLearner = arrival
        }
        connections[number] = connection
        events.add(event, after: arrival - events.now)
    }

    mutating func deliver(_ packet: QuorumPacket, on number: Int, toLeader: Bool) {
        guard let connection = connections[number], !connection.isBroken else { return }
        let now = events.now
        if toLeader {
            guard !freezes(connection.leader, number) else { return }
            step(connection.leader, life: connection.leaderLife) {
                $0.receive(packet, from: number, now: now)
            }
        } else {
            guard servers[connection.learner]?.uplink == number,
                !freezes(connection.learner, number)
            else { return }
            step(connection.learner, life: connection.learnerLife) {
                $0.receiveFromLeader(packet, now: now)
            }
        }
    }

    mutating func deliver(_ state: SimulatedState, on number: Int) {
        guard let connection = connections[number], !connection.isBroken,
            servers[connection.learner]?.uplink == number, !freezes(connection.learner, number)
        else { return }
        let now = events.now
        step(connection.learner, life: connection.learnerLife) {
            $0.receiveFromLeader(QuorumPacket(.snap, zxid: state.lastApplied), now: now)
        }
        guard servers[connection.learner]?.staged != nil else { return }
        servers[connection.learner]?.staged = state
        step(connection.learner, life: connection.learnerLife) { $0.snapshotReceived(now: now) }
    }

    /// What reaches a frozen process waits in its socket; here the connection dies of it.
    private mutating func freezes(_ id: PeerID, _ number: Int) -> Bool {
        guard servers[id]?.isFrozen == true else { return false }
        connections[number]?.isBroken = true
        return true
    }

    /// One end closes: the other one hears of it, unless a partition is between them.
    mutating func hangUp(_ number: Int, from id: PeerID) {
        guard let connection = connections[number] else { return }
        let atLeader = connection.learner == id
        let other = atLeader ? connection.leader : connection.learner
        if connection.isBroken || blocked.contains(Link(from: id, to: other)) {
            connections[number]?.isBroken = true
            return
        }
        send(.closed(connection: number, atLeader: atLeader), on: number, toLeader: atLeader)
    }

    mutating func closed(_ number: Int, atLeader: Bool) {
        guard let connection = connections[number] else { return }
        let now = events.now
        connections[number]?.isBroken = true
        if atLeader {
            step(connection.leader, life: connection.leaderLife) {
                $0.learnerClosed(number, now: now)
            }
        } else if servers[connection.learner]?.uplink == number {
            servers[connection.learner]?.uplink = nil
            step(connection.learner, life: connection.learnerLife) {
                $0.disconnectedFromLeader(now: now)
            }
        }
    }
}
