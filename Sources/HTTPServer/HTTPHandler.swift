/// What gives a server its meaning. Called on the loop threads: it must never block.
package protocol HTTPHandler: AnyObject, Sendable {
    /// Says how much body the request may have, once its head is complete and has passed the
    /// gates.
    func bodyPolicy(for head: HTTPRequestHead) -> BodyPolicy

    /// Answers a whole request at once, or returns nil and answers later, from any thread,
    /// through `exchange`.
    func handle(_ request: HTTPRequest, _ exchange: HTTPExchange) -> HTTPResponse?

    /// Renders an error of the server itself. `head` is nil for a request that never got so far.
    func response(to refusal: HTTPRefusal, head: HTTPRequestHead?) -> HTTPResponse
}

package enum BodyPolicy: Sendable {
    /// Up to so many bytes; more is refused with 413, before reading when the length is stated.
    case accept(limit: Int)
    /// The same, for a body that is not held in memory: the request carries the receiver in its
    /// place. From here on exactly one of `handle` and `HTTPBodyReceiver.abandon` is called.
    case receive(any HTTPBodyReceiver, limit: Int)
    /// Answers without handing over the body.
    case refuse(HTTPResponse)
}
