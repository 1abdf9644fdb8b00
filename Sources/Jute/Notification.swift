/// Names an ensemble for as long as it lives: zxids of different ensembles mean nothing to each
/// other. Drawn at random when the ensemble is made.
package typealias EnsembleID = UInt64

/// What servers tell each other during an election.
///
/// - Source: quorum protocol reference, section 3.1.
package struct Notification: Equatable, Sendable {
    package enum State: Int32, Sendable {
        case looking = 0
        case following = 1
        case leading = 2
        case observing = 3
    }

    package var state: State
    /// The server proposed, or being the leader.
    package var leader: PeerID
    /// The last logged zxid of that server.
    package var zxid: Zxid
    /// The sender's logical clock.
    package var electionEpoch: Int64
    /// The currentEpoch of the proposed leader.
    package var peerEpoch: Epoch
    /// UTF-8 text of the sender's last committed configuration; nil from senders before 3.5.
    package var config: [UInt8]?
    /// Whose history the sender has; nil for the original's servers and for those without one.
    package var ensemble: EnsembleID?

    package init(
        state: State, leader: PeerID, zxid: Zxid, electionEpoch: Int64, peerEpoch: Epoch,
        config: [UInt8]?, ensemble: EnsembleID? = nil
    ) {
        self.state = state
        self.leader = leader
        self.zxid = zxid
        self.electionEpoch = electionEpoch
        self.peerEpoch = peerEpoch
        self.config = config
        self.ensemble = ensemble
    }

    /// Of the configuration, as its last line says; nil where there is none.
    package var configVersion: UInt64? {
        guard let line = config?.split(separator: UInt8(ascii: "\n")).last else { return nil }
        let text = String(decoding: line, as: UTF8.self)
        guard text.hasPrefix("version=") else { return nil }
        return UInt64(text.dropFirst("version=".count), radix: 16)
    }

    /// Stands between the configuration and the ensemble's name. The original reads no further
    /// than the configuration's length says.
    private static let ensembleMark = Array("aviary 1".utf8)

    /// Reads one message without its length prefix.
    ///
    /// - Throws: `.truncated` or `.badValue` for a message that has to be skipped: the connection
    ///   stays open (ZOOKEEPER-3769: a malformed notification killed the receiver).
    package init(message: [UInt8]) throws(JuteError) {
        var reader = JuteReader(message)
        // The two forms before 3.5 have their lengths; none that is between them was ever sent on
        // purpose.
        guard message.count == 28 || message.count == 40 || message.count >= 44 else {
            throw .truncated
        }
        guard let state = State(rawValue: try reader.readInt()) else { throw .badValue }
        self.state = state
        leader = try reader.readLong()
        zxid = try reader.readZxid()
        electionEpoch = try reader.readLong()
        peerEpoch = message.count == 28 ? zxid.epoch : try reader.readLong()
        config = nil
        guard message.count >= 44, try reader.readInt() >= 2 else { return }
        let length = try reader.readInt()
        guard length >= 0, Int(length) <= reader.remaining else { throw .badLength(length) }
        let rest = reader.rest()
        config = Array(rest.prefix(Int(length)))
        let trailer = rest.dropFirst(Int(length))
        guard trailer.starts(with: Notification.ensembleMark) else { return }
        var name = JuteReader(Array(trailer.dropFirst(Notification.ensembleMark.count)))
        ensemble = EnsembleID(bitPattern: try name.readLong())
    }

    /// The message without its length prefix, in the form of version 2; the ensemble's name goes
    /// behind it.
    package var message: [UInt8] {
        var writer = JuteWriter(reserving: 60 + (config?.count ?? 0))
        writer.write(int: state.rawValue)
        writer.write(long: leader)
        writer.write(zxid: zxid)
        writer.write(long: electionEpoch)
        writer.write(long: peerEpoch)
        writer.write(int: 2)
        writer.write(buffer: config ?? [])
        guard let ensemble else { return writer.bytes }
        var trailer = JuteWriter(reserving: 8)
        trailer.write(long: Int64(bitPattern: ensemble))
        return writer.bytes + Notification.ensembleMark + trailer.bytes
    }
}
