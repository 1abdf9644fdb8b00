package import Jute
package import NIOCore

/// The first bytes on an election connection, sent by the one who dials: who it is and where it
/// can be called back.
///
/// - Source: quorum protocol reference, section 2.2.
package struct ElectionHello: Equatable, Sendable {
    /// Why a hello is refused.
    package enum Refusal: Error, Equatable, Sendable {
        case unknownVersion(Int64)
        case badLength(Int32)
        case badSender(PeerID)
        case badAddress(String)
    }

    /// The id of an observer that has none of its own.
    package static let anonymousObserver: PeerID = .max

    private static let version1: Int64 = -65536
    /// Several addresses, for servers that have `multiAddress.enabled`.
    private static let version2: Int64 = -65535
    private static let longestText = 2048

    package var sender: PeerID
    /// The sender's election addresses; empty in a hello from before ZooKeeper 3.5.
    package var addresses: [PeerAddress]

    package init(sender: PeerID, addresses: [PeerAddress]) {
        self.sender = sender
        self.addresses = addresses
    }

    /// The hello of version 1. Goes out in one write: Java 3.8 refuses one that comes in pieces.
    package static func bytes(sender: PeerID, address: PeerAddress) -> [UInt8] {
        var writer = JuteWriter()
        writer.write(long: version1)
        writer.write(long: sender)
        writer.write(string: address.description)
        return writer.bytes
    }

    /// Takes a hello of any version out of what has come.
    ///
    /// - Parameter buffer: Unchanged unless a hello is returned.
    /// - Returns: Nil while the hello is not complete.
    /// - Throws: A `Refusal`: the connection has to be closed.
    package static func read(from buffer: inout ByteBuffer) throws(Refusal) -> ElectionHello? {
        var rest = buffer
        guard let first = rest.readInteger(as: Int64.self) else { return nil }
        if first >= 0 {
            buffer = rest
            return ElectionHello(sender: first, addresses: [])
        }
        guard first == version1 || first == version2 else { throw .unknownVersion(first) }
        guard let sender = rest.readInteger(as: Int64.self) else { return nil }
        guard sender >= 0 else { throw .badSender(sender) }
        guard let length = rest.readInteger(as: Int32.self) else { return nil }
        guard length > 0, length <= longestText else { throw .badLength(length) }
        guard let text = rest.readString(length: Int(length)) else { return nil }
        var addresses: [PeerAddress] = []
        for part in text.split(separator: "|", omittingEmptySubsequences: false) {
            do {
                addresses.append(try PeerAddress(parsing: part))
            } catch {
                throw .badAddress(error.text)
            }
        }
        buffer = rest
        return ElectionHello(sender: sender, addresses: addresses)
    }
}
