import Jute

/// What has been proposed and is not applied yet, laid over the applied tree.
///
/// Requests are checked against the two together, so pipelined writes see each other's effects.
struct OutstandingChanges: Sendable {
    private struct Node: Sendable {
        var zxid: Zxid
        /// Nil once it is deleted.
        var znode: SpeculativeZnode?
    }

    private struct Ephemerals: Sendable {
        /// With the zxid of the last change of each.
        var paths: [BytesKey: Zxid] = [:]
        /// What they add to the body of the session's closeSession.
        var pathBytes = 0
    }

    private enum Subject: Sendable {
        case znode(BytesKey)
        case session(SessionID)
    }

    private struct Step: Sendable {
        var zxid: Zxid
        var subject: Subject
    }

    private var znodes: [BytesKey: Node] = [:]
    /// Sessions that will be open or closed.
    private var sessions: [SessionID: (zxid: Zxid, isOpen: Bool)] = [:]
    private var ephemerals: [SessionID: Ephemerals] = [:]
    /// Everything above in the order in which it happened; the first `forgotten` are done with,
    /// and stay a while to tell what has not changed lately.
    private var history: [Step] = []
    private var forgotten = 0
    /// Every change behind it is in `history`; nil before the first request.
    private var historyBase: Zxid?
    /// How many steps stay when they are done with.
    private static let remembered = 8192

    /// The digest of the tree with everything outstanding in it.
    private(set) var digest: UInt64 = 0

    /// How the znodes changed by the present request were before it.
    private var undo: [(key: BytesKey, before: Node?)] = []
    private var digestBefore: UInt64 = 0

    var count: Int { history.count - forgotten }

    // MARK: The present request

    /// Begins a request; forgets what is in the tree by now.
    mutating func begin(over tree: DataTree) {
        if historyBase == nil { historyBase = tree.lastApplied }
        forget(through: tree.lastApplied)
        if count == 0 { digest = tree.digest }
        undo.removeAll(keepingCapacity: true)
        digestBefore = digest
    }

    /// Takes back every change of a znode since `begin`.
    mutating func rollBack() {
        for (key, before) in undo.reversed() {
            if let owner = znodes[key]?.znode?.session { untrack(key, of: owner) }
            if let before, let owner = before.znode?.session {
                track(key, of: owner, zxid: before.zxid)
            }
            znodes[key] = before
        }
        history.removeLast(undo.count)
        undo.removeAll(keepingCapacity: true)
        digest = digestBefore
    }

    // MARK: Znodes

    /// The znode at a path as it will be, or nil if there will be none.
    func znode(at path: ArraySlice<UInt8>, over tree: DataTree) -> SpeculativeZnode? {
        let canonical = Self.canonical(path)
        if !znodes.isEmpty, let node = znodes[BytesKey(canonical)] { return node.znode }
        return tree.speculative(at: canonical)
    }

    /// Changes, creates or deletes the znode at a path.
    ///
    /// - Parameters:
    ///   - path: Its path.
    ///   - old: What `znode(at:over:)` gives for it.
    ///   - new: Nil deletes it.
    ///   - zxid: Of the request.
    mutating func set(
        _ path: ArraySlice<UInt8>, from old: SpeculativeZnode?, to new: SpeculativeZnode?,
        by zxid: Zxid
    ) {
        let key = BytesKey(Self.canonical(path))
        if let old { digest &-= old.digest }
        if let new { digest &+= new.digest }
        let before = znodes.updateValue(Node(zxid: zxid, znode: new), forKey: key)
        undo.append((key, before))
        history.append(Step(zxid: zxid, subject: .znode(key)))
        if let owner = new?.session {
            track(key, of: owner, zxid: zxid)
        } else if let owner = old?.session {
            untrack(key, of: owner)
        }
    }

    /// `/` and the empty path are the same znode.
    private static func canonical(_ path: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        path.count == 1 && path.first == ZnodeStore.slash ? path.dropFirst() : path
    }

    /// Whether it is known that nothing at or below a path was created, changed or deleted by any
    /// transaction behind `zxid`, applied or outstanding. The system's own znodes do not count for
    /// what is above them.
    func isUnchanged(_ path: ZnodePath, since zxid: Zxid) -> Bool {
        guard let historyBase, historyBase <= zxid else { return false }
        let top = ZnodePath(bytes: Array(Self.canonical(path.bytes[...])))
        for step in history.reversed() {
            if step.zxid <= zxid { break }
            guard case .znode(let key) = step.subject else { continue }
            let changed = ZnodePath(bytes: Array(key.bytes))
            if changed.isAtOrBelow(top), !changed.isOfTheSystem || top.isOfTheSystem {
                return false
            }
        }
        return true
    }

    // MARK: Sessions

    mutating func noteSession(_ session: SessionID, isOpen: Bool, by zxid: Zxid) {
        sessions[session] = (zxid, isOpen)
        history.append(Step(zxid: zxid, subject: .session(session)))
    }

    /// Whether a session will be in the table.
    func isOpen(_ session: SessionID, over tree: DataTree) -> Bool {
        sessions[session]?.isOpen ?? (tree.timeout(of: session) != nil)
    }

    /// The ephemerals that a session will own: the applied ones first.
    func ephemerals(of session: SessionID, over tree: DataTree) -> [ZnodePath] {
        var paths: [ZnodePath] = []
        var applied: Set<BytesKey> = []
        for path in tree.ephemerals(of: session) {
            let key = BytesKey(path.bytes)
            if let node = znodes[key], node.znode?.session != session { continue }
            paths.append(path)
            applied.insert(key)
        }
        let pending = ephemerals[session]?.paths ?? [:]
        let added = pending.sorted { left, right in
            left.value == right.value
                ? left.key.bytes.lexicographicallyPrecedes(right.key.bytes)
                : left.value < right.value
        }
        for (key, _) in added
        where !applied.contains(key) && znodes[key]?.znode?.session == session {
            paths.append(ZnodePath(bytes: Array(key.bytes)))
        }
        return paths
    }

    /// At most how many bytes the paths of a session's ephemerals take in its closeSession.
    func ephemeralPathBytes(of session: SessionID, over tree: DataTree) -> Int {
        (tree.sessionTable[session]?.pathBytes ?? 0) + (ephemerals[session]?.pathBytes ?? 0)
    }

    private mutating func track(_ key: BytesKey, of session: SessionID, zxid: Zxid) {
        if ephemerals[session, default: Ephemerals()].paths.updateValue(zxid, forKey: key) == nil {
            ephemerals[session]?.pathBytes += key.bytes.count + 4
        }
    }

    private mutating func untrack(_ key: BytesKey, of session: SessionID) {
        guard ephemerals[session]?.paths.removeValue(forKey: key) != nil else { return }
        ephemerals[session]?.pathBytes -= key.bytes.count + 4
        if ephemerals[session]?.paths.isEmpty == true { ephemerals[session] = nil }
    }

    // MARK: Forgetting

    /// Forgets what transactions up to `zxid` have changed: it is in the tree.
    mutating func forget(through zxid: Zxid) {
        while forgotten < history.count, history[forgotten].zxid <= zxid {
            forget(history[forgotten])
            forgotten += 1
        }
        if forgotten >= 2 * Self.remembered {
            let dropped = forgotten - Self.remembered
            historyBase = history[dropped - 1].zxid
            history.removeFirst(dropped)
            forgotten -= dropped
        }
    }

    private mutating func forget(_ step: Step) {
        switch step.subject {
        case .znode(let key):
            guard let node = znodes[key], node.zxid == step.zxid else { return }
            if let owner = node.znode?.session { untrack(key, of: owner) }
            znodes[key] = nil
        case .session(let session):
            if sessions[session]?.zxid == step.zxid { sessions[session] = nil }
        }
    }
}

extension ZnodePath {
    fileprivate var isOfTheSystem: Bool { isAtOrBelow("/aviary") || isAtOrBelow("/zookeeper") }
}

extension SpeculativeZnode {
    /// The session that owns it, if it is an ephemeral.
    fileprivate var session: SessionID? {
        isEphemeral ? SessionID(rawValue: stat.ephemeralOwner) : nil
    }
}
