import Crypto
import Jute
import Zab

/// What a node without a quorum knows of the others: what a person must know to go on without some.
struct StrandedReport: Equatable, Sendable {
    struct Member: Equatable, Sendable {
        var id: PeerID
        var answers: Bool
        /// The end of its log, as it said last.
        var logged: Zxid?
    }

    var node: PeerID
    /// The end of this node's own log.
    var logged: Zxid
    var acceptedEpoch: Epoch
    var members: [Member]

    /// SHA-256 of all of it, 64 hex digits.
    var digest: String {
        var text = "node \(node)\nlogged \(logged)\naccepted \(acceptedEpoch)\n"
        for member in members {
            text += "member \(member.id) \(member.answers) \(member.logged ?? .zero)\n"
        }
        return SHA256.hash(data: Array(text.utf8))
            .map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    var tag: EntityTag { EntityTag(opaque: Array(digest.utf8)) }

    func write(to json: inout JSONWriter) {
        json.object { json in
            json.key("node")
            json.integer(node)
            json.key("digest")
            json.string(digest)
            json.key("cause")
            json.string("no-quorum")
            json.key("logged")
            json.zxid(logged)
            json.key("acceptedEpoch")
            json.integer(acceptedEpoch)
            json.key("members")
            json.array { json in
                for member in members {
                    json.object { json in
                        json.key("id")
                        json.integer(member.id)
                        json.key("answers")
                        json.bool(member.answers)
                        json.key("logged")
                        json.optional(member.logged)
                    }
                }
            }
        }
    }
}
