/// The codes of errors, as clients see them in `code` and `type`.
///
/// - Source: HTTP contract, "Codes".
package enum ProblemCode: String, CaseIterable, Sendable {
    case badRequest = "bad-request"
    case badParameter = "bad-parameter"
    case badZxid = "bad-zxid"
    case badPath = "bad-path"
    case badSession = "bad-session"
    case badACL = "bad-acl"
    case unauthenticated
    case forbidden
    case noRoute = "no-route"
    case noNode = "no-node"
    case noParent = "no-parent"
    case methodNotAllowed = "method-not-allowed"
    case requestTimeout = "request-timeout"
    case nodeExists = "node-exists"
    case notEmpty = "not-empty"
    case ephemeralParent = "ephemeral-parent"
    case modeMismatch = "mode-mismatch"
    case contended
    case held
    case snapshotRunning = "snapshot-running"
    case noSnapshot = "no-snapshot"
    case badSnapshot = "bad-snapshot"
    case restoreRunning = "restore-running"
    case noRestore = "no-restore"
    case notHeld = "not-held"
    case quorumReachable = "quorum-reachable"
    case survivorUnreachable = "survivor-unreachable"
    case noReport = "no-report"
    case noDetachment = "no-detachment"
    case fenceLost = "fence-lost"
    case failedDependency = "failed-dependency"
    case sessionExpired = "session-expired"
    case zxidDiverged = "zxid-diverged"
    case historyGone = "history-gone"
    case cursorExpired = "cursor-expired"
    case cursorDiverged = "cursor-diverged"
    case preconditionFailed = "precondition-failed"
    case tooLarge = "too-large"
    case transactionTooLarge = "transaction-too-large"
    case uriTooLong = "uri-too-long"
    case unsupportedEncoding = "unsupported-encoding"
    case expectationFailed = "expectation-failed"
    case misdirected
    case preconditionRequired = "precondition-required"
    case busy
    case throttled
    case headersTooLarge = "headers-too-large"
    case internalError = "internal"
    case unimplemented
    case needsAviaryLeader = "needs-aviary-leader"
    case noQuorum = "no-quorum"
    case electing
    case nodeBehind = "node-behind"
    case restoring
    case stopping
    case outcomeUnknown = "outcome-unknown"
    case httpVersion = "http-version"
    case quota
    case noSpace = "no-space"
}

extension ProblemCode {
    /// What the table says of a code.
    private struct Entry {
        var status: Int
        var title: String
        /// The default detail, and the text at `/v1/problems/<code>`.
        var explanation: String
        var isRetryable = false
    }

    package var status: Int { entry.status }
    package var title: String { entry.title }
    package var explanation: String { entry.explanation }

    /// Whether the same request may succeed later without anybody changing it.
    package var isRetryable: Bool { entry.isRetryable }

    private var entry: Entry {
        switch self {
        case .badRequest:
            Entry(
                status: 400, title: "Bad request",
                explanation: "The request cannot be understood, or its parts contradict each other."
            )
        case .badParameter:
            Entry(
                status: 400, title: "Bad query parameter",
                explanation: "A query parameter is unknown here, repeated, or has a bad value.")
        case .badZxid:
            Entry(
                status: 400, title: "Bad zxid",
                explanation: "A zxid is 16 hex digits, or 0x and up to 16 hex digits.")
        case .badPath:
            Entry(
                status: 400, title: "Bad path",
                explanation: """
                    The path is not one that a znode can have: an empty or dotted segment, an \
                    encoded slash, invalid UTF-8, or a character that ZooKeeper refuses.
                    """)
        case .badSession:
            Entry(
                status: 400, title: "Bad session token",
                explanation: "Aviary-Session is not a token that a session was given.")
        case .badACL:
            Entry(
                status: 400, title: "Bad access control list",
                explanation: "The list is empty, or an entry has an unknown scheme or a bad id.")
        case .unauthenticated:
            Entry(
                status: 401, title: "Credentials needed",
                explanation: "The request needs credentials and has none that are accepted.")
        case .forbidden:
            Entry(
                status: 403, title: "Forbidden",
                explanation: "The credentials given do not permit this.")
        case .noRoute:
            Entry(
                status: 404, title: "No such resource",
                explanation: "The server has nothing at this address. Znodes are below /v1/znodes.")
        case .noNode:
            Entry(status: 404, title: "No such znode", explanation: "The znode does not exist.")
        case .noParent:
            Entry(
                status: 404, title: "No parent znode",
                explanation: "The parent does not exist; ?parents=true creates it.")
        case .methodNotAllowed:
            Entry(
                status: 405, title: "Method not allowed",
                explanation: "The resource does not have this method; Allow lists those it has.")
        case .requestTimeout:
            Entry(
                status: 408, title: "Request too slow",
                explanation: "The request did not arrive in time.", isRetryable: true)
        case .nodeExists:
            Entry(
                status: 409, title: "Znode exists",
                explanation: "There is a znode of this name already.")
        case .notEmpty:
            Entry(
                status: 409, title: "Znode has children",
                explanation: "The znode has children; ?recursive=true removes them with it.")
        case .ephemeralParent:
            Entry(
                status: 409, title: "Parent is ephemeral",
                explanation: "An ephemeral znode cannot have children.")
        case .modeMismatch:
            Entry(
                status: 409, title: "Znode has another mode",
                explanation: "The mode of a znode is settled at its creation.")
        case .contended:
            Entry(
                status: 409, title: "Too much contention",
                explanation: "Others changed the same znodes each time this was tried.",
                isRetryable: true)
        case .held:
            Entry(
                status: 409, title: "Held by somebody else",
                explanation: "The lock is held, and the request was not to queue for it.",
                isRetryable: true)
        case .snapshotRunning:
            Entry(
                status: 409, title: "Snapshot under way",
                explanation: "One snapshot is written at a time, and one is being written now.",
                isRetryable: true)
        case .noSnapshot:
            Entry(
                status: 404, title: "No such snapshot",
                explanation: """
                    The node has no snapshot of this zxid that stands up to its seals. It may have \
                    been purged since it was listed.
                    """)
        case .badSnapshot:
            Entry(
                status: 400, title: "Snapshot cannot be restored",
                explanation: """
                    The body is no whole snapshot of one moment, or holds what requests cannot \
                    make. Nothing was changed.
                    """)
        case .restoreRunning:
            Entry(
                status: 409, title: "Restore under way",
                explanation: "The ensemble is being restored already; GET /v1/restore tells more.")
        case .noRestore:
            Entry(
                status: 404, title: "No restore under way",
                explanation: "The ensemble is not being restored.")
        case .notHeld:
            Entry(
                status: 409, title: "Node is not held",
                explanation: "The node does not wait for a decision, so there is nothing to force.")
        case .quorumReachable:
            Entry(
                status: 409, title: "Members are alive",
                explanation: """
                    A member that was named dead answers, or a quorum is alive. Nothing was \
                    changed.
                    """)
        case .survivorUnreachable:
            Entry(
                status: 409, title: "A survivor does not answer",
                explanation: """
                    Every member that is not named dead has to take part, and one could not be \
                    reached. The order can be given again.
                    """, isRetryable: true)
        case .noReport:
            Entry(
                status: 404, title: "No report",
                explanation: "The node is not held, so there is nothing to report.")
        case .noDetachment:
            Entry(
                status: 404, title: "Nothing set aside",
                explanation: "Nothing is set aside under this number.")
        case .fenceLost:
            Entry(
                status: 412, title: "Lock not held",
                explanation: """
                    The contender that Aviary-Fence names does not hold the lock, or no longer. \
                    Nothing was written.
                    """)
        case .failedDependency:
            Entry(
                status: 424, title: "Another operation failed",
                explanation: "All operations of a transaction are applied or none.")
        case .sessionExpired:
            Entry(
                status: 410, title: "Session is over",
                explanation: "The session is unknown, expired or closed. Open another.")
        case .zxidDiverged:
            Entry(
                status: 410, title: "Zxid of a discarded history",
                explanation: "The zxid belongs to a branch that a recovery discarded.")
        case .historyGone:
            Entry(
                status: 410, title: "History does not reach back",
                explanation: """
                    The history is no longer held back to that moment, here or on any member that \
                    can be reached. It begins at oldest.
                    """)
        case .cursorExpired:
            Entry(
                status: 410, title: "Cursor is too old",
                explanation: """
                    The history is no longer held back to the cursor. Read the current state, and \
                    go on from current.
                    """)
        case .cursorDiverged:
            Entry(
                status: 410, title: "Cursor of another history",
                explanation: "The cursor belongs to another ensemble, or to a discarded branch.")
        case .preconditionFailed:
            Entry(
                status: 412, title: "Condition not met",
                explanation: "A condition of the request does not hold. etag and stat are current.")
        case .tooLarge:
            Entry(
                status: 413, title: "Too large",
                explanation: "The body, or value, path and ACL together, are over the limit.")
        case .transactionTooLarge:
            Entry(
                status: 413, title: "Transaction too large",
                explanation: "One transaction holds at most 2,097,150 bytes. Nothing was changed.")
        case .uriTooLong:
            Entry(
                status: 414, title: "Request target too long",
                explanation: "A request target has at most 16 KiB.")
        case .unsupportedEncoding:
            Entry(
                status: 415, title: "Content-Encoding not supported",
                explanation: "Bodies are data and are taken as they are; send them unencoded.")
        case .expectationFailed:
            Entry(
                status: 417, title: "Expectation not supported",
                explanation: "The only expectation known is 100-continue.")
        case .misdirected:
            Entry(
                status: 421, title: "Not a name of this server",
                explanation: """
                    A server on a loopback address answers to loopback names and those in \
                    http.hosts, so that no web page can reach it by a name of its own.
                    """)
        case .preconditionRequired:
            Entry(
                status: 428, title: "Condition required",
                explanation: "This request is only accepted with If-Match.")
        case .busy:
            Entry(
                status: 429, title: "Server is busy",
                explanation: "The server holds as many connections or requests as it may.",
                isRetryable: true)
        case .throttled:
            Entry(
                status: 429, title: "Throttled",
                explanation: "The leader has too many requests outstanding.", isRetryable: true)
        case .headersTooLarge:
            Entry(
                status: 431, title: "Header fields too large",
                explanation: "A request has at most 100 header fields and 16 KiB of them.")
        case .internalError:
            Entry(
                status: 500, title: "Internal error",
                explanation: "The server made a mistake. Its log says more.")
        case .unimplemented:
            Entry(
                status: 501, title: "Not built yet",
                explanation: "The contract has this, this version does not. Nothing was applied.")
        case .needsAviaryLeader:
            Entry(
                status: 501, title: "Needs an Aviary leader",
                explanation: "While a ZooKeeper server leads, this cannot be done safely.")
        case .noQuorum:
            Entry(
                status: 503, title: "No quorum",
                explanation: "Too few members are connected to serve this.", isRetryable: true)
        case .electing:
            Entry(
                status: 503, title: "Electing",
                explanation: "The ensemble elects a leader, or this node synchronizes with it.",
                isRetryable: true)
        case .nodeBehind:
            Entry(
                status: 503, title: "Node is behind",
                explanation: "This node has not applied the asked zxid in time.",
                isRetryable: true)
        case .restoring:
            Entry(
                status: 503, title: "Ensemble is being restored",
                explanation: """
                    The state is being replaced by that of a snapshot. Reads and writes are \
                    served again when that is done; GET /v1/restore tells more.
                    """, isRetryable: true)
        case .stopping:
            Entry(
                status: 503, title: "Node is stopping",
                explanation: "This node is being stopped; others serve.", isRetryable: true)
        case .outcomeUnknown:
            Entry(
                status: 504, title: "Outcome unknown",
                explanation: """
                    The write was proposed and its fate is not settled: it may still be applied, \
                    or not.
                    """)
        case .httpVersion:
            Entry(
                status: 505, title: "HTTP version not supported",
                explanation: "The server speaks HTTP/1.1 and HTTP/1.0.")
        case .quota:
            Entry(
                status: 507, title: "Quota exceeded",
                explanation: "A hard quota of an ancestor does not allow this.")
        case .noSpace:
            Entry(
                status: 507, title: "Disk is nearly full",
                explanation: "Writes are refused until there is space; deletes are not.",
                isRetryable: true)
        }
    }
}
