import HTTPServer
import Jute
import Node
import Waits

extension Gateway {
    /// `GET /v1/watchers`, for administrators: who waits for what.
    func readWatchers(_ call: Call) throws(Problem) -> HTTPResponse {
        try call.refuseConditions()
        try admin.check(call.credentials)
        let watchers = node.waits.descriptions
        var json = JSONWriter(reserving: 64 + 192 * watchers.count)
        json.object { json in
            json.key("watchers")
            json.array { json in
                for watcher in watchers { json.watcher(watcher) }
            }
        }
        return self.json(call, zxid: servedZxid, json.bytes)
    }
}

extension JSONWriter {
    fileprivate mutating func watcher(_ watcher: WaitService.Description) {
        object { json in
            json.key("kind")
            json.string(watcher.kind)
            json.key("paths")
            json.array { json in
                for interest in watcher.interests { json.string(utf8: interest.path.bytes) }
            }
            json.key("scope")
            json.optional(watcher.interests.first?.scope.rawValue)
            json.key("since")
            json.integer(watcher.since)
            json.key("address")
            json.string(watcher.address)
            json.key("session")
            if let session = watcher.session { json.sessionID(session) } else { json.null() }
        }
    }
}
