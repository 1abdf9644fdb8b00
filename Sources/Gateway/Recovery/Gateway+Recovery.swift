import HTTPServer
import Jute
import Node
import Storage
import Zab

// What a node does about its own state, and what it asks a person. Everything here is served
// without a quorum, and for administrators only.

extension Gateway {
    /// How this node stands with the ensemble.
    func recoveryView() -> RecoveryView {
        RecoveryView(
            node.status, reportDocument(), strandedReport, patience: options.quorumPatience)
    }

    /// The report of what a held node would lose; nil while it is not held.
    func reportDocument() -> ReportDocument? {
        guard let report = node.recovery.report else { return nil }
        return documents.document(report, of: node.id)
    }

    /// `GET /v1/recovery`.
    func readRecovery(_ call: Call) throws(Problem) -> HTTPResponse {
        try admin.check(call.credentials)
        let view = recoveryView()
        var json = JSONWriter(reserving: 512)
        json.object { json in
            json.key("state")
            json.string(view.state.rawValue)
            json.key("cause")
            json.optional(view.cause)
            json.key("progress")
            if view.state == .repairing { json.progress(node.status) } else { json.null() }
            json.key("thresholds")
            json.thresholds(node.recovery.thresholds)
            json.key("report")
            json.optional(view.report)
        }
        return self.json(call, zxid: servedZxid, json.bytes)
    }

    /// `GET /v1/recovery/report`.
    func readReport(_ call: Call) throws(Problem) -> HTTPResponse {
        try admin.check(call.credentials)
        let condition = try ReadCondition(headers: call.headers)
        let document = reportDocument()
        let stranded = recoveryView().state == .stranded ? strandedReport() : nil
        guard let tag = document?.tag ?? stranded?.tag else { throw Problem(.noReport) }
        switch condition.verdict(current: tag) {
        case .notModified:
            var headers = headers(call, zxid: servedZxid)
            headers.add("ETag", bytes: tag.text)
            return HTTPResponse(status: 304, headers: headers)
        case .failed: throw Problem(.preconditionFailed)
        case .serve: break
        }
        let limit = Int(try call.query.integer("limit", in: 1...10_000) ?? 1_000)
        let start = Int(try call.query.integer("cursor", in: 0...1 << 40) ?? 0)
        var json = JSONWriter(reserving: 1_024)
        document?.write(start..<start + limit, of: node.id, to: &json)
        if document == nil { stranded?.write(to: &json) }
        return self.json(call, zxid: servedZxid, tag: tag, json.bytes)
    }

    // MARK: The flag

    /// `PUT /v1/recovery/flag`.
    func raiseFlag(_ call: Call) throws(Problem) -> HTTPResponse? {
        try admin.check(call.credentials)
        let flag = try RecoveryFlag(call.request.body)
        guard case .tags(let tags)? = try EntityTagCondition.parse(call.headers.values("If-Match"))
        else {
            throw Problem(
                .preconditionRequired, "If-Match has to name the digest of the report.")
        }
        if case .adoptLocal(let dead) = flag.action {
            try adoptLocal(dead: dead, because: flag.reason, ifMatch: tags, call)
            return nil
        }
        guard let document = reportDocument() else { throw Problem(.notHeld) }
        try check(tags, document.tag)
        try adoptQuorum(document, because: "flag over HTTP: \(flag.reason)")
        var json = JSONWriter()
        json.object { json in
            json.key("state")
            json.string("repairing")
            json.key("action")
            json.string("adopt-quorum")
            json.key("report")
            json.string(document.digest)
        }
        return self.json(call, status: 202, zxid: servedZxid, json.bytes)
    }

    func check(_ stated: [EntityTag], _ current: EntityTag) throws(Problem) {
        guard !stated.contains(where: { $0.stronglyMatches(current) }) else { return }
        var problem = Problem(
            .preconditionFailed, "The report is another one. Read it before you decide.")
        problem.etag = current
        throw problem
    }

    /// `DELETE /v1/recovery/flag`: disarms the flag that lies as a file.
    func lowerFlag(_ call: Call) throws(Problem) -> HTTPResponse {
        try admin.check(call.credentials)
        try call.refuseConditions()
        try storing { () throws(StorageError) in _ = try node.recovery.removeFileFlag() }
        return HTTPResponse(status: 204, headers: headers(call, zxid: servedZxid))
    }

    /// Gives up what is here, once.
    func adoptQuorum(_ document: ReportDocument, because reason: String) throws(Problem) {
        guard document.report.hold != .removed else {
            throw Problem(
                .notHeld,
                "The others go on without this member; it can come back only under another id.")
        }
        let keepsPromises = document.report.hold == .tooDifferent
        try order(
            .fromQuorum(keepingPromises: keepsPromises), "report \(document.digest), \(reason)")
    }

    /// - Throws: `not-held` if another order was given before.
    private func order(_ rebuild: Rebuild, _ reason: String) throws(Problem) {
        let desk = node.recovery
        let isFirst = try storing { () throws(StorageError) in
            try desk.order(rebuild, because: reason)
        }
        guard isFirst else {
            throw Problem(.notHeld, "An order was given before, and is being obeyed.")
        }
        restartSoon()
    }

    /// The answer to whoever gave the order goes out first.
    func restartSoon() {
        let desk = node.recovery
        Task {
            do {
                try await Task.sleep(for: .milliseconds(200))
            } catch {
                // Cancelled with the process: the next start obeys.
                return
            }
            desk.restartNow()
        }
    }

    func storing<Result>(
        _ body: () throws(StorageError) -> Result
    ) throws(Problem) -> Result {
        do throws(StorageError) {
            return try body()
        } catch {
            throw Problem(.internalError, "\(error)")
        }
    }

    // MARK: What was set aside

    /// `GET /v1/recovery/detached`.
    func listDetached(_ call: Call) throws(Problem) -> HTTPResponse {
        try admin.check(call.credentials)
        try call.refuseConditions()
        let all = try storing { () throws(StorageError) in
            try node.recovery.detachments()
        }
        var json = JSONWriter(reserving: 1_024)
        json.object { json in
            json.key("detached")
            json.array { json in
                for detachment in all { json.detachment(detachment) }
            }
        }
        return self.json(call, zxid: servedZxid, json.bytes)
    }

    /// `POST /v1/recovery/detached/{id}/restore`.
    func restoreDetached(_ number: Int, _ call: Call) throws(Problem) -> HTTPResponse {
        try admin.check(call.credentials)
        try call.refuseConditions()
        let all = try storing { () throws(StorageError) in
            try node.recovery.detachments()
        }
        guard let detachment = all.first(where: { $0.number == number }) else {
            throw Problem(.noDetachment)
        }
        guard detachment.isState else {
            throw Problem(.badRequest, "Only a whole state can be put back; this is a part of one.")
        }
        try order(.fromDetached(number), "put back over HTTP")
        var json = JSONWriter()
        json.object { json in
            json.key("state")
            json.string("repairing")
            json.key("detached")
            json.integer(number)
        }
        return self.json(call, status: 202, zxid: servedZxid, json.bytes)
    }

    /// `DELETE /v1/recovery/detached/{id}`.
    func deleteDetached(_ number: Int, _ call: Call) throws(Problem) -> HTTPResponse {
        try admin.check(call.credentials)
        try call.refuseConditions()
        let isDone = try storing { () throws(StorageError) in
            try node.recovery.removeDetachment(number, because: "deleted over HTTP")
        }
        guard isDone else { throw Problem(.noDetachment) }
        return HTTPResponse(status: 204, headers: headers(call, zxid: servedZxid))
    }
}

extension JSONWriter {
    fileprivate mutating func progress(_ status: NodeStatus) {
        object { json in
            json.key("phase")
            json.string(status.protocolStatus.phase.rawValue)
            json.key("receivedBytes")
            json.optional(status.receivedBytes)
        }
    }

    fileprivate mutating func thresholds(_ thresholds: RecoveryThresholds) {
        object { json in
            json.key("maxDifferingRatio")
            json.value(.number(RecoveryReport.decimal(thresholds.differingRatio)))
            json.key("maxDifferingNodes")
            json.integer(thresholds.differingNodes)
            json.key("maxTruncatedTransactions")
            json.integer(thresholds.truncatedTransactions)
        }
    }

    fileprivate mutating func detachment(_ detachment: Detachment) {
        object { json in
            json.key("id")
            json.integer(detachment.number)
            json.key("time")
            json.integer(detachment.time.milliseconds)
            json.key("cause")
            json.optional(detachment.cause?.rawValue)
            json.key("bytes")
            json.integer(detachment.files.reduce(0) { $0 + $1.sizeBytes })
            json.key("files")
            json.array { json in
                for file in detachment.files { json.string(file.name) }
            }
        }
    }
}
