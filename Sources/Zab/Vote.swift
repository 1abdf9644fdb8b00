package import Jute

/// Who should lead, and the history that makes it fit to.
package struct Vote: Equatable, Sendable {
    package var leader: PeerID
    /// The last zxid in that server's log, committed or not (ZOOKEEPER-2845).
    package var zxid: Zxid
    /// That server's currentEpoch.
    package var peerEpoch: Epoch

    package init(leader: PeerID, zxid: Zxid, peerEpoch: Epoch) {
        self.leader = leader
        self.zxid = zxid
        self.peerEpoch = peerEpoch
    }

    /// What a server says that takes no part in votes.
    package static let none = Vote(
        leader: .min, zxid: Zxid(rawValue: .min), peerEpoch: .min)

    /// The epoch beside an untrusted zxid of a server whose disk is empty, as in the original.
    static let emptyEpoch: Epoch = -1
    /// The epoch beside an untrusted zxid of a server that may have lost something. It is not
    /// that of an empty server: for those nobody may have anything.
    static let lostEpoch: Epoch = -2

    /// Total order predicate: the epoch first, then the zxid, then the server id.
    ///
    /// - Source: quorum protocol reference, section 3.3; ZOOKEEPER-1154, -1156.
    package func beats(_ other: Vote, in quorum: QuorumVerifier) -> Bool {
        guard quorum.weight(of: leader) != 0 else { return false }
        if peerEpoch != other.peerEpoch { return peerEpoch > other.peerEpoch }
        if zxid != other.zxid { return zxid > other.zxid }
        return leader > other.leader
    }
}
