import HTTPServer
import History
import Jute
import Replica
import ZnodeTree

extension Gateway {
    /// `POST /v1/rollbacks`, for administrators.
    func rollBack(_ call: Call) throws(Problem) -> HTTPResponse? {
        try admin.check(call.credentials)
        try ZnodeBody.checkEncoding(call.headers)
        guard !call.headers.contains("If-None-Match") else {
            throw Problem(.badRequest, "The header If-None-Match means nothing here.")
        }
        let request = try RollbackRequest(call.request.body)
        let condition = try EntityTagCondition.parse(call.headers.values("If-Match"))
        if request.isDryRun {
            try call.refuseConditions()
            try checkServing()
            compare(request, call) { rollback throws(Problem) in
                self.json(
                    call, zxid: rollback.from, tag: rollback.tag,
                    rollback.json(limit: request.limit))
            }
            return nil
        }
        guard let condition else {
            throw Problem(
                .preconditionRequired, "A rollback needs If-Match with the ETag of its dry run.")
        }
        guard case .tags(let tags) = condition else {
            throw Problem(.badRequest, "If-Match names the difference that a dry run showed.")
        }
        try checkServing()
        RollbackWork(request, tags: tags, call, self).begin()
        return nil
    }

    /// Compares a moment with the state of now.
    fileprivate func compare(
        _ request: RollbackRequest, _ call: Call,
        answer: @escaping @Sendable (Rollback) throws(Problem) -> HTTPResponse?
    ) {
        let path = request.path
        lookBack(
            to: request.to, call,
            present: { self.node.served.view() },
            past: { reader, moment throws(HistoryGone) in
                let earlier = try reader.subtree(
                    path, at: moment.zxid, now: moment.present, through: moment.now)
                return (Rollback(earlier, now: moment.present), moment.present)
            },
            answer: { rollback, tree throws(Problem) in
                try self.check(rollback, in: tree)
                return try answer(rollback)
            })
    }

    /// - Throws: `no-node` when the znode exists neither then nor now; `no-parent` and
    ///   `ephemeral-parent` when it has nowhere to come back to.
    private func check(_ rollback: Rollback, in tree: DataTree) throws(Problem) {
        guard !rollback.isThere else { return }
        if let parent = rollback.path.parent {
            guard let above = tree.find(parent) else {
                throw Problem(
                    .noParent, "The parent does not exist: roll back what is above it.",
                    path: rollback.path)
            }
            if case .ephemeral = tree.mode(of: above) {
                throw Problem(.ephemeralParent, path: rollback.path)
            }
        }
        guard !rollback.create.isEmpty else { throw Problem(.noNode, path: rollback.path) }
    }
}

/// A rollback on its way: compares, changes ACLs if it is to, and applies the difference in one
/// transaction, under the condition that nothing in the subtree has changed since the comparison.
/// If something has, it compares again: as long as the difference is the one that was approved.
private struct RollbackWork: Sendable {
    let request: RollbackRequest
    let tags: [EntityTag]
    let call: Call
    let gateway: Gateway
    let deadline: ContinuousClock.Instant
    private var attempts = 0
    /// The difference without ACLs, once ACLs are being set.
    private var core: String?
    private var restoredACLs = 0

    private static let mostAttempts = 16

    init(
        _ request: RollbackRequest, tags: [EntityTag], _ call: Call, _ gateway: Gateway
    ) {
        self.request = request
        self.tags = tags
        self.call = call
        self.gateway = gateway
        deadline = .now + gateway.options.requestTimeout
    }

    func begin() {
        var next = self
        next.attempts += 1
        let work = next
        gateway.compare(request, call) { rollback throws(Problem) in
            try work.proceed(rollback)
            return nil
        }
    }

    private func proceed(_ rollback: Rollback) throws(Problem) {
        let isApproved =
            if let core {
                core == rollback.coreTag
            } else {
                tags.contains { $0.stronglyMatches(rollback.tag) }
            }
        guard isApproved else { throw failure(changed(rollback)) }
        guard rollback.fits else { throw failure(tooLarge(rollback)) }
        if request.restoresACL, core == nil, !rollback.acl.isEmpty {
            // Not a thing is changed before it is known that the leader can do all of it.
            submit(.transaction(condition(rollback)), rollback) { _ in
                var next = self
                next.core = rollback.coreTag
                next.restoreACLs(rollback.acl[...])
            }
            return
        }
        let steps = condition(rollback) + rollback.request.map { TransactionStep($0) }
        submit(.transaction(steps), rollback) { committed in
            gateway.complete(call) { () throws(Problem) in applied(rollback, committed.zxid) }
        }
    }

    private func condition(_ rollback: Rollback) -> [TransactionStep] {
        [
            TransactionStep(
                unchanged: rollback.path, since: rollback.from, exists: rollback.isThere)
        ]
    }

    /// An administrator's, whatever the ACLs say.
    private var caller: Caller {
        var identities = call.identities
        let administrator = Identity(scheme: "super", id: "")
        if !identities.contains(administrator) { identities.append(administrator) }
        return Caller(identities: identities)
    }

    private func submit(
        _ write: Write, _ rollback: Rollback,
        committed: @escaping @Sendable (WriteOutcome.Committed) -> Void
    ) {
        let timeout = max(.milliseconds(1), deadline - .now)
        gateway.node.submit(write, caller, timeout: timeout) { outcome in
            switch outcome {
            case .committed(let result):
                committed(result)
            case .refused(let refusal) where refusal.isStale:
                guard attempts < RollbackWork.mostAttempts, .now < deadline else {
                    return end(Problem(.contended, path: request.path))
                }
                begin()
            case .refused, .unavailable, .unknown:
                end(gateway.problem(outcome, write, call))
            }
        }
    }

    private func end(_ problem: Problem) {
        gateway.complete(call) { () throws(Problem) in throw failure(problem) }
    }

    // MARK: ACLs

    /// Sets one after the other: a transaction cannot hold them.
    private func restoreACLs(_ entries: ArraySlice<Rollback.Entry>) {
        guard let entry = entries.first, let now = entry.now, let then = entry.then else {
            return begin()
        }
        let write = Write.setACL(
            entry.path, then.acl, version: now.stat.aversion, czxid: now.stat.czxid)
        let timeout = max(.milliseconds(1), deadline - .now)
        gateway.node.submit(write, caller, timeout: timeout) { outcome in
            var next = self
            switch outcome {
            case .committed:
                next.restoredACLs += 1
                next.restoreACLs(entries.dropFirst())
            case .refused(let refusal) where refusal.isStale || refusal.reason == .conditionFailed:
                end(Problem(.preconditionFailed, "The difference has changed.", path: entry.path))
            case .refused, .unavailable, .unknown:
                end(gateway.problem(outcome, write, call))
            }
        }
    }

    // MARK: Answers

    private func applied(_ rollback: Rollback, _ zxid: Zxid) -> HTTPResponse {
        var json = JSONWriter(reserving: 160)
        json.object { json in
            json.key("zxid")
            json.zxid(zxid)
            json.key("created")
            json.integer(rollback.create.count)
            json.key("changed")
            json.integer(rollback.change.count)
            json.key("deleted")
            json.integer(rollback.delete.count)
            json.key("acl")
            json.integer(restoredACLs)
        }
        return gateway.json(call, zxid: zxid, json.bytes)
    }

    private func changed(_ rollback: Rollback) -> Problem {
        var problem = Problem(
            .preconditionFailed, "The difference is not the one that If-Match names.",
            path: request.path, zxid: rollback.from)
        problem.etag = rollback.tag
        problem.members = [.init(name: "etag", value: .string(rollback.tag.text))]
        return problem
    }

    private func tooLarge(_ rollback: Rollback) -> Problem {
        var problem = Problem(.transactionTooLarge, path: request.path, zxid: rollback.from)
        let count = rollback.create.count + rollback.change.count + rollback.delete.count
        problem.members = [
            .init(name: "operations", value: .integer(Int64(count))),
            .init(name: "limit", value: .integer(Int64(juteMaximumLength))),
        ]
        if let bytes = rollback.bytes {
            problem.members.append(.init(name: "bytes", value: .integer(Int64(bytes))))
        }
        return problem
    }

    /// Tells that ACLs have been set, where some have.
    private func failure(_ problem: Problem) -> Problem {
        guard restoredACLs > 0, problem.outcome == .notApplied else { return problem }
        var problem = problem
        problem.outcome = .applied
        problem.detail += " \(restoredACLs) ACLs have been set already, and nothing else."
        return problem
    }
}

extension WriteOutcome.Refusal {
    /// Something has changed since the comparison.
    fileprivate var isStale: Bool {
        switch reason {
        case .code(.badVersion), .code(.noNode), .code(.nodeExists), .code(.notEmpty),
            .code(.noChildrenForEphemerals), .conditionFailed:
            true
        default:
            false
        }
    }
}
