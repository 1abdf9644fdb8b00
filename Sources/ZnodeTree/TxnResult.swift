package import Jute

/// What one znode went through, in the order in which it happened, with everything that an event
/// about it has to tell: the log alone lacks the stats, the ACL of the moment and what a
/// closeSession deletes.
package struct Change: Equatable, Sendable {
    package enum Kind: UInt8, CaseIterable, Sendable {
        case created
        case dataChanged
        case aclChanged
        case deleted
    }

    package var kind: Kind
    package var path: ZnodePath
    package var zxid: Zxid
    /// Which operation of a multi or which path of a closeSession it was, from 0.
    package var position: Int32
    /// The znode right after the change, right before a deletion.
    package var znode: ZnodeMoment
    /// What a creation or a change of data wrote; nil for null data and other kinds.
    package var data: [UInt8]?
    /// The parent right after a creation or a deletion.
    package var parent: ZnodeMoment?
    /// What it took the place of: with it the change can be undone.
    package var replaced: Replaced

    /// What a change took the place of, as far as it cannot be told from the change itself.
    package struct Replaced: Equatable, Sendable {
        /// Of the znode, right before a change of its data or ACL.
        package var stat: Stat?
        /// What a change of data overwrote or a deletion removed; nil for null data too.
        package var data: [UInt8]?
        /// What a change of the ACL overwrote.
        package var acl: [ACL]?
        /// Of the parent, right before a creation or a deletion.
        package var parent: Stat?

        package init(
            stat: Stat? = nil, data: [UInt8]? = nil, acl: [ACL]? = nil, parent: Stat? = nil
        ) {
            self.stat = stat
            self.data = data
            self.acl = acl
            self.parent = parent
        }
    }

    package init(
        kind: Kind, path: ZnodePath, zxid: Zxid, position: Int32, znode: ZnodeMoment,
        data: [UInt8]? = nil, parent: ZnodeMoment? = nil, replaced: Replaced = Replaced()
    ) {
        self.kind = kind
        self.path = path
        self.zxid = zxid
        self.position = position
        self.znode = znode
        self.data = data
        self.parent = parent
        self.replaced = replaced
    }

    /// The znode right before the change; nil if there was none.
    package var znodeBefore: ZnodeMoment? {
        switch kind {
        case .created: nil
        case .deleted: znode
        case .dataChanged, .aclChanged:
            ZnodeMoment(
                stat: replaced.stat ?? znode.stat, mode: znode.mode,
                acl: replaced.acl ?? znode.acl)
        }
    }

    /// The parent right before a creation or a deletion.
    package var parentBefore: ZnodeMoment? {
        parent.map {
            ZnodeMoment(stat: replaced.parent ?? $0.stat, mode: $0.mode, acl: $0.acl)
        }
    }
}

/// A znode at one moment, without its data.
package struct ZnodeMoment: Equatable, Sendable {
    package var stat: Stat
    package var mode: ZnodeMode
    package var acl: [ACL]

    package init(stat: Stat, mode: ZnodeMode, acl: [ACL]) {
        self.stat = stat
        self.mode = mode
        self.acl = acl
    }
}

/// What became of one operation.
package struct OperationResult: Equatable, Sendable {
    /// The operation's type; `.error` for every operation of a multi that failed.
    package var type: OperationCode
    package var code: ErrorCode
    /// The path that a create gave its znode.
    package var path: ZnodePath?
    /// The stat right after a create, setData or setACL.
    package var stat: Stat?

    package init(
        type: OperationCode, code: ErrorCode, path: ZnodePath? = nil, stat: Stat? = nil
    ) {
        self.type = type
        self.code = code
        self.path = path
        self.stat = stat
    }
}

/// What applying a transaction did.
package struct TxnResult: Equatable, Sendable {
    package var header: TxnHeader
    /// One for each operation of a multi, otherwise exactly one.
    package var results: [OperationResult] = []
    package var changes: [Change] = []
    /// Whether the tree's digest is the one that the record foretold; nil if it foretold none.
    /// Means nothing while a fuzzy snapshot is being replayed.
    package var digestMatches: Bool?

    init(header: TxnHeader) {
        self.header = header
    }

    package var zxid: Zxid { header.zxid }

    /// Why it failed: the first code that is neither success nor the -2 of operations behind the
    /// one that failed.
    package var error: ErrorCode {
        results.first { $0.code != .ok && $0.code != .runtimeInconsistency }?.code ?? .ok
    }
}
