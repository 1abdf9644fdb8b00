/// A request that the server refuses by itself. The owner turns it into a response, so that all
/// errors look alike.
package struct HTTPRefusal: Error, Hashable, Sendable {
    package let status: Int
    /// A code of the HTTP contract.
    package let code: String
    /// One sentence for the client, without any of its own bytes.
    package let detail: String

    init(_ status: Int, _ code: String, _ detail: String) {
        self.status = status
        self.code = code
        self.detail = detail
    }

    static func framing(_ detail: String) -> HTTPRefusal {
        HTTPRefusal(400, "bad-request", detail)
    }

    static func target(_ detail: String) -> HTTPRefusal {
        HTTPRefusal(400, "bad-path", detail)
    }

    static let targetTooLong = HTTPRefusal(
        414, "uri-too-long", "The request target is longer than the server takes.")
    static let headersTooLarge = HTTPRefusal(
        431, "headers-too-large", "The header fields are more or longer than the server takes.")
    static let bodyTooLarge = HTTPRefusal(
        413, "too-large", "The body is longer than this resource takes.")
    static let expectation = HTTPRefusal(
        417, "expectation-failed", "The only expectation known is 100-continue.")
    static let version = HTTPRefusal(
        505, "http-version", "The server speaks HTTP/1.1 and HTTP/1.0.")
    static let headTimeout = HTTPRefusal(
        408, "request-timeout", "The head of the request did not arrive in time.")
    static let bodyTimeout = HTTPRefusal(
        408, "request-timeout", "The body of the request did not arrive in time.")
    static let busy = HTTPRefusal(
        429, "busy", "The server holds as many connections as it is allowed to.")
    static let gone = HTTPRefusal(
        408, "request-timeout", "The connection broke before there was an answer.")
    static let stopping = HTTPRefusal(503, "stopping", "The server is stopping.")
    /// An answer could not be made into a message; our own mistake.
    static let unanswerable = HTTPRefusal(
        500, "internal", "The answer could not be written.")
}
