/// A packet between a learner and its leader. Packets follow each other without a length prefix.
///
/// - Source: quorum protocol reference, section 4.1.
package struct QuorumPacket: Equatable, Sendable {
    package struct Kind: RawRepresentable, Hashable, Sendable {
        package var rawValue: Int32

        @inlinable
        package init(rawValue: Int32) {
            self.rawValue = rawValue
        }

        package static let request = Kind(rawValue: 1)
        package static let proposal = Kind(rawValue: 2)
        package static let ack = Kind(rawValue: 3)
        package static let commit = Kind(rawValue: 4)
        package static let ping = Kind(rawValue: 5)
        package static let revalidate = Kind(rawValue: 6)
        package static let sync = Kind(rawValue: 7)
        package static let inform = Kind(rawValue: 8)
        package static let commitAndActivate = Kind(rawValue: 9)
        package static let newLeader = Kind(rawValue: 10)
        package static let followerInfo = Kind(rawValue: 11)
        package static let upToDate = Kind(rawValue: 12)
        package static let diff = Kind(rawValue: 13)
        package static let trunc = Kind(rawValue: 14)
        package static let snap = Kind(rawValue: 15)
        package static let observerInfo = Kind(rawValue: 16)
        package static let leaderInfo = Kind(rawValue: 17)
        package static let ackEpoch = Kind(rawValue: 18)
        package static let informAndActivate = Kind(rawValue: 19)
    }

    package var kind: Kind
    package var zxid: Zxid
    /// Null and empty differ: a PING reply with null data makes a Java leader drop the learner.
    package var data: [UInt8]?
    package var identities: [Identity]?

    package init(
        _ kind: Kind, zxid: Zxid, data: [UInt8]? = nil, identities: [Identity]? = nil
    ) {
        self.kind = kind
        self.zxid = zxid
        self.data = data
        self.identities = identities
    }

    package init(from reader: inout JuteReader) throws(JuteError) {
        kind = Kind(rawValue: try reader.readInt())
        zxid = try reader.readZxid()
        data = try reader.readBuffer()
        let count = try reader.readInt()
        if count < 0 {
            identities = nil
        } else {
            var list: [Identity] = []
            for _ in 0..<count {
                list.append(try Identity(from: &reader))
            }
            identities = list
        }
    }

    package func write(to writer: inout JuteWriter) {
        writer.write(int: kind.rawValue)
        writer.write(zxid: zxid)
        writer.write(buffer: data)
        guard let identities else {
            writer.write(int: -1)
            return
        }
        writer.write(vector: identities) { writer, identity in identity.write(to: &writer) }
    }

    package var bytes: [UInt8] {
        var writer = JuteWriter(reserving: 20 + (data?.count ?? 0))
        write(to: &writer)
        return writer.bytes
    }
}

extension QuorumPacket.Kind: CustomStringConvertible {
    private static let names = [
        "REQUEST", "PROPOSAL", "ACK", "COMMIT", "PING", "REVALIDATE", "SYNC", "INFORM",
        "COMMITANDACTIVATE", "NEWLEADER", "FOLLOWERINFO", "UPTODATE", "DIFF", "TRUNC", "SNAP",
        "OBSERVERINFO", "LEADERINFO", "ACKEPOCH", "INFORMANDACTIVATE",
    ]

    package var description: String {
        let index = Int(rawValue) - 1
        return QuorumPacket.Kind.names.indices.contains(index)
            ? QuorumPacket.Kind.names[index] : "packet \(rawValue)"
    }
}
