package import Jute
package import ZnodeTree

/// Who asks, and as which session.
package struct Caller: Sendable {
    /// Everything the connection has proved, `("ip", address)` included.
    package var identities: [Identity]
    /// The client's own session, where a write carries one; otherwise this node's.
    package var session: SessionID?
    /// A znode that must be there for a write to be applied, checked in the same transaction.
    package var fence: ZnodePath?

    package init(
        identities: [Identity], session: SessionID? = nil, fence: ZnodePath? = nil
    ) {
        self.identities = identities
        self.session = session
        self.fence = fence
    }
}

/// What must hold of the znode a write is about.
package enum Condition: Equatable, Sendable {
    case none
    /// `If-None-Match: *`
    case isMissing
    /// `If-Match: *`
    case exists
    /// `If-Match` with tags: the znode's mzxid is one of these.
    case mzxid([Zxid])
    /// `?version=`, ZooKeeper's own check.
    case version(Int32)
}

/// How a znode is created.
package struct Creation: Equatable, Sendable {
    /// Nil means persistent, and that an existing znode may have any mode.
    package var mode: CreateOperation.Mode?
    /// Nil means open to everybody.
    package var acl: [ACL]?
    /// Missing ancestors are created too, persistent and open.
    package var parents: Bool

    package init(
        mode: CreateOperation.Mode? = nil, acl: [ACL]? = nil, parents: Bool = false
    ) {
        self.mode = mode
        self.acl = acl
        self.parents = parents
    }
}

/// A write as a client means it. It goes beyond ZooKeeper's requests; what is committed never does.
///
/// - Source: SOUNDNESS, section 0.
package enum Write: Equatable, Sendable {
    /// Create or replace.
    ///
    /// `creation` is nil where the client stated nothing about how to create.
    case put(ZnodePath, data: [UInt8], Condition, Creation?)
    /// Create only.
    case create(ZnodePath, data: [UInt8], Creation)
    /// Remove a znode, with everything below it if `recursive`.
    case delete(ZnodePath, Condition, recursive: Bool)
    /// `version` is the aversion, -1 for any. `aclTag` is the znode's czxid, where a tag names it.
    case setACL(ZnodePath, [ACL], version: Int32, czxid: Zxid?)
    case transaction([TransactionStep])
    case createSession(timeoutMs: Int32)
    case closeSession(SessionID)
    /// Changes nothing: everything committed before it is applied once it is.
    case barrier
}

/// One operation of a transaction, with the condition it may carry.
package struct TransactionStep: Equatable, Sendable {
    package var operation: Operation
    /// The znode's mzxid must be this.
    package var mzxid: Zxid?
    /// In a check: what must not have changed; only an Aviary leader can tell.
    package var unchanged: Unchanged?

    package struct Unchanged: Equatable, Sendable {
        /// No transaction behind this one may have changed anything at or below the path.
        package var since: Zxid
        /// False for a znode that the same transaction creates: that fails by itself if it is
        /// there, so that its parent must only be the one it was.
        package var exists: Bool
    }

    package init(_ operation: Operation, mzxid: Zxid? = nil) {
        self.operation = operation
        self.mzxid = mzxid
    }

    /// Checks that nothing at or below a path has changed since.
    ///
    /// - Parameters:
    ///   - path: Of the top.
    ///   - zxid: Exclusive.
    ///   - exists: Whether it does; otherwise it is created in the same transaction.
    package init(unchanged path: ZnodePath, since zxid: Zxid, exists: Bool) {
        operation = .check(path: path, version: -1)
        unchanged = Unchanged(since: zxid, exists: exists)
    }
}

/// How a write ended.
package enum WriteOutcome: Sendable {
    case committed(Committed)
    /// Definitely not applied, because of what it asked.
    case refused(Refusal)
    /// Definitely not applied, because of the ensemble.
    case unavailable(Unavailability)
    /// Proposed, and nobody can tell what became of it.
    case unknown

    package struct Committed: Sendable {
        package var zxid: Zxid
        /// One per operation that the client named, in its order.
        package var results: [OperationResult]
        package var isCreation: Bool
        /// A Java leader evaluated ZooKeeper's version check in place of the tag.
        package var usedVersionCheck: Bool

        package init(
            zxid: Zxid, results: [OperationResult], isCreation: Bool = false,
            usedVersionCheck: Bool = false
        ) {
            self.zxid = zxid
            self.results = results
            self.isCreation = isCreation
            self.usedVersionCheck = usedVersionCheck
        }
    }

    package struct Refusal: Sendable {
        package var reason: Reason
        /// The transaction that records the failure; nil when it never reached the leader.
        package var zxid: Zxid?
        /// Which operation of a transaction failed, by the client's count.
        package var operationIndex: Int?
        /// Size of the transaction, where that is why.
        package var bytes: Int?

        package init(
            reason: Reason, zxid: Zxid? = nil, operationIndex: Int? = nil, bytes: Int? = nil
        ) {
            self.reason = reason
            self.zxid = zxid
            self.operationIndex = operationIndex
            self.bytes = bytes
        }
    }

    package enum Reason: Equatable, Sendable {
        case code(ErrorCode)
        case missingParent
        case conditionFailed
        /// The znode exists with another mode.
        case modeMismatch
        /// An ACL or TTL was given for a znode that exists already.
        case creationOfExisting
        case tooLarge
        /// Other writers kept changing what this one depends on.
        case contended
        case sessionExpired
        /// The znode that had to be there is not.
        case fenceLost
        /// The guard that it needs exists only under an Aviary leader.
        case needsAviaryLeader
    }

    package enum Unavailability: Sendable {
        /// No leader was found before the deadline.
        case electing
        /// There is a leader, and no quorum confirmed the write before the deadline.
        case noQuorum
        /// The node is stopping.
        case stopping
    }
}
