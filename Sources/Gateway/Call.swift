import HTTPServer
import Jute
import Replica

/// One request on its way through the gateway, with everything that its head says settled.
///
/// A class, since every step of the way keeps it: a copy of this many fields costs more than most
/// of the steps.
final class Call: Sendable {
    let request: HTTPRequest
    let route: Route
    let query: Query
    let requestID: RequestID
    /// What ACLs are compared with: `super` is among them for an administrator.
    let credentials: Credentials
    /// From a genuine `Aviary-Session`.
    let session: SessionID?
    /// The lock that must be held for a write to be applied.
    let fence: Fence?
    /// How long the request may be held; nil when it may not.
    let wait: WaitPreference?
    let client: Client

    init(
        request: HTTPRequest, route: Route, query: Query, requestID: RequestID,
        credentials: Credentials, session: SessionID?, fence: Fence?, wait: WaitPreference?,
        client: Client
    ) {
        self.request = request
        self.route = route
        self.query = query
        self.requestID = requestID
        self.credentials = credentials
        self.session = session
        self.fence = fence
        self.wait = wait
        self.client = client
    }

    var method: HTTPMethod { request.method }
    var headers: HTTPHeaders { request.headers }
    var identities: [Identity] { credentials.identities }
    /// As whom the replica is asked to write.
    var caller: Caller {
        Caller(identities: identities, session: session, fence: fence?.path)
    }

    /// With ZooKeeper's `super`, for one who has been found to be an administrator, by a token or
    /// without.
    var asAdministrator: Call {
        var credentials = credentials
        credentials.identities.append(Identity(scheme: "super", id: ""))
        return Call(
            request: request, route: route, query: query, requestID: requestID,
            credentials: credentials, session: session, fence: fence, wait: wait, client: client)
    }

    /// Refuses conditions where none is understood: to ignore one is to lose an update.
    func refuseConditions() throws(Problem) {
        for name: StaticString in ["If-Match", "If-None-Match"] where headers.contains(name) {
            throw Problem(.badRequest, "The header \(name) means nothing here.")
        }
    }
}
