import Jute
import Testing
import ZnodeTree

/// A leader of one: prepares requests and applies them, at once or later.
struct Leader {
    var tree: DataTree
    var preparer: RequestPreparer
    var zxid = Zxid(epoch: 1, counter: 0)
    var time: Int64 = 1_700_000_000_000
    /// Prepared and not applied.
    private(set) var queue: [TxnRecord] = []
    private var cxid: Int32 = 0

    static let session = SessionID(rawValue: 0x100)
    static let address = Identity(scheme: "ip", id: "127.0.0.1")

    init(
        treeOptions: DataTree.Options = DataTree.Options(),
        options: RequestPreparer.Options = RequestPreparer.Options(),
        sessions: [SessionID] = [Leader.session]
    ) {
        tree = DataTree(options: treeOptions)
        preparer = RequestPreparer(options: options)
        for session in sessions { perform(.createSession(timeoutMs: 8000), session: session) }
    }

    init(tree: DataTree, options: RequestPreparer.Options = RequestPreparer.Options()) {
        self.tree = tree
        preparer = RequestPreparer(options: options)
        zxid = Zxid(epoch: tree.lastApplied.epoch + 1, counter: 0)
    }

    /// Prepares without applying.
    @discardableResult
    mutating func prepare(
        _ operation: Result<Operation, RefusedOperation>, session: SessionID = Leader.session,
        as identities: [Identity] = [Leader.address], isLeaderInternal: Bool = false
    ) -> TxnRecord {
        cxid += 1
        zxid = zxid.next
        time += 1
        let record = preparer.prepare(
            RequestPreparer.Input(
                session: session, cxid: cxid, identities: identities, operation: operation,
                isLeaderInternal: isLeaderInternal),
            zxid: zxid, time: time, tree: tree)
        queue.append(record)
        return record
    }

    /// Applies what has been prepared, all of it or the first `count`.
    @discardableResult
    mutating func applyQueued(_ count: Int = .max) -> TxnResult? {
        var last: TxnResult?
        let batch = queue.prefix(count)
        for record in batch {
            // What goes through the log and the wire is what is applied.
            guard let read = try? TxnRecord(payload: record.payload) else {
                Issue.record("a record cannot be read again: \(record)")
                continue
            }
            #expect(read == record)
            let result = tree.apply(read)
            #expect(result.digestMatches != false, "\(record.txn)")
            last = result
        }
        queue.removeFirst(batch.count)
        return last
    }

    /// Prepares and applies.
    @discardableResult
    mutating func perform(
        _ operation: Operation, session: SessionID = Leader.session,
        as identities: [Identity] = [Leader.address], isLeaderInternal: Bool = false
    ) -> TxnResult {
        let record = prepare(
            .success(operation), session: session, as: identities,
            isLeaderInternal: isLeaderInternal)
        return applyQueued() ?? tree.apply(record)
    }

    @discardableResult
    mutating func create(
        _ path: ZnodePath, _ data: String? = "",
        mode: CreateOperation.Mode = .persistent(sequential: false), acl: [ACL] = ACL.open,
        session: SessionID = Leader.session, as identities: [Identity] = [Leader.address]
    ) -> TxnResult {
        perform(
            .create(path, data, mode: mode, acl: acl), session: session, as: identities)
    }

    mutating func code(
        _ operation: Operation, session: SessionID = Leader.session,
        as identities: [Identity] = [Leader.address], isLeaderInternal: Bool = false
    ) -> ErrorCode {
        perform(
            operation, session: session, as: identities, isLeaderInternal: isLeaderInternal
        ).error
    }
}

extension Operation {
    static func create(
        _ path: ZnodePath, _ data: String? = "",
        mode: CreateOperation.Mode = .persistent(sequential: false), acl: [ACL] = ACL.open
    ) -> Operation {
        .create(
            CreateOperation(path: path, data: data.map { Array($0.utf8) }, acl: acl, mode: mode))
    }

    static func set(_ path: ZnodePath, _ data: String?, version: Int32 = -1) -> Operation {
        .setData(path: path, data: data.map { Array($0.utf8) }, version: version)
    }
}

extension CreateOperation.Mode {
    static let persistent = CreateOperation.Mode.persistent(sequential: false)
    static let ephemeral = CreateOperation.Mode.ephemeral(sequential: false)
    static let sequential = CreateOperation.Mode.persistent(sequential: true)

    static func ttl(_ milliseconds: Int64) -> CreateOperation.Mode {
        .ttl(milliseconds: milliseconds, sequential: false)
    }
}
