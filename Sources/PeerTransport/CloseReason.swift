package import Jute

/// Why a quorum connection ended without its owner having closed it.
package enum CloseReason: Error, Equatable, Sendable {
    /// The other side closed it.
    case endOfStream
    /// Nothing came for so long.
    case readTimeout(Duration)
    /// The other side sent what no ZooKeeper sends.
    case malformed(JuteError)
    /// The other side does not read: so many bytes wait for it.
    case outboundOverflow(bytes: Int)
    /// The source of a snapshot's chunks failed.
    case snapshotFailed(String)
    /// The leader could not be reached in the time and the tries given.
    case connectFailed(String)
    /// An error of the socket.
    case failed(String)
}

extension CloseReason: CustomStringConvertible {
    package var description: String {
        switch self {
        case .endOfStream: "closed by the other side"
        case .readTimeout(let timeout): "nothing came for \(timeout)"
        case .malformed(let error): "malformed bytes: \(error)"
        case .outboundOverflow(let bytes): "\(bytes) bytes wait for a peer that does not read"
        case .snapshotFailed(let problem): "the snapshot to send failed: \(problem)"
        case .connectFailed(let problem): "cannot connect: \(problem)"
        case .failed(let problem): problem
        }
    }
}
