package import HTTPServer

/// The client at the other end of a request that may be answered later.
package enum Client: Sendable {
    case exchange(HTTPExchange)
    /// Somebody in this process, who never leaves.
    case callback(@Sendable (HTTPResponse) -> Void)

    /// Sends the answer, with the next wake-up of its thread: whoever answers ends a batch.
    func reply(_ response: HTTPResponse) {
        switch self {
        case .exchange(let exchange): exchange.respond(response, flush: false)
        case .callback(let reply): reply(response)
        }
    }

    /// Sets what to do when the client is gone before the answer.
    func onGone(_ action: @escaping @Sendable () -> Void) {
        if case .exchange(let exchange) = self { exchange.onGone(action) }
    }

    /// Asks whether the client's end of the connection still answers.
    var isAlive: @Sendable () -> Bool {
        switch self {
        case .exchange(let exchange): { exchange.peerAnswers }
        case .callback: { true }
        }
    }
}
