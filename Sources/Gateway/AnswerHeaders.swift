import HTTPServer
import Jute
import Node
import Zab

/// Builds the header fields that every answer carries.
struct AnswerHeaders: Sendable {
    private let node: [UInt8]

    init(node: PeerID) {
        self.node = Array(String(node).utf8)
    }

    /// - Parameters:
    ///   - zxid: The state served, or the transaction made.
    ///   - role: Of this node.
    ///   - request: How the request is called.
    ///   - isHeld: Whether the answer was waited for: then no cache may keep it.
    /// - Returns: A block with room for what the resource adds.
    func make(
        zxid: Zxid, role: Status.Role, request: RequestID, isHeld: Bool = false
    ) -> HTTPResponseHeaders {
        var headers = HTTPResponseHeaders(reservingBytes: 512)
        var digits: [UInt8] = []
        digits.append(hexadecimal: UInt64(bitPattern: zxid.rawValue))
        headers.add("Aviary-Zxid", bytes: digits)
        headers.add("Aviary-Node", bytes: node)
        headers.add("Aviary-Role", role.contractName)
        headers.add("Request-Id", bytes: request.bytes)
        headers.add("Cache-Control", isHeld ? "no-store" : "private, no-cache")
        headers.add("Vary", "Accept, Accept-Encoding")
        return headers
    }
}

extension Status.Role {
    /// As `Aviary-Role` and `/v1/cluster` call it.
    var contractName: StaticString {
        switch self {
        case .looking: "looking"
        case .following: "follower"
        case .leading: "leader"
        case .observing: "observer"
        }
    }
}
