package import Jute
package import ZnodeTree

/// What the members of an ensemble publish of themselves, each as an ephemeral znode of its own
/// session.
package enum Announcements {
    static let path: ZnodePath = "/aviary/nodes"

    /// Each member's, as it wrote it.
    package static func all(in tree: borrowing DataTree) -> [PeerID: [UInt8]] {
        var found: [PeerID: [UInt8]] = [:]
        for name in tree.children(of: path, limit: 1_000)?.names ?? [] {
            guard let id = PeerID(String(decoding: name, as: UTF8.self)),
                let data = tree.data(of: path.appending(name)) ?? nil
            else { continue }
            found[id] = data
        }
        return found
    }
}
