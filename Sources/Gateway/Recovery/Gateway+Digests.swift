import Jute
import Node
import PeerHTTP
import Replica
import Synchronization
import Zab
import ZnodeTree

// Replicas that have applied the same transactions have the same state, or one of them is damaged:
// by its memory, its disk or a fault in its program. Members compare what they have, all the time.

extension Gateway {
    /// Compares this node's digests with the others', and has it repaired if a quorum contradicts.
    func compareDigests() async {
        guard node.status.isSynchronized else { return }
        var others: [PeerID: [Zxid: UInt64]] = [:]
        for (id, report) in peers.reports where report.isReachable {
            others[id] = report.body.flatMap { PeerReport($0, of: id) }?.digests
        }
        let verdict = DigestVerdict(
            own: node.digests, others: others, id: node.id, quorum: options.quorum)
        let isNew = digestWatch.take(verdict)
        switch verdict {
        case .same: break
        case .undecided(let zxid) where isNew:
            node.recovery.warn("states differ at \(zxid), and no quorum says which is right")
        case .outvotes(let peers) where isNew:
            node.recovery.warn(
                "the state of \(peers.sorted().map { "\($0)" }.joined(separator: ", ")) differs from a quorum's"
            )
        case .outvoted(let zxid, let right):
            guard digestWatch.mayRepair() else { break }
            if await mend(from: right) { break }
            node.distrust("a quorum has another state at \(zxid): getting the leader's")
        default: break
        }
    }

    /// Reads the whole state again and compares it with the digest that is kept beside it: memory
    /// that rots where nobody writes shows nowhere else.
    ///
    /// Either of the two may be what rots. A quorum of others tells, also of ACLs, which no digest
    /// covers.
    func scrub() async {
        let view = node.served.view()
        let isIntact = await Task.detached(priority: .utility) {
            view.recomputedDigest() == view.digest
        }.value
        let others = Set(peers.reports.filter(\.value.isReachable).keys)
        let isWrong =
            if isIntact, node.status.isSynchronized {
                await agrees(with: others) == false
            } else {
                !isIntact
            }
        digestWatch.scrubbed()
        guard isWrong, digestWatch.mayRepair() else { return }
        let found = "the state at \(view.lastApplied) is not what was written"
        node.recovery.warn(found)
        if await mend(from: others) { return }
        node.distrust("\(found): getting the leader's")
    }
}

/// What the comparison of digests has found, and when something was done about it.
final class DigestWatch: Sendable {
    private struct State {
        var verdict = DigestVerdict.same
        var repairedAt: ContinuousClock.Instant?
        var scrubs = 0
    }

    private let state = Mutex(State())

    /// Somebody whose repair does not help is not repaired again and again.
    private static let pause = Duration.seconds(60)

    var verdict: DigestVerdict { state.withLock { $0.verdict } }
    var scrubs: Int { state.withLock { $0.scrubs } }

    /// - Returns: Whether the verdict is another one than before.
    func take(_ verdict: DigestVerdict) -> Bool {
        state.withLock { state in
            defer { state.verdict = verdict }
            return state.verdict != verdict
        }
    }

    func scrubbed() {
        state.withLock { $0.scrubs += 1 }
    }

    func mayRepair() -> Bool {
        state.withLock { state in
            if let last = state.repairedAt, .now - last < DigestWatch.pause { return false }
            state.repairedAt = .now
            return true
        }
    }
}
