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
    /// What is missing here: those who go on by order go on without it.
    var lack: Lack?
    var members: [Member]

    var digest: String {
        var digest = ReportDigest()
        digest.add("node \(node)")
        digest.add("logged \(logged)")
        digest.add("accepted \(acceptedEpoch)")
        if let lack { digest.add("\(lack.code) \(lack.bound ?? .zero)") }
        for member in members {
            digest.add("member \(member.id) \(member.answers) \(member.logged ?? .zero)")
        }
        return digest.text
    }

    var tag: EntityTag { EntityTag(opaque: Array(digest.utf8)) }

    func write(to json: inout JSONWriter) {
        json.object { json in
            json.key("node")
            json.integer(node)
            json.key("digest")
            json.string(digest)
            json.key("cause")
            json.string(lack?.code ?? "no-quorum")
            json.key("bound")
            json.optional(lack?.bound)
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
