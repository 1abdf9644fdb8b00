package import Jute
package import Zab
import ZnodeTree

extension Replica {
    // MARK: The session of a write

    /// The session under which a write goes out; nil while it has to wait for one.
    func session(for write: PendingWrite, _ now: Milliseconds) -> SessionID? {
        switch write.write {
        case .createSession:
            return write.caller.session
        case .closeSession(let session):
            return session
        default:
            guard let session = write.caller.session else { return gateway.live }
            return isOwned(session, now) ? session : nil
        }
    }

    /// Whether writes of this session may be sent from here now; asks the leader if not.
    private func isOwned(_ session: SessionID, _ now: Milliseconds) -> Bool {
        if status.role == .leading { return true }
        switch owned[session] {
        case .owned:
            return true
        case .asking:
            return false
        case nil:
            let timeout = served.read { $0.timeout(of: session) } ?? options.minSessionTimeoutMs
            if peer.revalidate(SessionTouch(session: session, timeoutMs: timeout), now: now) {
                owned[session] = .asking
            }
            return false
        }
    }

    func revalidated(_ session: SessionID, valid: Bool, _ now: Milliseconds) {
        owned[session] = valid ? .owned : nil
        let waiting = parked.filter { $0.caller.session == session }
        parked.removeAll { $0.caller.session == session }
        for write in waiting {
            if valid {
                dispatch(write, now)
            } else {
                end(write, .refused(.init(reason: .sessionExpired)))
            }
        }
        for keepalive in keepalives.removeValue(forKey: session) ?? [] { keepalive(valid) }
    }

    /// The leader refused a write because of its session.
    func sessionRefused(_ write: PendingWrite, _ result: TxnResult, _ now: Milliseconds) {
        guard write.attempts < options.maximumAttempts else {
            return end(write, .unavailable(.noQuorum))
        }
        var retry = write
        retry.sentIn = nil
        if let session = write.caller.session {
            if result.error == .sessionExpired {
                return end(write, .refused(.init(reason: .sessionExpired, zxid: result.zxid)))
            }
            owned[session] = nil
        } else {
            // This node's own session is gone: definitely not applied, and no client's business.
            if gateway.live == result.header.session { gateway.state = .none }
            openGateway(now)
        }
        dispatch(retry, now)
    }

    // MARK: This node's session

    /// Opens the node's session unless it has one or is about to.
    func openGateway(_ now: Milliseconds) {
        guard status.isSynchronized else { return }
        switch gateway.state {
        case .creating(let session):
            // A state received whole may already hold it; otherwise its transaction will come.
            if served.read({ $0.timeout(of: session) }) != nil { gatewayIsLive(session, now) }
            return
        case .live(let session):
            if served.read({ $0.timeout(of: session) }) != nil { return }
        case .none:
            break
        }
        let session = newSessionID()
        gateway.state = .creating(session)
        dispatch(
            PendingWrite(
                write: .createSession(timeoutMs: options.maxSessionTimeoutMs),
                caller: Caller(identities: [], session: session), deadline: .max,
                completion: .node),
            now)
    }

    private func gatewayIsLive(_ session: SessionID, _ now: Milliseconds) {
        gateway.state = .live(session)
        owned[session] = .owned
        dispatchParked(now)
        environment.gatewayOpened(session)
    }

    /// An id that no session has or ever had: ids come from the clock.
    package func newSessionID() -> SessionID {
        served.read { tree in sessionIDs.next { tree.timeout(of: $0) != nil } }
    }

    // MARK: Sessions as transactions come

    /// The leader has prepared a transaction: its own bookkeeping is ahead of the tree.
    func sessionsPrepared(_ record: TxnRecord, _ now: Milliseconds) {
        switch record.txn {
        case .createSession(let timeoutMs):
            tracker.track(record.header.session, timeoutMs: timeoutMs, now: now)
        case .closeSession:
            tracker.markClosing(record.header.session)
        default:
            break
        }
    }

    func sessionsApplied(_ record: TxnRecord, _ now: Milliseconds) {
        switch record.txn {
        case .createSession:
            if gateway.state == .creating(record.header.session) {
                gatewayIsLive(record.header.session, now)
            }
        case .closeSession:
            tracker.remove(record.header.session)
            owned[record.header.session] = nil
            touched[record.header.session] = nil
            if gateway.live == record.header.session {
                gateway.state = .none
                openGateway(now)
            }
        default:
            break
        }
    }

    // MARK: Renewal

    /// A client used its session here.
    package func touch(_ session: SessionID, now: Milliseconds) {
        guard let timeoutMs = served.read({ $0.timeout(of: session) }) else { return }
        if status.role == .leading {
            _ = tracker.touch(session, timeoutMs: timeoutMs, now: now)
        } else {
            touched[session] = timeoutMs
        }
    }

    func renew(_ touch: SessionTouch, _ now: Milliseconds) {
        _ = tracker.touch(touch.session, timeoutMs: touch.timeoutMs, now: now)
    }

    func answerPing(_ packet: QuorumPacket) {
        if let session = gateway.live { touched[session] = options.maxSessionTimeoutMs }
        let touches = touched.sorted { $0.key < $1.key }
            .map { SessionTouch(session: $0.key, timeoutMs: $0.value) }
        touched = [:]
        var packet = packet
        packet.data = SessionTouch.data(touches)
        environment.sendToLeader(packet)
    }

    /// Confirms with the leader that a session lives, and renews it.
    package func keepAlive(
        _ session: SessionID, now: Milliseconds, complete: @escaping @Sendable (Bool?) -> Void
    ) {
        let timeout = served.read { $0.timeout(of: session) } ?? options.minSessionTimeoutMs
        if status.role == .leading, status.isSynchronized {
            return complete(tracker.touch(session, timeoutMs: timeout, now: now))
        }
        let touch = SessionTouch(session: session, timeoutMs: timeout)
        if peer.revalidate(touch, now: now) {
            keepalives[session, default: []].append { complete($0) }
            settle(now)
        } else {
            complete(nil)
        }
    }

    /// A learner asks whether a session lives, and makes it its own.
    func revalidate(
        _ touch: SessionTouch, for learner: LearnerConnection, _ now: Milliseconds
    ) {
        let valid = tracker.touch(touch.session, timeoutMs: touch.timeoutMs, now: now)
        if valid, let sender = peer.peer(of: learner) {
            tracker.setOwner(sender, of: touch.session)
        }
        peer.answerRevalidation(touch.session, valid: valid, to: learner, now: now)
    }

    // MARK: Expiry

    /// Only the leader ends sessions.
    func keepSessions(_ now: Milliseconds) {
        guard status.role == .leading, status.isSynchronized else { return }
        if let session = gateway.live {
            _ = tracker.touch(session, timeoutMs: options.maxSessionTimeoutMs, now: now)
        }
        for session in tracker.expired(now: now) {
            proposeInternally(.closeSession, session: session, now)
        }
        guard now >= nextSweep else { return }
        nextSweep = now + 60_000
        let candidates = served.read {
            $0.sweepCandidates(now: environment.wallClock, limit: 1000)
        }
        for path in candidates {
            proposeInternally(.deleteContainer(path: path), now)
        }
    }
}
