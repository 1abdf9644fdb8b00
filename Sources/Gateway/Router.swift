package import HTTPServer
internal import Jute

/// From a request's head to the resource it is about.
package struct RoutedRequest: Sendable {
    package let route: Route
    /// Checked: no parameter is unknown or repeated.
    package let query: Query

    /// - Throws: `no-route`, `method-not-allowed`, `bad-path`, `bad-parameter`, and
    ///   `unimplemented` for whatever of the contract this version lacks, be it only a header.
    package init(_ head: HTTPRequestHead) throws(Problem) {
        route = try RoutedRequest.route(head)
        guard route.has(head.method) else {
            var problem = Problem(.methodNotAllowed)
            problem.allow = route.allow
            throw problem
        }
        if head.method == .options {
            query = .empty
            return
        }
        query = try Query(head.rawQuery)
        if !query.isEmpty {
            let parameters = route.parameters(of: head.method)
            try query.check(
                known: parameters.known, unbuilt: parameters.unbuilt, lists: route.listParameters)
        }
        try RoutedRequest.checkHeaders(head, route)
    }

    /// Refuses headers whose meaning is not built: to ignore a condition is to lose an update.
    private static func checkHeaders(_ head: HTTPRequestHead, _ route: Route) throws(Problem) {
        for name: StaticString in ["Idempotency-Key", "Aviary-Fence"]
        where head.headers.contains(name) {
            guard route.takesWriteHeaders(head.method) else {
                throw Problem(.badRequest, "The header \(name) means nothing here.")
            }
        }
        if head.headers.contains("Idempotency-Key") {
            throw Problem(.unimplemented, "The header Idempotency-Key is not built yet.")
        }
    }

    /// What the contract has below `/v1` and this version lacks.
    private static let unbuilt = [
        "tree", "outcomes",
    ]

    private static func route(_ head: HTTPRequestHead) throws(Problem) -> Route {
        let path = head.rawPath
        if let rest = path.rest(after: "/v1/") { return try versionedRoute(rest, head) }
        switch String(decoding: path, as: UTF8.self) {
        case "/livez": return .livez
        case "/readyz": return .readyz
        case "/metrics": return .metrics
        case "/": throw Problem(.unimplemented, "The dashboard is not built yet.")
        default: break
        }
        if path.rest(after: "/commands/") != nil {
            throw Problem(.unimplemented, "ZooKeeper's admin commands are not built yet.")
        }
        throw Problem(.noRoute)
    }

    private static func versionedRoute(
        _ path: ArraySlice<UInt8>, _ head: HTTPRequestHead
    ) throws(Problem) -> Route {
        let slash = UInt8(ascii: "/")
        let end = path.firstIndex(of: slash) ?? path.endIndex
        let name = String(decoding: path[..<end], as: UTF8.self)
        let rest = path[end...]
        switch name {
        case "znodes": return .znode(try ZnodePath(percentEncoded: rest))
        case "children": return .children(try ZnodePath(percentEncoded: rest))
        case "acl": return .acl(try ZnodePath(percentEncoded: rest))
        case "locks": return .contention(.lock, try ZnodePath(percentEncoded: rest))
        case "elections": return .contention(.election, try ZnodePath(percentEncoded: rest))
        case "sessions": return try sessionRoute(rest)
        case "snapshots": return try snapshotRoute(rest)
        case "recovery": return try recoveryRoute(rest)
        case _ where unbuilt.contains(name):
            throw Problem(.unimplemented, "/v1/\(name) is not built yet.")
        case "cluster" where !rest.isEmpty:
            if rest.elementsEqual("/leadership".utf8) || rest.elementsEqual("/members".utf8)
                || rest.rest(after: "/members/") != nil
            {
                throw Problem(.unimplemented, "Changing the ensemble is not built yet.")
            }
        case "problems":
            if let code = rest.rest(after: "/"), !code.isEmpty {
                return .problem(String(decoding: code, as: UTF8.self))
            }
        case "transactions" where rest.isEmpty: return .transactions
        case "reads" where rest.isEmpty: return .reads
        case "cluster" where rest.isEmpty: return .cluster
        case "restore" where rest.isEmpty: return .restore
        case "events" where rest.isEmpty: return .events
        case "history" where rest.isEmpty: return .history
        case "rollbacks" where rest.isEmpty: return .rollbacks
        case "watchers" where rest.isEmpty: return .watchers
        case "peer" where rest.elementsEqual("/history".utf8): return .peerHistory
        case "peer" where rest.elementsEqual("/adoption".utf8): return .peerAdoption
        case "peer" where rest.elementsEqual("/state".utf8): return .peerState
        case "node" where rest.isEmpty: return .node
        case "openapi.json" where rest.isEmpty: return .openapi
        default: break
        }
        throw Problem(.noRoute)
    }

    private static func snapshotRoute(_ path: ArraySlice<UInt8>) throws(Problem) -> Route {
        if path.isEmpty { return .snapshots }
        let name = String(decoding: path.dropFirst(), as: UTF8.self)
        guard !name.contains("/") else { throw Problem(.noRoute) }
        guard let zxid = Zxid(parsing: name) else { throw Problem(.badZxid) }
        return .snapshot(zxid)
    }

    private static func recoveryRoute(_ path: ArraySlice<UInt8>) throws(Problem) -> Route {
        switch String(decoding: path, as: UTF8.self) {
        case "": return .recovery
        case "/report": return .recoveryReport
        case "/flag": return .recoveryFlag
        case "/detached": return .detached
        default: break
        }
        guard let rest = path.rest(after: "/detached/") else { throw Problem(.noRoute) }
        let parts = rest.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        guard let number = Int(String(decoding: parts[0], as: UTF8.self)), number > 0,
            parts[0].first != UInt8(ascii: "+")
        else { throw Problem(.noRoute) }
        if parts.count == 1 { return .detachment(number) }
        guard parts.count == 2, parts[1].elementsEqual("restore".utf8) else {
            throw Problem(.noRoute)
        }
        return .detachmentRestoration(number)
    }

    private static func sessionRoute(_ path: ArraySlice<UInt8>) throws(Problem) -> Route {
        if path.isEmpty { return .sessions }
        let parts = path.dropFirst()
            .split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        guard parts.count == 1 || (parts.count == 2 && parts[1].elementsEqual("keepalive".utf8))
        else { throw Problem(.noRoute) }
        guard let id = SessionID(parsing: String(decoding: parts[0], as: UTF8.self)) else {
            throw Problem(.badSession, "A session id is 16 hex digits.")
        }
        return parts.count == 1 ? .session(id) : .sessionKeepalive(id)
    }
}

extension ArraySlice<UInt8> {
    /// What follows a prefix; nil without it.
    fileprivate func rest(after prefix: StaticString) -> ArraySlice<UInt8>? {
        prefix.withUTF8Buffer { starts(with: $0) } ? dropFirst(prefix.utf8CodeUnitCount) : nil
    }
}
