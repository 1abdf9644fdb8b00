import Glibc
package import Jute

/// Why the bytes of a snapshot are not those of a tree.
package enum SnapshotError: Error, Equatable, Sendable {
    /// A field that cannot be read.
    case malformed(JuteError)
    /// The first znode is not the root.
    case noRoot
    /// A znode whose parent has not come before it, or whose path is none.
    case badPath(ZnodePath)
    /// A path that came twice.
    case repeatedPath(ZnodePath)
    /// A znode with an ACL that the snapshot does not have.
    case unknownACL(ZnodePath, id: Int64)
    /// A child of an ephemeral.
    case ephemeralParent(ZnodePath)
    /// The bytes ended too early.
    case incomplete
    /// Bytes after an error or after the end.
    case notExpectingMore
}

extension SnapshotError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .malformed(let error): "a field of its body cannot be read (\(error))"
        case .noRoot: "its first znode is not the root"
        case .badPath(let path): "\(path) stands where no parent of it has come before"
        case .repeatedPath(let path): "\(path) comes twice"
        case .unknownACL(let path, let id): "\(path) has the access list \(id), which is not there"
        case .ephemeralParent(let path): "\(path) is a child of an ephemeral"
        case .incomplete: "it ends too early"
        case .notExpectingMore: "it goes on behind its end"
        }
    }
}

/// Reads what `SnapshotSerializer` or a Java server writes, in pieces of any size.
///
/// - Source: storage format reference, section 4.1, parts 2 to 4.
package struct SnapshotLoader: Sendable {
    package enum Progress: Equatable, Sendable {
        case needsMore
        /// The end has been seen; the last `unused` bytes of the piece do not belong to it.
        case complete(unused: Int)
    }

    private enum Phase: Sendable {
        case sessionCount
        case sessions(left: Int32)
        case aclCount
        case acls(left: Int32)
        case znodes(rootSeen: Bool)
        case complete
        case failed
    }

    private var tree: DataTree
    private var phase = Phase.sessionCount
    /// The beginning of a record whose end has not come yet.
    private var rest: [UInt8] = []
    /// From the numbers in the file to those in the tree.
    private var aclNumbers: [Int64: UInt32] = [:]
    private var siblings: Siblings?
    private var extent: Extent?

    /// The znode whose children came last.
    private struct Siblings: Sendable {
        var parent: UInt32
        /// Its path, up to the slash before its children's names.
        var path: [UInt8]
        /// Of its children that have come the one that is behind all others; empty if that is not
        /// known.
        var lastName: [UInt8]

        func owns(_ child: UnsafeRawBufferPointer) -> Bool {
            guard path.count < child.count, let start = child.baseAddress else { return false }
            return path.withUnsafeBytes { path in
                guard let own = path.baseAddress else { return false }
                return memcmp(own, start, path.count) == 0
                    && memchr(
                        start + path.count, Int32(ZnodeStore.slash), child.count - path.count)
                        == nil
            }
        }
    }

    /// How much there is, and how much has come.
    private struct Extent: Sendable {
        let bytes: Int
        var read = 0
        var znodes = 0

        /// After so many it is known how large they are.
        static let sample = 4_096
    }

    /// - Parameters:
    ///   - options: Of the tree.
    ///   - sizeBytes: How much will come, if that is known: room for all of it is made at once.
    package init(options: DataTree.Options = DataTree.Options(), sizeBytes: Int? = nil) {
        tree = DataTree(bareRootWith: options)
        extent = sizeBytes.map { Extent(bytes: $0) }
    }

    package mutating func consume(_ bytes: [UInt8]) throws(SnapshotError) -> Progress {
        try consume(bytes[...])
    }

    package mutating func consume(_ bytes: ArraySlice<UInt8>) throws(SnapshotError) -> Progress {
        let outcome = bytes.withUnsafeBytes { bytes in
            Result { () throws(SnapshotError) in try self.consume(bytes) }
        }
        return try outcome.get()
    }

    /// Takes the next piece.
    ///
    /// - Parameter piece: Continues the pieces before.
    /// - Returns: Whether the end has come, and what of the piece lies behind it.
    /// - Throws: When the bytes are no snapshot; the loader is of no use any more then.
    package mutating func consume(
        _ piece: UnsafeRawBufferPointer
    ) throws(SnapshotError) -> Progress {
        switch phase {
        case .complete, .failed: throw .notExpectingMore
        default: break
        }
        if rest.isEmpty {
            let consumed = try read(piece)
            rest.append(contentsOf: piece[consumed...])
        } else {
            // Taken out, so that it can be read while the loader changes.
            var bytes = rest
            rest = []
            bytes.append(contentsOf: piece)
            let outcome = bytes.withUnsafeBytes { bytes in
                Result { () throws(SnapshotError) in try self.read(bytes) }
            }
            let consumed = try outcome.get()
            if consumed > 0 { bytes.removeFirst(consumed) }
            rest = bytes
        }
        guard case .complete = phase else { return .needsMore }
        return .complete(unused: rest.count)
    }

    /// The tree, once `complete` has been reported.
    ///
    /// - Parameter lastApplied: The zxid that the snapshot stands for.
    /// - Returns: The tree with everything that snapshots leave out computed again.
    /// - Throws: `.incomplete` if the end has not been seen.
    package consuming func finish(lastApplied: Zxid) throws(SnapshotError) -> DataTree {
        guard case .complete = phase else { throw .incomplete }
        for number in aclNumbers.values { tree.acls.release(number) }
        tree.restoreQuotas()
        tree.setLastApplied(lastApplied)
        return tree
    }

    /// Reads as many whole records as there are.
    ///
    /// - Parameter bytes: Begin with a record.
    /// - Returns: How many bytes they took.
    /// - Throws: When the bytes are no snapshot.
    private mutating func read(_ bytes: UnsafeRawBufferPointer) throws(SnapshotError) -> Int {
        var consumed = 0
        while true {
            var reader = RawReader(bytes: bytes, offset: consumed)
            do throws(SnapshotError) {
                try readRecord(&reader)
            } catch .malformed(.truncated) {
                return consumed
            } catch {
                phase = .failed
                throw error
            }
            consumed = reader.offset
            if case .complete = phase { return consumed }
        }
    }

    private mutating func readRecord(_ reader: inout RawReader) throws(SnapshotError) {
        switch phase {
        case .sessionCount:
            phase = .sessions(left: try reader.count())
        case .sessions(0):
            phase = .aclCount
        case .sessions(let left):
            let session = SessionID(rawValue: try reader.long())
            tree.sessionTable.open(session, timeoutMs: try reader.int())
            phase = .sessions(left: left - 1)
        case .aclCount:
            phase = .acls(left: try reader.count())
        case .acls(0):
            phase = .znodes(rootSeen: false)
        case .acls(let left):
            let id = try reader.long()
            let number = tree.acls.retain(try reader.acl())
            if let replaced = aclNumbers.updateValue(number, forKey: id) {
                tree.acls.release(replaced)
            }
            phase = .acls(left: left - 1)
        case .znodes(let rootSeen):
            try readZnode(&reader, rootSeen: rootSeen)
        case .complete, .failed:
            throw .notExpectingMore
        }
    }

    private mutating func readZnode(
        _ reader: inout RawReader, rootSeen: Bool
    ) throws(SnapshotError) {
        let start = reader.offset
        guard let path = try reader.buffer() else { throw .malformed(.unexpectedNull) }
        if path.count == 1, path[0] == ZnodeStore.slash {
            guard rootSeen else { throw .noRoot }
            phase = .complete
            return
        }
        let data = try reader.buffer()
        let aclID = try reader.long()
        let stat = StoredStat(persisted: try reader.bytes(StoredStat.persistedSize))
        guard path.isEmpty != rootSeen else { throw rootSeen ? .repeatedPath(.root) : .noRoot }

        let acl: UInt32
        if aclID == -1 {
            acl = ACLTable.open
        } else if let number = aclNumbers[aclID] {
            acl = number
        } else {
            throw .unknownACL(ZnodePath(bytes: Array(path)), id: aclID)
        }
        if rootSeen {
            try insert(path, data: data, acl: acl, stat: stat)
        } else {
            tree.becomeRoot(data: data, acl: acl, stat: stat)
            phase = .znodes(rootSeen: true)
        }
        tree.acls.retain(number: acl)
        measure(reader.offset - start)
    }

    private mutating func measure(_ bytes: Int) {
        guard extent != nil else { return }
        extent?.read += bytes
        extent?.znodes += 1
        guard let known = extent, known.znodes == Extent.sample else { return }
        tree.store.reserve(known.bytes / (known.read / known.znodes))
        extent = nil
    }

    /// The parent of a path, and where its name begins. Children come one after the other, so it is
    /// mostly the one of the last path.
    private func parent(of path: UnsafeRawBufferPointer) -> (slash: Int, parent: UInt32)? {
        if let siblings, siblings.owns(path) {
            return (siblings.path.count - 1, siblings.parent)
        }
        return tree.parent(ofPath: path)
    }

    /// - Returns: Whether the name is behind those of all the parent's children.
    private mutating func note(
        _ name: UnsafeRawBufferPointer, of path: UnsafeRawBufferPointer, _ slash: Int,
        under parent: UInt32
    ) -> Bool {
        if siblings?.parent != parent {
            let isFirst = tree.store[parent].childCount == 0
            siblings = Siblings(
                parent: parent, path: Array(path[...slash]), lastName: isFirst ? Array(name) : [])
            return isFirst
        }
        guard let last = siblings?.lastName, !last.isEmpty,
            last.withUnsafeBytes({ NameOrder.isLess($0, name) })
        else { return false }
        siblings?.lastName.removeAll(keepingCapacity: true)
        siblings?.lastName.append(contentsOf: name)
        return true
    }

    private mutating func insert(
        _ path: UnsafeRawBufferPointer, data: UnsafeRawBufferPointer?, acl: UInt32,
        stat: StoredStat
    ) throws(SnapshotError) {
        guard let (slash, parent) = parent(of: path), slash + 1 < path.count else {
            throw .badPath(ZnodePath(bytes: Array(path)))
        }
        let name = UnsafeRawBufferPointer(rebasing: path[(slash + 1)...])
        let isLast = note(name, of: path, slash, under: parent)
        guard isLast || tree.store.find(path) == nil else {
            throw .repeatedPath(ZnodePath(bytes: Array(path)))
        }
        guard !tree.store[parent].flags.contains(.ephemeral) else {
            throw .ephemeralParent(ZnodePath(bytes: Array(path)))
        }
        tree.insert(
            path, slash: slash, parent: parent, data: data, acl: acl, stat: stat, isLast: isLast)
    }
}

/// Reads jute from raw bytes without copying; what is not there yet is `.malformed(.truncated)`.
private struct RawReader {
    let bytes: UnsafeRawBufferPointer
    private(set) var offset: Int

    init(bytes: UnsafeRawBufferPointer, offset: Int) {
        self.bytes = bytes
        self.offset = offset
    }

    mutating func bytes(_ count: Int) throws(SnapshotError) -> UnsafeRawBufferPointer {
        guard count <= bytes.count - offset else { throw .malformed(.truncated) }
        defer { offset += count }
        return UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + count])
    }

    mutating func int() throws(SnapshotError) -> Int32 {
        Int32(bigEndian: try bytes(4).loadUnaligned(as: Int32.self))
    }

    mutating func long() throws(SnapshotError) -> Int64 {
        Int64(bigEndian: try bytes(8).loadUnaligned(as: Int64.self))
    }

    mutating func count() throws(SnapshotError) -> Int32 {
        let count = try int()
        guard count >= 0 else { throw .malformed(.badLength(count)) }
        return count
    }

    mutating func buffer() throws(SnapshotError) -> UnsafeRawBufferPointer? {
        let length = try int()
        if length == -1 { return nil }
        guard length >= 0, length <= juteMaximumLength else {
            throw .malformed(.badLength(length))
        }
        return try bytes(Int(length))
    }

    mutating func acl() throws(SnapshotError) -> [ACL] {
        let count = try count()
        var list: [ACL] = []
        for _ in 0..<count {
            let permissions = Permissions(rawValue: try int())
            let scheme = try string()
            list.append(ACL(permissions, Identity(scheme: scheme, id: try string())))
        }
        return list
    }

    private mutating func string() throws(SnapshotError) -> String {
        guard let bytes = try buffer() else { throw .malformed(.unexpectedNull) }
        return String(decoding: bytes, as: UTF8.self)
    }
}
