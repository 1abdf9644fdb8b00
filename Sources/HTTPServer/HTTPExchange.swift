/// The right to answer one request, once.
///
/// A value: the connection and the request's number on it, so that an answer that comes too late
/// cannot reach the next request of the same connection.
package struct HTTPExchange: Sendable {
    let connection: Connection
    let number: UInt64

    /// Answers the request. May be called from any thread, also before `handle` has returned.
    ///
    /// - Parameters:
    ///   - response: What to send.
    ///   - flush: False only queues the answer, for a caller that answers many requests and then
    ///     calls `HTTPServer.flush` once.
    /// - Returns: False when the request was answered before, or its connection is closed, or the
    ///   server has answered in its stead because it stops. True does not mean that the client
    ///   gets it.
    @discardableResult
    package func respond(_ response: HTTPResponse, flush: Bool = true) -> Bool {
        connection.respond(to: number, with: response, flush: flush)
    }

    /// Sets what to do when the client is gone before the answer, or the server stops: at most
    /// once, on the loop's thread. The request may still be answered then: a client that only
    /// closed its sending side gets that answer. From one that closed for good it cannot be told
    /// before something is sent to it, so whoever does not answer here keeps the connection until
    /// the answer, or until the client's system refuses one of the keep-alive probes. A connection
    /// that is broken is let go after this without an answer.
    package func onGone(_ action: @escaping @Sendable () -> Void) {
        connection.setGoneAction(for: number, action)
    }

    /// Whether the client's TCP has answered within `HTTPServerConfiguration.peerTimeout`, and the
    /// request has not been. From the first question on, which should come soon, the client's
    /// system is asked every two seconds; it says nothing about the program behind it. Any thread;
    /// one system call.
    package var peerAnswers: Bool { connection.peerAnswers(number) }
}
