import Jute
import Node
import Zab
import ZnodeTree

/// How this node stands with the ensemble, for `/v1/recovery` and `/v1/cluster`.
struct RecoveryView: Equatable, Sendable {
    enum State: String, Sendable {
        case healthy
        /// It is being brought in line.
        case repairing
        /// It waits for a person's flag.
        case held
        /// It has had no quorum for a while.
        case stranded
    }

    var state: State
    /// Why it is not healthy.
    var cause: String?
    /// The digest of the report that a flag has to name.
    var report: String?
}

extension RecoveryView {
    /// - Parameters:
    ///   - status: The node's.
    ///   - report: What it would lose, if it is held.
    ///   - stranded: What is known of the others, if it may be stranded.
    ///   - patience: How long a node without a quorum only looks for one.
    init(
        _ status: NodeStatus, _ report: ReportDocument?, _ stranded: () -> StrandedReport,
        patience: Duration
    ) {
        if let hold = status.protocolStatus.hold {
            state = .held
            cause = hold.code
            self.report = report?.digest
        } else if status.isSynchronized {
            state = .healthy
        } else if let leaderless = status.leaderlessFor, leaderless >= patience {
            state = .stranded
            cause = status.standing.lack?.code ?? "no-quorum"
            self.report = stranded().digest
        } else {
            state = .repairing
            cause =
                status.standing.lack?.code
                ?? (status.role == .looking ? "electing" : "synchronizing")
        }
    }
}

/// What a node's history may lack, so that it needs a leader's whole state.
struct Lack: Equatable, Sendable {
    /// `empty` or `lost-data`.
    var code: String
    /// How far its history went, where that is known.
    var bound: Zxid?
}

extension Standing {
    /// Nil for a history that is whole.
    var lack: Lack? {
        switch self {
        case .trusted: nil
        case .empty: Lack(code: "empty")
        case .mayHaveLost(let bound): Lack(code: "lost-data", bound: bound?.zxid)
        }
    }
}

extension Hold {
    var code: String {
        switch self {
        case .otherEnsemble: "other-ensemble"
        case .otherName: "other-name"
        case .removed: "removed"
        case .tooDifferent: "too-different"
        }
    }
}

/// A report as it is shown and as its digest names it.
struct ReportDocument: Sendable {
    let report: RecoveryReport
    let digest: String

    init(_ report: RecoveryReport, of node: PeerID) {
        self.report = report
        var digest = ReportDigest()
        digest.add("node \(node)")
        digest.add("held \(report.hold)")
        digest.add("dropped \(report.droppedTransactions) to \(report.droppedThrough ?? .zero)")
        digest.add("cut to \(report.truncatedTo ?? .zero)")
        if let difference = report.difference {
            digest.add("from \(difference.mine) to \(difference.theirs)")
            digest.add("missing \(difference.missing) extra \(difference.extra)")
            digest.add("conflicting \(difference.conflicting) of \(difference.compared)")
            for entry in difference.entries {
                digest.add("\(entry.kind.rawValue) \(entry.mine ?? .zero) \(entry.theirs ?? .zero)")
                digest.add(entry.path.bytes)
            }
        }
        self.digest = digest.text
    }

    var tag: EntityTag { EntityTag(opaque: Array(digest.utf8)) }

    /// One page of it.
    func write(_ range: Range<Int>, of node: PeerID, to json: inout JSONWriter) {
        let difference = report.difference
        let entries = (difference?.entries ?? [])[...]
        let page = entries.dropFirst(range.lowerBound).prefix(range.count)
        json.object { json in
            json.key("node")
            json.integer(node)
            json.key("digest")
            json.string(digest)
            json.key("cause")
            json.string(report.hold.code)
            json.key("detail")
            json.string(report.hold.explanation)
            json.key("mine")
            json.optional(difference?.mine ?? report.droppedThrough)
            json.key("theirs")
            // A leader's state is never empty: it has at least what leaders write.
            json.optional(
                difference.flatMap { $0.theirs > .zero ? $0.theirs : nil } ?? report.truncatedTo)
            json.key("compared")
            json.integer(difference?.compared ?? 0)
            json.key("missing")
            json.integer(difference?.missing ?? 0)
            json.key("extra")
            json.integer(difference?.extra ?? 0)
            json.key("conflicting")
            json.integer(difference?.conflicting ?? 0)
            json.key("bytes")
            json.integer(difference?.bytes ?? 0)
            json.key("ratio")
            json.value(.number(RecoveryReport.decimal(difference?.ratio ?? 0)))
            json.key("droppedTransactions")
            json.integer(report.droppedTransactions)
            json.key("droppedThrough")
            json.optional(report.droppedThrough)
            json.key("entries")
            json.array { json in
                for entry in page { json.entry(entry) }
            }
            json.key("next")
            if range.upperBound < entries.count {
                json.string("\(range.upperBound)")
            } else {
                json.null()
            }
        }
    }
}

extension RecoveryReport {
    /// Four digits behind the point.
    static func decimal(_ ratio: Double) -> String {
        let scaled = Int((ratio * 10_000).rounded())
        let rest = String(scaled % 10_000)
        return "\(scaled / 10_000).\(String(repeating: "0", count: 4 - rest.count))\(rest)"
    }
}

extension JSONWriter {
    mutating func recovery(_ view: RecoveryView) {
        object { json in
            json.key("state")
            json.string(view.state.rawValue)
            json.key("cause")
            json.optional(view.cause)
            json.key("report")
            json.optional(view.report)
        }
    }

    fileprivate mutating func entry(_ entry: TreeDifference.Entry) {
        object { json in
            json.key("kind")
            json.string(entry.kind.rawValue)
            json.key("path")
            json.string(utf8: entry.path.bytes)
            json.key("mine")
            json.optional(entry.mine)
            json.key("theirs")
            json.optional(entry.theirs)
        }
    }

    mutating func optional(_ zxid: Zxid?) {
        if let zxid { self.zxid(zxid) } else { null() }
    }
}
