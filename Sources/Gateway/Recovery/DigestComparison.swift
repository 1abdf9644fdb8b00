import Jute
import Zab

/// What the digests that members have published say of this one's state.
enum DigestVerdict: Equatable, Sendable {
    /// Nobody whose digest is known at the same zxid has another one.
    case same
    /// A quorum agrees on another state, which these have.
    case outvoted(at: Zxid, by: Set<PeerID>)
    /// A quorum, this member among it, agrees, and these do not.
    case outvotes(Set<PeerID>)
    /// Digests differ, and too few are known to tell who is wrong.
    case undecided(at: Zxid)
}

extension DigestVerdict {
    /// Compares by majority: not "the leader is right".
    ///
    /// - Parameters:
    ///   - own: This member's digests, by zxid.
    ///   - others: What the others have published.
    ///   - id: This member.
    ///   - quorum: Who counts.
    /// - Source: SOUNDNESS, section 7.
    init(
        own: [Zxid: UInt64], others: [PeerID: [Zxid: UInt64]], id: PeerID, quorum: QuorumVerifier
    ) {
        var verdict = DigestVerdict.same
        var outvoted: Set<PeerID> = []
        for (zxid, digest) in own.sorted(by: { $0.key < $1.key }) {
            var holders: [UInt64: Set<PeerID>] = [digest: [id]]
            for (peer, digests) in others {
                if let other = digests[zxid] { holders[other, default: []].insert(peer) }
            }
            guard holders.count > 1 else { continue }
            guard let winner = holders.first(where: { quorum.isQuorum($0.value) }) else {
                verdict = .undecided(at: zxid)
                continue
            }
            guard winner.key == digest else {
                self = .outvoted(at: zxid, by: winner.value)
                return
            }
            for (other, peers) in holders where other != digest { outvoted.formUnion(peers) }
        }
        self = outvoted.isEmpty ? verdict : .outvotes(outvoted)
    }
}
