import History
import Jute
import Waits
import ZnodeTree

/// One event, as clients see it.
struct Event: Sendable {
    enum Kind: String, CaseIterable, Sendable {
        case created
        case changed
        case deleted
        /// The list of children changed.
        case children
        case acl

        var kinds: Interest.Kinds {
            switch self {
            case .created: .created
            case .changed: .dataChanged
            case .deleted: .deleted
            case .children: .childrenChanged
            case .acl: .aclChanged
            }
        }

        init(_ kind: Change.Kind) {
            switch kind {
            case .created: self = .created
            case .dataChanged: self = .changed
            case .deleted: self = .deleted
            case .aclChanged: self = .acl
            }
        }
    }

    var zxid: Zxid
    /// Which event of its transaction it is, counted before any filter, from 0.
    var position: Int32
    var kind: Kind
    var path: ZnodePath
    /// The znode right after; right before its deletion.
    var znode: ZnodeMoment
    /// What was written, of the kinds that write.
    var data: [UInt8]?

    /// The position behind it.
    func cursor(_ history: UInt32) -> EventCursor {
        EventCursor(zxid, position: position + 1, history: history)
    }

    /// Writes the members, within an object.
    func write(to json: inout JSONWriter, includingValue: Bool) {
        json.key("zxid")
        json.zxid(zxid)
        json.key("type")
        json.string(kind.rawValue)
        json.key("path")
        json.string(utf8: path.bytes)
        if kind != .deleted {
            json.key("stat")
            ZnodeState(stat: znode.stat, mode: znode.mode).write(to: &json)
        }
        if includingValue, kind == .created || kind == .changed {
            json.data(data ?? [])
        }
    }
}

extension HistoricTransaction {
    /// All events of the transaction, in their order: what happened to a znode, then that its
    /// parent's list of children changed.
    func forEachEvent(_ body: (Event) -> Void) {
        var position: Int32 = 0
        for change in changes {
            body(
                Event(
                    zxid: zxid, position: position, kind: Event.Kind(change.kind),
                    path: change.path, znode: change.znode, data: change.data))
            position += 1
            guard let moment = change.parent, let parent = change.path.parent else { continue }
            body(
                Event(
                    zxid: zxid, position: position, kind: .children, path: parent, znode: moment))
            position += 1
        }
    }
}
