internal import Jute
internal import NIOCore

extension ByteBuffer {
    /// Appends a packet, straight into the bytes that go to the socket.
    mutating func write(_ packet: QuorumPacket) {
        let identities = packet.identities
        reserveCapacity(minimumWritableBytes: 20 + (packet.data?.count ?? 0))
        writeInteger(packet.kind.rawValue)
        writeInteger(packet.zxid.rawValue)
        if let data = packet.data {
            writeInteger(Int32(data.count))
            writeBytes(data)
        } else {
            writeInteger(Int32(-1))
        }
        writeInteger(Int32(identities?.count ?? -1))
        for identity in identities ?? [] {
            write(ustring: identity.scheme)
            write(ustring: identity.id)
        }
    }

    /// Appends a string with the length of its UTF-8 in front.
    mutating func write(ustring: String) {
        writeInteger(Int32(ustring.utf8.count))
        writeString(ustring)
    }
}
