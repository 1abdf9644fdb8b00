package import Jute

extension DataTree {
    /// Applies a committed transaction.
    ///
    /// Tolerant, so that replaying transactions over a snapshot that already has some of their
    /// effects ends in the same tree.
    ///
    /// - Parameter record: The next one in the order of zxids.
    /// - Returns: The outcome of each operation and what changed.
    /// - Source: storage format reference, section 5.
    package mutating func apply(_ record: TxnRecord) -> TxnResult {
        var result = TxnResult(header: record.header)
        if case .multi(let txns) = record.txn {
            apply(multi: txns, &result)
        } else {
            apply(record.txn, position: 0, &result)
        }
        lastApplied = max(lastApplied, record.header.zxid)
        if let foretold = record.digest, foretold.version == TxnDigest.currentVersion {
            result.digestMatches = foretold.treeDigest == digest
        }
        return result
    }

    private mutating func apply(multi txns: [Txn], _ result: inout TxnResult) {
        result.results.reserveCapacity(txns.count)
        let hasFailed = txns.contains { if case .error = $0 { true } else { false } }
        for (position, txn) in txns.enumerated() {
            if !hasFailed {
                apply(txn, position: position, &result)
            } else if case .error(let code) = txn {
                result.results.append(OperationResult(type: .error, code: code))
            } else {
                result.results.append(OperationResult(type: .error, code: .ok))
            }
        }
    }

    private mutating func apply(_ txn: Txn, position: Int, _ result: inout TxnResult) {
        var outcome = OperationResult(type: txn.type, code: .ok)
        switch txn {
        case .create(let create):
            outcome.path = create.path
            outcome.code = apply(create, position: position, &result, &outcome.stat)
        case .delete(let path, _):
            outcome.code = delete(path, position: position, &result)
        case .setData(let path, let data, let version),
            .reconfig(let path, let data, let version):
            outcome.code = setData(
                path, data, version: version, position: position, &result, &outcome.stat)
        case .setACL(let path, let acl, let version):
            outcome.code = setACL(
                path, acl, version: version, position: position, &result, &outcome.stat)
        case .createSession(let timeoutMs):
            sessionTable.open(result.header.session, timeoutMs: timeoutMs)
        case .closeSession(let paths):
            closeSession(result.header.session, paths: paths ?? [], &result)
        case .error(let code):
            outcome.code = code
        case .check:
            break
        case .multi:
            // Multis do not nest; the reader of transactions refuses them.
            outcome.code = .runtimeInconsistency
        }
        result.results.append(outcome)
    }

    // MARK: The transactions

    private mutating func apply(
        _ create: CreateTxn, position: Int, _ result: inout TxnResult, _ stat: inout Stat?
    ) -> ErrorCode {
        let path = create.path.bytes
        guard let (slash, parent) = path.withUnsafeBytes({ parent(ofPath: $0) }) else {
            return .noNode
        }
        if let existing = store.find(path[...]) {
            // Already in the snapshot. The ACL is the one part that may be older there.
            setACLNumber(of: existing, to: acls.retain(create.acl))
            raiseCVersion(of: parent, to: create.parentCVersion, by: result.zxid)
            return .nodeExists
        }
        guard slash + 1 < path.count else { return .badArguments }
        if store[parent].flags.contains(.ephemeral) {
            // Only in replay: the parent is a later one of that path, and this child was deleted
            // before it came.
            return .noChildrenForEphemerals
        }
        let parentBefore = self.stat(of: ZnodeID(parent))
        let isUncounted = create.parentCVersion == -1
        let cversion = isUncounted ? store[parent].stat.cversion &+ 1 : create.parentCVersion
        raiseCVersion(of: parent, to: cversion, by: result.zxid)
        let acl = acls.retain(create.acl)
        let created = StoredStat(
            createdBy: result.zxid, at: result.header.time,
            owner: create.mode.owner(session: result.header.session))
        let number = path.withUnsafeBytes { path in
            create.data.withUnsafeBytes { data in
                insert(path, slash: slash, parent: parent, data: data, acl: acl, stat: created)
            }
        }
        noteQuotaNode(path, slash: slash)
        if !quotas.isEmpty { account(path, count: 1, bytes: Int64(create.data?.count ?? 0)) }
        let znode = moment(of: number)
        stat = znode.stat
        result.changes.append(
            Change(
                kind: .created, path: create.path, zxid: result.zxid, position: Int32(position),
                znode: znode, data: create.data, parent: moment(of: parent),
                replaced: .init(parent: parentBefore)))
        return .ok
    }

    private func moment(of number: UInt32) -> ZnodeMoment {
        let znode = ZnodeID(number)
        return ZnodeMoment(stat: stat(of: znode), mode: mode(of: znode), acl: acl(of: znode))
    }

    private mutating func raiseCVersion(of parent: UInt32, to cversion: Int32, by zxid: Zxid) {
        guard cversion > store[parent].stat.cversion else { return }
        change(parent) { record in
            record.stat.cversion = cversion
            record.stat.pzxid = zxid.rawValue
        }
    }

    private mutating func delete(
        _ path: ZnodePath, position: Int, _ result: inout TxnResult
    ) -> ErrorCode {
        guard let (_, parent) = path.bytes.withUnsafeBytes({ parent(ofPath: $0) }) else {
            return .noNode
        }
        let zxid = result.zxid.rawValue
        let parentBefore = stat(of: ZnodeID(parent))
        if zxid > store[parent].stat.pzxid {
            change(parent) { $0.stat.pzxid = zxid }
        }
        guard let number = store.find(path.bytes[...]), number != ZnodeStore.root else {
            return .noNode
        }
        let znode = moment(of: number)
        let data = data(of: ZnodeID(number))
        removeSubtree(number)
        result.changes.append(
            Change(
                kind: .deleted, path: path, zxid: result.zxid, position: Int32(position),
                znode: znode, parent: moment(of: parent),
                replaced: .init(data: data, parent: parentBefore)))
        return .ok
    }

    /// Only in replay can there be children: those of a later znode of this path, whose creation
    /// is still to come.
    private mutating func removeSubtree(_ top: UInt32) {
        var number = top
        while true {
            while store[number].childCount > 0 { number = store[number].children }
            let parent = store[number].parent
            let isTop = number == top
            removeLeaf(number)
            if isTop { return }
            number = parent
        }
    }

    private mutating func setData(
        _ path: ZnodePath, _ data: [UInt8]?, version: Int32, position: Int,
        _ result: inout TxnResult, _ stat: inout Stat?
    ) -> ErrorCode {
        guard let number = store.find(path.bytes[...]) else { return .noNode }
        if !quotas.isEmpty {
            let old = Int64(max(0, store[number].dataLength))
            account(path.bytes, count: 0, bytes: Int64(data?.count ?? 0) - old)
        }
        let replaced = Change.Replaced(
            stat: self.stat(of: ZnodeID(number)), data: self.data(of: ZnodeID(number)))
        replaceData(of: number, path: path.bytes, with: data)
        let zxid = result.zxid.rawValue
        let time = result.header.time
        change(number) { record in
            record.stat.version = version
            record.stat.mzxid = zxid
            record.stat.mtime = time
        }
        let znode = moment(of: number)
        stat = znode.stat
        result.changes.append(
            Change(
                kind: .dataChanged, path: path, zxid: result.zxid, position: Int32(position),
                znode: znode, data: data, replaced: replaced))
        return .ok
    }

    private mutating func setACL(
        _ path: ZnodePath, _ acl: [ACL], version: Int32, position: Int,
        _ result: inout TxnResult, _ stat: inout Stat?
    ) -> ErrorCode {
        guard let number = store.find(path.bytes[...]) else { return .noNode }
        let before = moment(of: number)
        setACLNumber(of: number, to: acls.retain(acl))
        change(number) { $0.stat.aversion = version }
        let znode = moment(of: number)
        stat = znode.stat
        result.changes.append(
            Change(
                kind: .aclChanged, path: path, zxid: result.zxid, position: Int32(position),
                znode: znode, replaced: .init(stat: before.stat, acl: before.acl)))
        return .ok
    }

    private mutating func setACLNumber(of number: UInt32, to acl: UInt32) {
        acls.release(store[number].acl)
        store[number].acl = acl
    }

    /// The paths that the leader listed, then what the session still owns: in histories before
    /// ZooKeeper 3.6 there is no list.
    private mutating func closeSession(
        _ session: SessionID, paths: [ZnodePath], _ result: inout TxnResult
    ) {
        sessionTable.close(session)
        for (position, path) in paths.enumerated() {
            _ = delete(path, position: position, &result)
        }
        var position = paths.count
        for number in sessionTable.ephemerals(of: session, in: store) {
            let path = ZnodePath(bytes: store.path(of: number))
            _ = delete(path, position: position, &result)
            position += 1
        }
    }
}

extension CreateTxn.Mode {
    /// The `ephemeralOwner` that the znode is stored with.
    func owner(session: SessionID) -> Int64 {
        switch self {
        case .ordinary(let ephemeral, _):
            ephemeral ? session.rawValue : 0
        case .container:
            ZnodeMode.containerOwner
        case .ttl(let milliseconds):
            ZnodeMode.owner(ttl: milliseconds & ZnodeMode.longestTTL)
        }
    }
}
