package import Jute

/// A znode of one value of a tree: valid until that value is changed.
package struct ZnodeID: Hashable, Sendable {
    let number: UInt32

    init(_ number: UInt32) {
        self.number = number
    }
}

/// Some of the children of a znode, in the order of their names' bytes.
package struct ChildrenPage: Equatable, Sendable {
    package var names: [[UInt8]]
    /// Whether there are children behind the last of `names`.
    package var hasMore: Bool
}

extension DataTree {
    /// The znode at a path. The empty path and `/` are the root; others are taken literally.
    package func find(_ path: ZnodePath) -> ZnodeID? {
        find(path.bytes[...])
    }

    package func find(_ path: ArraySlice<UInt8>) -> ZnodeID? {
        store.find(path).map(ZnodeID.init)
    }

    // MARK: By path

    package func stat(of path: ZnodePath) -> Stat? {
        find(path).map { stat(of: $0) }
    }

    /// The outer nil means that there is no such znode, the inner one that its data is null.
    package func data(of path: ZnodePath) -> [UInt8]?? {
        find(path).map { data(of: $0) }
    }

    package func acl(of path: ZnodePath) -> [ACL]? {
        find(path).map { acl(of: $0) }
    }

    /// A page of children, or nil if there is no such znode.
    ///
    /// - Parameters:
    ///   - path: The parent.
    ///   - name: Where the page before ended; nil for the first page.
    ///   - limit: The largest number of names.
    /// - Returns: The names after `name`, in the order of their bytes.
    package func children(
        of path: ZnodePath, after name: [UInt8]? = nil, limit: Int = .max
    ) -> ChildrenPage? {
        guard let parent = find(path) else { return nil }
        var page = ChildrenPage(names: [], hasMore: false)
        page.names.reserveCapacity(min(limit, Int(store[parent.number].childCount)))
        forEachChild(of: parent, after: name) { child in
            if page.names.count >= limit {
                page.hasMore = true
                return false
            }
            page.names.append(self.name(of: child))
            return true
        }
        return page
    }

    // MARK: By id

    package func stat(of znode: ZnodeID) -> Stat {
        let record = store[znode.number]
        var stat = Stat(
            stored: record.stat, mode: mode(of: znode), dataLength: record.dataLength,
            numChildren: Int32(record.childCount))
        if !options.extendedTypes, ZnodeMode.ttl(ofOwner: record.stat.ephemeralOwner) != nil {
            stat.ephemeralOwner = SessionID(rawValue: record.stat.ephemeralOwner)
        }
        return stat
    }

    /// The stat as digest and snapshot have it.
    package func storedStat(of znode: ZnodeID) -> StoredStat {
        store[znode.number].stat
    }

    package func mode(of znode: ZnodeID) -> ZnodeMode {
        ZnodeMode(
            owner: store[znode.number].stat.ephemeralOwner, extendedTypes: options.extendedTypes)
    }

    package func acl(of znode: ZnodeID) -> [ACL] {
        acls[store[znode.number].acl]
    }

    /// The path; `/` for the root.
    package func path(of znode: ZnodeID) -> ZnodePath {
        znode.number == ZnodeStore.root
            ? .root : ZnodePath(bytes: store.path(of: znode.number))
    }

    /// The last component of the path; empty for the root.
    package func name(of znode: ZnodeID) -> [UInt8] {
        Array(store.name(of: znode.number))
    }

    package func data(of znode: ZnodeID) -> [UInt8]? {
        store.data(of: znode.number).map { Array($0) }
    }

    /// Reads data in place.
    ///
    /// - Parameters:
    ///   - znode: The znode.
    ///   - body: Gets nil for null data; the bytes are valid until it returns.
    /// - Returns: What `body` returns.
    package func withData<Result>(
        of znode: ZnodeID, _ body: (UnsafeRawBufferPointer?) throws -> Result
    ) rethrows -> Result {
        try withExtendedLifetime(self) { try body(store.data(of: znode.number)) }
    }

    /// Reads a name in place.
    ///
    /// - Parameters:
    ///   - znode: The znode.
    ///   - body: Gets the last component of the path, valid until it returns.
    /// - Returns: What `body` returns.
    package func withName<Result>(
        of znode: ZnodeID, _ body: (UnsafeRawBufferPointer) throws -> Result
    ) rethrows -> Result {
        try withExtendedLifetime(self) { try body(store.name(of: znode.number)) }
    }

    /// Visits children in the order of their names' bytes.
    ///
    /// - Parameters:
    ///   - znode: The parent.
    ///   - name: The first child visited is the first behind this name; nil for all.
    ///   - body: Says whether to go on.
    package func forEachChild(
        of znode: ZnodeID, after name: [UInt8]? = nil, _ body: (ZnodeID) throws -> Bool
    ) rethrows {
        var cursor = name.withUnsafeBytes {
            ZnodeStore.ChildCursor(of: znode.number, after: $0, in: store)
        }
        while let child = cursor.next(in: store) {
            guard try body(ZnodeID(child)) else { return }
        }
    }

    /// Visits the children of two znodes side by side, in the order of their names' bytes.
    ///
    /// - Parameters:
    ///   - one: The one parent, of this tree.
    ///   - other: The other one.
    ///   - tree: That one's tree.
    ///   - body: Gets a name, and who has it here and there: at least one of them does.
    package func forEachChild(
        of one: ZnodeID, and other: ZnodeID, in tree: borrowing DataTree,
        _ body: ([UInt8], ZnodeID?, ZnodeID?) -> Void
    ) {
        let (left, right) = (namedChildren(of: one), tree.namedChildren(of: other))
        var (i, j) = (0, 0)
        while i < left.count || j < right.count {
            if j == right.count
                || i < left.count && left[i].name.lexicographicallyPrecedes(right[j].name)
            {
                body(left[i].name, left[i].id, nil)
                i += 1
            } else if i == left.count || right[j].name.lexicographicallyPrecedes(left[i].name) {
                body(right[j].name, nil, right[j].id)
                j += 1
            } else {
                body(left[i].name, left[i].id, right[j].id)
                (i, j) = (i + 1, j + 1)
            }
        }
    }

    /// All children in the order of their names' bytes.
    package func namedChildren(of znode: ZnodeID) -> [(name: [UInt8], id: ZnodeID)] {
        var found: [(name: [UInt8], id: ZnodeID)] = []
        forEachChild(of: znode) { child in
            found.append((name(of: child), child))
            return true
        }
        return found
    }

    // MARK: Sessions

    /// The timeout of a session as it was created, or nil if there is no such session.
    package func timeout(of session: SessionID) -> Int32? {
        sessionTable[session]?.timeoutMs
    }

    /// All sessions in the order of their ids.
    package var sessions: [(id: SessionID, timeoutMs: Int32)] { sessionTable.open }

    package var sessionCount: Int { sessionTable.openCount }

    /// The paths of a session's ephemerals, the oldest first.
    package func ephemerals(of session: SessionID) -> [ZnodePath] {
        sessionTable.ephemerals(of: session, in: store).map {
            ZnodePath(bytes: store.path(of: $0))
        }
    }

    package var ephemeralCount: Int { sessionTable.ephemeralCount }

    /// Owners of ephemerals that are not in the session table, as a damaged or foreign snapshot
    /// may have them. A leader proposes a closeSession for each.
    package var orphanedOwners: [SessionID] {
        sessionTable.owners.filter { timeout(of: $0) == nil }
    }

    // MARK: The whole

    /// The number of znodes, the four built-in ones included.
    package var nodeCount: Int { store.nodeCount }

    /// The bytes of all data.
    package var dataBytes: Int { store.dataBytes }

    package var memory: MemoryFigures { store.memory }

    /// The digest computed anew from every byte; equals `digest` unless memory or code is wrong.
    package func recomputedDigest() -> UInt64 {
        var sum: UInt64 = 0
        forEachDescendant(of: ZnodeStore.root) { number in
            var record = store[number]
            record.contentCRC = recomputedContentCRC(of: number)
            sum &+= record.digest
        }
        return sum
    }

    func recomputedContentCRC(of number: UInt32) -> UInt32 {
        store.path(of: number).withUnsafeBytes {
            ZnodeStore.contentCRC(path: $0, data: store.data(of: number))
        }
    }
}
