import Jute

/// The checks of each operation, in the order of the semantics reference, section 8.
extension RequestPreparer {
    // MARK: create

    mutating func create(
        _ operation: CreateOperation, _ request: Request, _ tree: DataTree
    ) throws(ErrorCode) -> Txn {
        let mode = try txnMode(of: operation, tree)
        try requireSession(request, tree)
        let session = request.input.session
        let isEphemeral = mode == .ordinary(ephemeral: true, create2: operation.code == .create2)
        if isEphemeral, !isLive(session, in: tree) { throw .sessionExpired }
        guard let slash = operation.path.lastSlash, !operation.path.bytes.contains(0) else {
            throw .badArguments
        }
        let acl = try options.access.resolve(operation.acl, for: request.input.identities)
        let parentPath = operation.path.bytes[..<slash]
        guard var parent = outstanding.znode(at: parentPath, over: tree) else { throw .noNode }
        try require(.create, on: parent, request)

        var path = operation.path
        if operation.mode.isSequential { path.appendSequence(parent.stat.cversion) }
        guard path.isValid, !Guard.isReserved(path) else { throw .badArguments }
        guard outstanding.znode(at: path.bytes[...], over: tree) == nil else { throw .nodeExists }
        guard !parent.isEphemeral else { throw .noChildrenForEphemerals }
        try requireQuota(
            path, count: 1, bytes: Int64(operation.data?.count ?? 0), in: tree)
        if isEphemeral {
            // The closeSession that deletes it must still be a legal record.
            let others = outstanding.ephemeralPathBytes(of: session, over: tree)
            let closing = TxnHeader.size + 4 + others + 4 + path.bytes.count + TxnDigest.size
            guard closing <= juteMaximumLength else { throw .marshallingError }
        }

        let txn = CreateTxn(
            path: path, data: operation.data, acl: acl, mode: mode,
            parentCVersion: parent.stat.cversion &+ 1)
        let old = parent
        parent.numChildren += 1
        // As the tree does: at its largest value the counter, and pzxid with it, stands still.
        if txn.parentCVersion > parent.stat.cversion {
            parent.stat.cversion = txn.parentCVersion
            parent.stat.pzxid = request.zxid.rawValue
        }
        outstanding.set(parentPath, from: old, to: parent, by: request.zxid)
        let znode = SpeculativeZnode(
            stat: StoredStat(
                createdBy: request.zxid, at: request.time, owner: mode.owner(session: session)),
            numChildren: 0, dataLength: operation.data.map { Int32($0.count) } ?? -1,
            contentCRC: SpeculativeZnode.contentCRC(path: path.bytes, data: operation.data),
            acl: acl, isSystem: ZnodeStore.isBelowZookeeper(path.bytes))
        outstanding.set(path.bytes[...], from: nil, to: znode, by: request.zxid)
        return .create(txn)
    }

    private func txnMode(
        of operation: CreateOperation, _ tree: DataTree
    ) throws(ErrorCode) -> CreateTxn.Mode {
        switch operation.mode {
        case .persistent:
            return .ordinary(ephemeral: false, create2: operation.code == .create2)
        case .ephemeral:
            return .ordinary(ephemeral: true, create2: operation.code == .create2)
        case .container:
            return .container
        case .ttl(let milliseconds, _):
            guard tree.options.extendedTypes else { throw .unimplemented }
            guard (1...ZnodeMode.longestTTL).contains(milliseconds) else { throw .badArguments }
            return .ttl(milliseconds: milliseconds)
        }
    }

    // MARK: delete

    mutating func delete(
        _ path: ZnodePath, version: Int32, _ request: Request, _ tree: DataTree
    ) throws(ErrorCode) -> Txn {
        try requireSession(request, tree)
        let parentPath = try parentOfDeletable(path)
        guard let parent = outstanding.znode(at: parentPath, over: tree) else { throw .noNode }
        try require(.delete, on: parent, request)
        guard let znode = outstanding.znode(at: path.bytes[...], over: tree) else {
            throw .noNode
        }
        _ = try nextVersion(after: znode.stat.version, expected: version)
        guard znode.numChildren == 0 else { throw .notEmpty }
        remove(path, znode, from: parentPath, by: request.zxid, tree)
        return .delete(path: path, container: false)
    }

    /// The sweep's delete: nothing is taken that is not empty and outlived at this moment.
    mutating func deleteContainer(
        _ path: ZnodePath, _ request: Request, _ tree: DataTree
    ) throws(ErrorCode) -> Txn {
        guard request.input.isLeaderInternal else { throw .unimplemented }
        let parentPath = try parentOfDeletable(path)
        guard let znode = outstanding.znode(at: path.bytes[...], over: tree) else {
            throw .noNode
        }
        guard znode.numChildren == 0 else { throw .notEmpty }
        let mode = ZnodeMode(
            owner: znode.stat.ephemeralOwner, extendedTypes: tree.options.extendedTypes)
        guard
            mode.isOutlived(
                znode.stat, now: request.time, maxNeverUsedMs: options.maxNeverUsedMs)
        else { throw .badVersion }
        remove(path, znode, from: parentPath, by: request.zxid, tree)
        return .delete(path: path, container: true)
    }

    /// What stands before the last slash, for a path that is no system znode.
    private func parentOfDeletable(_ path: ZnodePath) throws(ErrorCode) -> ArraySlice<UInt8> {
        guard let slash = path.lastSlash, !path.bytes.contains(0), !Self.permanent.contains(path)
        else { throw .badArguments }
        return path.bytes[..<slash]
    }

    private static let permanent: [ZnodePath] = [
        "/", "/zookeeper", "/zookeeper/quota", "/zookeeper/config",
    ]

    private mutating func remove(
        _ path: ZnodePath, _ znode: SpeculativeZnode, from parentPath: ArraySlice<UInt8>,
        by zxid: Zxid, _ tree: DataTree
    ) {
        if let old = outstanding.znode(at: parentPath, over: tree) {
            var parent = old
            parent.numChildren -= 1
            parent.stat.pzxid = max(parent.stat.pzxid, zxid.rawValue)
            outstanding.set(parentPath, from: old, to: parent, by: zxid)
        }
        outstanding.set(path.bytes[...], from: znode, to: nil, by: zxid)
    }

    // MARK: setData, setACL, check

    mutating func setData(
        _ path: ZnodePath, _ data: [UInt8]?, version: Int32, _ request: Request,
        _ tree: DataTree
    ) throws(ErrorCode) -> Txn {
        try requireSession(request, tree)
        guard path.isValid else { throw .badArguments }
        guard let old = outstanding.znode(at: path.bytes[...], over: tree) else { throw .noNode }
        try require(.write, on: old, request)
        let growth = Int64(data?.count ?? 0) - Int64(max(0, old.dataLength))
        try requireQuota(path, count: 0, bytes: growth, in: tree)
        var znode = old
        znode.stat.version = try nextVersion(after: old.stat.version, expected: version)
        znode.stat.mzxid = request.zxid.rawValue
        znode.stat.mtime = request.time
        znode.dataLength = data.map { Int32($0.count) } ?? -1
        znode.contentCRC = SpeculativeZnode.contentCRC(
            path: path.isRoot ? [] : path.bytes, data: data)
        outstanding.set(path.bytes[...], from: old, to: znode, by: request.zxid)
        return .setData(path: path, data: data, version: znode.stat.version)
    }

    mutating func setACL(
        _ path: ZnodePath, _ acl: [ACL], version: Int32, _ request: Request, _ tree: DataTree
    ) throws(ErrorCode) -> Txn {
        try requireSession(request, tree)
        // No multi may hold a setACL, so that its condition stands in its own path.
        let condition = try Guard(path, version: -1)
        let subject = condition?.path ?? path
        guard subject.isValid else { throw .badArguments }
        let resolved = try options.access.resolve(acl, for: request.input.identities)
        guard let old = outstanding.znode(at: subject.bytes[...], over: tree) else {
            throw .noNode
        }
        try require(.admin, on: old, request)
        if let condition, !condition.holds(for: old.stat, outstanding) { throw .badVersion }
        var znode = old
        znode.stat.aversion = try nextVersion(after: old.stat.aversion, expected: version)
        znode.acl = resolved
        outstanding.set(subject.bytes[...], from: old, to: znode, by: request.zxid)
        return .setACL(path: subject, acl: resolved, version: znode.stat.aversion)
    }

    mutating func check(
        _ path: ZnodePath, version: Int32, _ request: Request, _ tree: DataTree
    ) throws(ErrorCode) -> Txn {
        try requireSession(request, tree)
        let condition = try Guard(path, version: version)
        let subject = condition?.path ?? path
        guard subject.isValid else { throw .badArguments }
        guard let znode = outstanding.znode(at: subject.bytes[...], over: tree) else {
            throw .noNode
        }
        try require(.read, on: znode, request)
        if let condition, !condition.holds(for: znode.stat, outstanding) { throw .badVersion }
        let next = try nextVersion(after: znode.stat.version, expected: version)
        return .check(path: subject, version: next)
    }

    /// The version after a change of something that has `current`.
    ///
    /// - Parameters:
    ///   - current: What it has.
    ///   - expected: What the client demands; -1 demands nothing.
    /// - Returns: One more, without -1, which means "any".
    /// - Throws: `.badVersion`.
    private func nextVersion(
        after current: Int32, expected: Int32
    ) throws(ErrorCode) -> Int32 {
        guard expected == -1 || expected == current else { throw .badVersion }
        let next = current &+ 1
        return next == -1 ? 0 : next
    }

    // MARK: Quotas

    /// Usage and limits are those of the applied tree, as in the original.
    ///
    /// - Source: semantics reference, section 17.
    private func requireQuota(
        _ path: ZnodePath, count: Int64, bytes: Int64, in tree: DataTree
    ) throws(ErrorCode) {
        guard options.enforcesQuota, let subject = tree.quotas.deepest(around: path.bytes),
            let limits = try tree.quotaValues(at: Quotas.limitsPath(of: subject))
        else { return }
        let countLimit = limits.countHardLimit
        let byteLimit = limits.byteHardLimit
        guard count != 0 && countLimit > -1 || bytes != 0 && byteLimit > -1,
            let usage = try tree.quotaValues(at: Quotas.statsPath(of: subject))
        else { return }
        if count != 0, countLimit > -1, usage.count + count > countLimit { throw .quotaExceeded }
        if bytes != 0, byteLimit > -1, usage.bytes + bytes > byteLimit { throw .quotaExceeded }
    }
}

extension DataTree {
    /// What a quota's node says, or nil if there is none.
    fileprivate func quotaValues(at path: [UInt8]) throws(ErrorCode) -> QuotaValues? {
        guard let number = store.find(path[...]) else { return nil }
        let text = store.data(of: number).map { Array($0) } ?? []
        guard let values = QuotaValues(text: text) else { throw .marshallingError }
        return values
    }
}

extension ZnodePath {
    /// Appends a sequence number as `%010d` would print it.
    fileprivate mutating func appendSequence(_ number: Int32) {
        let digits = String(number.magnitude)
        let sign = number < 0 ? "-" : ""
        let zeros = String(repeating: "0", count: max(0, 10 - digits.count - sign.count))
        bytes.append(contentsOf: (sign + zeros + digits).utf8)
    }
}
