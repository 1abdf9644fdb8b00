internal import Crypto
import History
import Jute
import ZnodeTree

extension Rollback {
    /// Names the difference: `r` and two halves, the second for the ACLs.
    ///
    /// Every member that compares the same two states says the same, and so does one that compares
    /// a later state in which nothing of it has changed.
    var tag: EntityTag {
        EntityTag(opaque: Array("r\(coreTag).\(digest(of: [("acl", acl)]))".utf8))
    }

    /// The part that does not change when ACLs do.
    var coreTag: String {
        digest(of: [("create", create), ("change", change), ("delete", delete), ("kept", kept)])
    }

    private func digest(of lists: [(name: String, entries: [Entry])]) -> String {
        var hash = SHA256()
        hash.update(data: Array("\(to) \(path.bytes.count) ".utf8) + path.bytes)
        for (name, entries) in lists {
            for entry in entries {
                var line = Array("\n\(name) ".utf8)
                if let stat = entry.now?.stat {
                    line += Array("\(stat.czxid) \(stat.mzxid) ".utf8)
                    if name == "acl" { line += Array("\(stat.aversion) ".utf8) }
                }
                if let reason = entry.reason { line += Array("\(reason.rawValue) ".utf8) }
                line += entry.path.bytes
                hash.update(data: line)
            }
        }
        return hash.finalize().prefix(8).map { byte in
            let digits = String(byte, radix: 16)
            return digits.count == 1 ? "0" + digits : digits
        }.joined()
    }

    /// The answer to a dry run.
    ///
    /// - Parameter limit: How many znodes of each kind are listed; the counts are of all.
    /// - Returns: One JSON object.
    func json(limit: Int) -> [UInt8] {
        let lists: [(name: StaticString, entries: [Entry])] = [
            ("create", create), ("change", change), ("delete", delete), ("kept", kept),
            ("acl", acl),
        ]
        var json = JSONWriter(reserving: 512)
        json.object { json in
            json.key("to")
            json.zxid(to)
            json.key("path")
            json.string(utf8: path.bytes)
            json.key("zxid")
            json.zxid(from)
            json.key("fits")
            json.bool(fits)
            json.key("bytes")
            if let bytes { json.integer(bytes) } else { json.null() }
            json.key("counts")
            json.object { json in
                for (name, entries) in lists {
                    json.key(name)
                    json.integer(entries.count)
                }
            }
            json.key("truncated")
            json.bool(lists.contains { $0.entries.count > limit })
            for (name, entries) in lists {
                json.key(name)
                json.array { json in
                    for entry in entries.prefix(limit) { entry.write(to: &json) }
                }
            }
        }
        return json.bytes
    }
}

extension Rollback.Entry {
    fileprivate func write(to json: inout JSONWriter) {
        json.object { json in
            json.key("path")
            json.string(utf8: path.bytes)
            if let now {
                json.key("mzxid")
                json.zxid(now.stat.mzxid)
            }
            if let then {
                json.key("thenMzxid")
                json.zxid(then.stat.mzxid)
            }
            if isRecreated {
                json.key("recreated")
                json.bool(true)
            }
            if let reason {
                json.key("reason")
                json.string(reason.rawValue)
            }
        }
    }
}
