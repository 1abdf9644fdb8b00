import HTTPServer
import History
import Jute
import Waits
import ZnodeTree

/// One line of the history: what a transaction did to one znode.
private struct HistoryLine: Sendable {
    var zxid: Zxid
    var time: Int64
    var session: SessionID
    var operation: OperationCode
    var change: Change

    func write(to json: inout JSONWriter) {
        json.object { json in
            json.key("zxid")
            json.zxid(zxid)
            json.key("time")
            json.integer(time)
            json.key("session")
            if session == .none { json.null() } else { json.sessionID(session) }
            json.key("operation")
            json.string(operation.name)
            json.key("type")
            json.string(Event.Kind(change.kind).rawValue)
            json.key("path")
            json.string(utf8: change.path.bytes)
            json.key("version")
            json.integer(change.znode.stat.version)
        }
    }
}

/// A page of the history, the newest first.
private struct HistoryPage: Sendable {
    var lines: [HistoryLine] = []
    /// Everything before it is on the next pages; nil behind the last.
    var next: Zxid?
}

extension Gateway {
    /// `GET /v1/history`, for administrators: the transactions that touched a path.
    func readHistory(_ call: Call) throws(Problem) -> HTTPResponse? {
        try call.refuseConditions()
        try admin.check(call.credentials)
        guard let text = try call.query.text("path") else {
            throw Problem(.badParameter, "The parameter path is missing.")
        }
        let path = try ZnodePath.checked(Array(text.utf8))
        let scope = try call.query.choice("scope", Interest.Scope.self) ?? .node
        let subject = HistorySubject(path, scope.ofHistory)
        let limit = Int(try call.query.integer("limit", in: 1...10_000) ?? 500)
        let before = try historyCursor(call.query.text("cursor"))
        let since = try historySince(call.query.text("since"))
        try checkServing()
        lookBack(
            to: since ?? .zxid(.zero), call,
            present: {},
            past: { reader, moment throws(HistoryGone) in
                try HistoryPage.read(
                    reader, subject, after: since == nil ? nil : moment.zxid,
                    through: min(moment.now, before ?? moment.now), limit: limit)
            },
            answer: { page throws(Problem) in self.history(page, call) })
        return nil
    }

    private func history(_ page: HistoryPage, _ call: Call) -> HTTPResponse {
        var json = JSONWriter(reserving: 64 + 256 * page.lines.count)
        json.object { json in
            json.key("transactions")
            json.array { json in
                for line in page.lines { line.write(to: &json) }
            }
            json.key("next")
            if let next = page.next {
                json.string(EventCursor(next, history: historyName).text)
            } else {
                json.null()
            }
        }
        return self.json(call, zxid: servedZxid, json.bytes)
    }

    /// Everything up to the transaction before the cursor's.
    private func historyCursor(_ text: String?) throws(Problem) -> Zxid? {
        guard let text else { return nil }
        guard let cursor = EventCursor(parsing: text), cursor.zxid > .zero else {
            throw Problem(.badParameter, "The cursor is not one that a page ended with.")
        }
        try checkHistory(of: cursor)
        return Zxid(rawValue: cursor.zxid.rawValue - 1)
    }

    private func historySince(_ text: String?) throws(Problem) -> Point? {
        guard let text else { return nil }
        if let cursor = EventCursor(parsing: text) {
            try checkHistory(of: cursor)
            return .zxid(cursor.zxid)
        }
        guard let point = Point(parsing: text) else {
            throw Problem(
                .badParameter, "since is a cursor, a zxid or a time in milliseconds.")
        }
        return point
    }

    private func checkHistory(of cursor: EventCursor) throws(Problem) {
        guard cursor.history == 0 || historyName == 0 || cursor.history == historyName else {
            throw Problem(.cursorDiverged)
        }
    }
}

extension HistoryPage {
    /// - Parameters:
    ///   - reader: Where it comes from.
    ///   - subject: What it is about.
    ///   - after: Exclusive; nil for all that is held.
    ///   - through: Inclusive.
    ///   - limit: Of lines, exceeded rather than splitting a transaction.
    /// - Returns: The newest of what there is.
    /// - Throws: When `after` is no longer held.
    fileprivate static func read(
        _ reader: HistoryReader, _ subject: HistorySubject, after: Zxid?, through: Zxid, limit: Int
    ) throws(HistoryGone) -> HistoryPage {
        var page = HistoryPage()
        var last: Zxid?
        try reader.forEachBackward(subject, after: after, through: through) { transaction in
            if page.lines.count >= limit {
                page.next = last
                return false
            }
            for change in transaction.changes.reversed()
            where subject.concerns(change)
                && !SystemPath.isHidden(change.path, from: subject.path)
            {
                page.lines.append(
                    HistoryLine(
                        zxid: transaction.zxid, time: transaction.time,
                        session: transaction.session, operation: transaction.operation,
                        change: change))
                last = transaction.zxid
            }
            return true
        }
        return page
    }
}

extension Interest.Scope {
    fileprivate var ofHistory: HistorySubject.Scope {
        switch self {
        case .node: .node
        case .children: .children
        case .subtree: .subtree
        }
    }
}

extension OperationCode {
    /// ZooKeeper's name of the operation.
    fileprivate var name: String {
        switch self {
        case .create: "create"
        case .create2: "create2"
        case .createContainer: "createContainer"
        case .createTTL: "createTTL"
        case .delete: "delete"
        case .deleteContainer: "deleteContainer"
        case .setData: "setData"
        case .setACL: "setACL"
        case .multi: "multi"
        case .reconfig: "reconfig"
        case .closeSession: "closeSession"
        default: "\(rawValue)"
        }
    }
}
