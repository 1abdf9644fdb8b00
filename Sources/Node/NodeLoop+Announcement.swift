import Jute
import NIOCore
import Replica
import ZnodeTree

extension NodeLoop {
    private var ownPath: ZnodePath { Announcements.path.appending(Array("\(settings.id)".utf8)) }

    /// Publishes where this node is reached, as an ephemeral of its own session: it goes when the
    /// node does.
    func announce(_ session: SessionID) {
        guard let replica else { return }
        let previous = replica.served.read { $0.stat(of: ownPath)?.ephemeralOwner }
        if previous == session { return }
        // Where only servers of ZooKeeper's have led so far.
        var steps = replica.missingSystemZnodes.map { TransactionStep($0) }
        if previous != nil { steps.append(TransactionStep(.delete(path: ownPath, version: -1))) }
        steps.append(
            TransactionStep(
                .create(
                    CreateOperation(
                        path: ownPath, data: settings.announcement,
                        mode: .ephemeral(sequential: false)))))
        let bound = NIOLoopBound(self, eventLoop: eventLoop)
        replica.submit(
            .transaction(steps), Caller(identities: []), deadline: now + 10_000, now: now
        ) { outcome in
            bound.value.announced(session, replacing: previous, outcome)
        }
    }

    private func announced(
        _ session: SessionID, replacing previous: SessionID?, _ outcome: WriteOutcome
    ) {
        guard case .committed = outcome else {
            // Somebody else changed the same znodes, or there is no leader: again in a while.
            let bound = NIOLoopBound(self, eventLoop: eventLoop)
            eventLoop.scheduleTask(in: .seconds(1)) {
                let loop = bound.value
                if loop.replica?.gatewaySession == session {
                    loop.batch { _, _ in loop.announce(session) }
                }
            }
            return
        }
        // The session of this node's earlier life holds nothing any more.
        if let previous, previous != .none, let replica {
            replica.submit(
                .closeSession(previous), Caller(identities: []), deadline: now + 10_000, now: now
            ) { _ in }
        }
    }
}
