import Jute
import ZnodeTree

/// What `/aviary/restore` says: who restores what.
struct RestoreState: Equatable, Sendable {
    /// Drawn at random: tells one restore from the next.
    var id: UInt64
    /// The node that has the file, and does it.
    var node: PeerID
    /// The state that is restored.
    var snapshot: Zxid
    /// Milliseconds since 1970.
    var startedAt: Int64

    /// The znode's mzxid, under which the restore makes its changes: an aborted one makes none.
    var gate: Zxid?

    init(id: UInt64, node: PeerID, snapshot: Zxid, startedAt: Int64) {
        self.id = id
        self.node = node
        self.snapshot = snapshot
        self.startedAt = startedAt
    }

    /// What a tree says; nil while nothing is being restored.
    ///
    /// - Parameter tree: Committed.
    init?(in tree: borrowing DataTree) {
        guard let znode = tree.find(RestoreGate.path) else { return nil }
        let object: JSONObject
        do throws(Problem) {
            guard case .object(let parsed) = try JSONParser.parse(tree.data(of: znode) ?? [])
            else { return nil }
            object = parsed
        } catch {
            return nil
        }
        guard let id = object["id"]?.text.flatMap({ UInt64($0, radix: 16) }),
            case .integer(let node)? = object["node"],
            let snapshot = object["snapshot"]?.text.flatMap(Zxid.init(parsing:)),
            case .integer(let startedAt)? = object["startedAt"]
        else { return nil }
        self.init(id: id, node: node, snapshot: snapshot, startedAt: startedAt)
        gate = tree.stat(of: znode).mzxid
    }

    /// The znode's value.
    var bytes: [UInt8] {
        var json = JSONWriter(reserving: 128)
        json.object { json in write(to: &json) }
        return json.bytes
    }

    func write(to json: inout JSONWriter) {
        json.key("id")
        json.string(name)
        json.key("node")
        json.integer(node)
        json.key("snapshot")
        json.zxid(snapshot)
        json.key("startedAt")
        json.integer(startedAt)
    }

    /// The name of the file that it is restored from.
    var name: String { Zxid(rawValue: Int64(bitPattern: id)).description }
}
