import Backup
import Dispatch
import HTTPServer
import Jute
import Node
import Storage

extension Gateway {
    /// Reading a snapshot blocks for as long as the disk takes.
    private static let reading = DispatchQueue(label: "aviary.snapshots.read", qos: .utility)

    /// `GET /v1/snapshots`, for administrators: what a start or a restore could begin with.
    func listSnapshots(_ call: Call) throws(Problem) -> HTTPResponse? {
        try call.refuseConditions()
        try admin.check(call.credentials)
        let catalog = snapshots
        whenRead(call, { () throws(StorageError) in try catalog.list() }) { entries in
            var json = JSONWriter(reserving: 64 + 256 * entries.count)
            json.object { json in
                json.key("snapshots")
                json.array { json in
                    for entry in entries { json.snapshot(entry) }
                }
            }
            return self.json(call, zxid: self.servedZxid, json.bytes)
        }
        return nil
    }

    /// `POST /v1/snapshots`: takes one of this moment, while writes go on.
    func takeSnapshot(_ call: Call) throws(Problem) -> HTTPResponse? {
        try call.refuseConditions()
        try admin.check(call.credentials)
        try checkServing()
        let catalog = snapshots
        node.takeSnapshot { outcome in
            let zxid: Zxid
            switch outcome {
            case .saved(let saved): zxid = saved
            case .busy: return self.fail(call, Problem(.snapshotRunning))
            case .unavailable: return self.fail(call, Problem(.stopping))
            case .failed(let reason):
                return self.fail(call, Problem(.noSpace, "The snapshot failed: \(reason)"))
            }
            self.whenRead(
                call, { () throws(StorageError) in try catalog.open(zxid)?.entry }
            ) { entry throws(Problem) in
                guard let entry else { throw Problem(.noSnapshot) }
                var response = self.json(call, status: 201, zxid: zxid, entry.json)
                response.headers.add("Location", "/v1/snapshots/\(zxid)")
                return response
            }
        }
        return nil
    }

    /// `GET /v1/snapshots/{zxid}`: the file itself.
    func readSnapshot(_ zxid: Zxid, _ call: Call) throws(Problem) -> HTTPResponse? {
        try admin.check(call.credentials)
        let condition = try ReadCondition(headers: call.headers)
        let catalog = snapshots
        whenRead(call, { () throws(StorageError) in try catalog.open(zxid) }) {
            found throws(Problem) in
            guard let (entry, file) = found else { throw Problem(.noSnapshot) }
            return try self.download(entry, file, condition, call)
        }
        return nil
    }

    private func download(
        _ entry: CatalogEntry, _ file: any DiskFile, _ condition: ReadCondition, _ call: Call
    ) throws(Problem) -> HTTPResponse {
        let tag = EntityTag(opaque: Array(entry.sha256.hexadecimal.utf8))
        var headers = headers(call, zxid: servedZxid)
        headers.add("ETag", bytes: tag.text)
        switch condition.verdict(current: tag) {
        case .notModified: return HTTPResponse(status: 304, headers: headers)
        case .failed: throw Problem(.preconditionFailed)
        case .serve: break
        }
        headers.add("Content-Type", "application/octet-stream")
        headers.add("X-Content-Type-Options", "nosniff")
        headers.add(
            "Content-Disposition",
            #"attachment; filename="\#(SnapshotName(entry.zxid).fileName)""#)
        // RFC 9530.
        headers.add("Repr-Digest", "sha-256=:\(Base64.encode(entry.sha256.bytes)):")
        return HTTPResponse(
            status: 200, headers: headers,
            stream: FileDownload.begin(file, sizeBytes: entry.sizeBytes))
    }

    /// Reads on a thread of its own, then answers.
    private func whenRead<Answer: Sendable>(
        _ call: Call, _ read: @escaping @Sendable () throws(StorageError) -> Answer,
        answer: @escaping @Sendable (Answer) throws(Problem) -> HTTPResponse
    ) {
        Self.reading.async {
            let result = Result { () throws(StorageError) in try read() }
            self.node.waits.perform {
                self.complete(call) { () throws(Problem) in
                    switch result {
                    case .success(let found): return try answer(found)
                    case .failure(let error):
                        throw Problem(.internalError, "The snapshots cannot be read: \(error)")
                    }
                }
            }
        }
    }

    /// Answers with a problem, from whatever thread.
    private func fail(_ call: Call, _ problem: Problem) {
        node.waits.perform {
            self.complete(call) { () throws(Problem) in throw problem }
        }
    }
}

extension JSONWriter {
    fileprivate mutating func snapshot(_ entry: CatalogEntry) {
        object { json in
            json.key("zxid")
            json.zxid(entry.zxid)
            json.key("bytes")
            json.integer(entry.sizeBytes)
            json.key("time")
            json.integer(entry.time)
            json.key("digest")
            if let digest = entry.digest {
                json.zxid(Zxid(rawValue: Int64(bitPattern: digest)))
            } else {
                json.null()
            }
            json.key("sha256")
            json.string(entry.sha256.hexadecimal)
        }
    }
}

extension CatalogEntry {
    fileprivate var json: [UInt8] {
        var json = JSONWriter(reserving: 256)
        json.snapshot(self)
        return json.bytes
    }
}
