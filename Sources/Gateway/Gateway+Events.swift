import HTTPServer
import History
import Jute
import Node
import Replica
import Synchronization

extension Gateway {
    private static let largestLimit: Int64 = 10_000

    /// `GET /v1/events`.
    func readEvents(_ call: Call) throws(Problem) -> HTTPResponse? {
        try call.refuseConditions()
        let limit = Int(try call.query.integer("limit", in: 1...Gateway.largestLimit) ?? 500)
        var reader = EventReader(
            filter: try EventFilter(call.query), credentials: call.credentials, gateway: self,
            limit: limit)
        let accept = Accept(call.headers)
        if accept.names("text/event-stream") || accept.names("application/x-ndjson") {
            reader.limit = EventStream.pieceLimit
            reader.partsTransactions = true
            return try accept.names("text/event-stream")
                ? serverSentEvents(reader, call) : eventLines(reader, call)
        }
        let start = try eventStart(call.query.text("since"))
        try checkServing()
        let polling = EventPolling(
            reader, start, call, isFromOldest: try call.query.text("since") == "oldest")
        return try whenReached(start, call) { () throws(Problem) in try polling.start() }
    }

    /// An `EventSource` gives up for good on anything but 200, so whatever is wrong with its cursor
    /// is told in the stream, which opens without a quorum too.
    private func serverSentEvents(
        _ reader: EventReader, _ call: Call
    ) throws(Problem) -> HTTPResponse? {
        var start: EventCursor?
        var isReset = false
        do throws(Problem) {
            if let last = call.headers.values("Last-Event-ID").first {
                start = try eventStart(String(decoding: last, as: UTF8.self))
            } else if let since = try call.query.text("since"), since != "now" {
                start = try eventStart(since)
            }
        } catch  where error.code == .cursorDiverged {
            isReset = true
        }
        guard let start, start.after < node.history.floor else {
            return try serverSentEvents(reader, from: start, isReset: isReset, call)
        }
        // A page may not follow a redirection to another origin.
        waitForHistory(start, call) { isHere throws(Problem) in
            try self.serverSentEvents(reader, from: start, isReset: !isHere, call)
        }
        return nil
    }

    private func serverSentEvents(
        _ reader: EventReader, from start: EventCursor?, isReset: Bool, _ call: Call
    ) throws(Problem) -> HTTPResponse {
        let stream = try EventStream.open(
            .serverSentEvents, reader, from: start, isReset: isReset, call)
        return streamed(stream, "text/event-stream", call)
    }

    private func eventLines(
        _ reader: EventReader, _ call: Call
    ) throws(Problem) -> HTTPResponse? {
        let since = try call.query.text("since")
        let start = since == nil || since == "now" ? nil : try eventStart(since)
        try checkServing()
        return try whenReached(start, call) { () throws(Problem) in
            let stream = try EventStream.open(.lines, reader, from: start, isReset: false, call)
            return self.streamed(stream, "application/x-ndjson", call)
        }
    }

    /// An answer whose body goes on.
    func streamed(
        _ stream: HTTPBodyStream, _ type: StaticString, _ call: Call
    ) -> HTTPResponse {
        var headers = answerHeaders.make(
            zxid: servedZxid, role: node.standing.role, request: call.requestID, isHeld: true)
        headers.add("Content-Type", type)
        // Proxies that gather an answer before they pass it on would hold the events back.
        headers.add("X-Accel-Buffering", "no")
        return HTTPResponse(status: 200, headers: headers, stream: stream)
    }

    /// Where to begin.
    ///
    /// - Throws: `bad-parameter`, `cursor-diverged`.
    private func eventStart(_ since: String?) throws(Problem) -> EventCursor {
        switch since {
        case nil, "now": return EventCursor(node.history.last, history: historyName)
        case "oldest": return EventCursor(node.history.floor, history: historyName)
        case .some(let text):
            guard var cursor = EventCursor(parsing: text) else {
                throw Problem(
                    .badParameter, "since is a cursor, a zxid, now or oldest.")
            }
            guard isOfThisHistory(cursor) else { throw Problem(.cursorDiverged) }
            cursor.history = historyName
            return cursor
        }
    }

    /// A bare zxid does not tell of which history it is, and so must be of the state of now.
    private func isOfThisHistory(_ cursor: EventCursor) -> Bool {
        guard let lineage = node.served.lineage else { return true }
        if cursor.history == 0 { return lineage.isCurrent(cursor.zxid) }
        return cursor.history == historyName && lineage.has(cursor.zxid)
    }

    /// Names the ensemble's history in cursors; 0 while it has no name.
    var historyName: UInt32 {
        node.served.lineage.map { UInt32($0.history >> 32) } ?? 0
    }

    /// Goes on once this node has applied what the cursor has seen on another.
    private func whenReached(
        _ cursor: EventCursor?, _ call: Call,
        _ proceed: @escaping @Sendable () throws(Problem) -> HTTPResponse?
    ) throws(Problem) -> HTTPResponse? {
        guard let cursor else { return try proceed() }
        if cursor.after < node.history.floor {
            waitForHistory(cursor, call) { isHere throws(Problem) in
                isHere ? try proceed() : try self.elsewhere(cursor, call)
            }
            return nil
        }
        guard cursor.zxid > node.history.last else { return try proceed() }
        node.wait(for: cursor.zxid, timeout: options.requestTimeout) { outcome in
            self.complete(call) { () throws(Problem) in
                guard outcome == .ready else { throw Problem(.nodeBehind) }
                return try proceed()
            }
        }
        return nil
    }

    /// Goes on when this node has closed a hole, or elsewhere. Shortly after a start it does not
    /// know yet whether others have what it lacks.
    private func waitForHistory(
        _ cursor: EventCursor, _ call: Call,
        _ proceed: @escaping @Sendable (_ isHere: Bool) throws(Problem) -> HTTPResponse?
    ) {
        when(call) {
            cursor.after >= self.node.history.floor
                || self.memberReachingBack(to: cursor.after) != nil
                || self.haveAllMembersBeenAsked
        } proceed: { () throws(Problem) in
            try proceed(cursor.after >= self.node.history.floor)
        }
    }

    /// 307 to a member that reaches back further than this one.
    ///
    /// - Throws: `cursor-expired` when there is none.
    func elsewhere(_ cursor: EventCursor, _ call: Call) throws(Problem) -> HTTPResponse {
        guard let response = elsewhere(reachingBackTo: cursor.after, call) else {
            throw cursorExpired()
        }
        return response
    }

    /// 410 with what this node has.
    private func cursorExpired() -> Problem {
        var problem = Problem(.cursorExpired)
        problem.members = [
            .init(
                name: "oldest",
                value: .text(EventCursor(node.history.floor, history: historyName).text)),
            .init(
                name: "current",
                value: .text(EventCursor(node.history.last, history: historyName).text)),
        ]
        return problem
    }

    /// The JSON form.
    func events(_ batch: EventBatch, _ filter: EventFilter, _ call: Call) -> HTTPResponse {
        var json = JSONWriter(reserving: 128 + 448 * batch.events.count)
        json.beginObject()
        json.key("events")
        json.beginArray()
        for event in batch.events {
            json.beginObject()
            event.write(to: &json, includingValue: filter.includesValue)
            json.endObject()
        }
        json.endArray()
        json.key("next")
        json.string(batch.next.text)
        json.key("more")
        json.bool(batch.hasMore)
        json.endObject()
        return self.json(call, zxid: servedZxid, json.bytes)
    }
}

/// One request for events: reads until there are some, then waits for some, then answers.
private final class EventPolling: Sendable {
    private let reader: EventReader
    private let call: Call
    /// What is the oldest may change before it is read.
    private let isFromOldest: Bool
    /// Nothing between where the client began and here concerns it.
    private let cursor: Mutex<EventCursor>

    private var gateway: Gateway { reader.gateway }

    init(
        _ reader: EventReader, _ start: EventCursor, _ call: Call, isFromOldest: Bool
    ) {
        self.reader = reader
        self.call = call
        self.isFromOldest = isFromOldest
        cursor = Mutex(start)
    }

    /// Reads from the disk as long as memory does not reach back far enough.
    func start() throws(Problem) -> HTTPResponse? {
        guard case .onDisk = reader.read(from: cursor.withLock { $0 }) else { return try hold() }
        readFiles()
        return nil
    }

    private func readFiles() {
        reader.read(from: cursor.withLock { $0 }) { outcome in
            // The history's thread ends no batch of answers.
            self.gateway.node.waits.perform {
                self.gateway.complete(self.call) { () throws(Problem) in
                    try self.proceed(outcome)
                }
            }
        }
    }

    private func proceed(_ outcome: EventReader.Outcome) throws(Problem) -> HTTPResponse? {
        switch outcome {
        case .batch(let batch) where batch.events.isEmpty && batch.hasMore:
            cursor.withLock { $0 = batch.next }
            return try start()
        case .batch(let batch):
            return gateway.events(batch, reader.filter, call)
        case .expired(let floor) where isFromOldest && floor > cursor.withLock({ $0.zxid }):
            cursor.withLock { $0.advance(through: floor) }
            return try start()
        case .expired:
            return try gateway.elsewhere(cursor.withLock { $0 }, call)
        case .onDisk:
            return try attempt(.last(quietThrough: nil))
        }
    }

    private func hold() throws(Problem) -> HTTPResponse? {
        try gateway.hold(call, "events", reader.filter.interests) { occasion throws(Problem) in
            try self.attempt(occasion)
        }
    }

    private func attempt(_ occasion: Occasion) throws(Problem) -> HTTPResponse? {
        // A quiet path must not keep its cursor behind while others change.
        switch occasion {
        case .change(let zxid):
            cursor.withLock { $0.advance(through: Zxid(rawValue: zxid.rawValue - 1)) }
        case .last(let quiet?):
            cursor.withLock { $0.advance(through: quiet) }
        case .arrival, .anything, .last(nil):
            break
        }
        while true {
            let start = cursor.withLock { $0 }
            switch reader.read(from: start) {
            case .batch(let batch):
                cursor.withLock { $0 = batch.next }
                if batch.events.isEmpty, batch.hasMore { continue }
                guard occasion.isLast || !batch.events.isEmpty else { return nil }
                return gateway.events(batch, reader.filter, call)
            case .onDisk:
                // It fell that far back while it waited: the client asks again from there.
                return gateway.events(
                    EventBatch(next: start, hasMore: true), reader.filter, call)
            case .expired(let floor) where isFromOldest && floor > start.zxid:
                cursor.withLock { $0.advance(through: floor) }
            case .expired:
                return try gateway.elsewhere(start, call)
            }
        }
    }
}
