import DataTools
import HTTPServer
import Jute
import Node
import Replica
import Storage
import Zab
import ZnodeTree

extension Gateway {
    /// Refuses what a restore stands in the way of.
    func checkGate(_ call: Call) throws(Problem) {
        if call.route.isGated(call.method), node.restoreGeneration & 1 == 1 {
            throw Problem(.restoring)
        }
    }

    /// Runs a read so that nothing of a restore is ever seen in its answer.
    func outsideRestore<Answer>(
        _ call: Call, _ read: () throws(Problem) -> Answer
    ) throws(Problem) -> Answer {
        guard call.route.isGated(call.method) else { return try read() }
        let generation = node.restoreGeneration
        if generation & 1 == 1 { throw Problem(.restoring) }
        let answer = try read()
        guard node.restoreGeneration == generation else { throw Problem(.restoring) }
        return answer
    }

    /// How a body that may be long is taken.
    func uploadPolicy(for head: HTTPRequestHead) throws(Problem) -> BodyPolicy {
        try admin.check(try identify(head))
        try checkServing()
        return .receive(restores.newUpload(), limit: options.maximumRestoreBytes)
    }

    /// `POST /v1/restore`: the body is a snapshot file.
    func beginRestore(_ call: Call) throws(Problem) -> HTTPResponse? {
        try call.refuseConditions()
        try admin.check(call.credentials)
        guard let upload = call.request.receiver as? UploadFile else {
            throw Problem(.badSnapshot, "The body is empty.")
        }
        try checkServing()
        guard isAviaryLeading else { throw Problem(.needsAviaryLeader) }
        guard node.restoreGeneration & 1 == 0, restores.claim() else {
            throw Problem(.restoreRunning)
        }
        Task { await self.restore(from: upload, call) }
        return nil
    }

    /// A guard that only an Aviary leader knows stands before every change.
    private var isAviaryLeading: Bool {
        let status = node.status
        guard status.isSynchronized else { return false }
        let epoch = status.protocolStatus.epoch
        return node.served.read { $0.stat(of: "/aviary/leader")?.mzxid.epoch == epoch }
    }

    private func restore(from upload: UploadFile, _ call: Call) async {
        let begun: (RestoreState, DataTree)
        do throws(Problem) {
            begun = try await begin(upload)
        } catch {
            upload.abandon()
            restores.release()
            return reply(call) { () throws(Problem) in throw error }
        }
        reply(call) {
            var json = JSONWriter(reserving: 256)
            json.object { json in begun.0.write(to: &json) }
            var response = self.json(call, status: 202, zxid: self.servedZxid, json.bytes)
            response.headers.add("Location", "/v1/restore")
            return response
        }
        restoreTask.run { await self.restores.run(begun.0, begun.1) }
    }

    /// Verifies the file, keeps it and shuts the gate.
    private func begin(
        _ upload: UploadFile
    ) async throws(Problem) -> (RestoreState, DataTree) {
        do throws(StorageError) {
            try await upload.finish()
        } catch {
            if case .disk(let failure) = error, failure.reason == .notFound {
                throw Problem(.badSnapshot, "The body is empty.")
            }
            throw Problem(.noSpace, "The upload cannot be kept: \(error)")
        }
        let snapshot: VerifiedSnapshot
        switch await restores.verify(upload.path) {
        case .success(let verified): snapshot = verified
        case .failure(let error): throw Problem(.badSnapshot, "The body: \(error).")
        }
        var restore = RestoreState(
            id: .random(in: .min ... .max), node: node.id, snapshot: snapshot.zxid,
            startedAt: Node.wallClock)
        do throws(StorageError) {
            try await restores.keep(upload, for: restore)
        } catch {
            throw Problem(.noSpace, "The upload cannot be kept: \(error)")
        }
        let write = Write.create(
            RestoreGate.path, data: restore.bytes, Creation(acl: [ACL(.read, .anyone)]))
        switch await restores.submitted(write) {
        case .committed(let committed):
            restore.gate = committed.zxid
            return (restore, snapshot.tree)
        case .unknown:
            // Whether it is under way is seen by whoever looks for restores to go on with.
            throw Problem(.outcomeUnknown)
        case .refused(let refusal) where refusal.reason == .code(.nodeExists):
            restores.discard(restore)
            throw Problem(.restoreRunning)
        case .refused(let refusal):
            restores.discard(restore)
            throw Problem(.internalError, "The restore was refused: \(refusal.reason).")
        case .unavailable(let reason):
            restores.discard(restore)
            throw Problem(reason.code)
        }
    }

    /// `GET /v1/restore`.
    func readRestore(_ call: Call) throws(Problem) -> HTTPResponse? {
        try call.refuseConditions()
        try admin.check(call.credentials)
        let restore = node.served.read { RestoreState(in: $0) }
        let (progress, ending) = (restores.progress, restores.ending)
        var json = JSONWriter(reserving: 512)
        json.object { json in
            json.key("state")
            json.string(restore == nil ? "none" : "restoring")
            json.key("restore")
            if let restore {
                json.object { json in restore.write(to: &json) }
            } else {
                json.null()
            }
            json.key("progress")
            if restore?.node == node.id, let progress {
                json.progress(progress)
            } else {
                json.null()
            }
            json.key("last")
            if let ending { json.ending(ending) } else { json.null() }
        }
        return self.json(call, zxid: servedZxid, json.bytes)
    }

    /// `DELETE /v1/restore`: on any node, also when the one that restores is gone for good.
    func abortRestore(_ call: Call) throws(Problem) -> HTTPResponse? {
        try call.refuseConditions()
        try admin.check(call.credentials)
        guard let restore = node.served.read({ RestoreState(in: $0) }) else {
            throw Problem(.noRestore)
        }
        Task {
            let outcome = await restores.abort(restore)
            reply(call) { () throws(Problem) in
                switch outcome {
                case .committed(let committed):
                    return HTTPResponse(
                        status: 204, headers: self.headers(call, zxid: committed.zxid))
                case .refused: throw Problem(.noRestore, "It has ended meanwhile.")
                case .unknown: throw Problem(.outcomeUnknown)
                case .unavailable(let reason): throw Problem(reason.code)
                }
            }
        }
        return nil
    }

    /// Answers from a thread that ends no batch of answers.
    private func reply(
        _ call: Call, _ make: @escaping @Sendable () throws(Problem) -> HTTPResponse
    ) {
        node.waits.perform {
            self.complete(call) { () throws(Problem) in try make() }
        }
    }
}

extension WriteOutcome.Unavailability {
    fileprivate var code: ProblemCode {
        switch self {
        case .electing: .electing
        case .noQuorum: .noQuorum
        case .stopping: .stopping
        }
    }
}

extension JSONWriter {
    fileprivate mutating func progress(_ progress: RestoreRunner.Progress) {
        object { json in
            json.key("done")
            json.integer(progress.done)
            json.key("total")
            json.integer(progress.total)
            json.key("problem")
            json.optional(progress.problem)
        }
    }

    fileprivate mutating func ending(_ ending: RestoreRunner.Ending) {
        object { json in
            ending.restore.write(to: &json)
            json.key("outcome")
            json.string(ending.isFinished ? "finished" : "aborted")
            json.key("zxid")
            if let zxid = ending.zxid { json.zxid(zxid) } else { json.null() }
        }
    }
}
