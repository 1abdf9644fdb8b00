import HTTPServer
import Jute
import Replica
import ZnodeTree

extension Gateway {
    /// Sends a write on its way and answers when it has ended.
    ///
    /// - Parameters:
    ///   - write: What to do.
    ///   - call: Who asks, and for what.
    ///   - answer: Makes the answer once it is committed, on the node's thread; nil when it holds
    ///     the request.
    func submit(
        _ write: Write, _ call: Call,
        answer: @escaping @Sendable (WriteOutcome.Committed) throws(Problem) -> HTTPResponse?
    ) {
        let submitted = ContinuousClock.now
        node.submit(write, call.caller, timeout: options.requestTimeout) { outcome in
            self.metrics.countWrite(
                received: call.request.head.receivedAt, submitted: submitted, ended: .now)
            self.complete(call) { () throws(Problem) in
                if case .committed(let committed) = outcome { return try answer(committed) }
                throw self.problem(outcome, write, call)
            }
        }
    }

    /// Why a write was not applied, or that nobody knows.
    func problem(_ outcome: WriteOutcome, _ write: Write, _ call: Call) -> Problem {
        switch outcome {
        case .committed: Problem(.internalError, "A committed write was taken for a failed one.")
        case .unavailable(.electing): Problem(.electing, path: write.path)
        case .unavailable(.noQuorum): Problem(.noQuorum, path: write.path)
        case .unavailable(.stopping): Problem(.stopping, path: write.path)
        case .unknown: Problem(.outcomeUnknown, path: write.path)
        case .refused(let refusal): problem(refusal, write, call)
        }
    }

    private func problem(
        _ refusal: WriteOutcome.Refusal, _ write: Write, _ call: Call
    ) -> Problem {
        let path = write.path
        switch refusal.reason {
        case .code(.noAuth):
            return forbidden(write, call)
        case .code(.throttledOp) where node.restoreGeneration & 1 == 1:
            // The leader knew of the restore before this node did.
            return Problem(.restoring, path: path, zxid: refusal.zxid)
        case .code(.noNode) where write.mustExist(call):
            return failedCondition(path ?? .root, nil, nil, zxid: refusal.zxid)
        case .code(.nodeExists) where write.mustBeMissing, .code(.badVersion), .conditionFailed:
            return failedCondition(write, zxid: refusal.zxid)
        case .code(let code):
            return Problem(code, write.action, path: path)
        case .missingParent:
            return Problem(.noParent, path: path, zxid: refusal.zxid)
        case .modeMismatch:
            return Problem(.modeMismatch, path: path)
        case .creationOfExisting:
            return Problem(
                .badRequest, "The znode exists; acl and ttl apply to creation only.", path: path)
        case .tooLarge:
            return tooLarge(write, bytes: refusal.bytes)
        case .contended:
            return Problem(.contended, path: path)
        case .sessionExpired:
            return sessionOver(call.session)
        case .fenceLost:
            return fenceLost(call.fence)
        case .needsAviaryLeader:
            return Problem(.needsAviaryLeader, path: path)
        }
    }

    /// 412 with the current state; 404 where what it needs is not there at all.
    private func failedCondition(_ write: Write, zxid: Zxid?) -> Problem {
        guard let path = write.path else { return Problem(.preconditionFailed) }
        let (state, hasParent) = node.served.read { tree in
            (
                tree.find(path).map { ZnodeState($0, in: tree) },
                path.parent.map { tree.find($0) != nil } ?? true
            )
        }
        switch write {
        case .delete where state == nil: return Problem(.noNode, path: path, zxid: zxid)
        case .put where !hasParent: return Problem(.noParent, path: path, zxid: zxid)
        case .setACL: return failedCondition(path, state, state?.aclTag, zxid: zxid)
        default: return failedCondition(path, state, state?.rawTag, zxid: zxid)
        }
    }

    /// ZooKeeper asks for `create` and `delete` on the parent.
    private func forbidden(_ write: Write, _ call: Call) -> Problem {
        guard let path = write.path else { return Problem(.forbidden) }
        let permission: Permissions
        var guarded = path
        let exists = node.served.read { $0.find(path) != nil }
        switch write {
        case .delete:
            permission = .delete
            guarded = path.parent ?? path
        case .setACL:
            permission = .admin
        case .put where exists:
            permission = .write
        default:
            permission = .create
            guarded = path.parent ?? path
        }
        let acl = node.served.read { $0.acl(of: guarded) } ?? []
        return self.refusal(permission, by: acl, path, call.credentials)
    }

    private func tooLarge(_ write: Write, bytes: Int?) -> Problem {
        var problem = Problem(.transactionTooLarge, path: write.path)
        let count: Int
        switch write {
        case .transaction(let steps): count = steps.count
        case .delete(let path, _, recursive: true): count = subtreeSize(path)
        default: count = 1
        }
        problem.members = [.init(name: "operations", value: .integer(Int64(count)))]
        if let bytes {
            problem.members.append(.init(name: "bytes", value: .integer(Int64(bytes))))
        }
        problem.members.append(.init(name: "limit", value: .integer(Int64(juteMaximumLength))))
        return problem
    }

    private func subtreeSize(_ path: ZnodePath) -> Int {
        let tree = node.served.view()
        var count = 0
        var open = [tree.find(path)].compactMap { $0 }
        while let next = open.popLast() {
            count += 1
            tree.forEachChild(of: next) { child in
                open.append(child)
                return true
            }
        }
        return count
    }
}

extension Write {
    var path: ZnodePath? {
        switch self {
        case .put(let path, _, _, _), .create(let path, _, _), .delete(let path, _, _),
            .setACL(let path, _, _, _):
            path
        case .transaction, .createSession, .closeSession, .barrier: nil
        }
    }

    /// For ZooKeeper's errors that mean two things.
    fileprivate var action: RefusedAction {
        switch self {
        case .create: .create
        case .delete: .delete
        default: .change
        }
    }

    fileprivate var mustBeMissing: Bool {
        if case .put(_, _, .isMissing, _) = self { true } else { false }
    }

    /// `If-Match` on what a PUT finds missing is a failed condition.
    fileprivate func mustExist(_ call: Call) -> Bool {
        switch self {
        case .put(_, _, .exists, _), .put(_, _, .mzxid, _): true
        case .setACL: call.headers.contains("If-Match")
        default: false
        }
    }
}
