import Jute
import ZnodeTree

/// ZooKeeper's data model as plainly as it can be written: a dictionary and one operation after
/// the other. What the real tree and preparer do is compared with it.
struct NaiveModel: Equatable {
    struct Znode: Equatable {
        var data: [UInt8]?
        var acl: [ACL]
        var stat: StoredStat
    }

    var znodes: [ZnodePath: Znode] = [:]
    var sessions: Set<SessionID> = []

    init(of tree: DataTree) {
        sessions = Set(tree.sessions.map(\.id))
        var pending: [ZnodePath] = [.root]
        while let path = pending.popLast() {
            guard let id = tree.find(path) else { continue }
            znodes[path] = Znode(
                data: tree.data(of: id), acl: tree.acl(of: id), stat: tree.storedStat(of: id))
            let names = tree.children(of: path)?.names ?? []
            pending += names.map { path.appending($0) }
        }
    }

    func children(of path: ZnodePath) -> [ZnodePath] {
        znodes.keys.filter { $0.parent == path }.sorted()
    }

    /// Performs one request and says how it ended; a failed one changes nothing.
    mutating func perform(
        _ operation: Operation, session: SessionID, zxid: Zxid, time: Int64
    ) -> ErrorCode {
        var next = self
        do throws(ErrorCode) {
            try next.change(operation, session: session, zxid: zxid, time: time)
        } catch {
            return error
        }
        self = next
        return .ok
    }

    private mutating func change(
        _ operation: Operation, session: SessionID, zxid: Zxid, time: Int64
    ) throws(ErrorCode) {
        switch operation {
        case .createSession:
            guard !sessions.contains(session) else { throw .badArguments }
            sessions.insert(session)
            return
        case .closeSession:
            sessions.remove(session)
            for (path, znode) in znodes where znode.stat.ephemeralOwner == session.rawValue {
                try remove(path, by: zxid)
            }
            return
        default:
            guard sessions.contains(session) else { throw .sessionExpired }
        }
        switch operation {
        case .create(let create):
            try self.create(create, session: session, zxid: zxid, time: time)
        case .delete(let path, let version):
            guard let parent = path.parent, znodes[parent] != nil, let znode = znodes[path] else {
                throw .noNode
            }
            guard version == -1 || version == znode.stat.version else { throw .badVersion }
            guard children(of: path).isEmpty else { throw .notEmpty }
            try remove(path, by: zxid)
        case .setData(let path, let data, let version):
            guard var znode = znodes[path] else { throw .noNode }
            guard version == -1 || version == znode.stat.version else { throw .badVersion }
            znode.data = data
            znode.stat.version += 1
            znode.stat.mzxid = zxid.rawValue
            znode.stat.mtime = time
            znodes[path] = znode
        case .setACL(let path, let acl, let version):
            guard var znode = znodes[path] else { throw .noNode }
            guard version == -1 || version == znode.stat.aversion else { throw .badVersion }
            znode.acl = acl
            znode.stat.aversion += 1
            znodes[path] = znode
        case .check(let path, let version):
            guard let znode = znodes[path] else { throw .noNode }
            guard version == -1 || version == znode.stat.version else { throw .badVersion }
        case .multi(let operations):
            for operation in operations {
                try change(operation, session: session, zxid: zxid, time: time)
            }
        case .createSession, .closeSession, .deleteContainer:
            throw .unimplemented
        }
    }

    private mutating func create(
        _ create: CreateOperation, session: SessionID, zxid: Zxid, time: Int64
    ) throws(ErrorCode) {
        guard let parentPath = create.path.parent, var parent = znodes[parentPath] else {
            throw .noNode
        }
        var path = create.path
        if create.mode.isSequential {
            let digits = String(parent.stat.cversion)
            path.bytes += Array(
                (String(repeating: "0", count: 10 - digits.count) + digits).utf8)
        }
        guard znodes[path] == nil else { throw .nodeExists }
        let isBelowEphemeral = sessions.contains(
            SessionID(rawValue: parent.stat.ephemeralOwner))
        guard !isBelowEphemeral else { throw .noChildrenForEphemerals }
        parent.stat.cversion += 1
        parent.stat.pzxid = zxid.rawValue
        znodes[parentPath] = parent
        let owner: Int64 =
            switch create.mode {
            case .persistent: 0
            case .ephemeral: session.rawValue
            case .container: .min
            case .ttl(let milliseconds, _): -(1 << 56) + milliseconds
            }
        znodes[path] = Znode(
            data: create.data, acl: create.acl,
            stat: StoredStat(createdBy: zxid, at: time, owner: owner))
    }

    private mutating func remove(_ path: ZnodePath, by zxid: Zxid) throws(ErrorCode) {
        guard let parent = path.parent, znodes[parent] != nil else { throw .noNode }
        znodes[path] = nil
        znodes[parent]?.stat.pzxid = zxid.rawValue
    }
}
