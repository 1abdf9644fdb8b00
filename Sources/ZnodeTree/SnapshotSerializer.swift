import Jute

/// Writes the sessions, ACLs and znodes of a tree: what a SNAP carries and what stands in a
/// snapshot file between header and seal.
///
/// Holds a view of the tree, so the original may go on being changed; produces chunks on demand,
/// so memory stays constant.
///
/// - Source: storage format reference, section 4.1, parts 2 to 4.
package struct SnapshotSerializer: Sendable {
    private enum Phase: Sendable {
        case start
        case sessions
        case acls
        case znodes
        case done
    }

    /// A znode to write and where its parent's path ends in `path`.
    private struct Pending: Sendable {
        var number: UInt32
        var parentPathLength: Int
    }

    private let view: DataTree
    private var phase = Phase.start
    private var sessions: ArraySlice<(id: SessionID, timeoutMs: Int32)>
    private var acls: ArraySlice<UInt32>
    private var pending: [Pending] = []
    /// The path of the znode written last, or the beginning of the next one's.
    private var path: [UInt8] = []

    package init(view: DataTree) {
        self.view = view
        sessions = view.sessions[...]
        acls = view.acls.used[...]
    }

    /// The next chunk, or nil at the end.
    ///
    /// - Parameter maxBytes: About how long a chunk gets; one large record may make it longer.
    /// - Returns: Bytes that continue the ones before.
    package mutating func next(maxBytes: Int = 1 << 16) -> [UInt8]? {
        if case .done = phase { return nil }
        var writer = JuteWriter(reserving: maxBytes)
        while writer.bytes.count < maxBytes {
            switch phase {
            case .start:
                writer.write(int: Int32(sessions.count))
                phase = .sessions
            case .sessions: writeSessions(to: &writer, maxBytes: maxBytes)
            case .acls: writeACLs(to: &writer, maxBytes: maxBytes)
            case .znodes: writeZnodes(to: &writer, maxBytes: maxBytes)
            case .done: return writer.bytes
            }
        }
        return writer.bytes
    }

    private mutating func writeSessions(to writer: inout JuteWriter, maxBytes: Int) {
        while writer.bytes.count < maxBytes, let session = sessions.popFirst() {
            writer.write(session: session.id)
            writer.write(int: session.timeoutMs)
        }
        guard sessions.isEmpty else { return }
        writer.write(int: Int32(acls.count))
        phase = .acls
    }

    private mutating func writeACLs(to writer: inout JuteWriter, maxBytes: Int) {
        while writer.bytes.count < maxBytes, let number = acls.popFirst() {
            writer.write(long: Int64(number))
            writer.write(acl: view.acls[number])
        }
        guard acls.isEmpty else { return }
        write(ZnodeStore.root, to: &writer)
        pushFirst(of: view.store[ZnodeStore.root].children, parentPathLength: 0)
        phase = .znodes
    }

    private mutating func writeZnodes(to writer: inout JuteWriter, maxBytes: Int) {
        while writer.bytes.count < maxBytes {
            guard let next = pending.popLast() else {
                writer.write(path: .root)
                phase = .done
                return
            }
            path.removeLast(path.count - next.parentPathLength)
            path.append(ZnodeStore.slash)
            path.append(contentsOf: view.store.name(of: next.number))
            write(next.number, to: &writer)
            let record = view.store[next.number]
            pushFirst(of: record.right, parentPathLength: next.parentPathLength)
            pushFirst(of: record.children, parentPathLength: path.count)
        }
    }

    /// Puts the way to the first child of a treap of siblings on the stack.
    private mutating func pushFirst(of treap: UInt32, parentPathLength: Int) {
        var number = treap
        while number != ZnodeRecord.none {
            pending.append(Pending(number: number, parentPathLength: parentPathLength))
            number = view.store[number].left
        }
    }

    private func write(_ number: UInt32, to writer: inout JuteWriter) {
        let record = view.store[number]
        writer.write(buffer: path)
        if let data = view.store.data(of: number) {
            writer.write(int: Int32(data.count))
            writer.write(raw: data)
        } else {
            writer.write(int: -1)
        }
        writer.write(long: record.acl == ACLTable.open ? -1 : Int64(record.acl))
        record.stat.writePersisted(to: &writer)
    }
}
