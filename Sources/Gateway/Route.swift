package import HTTPServer
package import Jute

/// A resource that this version has, with what its address names.
package enum Route: Equatable, Sendable {
    case znode(ZnodePath)
    case children(ZnodePath)
    case acl(ZnodePath)
    case transactions
    case reads
    case sessions
    case session(SessionID)
    case sessionKeepalive(SessionID)
    case contention(ContentionKind, ZnodePath)
    case events
    case history
    case rollbacks
    case watchers
    /// What members give each other of their histories.
    case peerHistory
    /// An order to go on without some members, from the survivor that a person gave it to.
    case peerAdoption
    /// Parts of a state that another member compares its own with.
    case peerState
    case cluster
    case snapshots
    case snapshot(Zxid)
    case restore
    case recovery
    case recoveryReport
    case recoveryFlag
    /// What was set aside.
    case detached
    case detachment(Int)
    case detachmentRestoration(Int)
    case node
    case metrics
    case livez
    case readyz
    case openapi
    case problem(String)
}

extension Route {
    /// The methods, in the order `Allow` lists them. HEAD goes with GET, OPTIONS with all.
    package var methods: [HTTPMethod] {
        switch self {
        case .znode: [.get, .put, .post, .delete]
        case .contention, .restore: [.get, .post, .delete]
        case .acl: [.get, .put]
        case .transactions, .reads, .rollbacks, .sessionKeepalive, .peerAdoption, .peerState:
            [.post]
        case .sessions, .snapshots: [.get, .post]
        case .session: [.get, .delete]
        case .recoveryFlag: [.put, .delete]
        case .detachment: [.delete]
        case .detachmentRestoration: [.post]
        case .recovery, .recoveryReport, .detached: [.get]
        case .children, .events, .history, .watchers, .peerHistory, .cluster, .snapshot, .node,
            .metrics,
            .livez, .readyz, .openapi, .problem:
            [.get]
        }
    }

    /// The value of `Allow`.
    package var allow: String {
        var names: [String] = []
        for method in methods {
            names.append(method.description)
            if method == .get { names.append("HEAD") }
        }
        return (names + ["OPTIONS"]).joined(separator: ", ")
    }

    func has(_ method: HTTPMethod) -> Bool {
        method == .options || methods.contains(method == .head ? .get : method)
    }

    /// The parameters that a method takes here.
    func parameters(of method: HTTPMethod) -> (known: [String], unbuilt: [String]) {
        switch (self, method) {
        case (.znode, .get), (.znode, .head):
            (["raw", "encoding", "consistency", "wait", "until", "at"], [])
        case (.znode, .put): (["parents", "mode", "ttl", "version"], [])
        case (.znode, .post): (["name", "sequential", "parents", "mode", "ttl"], [])
        case (.znode, .delete): (["recursive", "atomic", "version"], [])
        case (.children, _): (["limit", "cursor", "include", "consistency", "wait", "at"], [])
        case (.acl, .put): (["version"], [])
        case (.acl, _): (["consistency", "wait"], [])
        case (.reads, _): (["consistency"], [])
        case (.contention, .get), (.contention, .head): (["consistency", "wait"], [])
        case (.contention, .post): (["wait"], [])
        case (.cluster, _): (["wait"], [])
        case (.events, _): (["path", "scope", "types", "since", "limit", "include", "wait"], [])
        case (.history, _): (["path", "scope", "since", "limit", "cursor"], [])
        case (.recoveryReport, _): (["limit", "cursor"], [])
        case (.peerHistory, _): (["after", "through"], [])
        case (.livez, _), (.readyz, _): (["verbose"], [])
        default: ([], [])
        }
    }

    /// The parameters that may be there several times.
    var listParameters: [String] {
        if case .events = self { ["path"] } else { [] }
    }

    /// Whether a request may wait for something to happen.
    func mayBeHeld(_ method: HTTPMethod) -> Bool {
        switch self {
        case .znode, .children, .acl, .cluster, .events: method == .get || method == .head
        case .contention: method != .delete
        default: false
        }
    }

    /// Whether it is about the state that a restore replaces.
    func isGated(_ method: HTTPMethod) -> Bool {
        switch self {
        case .znode(let path), .children(let path), .acl(let path):
            !path.isAtOrBelow(Route.system)
        case .transactions, .reads, .session, .sessionKeepalive, .contention, .events, .history,
            .rollbacks:
            true
        case .sessions: method == .post
        case .watchers, .peerHistory, .peerAdoption, .peerState, .cluster, .recovery,
            .recoveryReport, .recoveryFlag, .detached, .detachment, .detachmentRestoration,
            .snapshots, .snapshot, .restore, .node, .metrics, .livez, .readyz, .openapi,
            .problem:
            false
        }
    }

    private static let system: ZnodePath = "/aviary"

    /// Whether a write here will take `Idempotency-Key` and `Aviary-Fence`.
    func takesWriteHeaders(_ method: HTTPMethod) -> Bool {
        switch (self, method) {
        case (.znode, .put), (.znode, .post), (.znode, .delete), (.transactions, .post): true
        default: false
        }
    }
}
