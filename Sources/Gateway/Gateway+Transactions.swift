import HTTPServer
import Jute
import Replica
import ZnodeTree

extension Gateway {
    /// `POST /v1/transactions`.
    func transact(_ call: Call) throws(Problem) -> HTTPResponse? {
        try call.refuseConditions()
        try ZnodeBody.checkEncoding(call.headers)
        var request = try TransactionRequest(
            call.request.body, hasSession: call.session != nil,
            extendedTypes: options.extendedTypes)
        try request.resolveACLs { acl throws(Problem) in try resolve(acl, call) }
        let kinds = request.kinds
        let write = Write.transaction(request.steps)
        let steps = request.steps
        let submitted = ContinuousClock.now
        node.submit(write, call.caller, timeout: options.requestTimeout) { outcome in
            self.metrics.countWrite(
                received: call.request.head.receivedAt, submitted: submitted, ended: .now)
            self.complete(call) { () throws(Problem) in
                switch outcome {
                case .committed(let committed):
                    return self.committed(committed, kinds, steps, call)
                case .refused(let refusal):
                    throw self.problem(refusal, write, kinds, steps, call)
                case .unavailable, .unknown:
                    throw self.problem(outcome, write, call)
                }
            }
        }
        return nil
    }

    private func committed(
        _ committed: WriteOutcome.Committed, _ kinds: [TransactionRequest.Kind],
        _ steps: [TransactionStep], _ call: Call
    ) -> HTTPResponse {
        var json = JSONWriter(reserving: 512 * kinds.count)
        json.beginObject()
        json.key("zxid")
        json.zxid(committed.zxid)
        json.key("results")
        json.beginArray()
        for (index, kind) in kinds.enumerated() {
            let result = index < committed.results.count ? committed.results[index] : nil
            let path = result?.path ?? steps[index].operation.path ?? .root
            json.beginObject()
            json.key("op")
            json.string(kind.rawValue)
            json.key("path")
            json.string(utf8: path.bytes)
            json.key("status")
            json.integer(kind.successStatus)
            // A znode that the transaction itself removed again has no stat to tell.
            if let state = state(of: path, result?.stat) {
                json.key("stat")
                state.write(to: &json)
            }
            json.endObject()
        }
        json.endArray()
        json.endObject()
        var response = self.json(call, zxid: committed.zxid, json.bytes)
        if committed.usedVersionCheck { response.headers.add("Aviary-Condition", "version") }
        return response
    }

    /// The failing operation's own problem, with what became of the others.
    private func problem(
        _ refusal: WriteOutcome.Refusal, _ write: Write, _ kinds: [TransactionRequest.Kind],
        _ steps: [TransactionStep], _ call: Call
    ) -> Problem {
        if refusal.reason == .fenceLost { return fenceLost(call.fence) }
        let failing = refusal.operationIndex ?? failingCondition(steps)
        guard let failing, steps.indices.contains(failing) else {
            return self.problem(.refused(refusal), write, call)
        }
        let path = steps[failing].operation.path ?? .root
        let single = steps[failing].asWrite
        var problem: Problem
        switch refusal.reason {
        case .code(.badVersion), .conditionFailed:
            let state = node.served.read { tree in
                tree.find(path).map { ZnodeState($0, in: tree) }
            }
            problem = failedCondition(path, state, state?.rawTag, zxid: refusal.zxid)
        case .code(let code) where code != .noAuth:
            problem = Problem(code, kinds[failing].action, path: path)
        default:
            problem = self.problem(.refused(refusal), single ?? write, call)
        }
        problem.zxid = refusal.zxid
        problem.members.append(
            .init(name: "operationIndex", value: .integer(Int64(failing))))
        problem.members.append(
            .init(
                name: "results",
                value: .array(
                    kinds.indices.map { index in
                        result(
                            kinds[index], steps[index].operation.path ?? .root,
                            index == failing ? problem.code : .failedDependency)
                    })))
        return problem
    }

    private func result(
        _ kind: TransactionRequest.Kind, _ path: ZnodePath, _ code: ProblemCode
    ) -> JSONValue {
        var json = JSONWriter()
        json.object { json in
            json.key("op")
            json.string(kind.rawValue)
            json.key("path")
            json.string(utf8: path.bytes)
            json.key("status")
            json.integer(code.status)
            json.key("code")
            json.string(code.rawValue)
        }
        return .verbatim(json.bytes)
    }

    /// The first tag that does not match here, where this node refused by itself.
    private func failingCondition(_ steps: [TransactionStep]) -> Int? {
        node.served.read { tree in
            steps.firstIndex { step in
                guard let wanted = step.mzxid, let path = step.operation.path else {
                    return false
                }
                return tree.find(path).map { tree.stat(of: $0).mzxid } != wanted
            }
        }
    }
}

extension TransactionStep {
    /// The write that asks for the same permission.
    fileprivate var asWrite: Write? {
        switch operation {
        case .create(let create): .create(create.path, data: [], Creation())
        case .setData(let path, _, _): .put(path, data: [], .exists, nil)
        case .delete(let path, _): .delete(path, .none, recursive: false)
        default: nil
        }
    }
}
