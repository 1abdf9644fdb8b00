package import Jute

/// The leader's single-threaded step from a request to a transaction.
///
/// Checks each request against the applied tree and everything that is outstanding, in ZooKeeper's
/// order, and makes a transaction of absolute values with the digest that the tree will have.
/// A request that fails becomes an error transaction: every request gets exactly one record.
///
/// Stricter than the original in three places: a pending setACL counts at once, an outlived znode
/// is looked at again before the sweep's delete, and an id that is in use does not become a second
/// session.
///
/// - Source: semantics reference, sections 1 and 8.
package struct RequestPreparer: Sendable {
    package struct Options: Sendable {
        /// Whether hard limits of quotas refuse writes.
        package var enforcesQuota: Bool
        package var access: AccessPolicy
        /// How old a container may get that never had a child; 0 for any age.
        package var maxNeverUsedMs: Int64

        package init(
            enforcesQuota: Bool = false, access: AccessPolicy = AccessPolicy(),
            maxNeverUsedMs: Int64 = 300_000
        ) {
            self.enforcesQuota = enforcesQuota
            self.access = access
            self.maxNeverUsedMs = maxNeverUsedMs
        }
    }

    /// A request as it reaches the leader.
    package struct Input: Sendable {
        package var session: SessionID
        package var cxid: Int32
        /// Of the connection that asked, its `ip` among them.
        package var identities: [Identity]
        /// A refusal becomes the error transaction of its code. This is also how the caller
        /// reports what it has to check itself, as a session that moved.
        package var operation: Result<Operation, RefusedOperation>
        /// Asked by the leader itself (sweep, expiry, its own znodes): neither a session nor
        /// permissions are required.
        package var isLeaderInternal: Bool

        package init(
            session: SessionID, cxid: Int32, identities: [Identity],
            operation: Result<Operation, RefusedOperation>, isLeaderInternal: Bool = false
        ) {
            self.session = session
            self.cxid = cxid
            self.identities = identities
            self.operation = operation
            self.isLeaderInternal = isLeaderInternal
        }
    }

    /// A request being prepared.
    struct Request {
        let input: Input
        let zxid: Zxid
        let time: Int64
    }

    let options: Options
    var outstanding = OutstandingChanges()

    package init(options: Options = Options()) {
        self.options = options
    }

    /// Changes that have been prepared and are not known to be applied.
    package var outstandingCount: Int { outstanding.count }

    /// Whether a session may ask for writes: in the table or about to be, and not closing.
    package func isLive(_ session: SessionID, in tree: DataTree) -> Bool {
        outstanding.isOpen(session, over: tree)
    }

    /// Forgets changes that are applied. `prepare` does so too, by the tree it is given.
    package mutating func applied(through zxid: Zxid) {
        outstanding.forget(through: zxid)
    }

    /// Forgets everything outstanding, at the beginning of a reign. The tree must hold the whole
    /// history before the next `prepare`.
    package mutating func reset() {
        outstanding = OutstandingChanges()
    }

    /// Makes the transaction of a request.
    ///
    /// - Parameters:
    ///   - input: The request.
    ///   - zxid: The transaction's, above every earlier one.
    ///   - time: The wall clock, in milliseconds since 1970.
    ///   - tree: Everything that was prepared and is not applied in it is still outstanding here.
    /// - Returns: The record to propose, never longer than 2,097,150 bytes.
    package mutating func prepare(
        _ input: Input, zxid: Zxid, time: Int64, tree: DataTree
    ) -> TxnRecord {
        outstanding.begin(over: tree)
        let request = Request(input: input, zxid: zxid, time: time)
        var txn: Txn
        do throws(ErrorCode) {
            txn = try self.txn(for: request, tree)
            guard TxnHeader.size + txn.bodySize + TxnDigest.size <= juteMaximumLength else {
                throw .marshallingError
            }
        } catch {
            outstanding.rollBack()
            txn = .error(error)
        }
        noteSession(txn, request)
        let header = TxnHeader(
            session: input.session, cxid: input.cxid, zxid: zxid, time: time, type: txn.type)
        if case .error = txn { return TxnRecord(header: header, txn: txn, digest: nil) }
        return TxnRecord(
            header: header, txn: txn, digest: TxnDigest(treeDigest: outstanding.digest))
    }

    private mutating func noteSession(_ txn: Txn, _ request: Request) {
        let session = request.input.session
        switch txn {
        case .createSession:
            outstanding.noteSession(session, isOpen: true, by: request.zxid)
        case .closeSession:
            outstanding.noteSession(session, isOpen: false, by: request.zxid)
        default:
            break
        }
    }

    private mutating func txn(for request: Request, _ tree: DataTree) throws(ErrorCode) -> Txn {
        let operation: Operation
        switch request.input.operation {
        case .success(let asked): operation = asked
        case .failure(let refusal): throw refusal.code
        }
        if !request.input.isLeaderInternal,
            outstanding.znode(at: RestoreGate.path.bytes[...], over: tree) != nil,
            RestoreGate.isShut(for: operation, of: request.input.identities)
        {
            throw .throttledOp
        }
        switch operation {
        case .multi(let operations):
            return try multi(operations, request, tree)
        case .setACL(let path, let acl, let version):
            return try setACL(path, acl, version: version, request, tree)
        case .createSession(let timeoutMs):
            return try createSession(timeoutMs: timeoutMs, request, tree)
        case .closeSession:
            return closeSession(request, tree)
        case .deleteContainer(let path):
            return try deleteContainer(path, request, tree)
        case .check:
            // A bare check in a log keeps the original from loading it.
            throw .unimplemented
        case .create, .delete, .setData:
            return try single(operation, request, tree)
        }
    }

    /// An operation that may also stand in a multi.
    private mutating func single(
        _ operation: Operation, _ request: Request, _ tree: DataTree
    ) throws(ErrorCode) -> Txn {
        switch operation {
        case .create(let create):
            return try self.create(create, request, tree)
        case .delete(let path, let version):
            return try delete(path, version: version, request, tree)
        case .setData(let path, let data, let version):
            return try setData(path, data, version: version, request, tree)
        case .check(let path, let version):
            return try check(path, version: version, request, tree)
        case .setACL, .multi, .createSession, .closeSession, .deleteContainer:
            throw .marshallingError
        }
    }

    /// All operations or none; of one that fails, the record says at which operation.
    ///
    /// - Source: storage format reference, section 2.3.
    private mutating func multi(
        _ operations: [Operation], _ request: Request, _ tree: DataTree
    ) throws(ErrorCode) -> Txn {
        guard operations.allSatisfy(\.mayStandInMulti) else { throw .marshallingError }
        if operations.isEmpty { try requireSession(request, tree) }
        var txns: [Txn] = []
        txns.reserveCapacity(operations.count)
        for operation in operations {
            do throws(ErrorCode) {
                txns.append(try single(operation.inMulti, request, tree))
            } catch {
                outstanding.rollBack()
                txns.append(.error(error))
                let rest = operations.count - txns.count
                txns += Array(repeating: .error(.runtimeInconsistency), count: rest)
                return .multi(txns)
            }
        }
        return .multi(txns)
    }

    func requireSession(_ request: Request, _ tree: DataTree) throws(ErrorCode) {
        if request.input.isLeaderInternal { return }
        guard isLive(request.input.session, in: tree) else { throw .sessionExpired }
    }

    func require(
        _ permission: Permissions, on znode: SpeculativeZnode, _ request: Request
    ) throws(ErrorCode) {
        if request.input.isLeaderInternal { return }
        guard
            options.access.allows(permission, to: request.input.identities, by: znode.acl)
        else { throw .noAuth }
    }
}

extension Operation {
    /// The operation as a multi's transaction can hold it: ZooKeeper 3.8.0 cannot apply a create2
    /// in one, and makes a create of it, whose body is the same.
    fileprivate var inMulti: Operation {
        guard case .create(var create) = self, create.code == .create2 else { return self }
        create.code = .create
        return .create(create)
    }

    /// setACL is left out: the original's tree would apply one half and peers would part ways.
    fileprivate var mayStandInMulti: Bool {
        switch self {
        case .create, .delete, .setData, .check: true
        case .setACL, .multi, .createSession, .closeSession, .deleteContainer: false
        }
    }
}
