/// A request before its body: what the handler decides the body's limit from.
package struct HTTPRequestHead: Sendable {
    package let method: HTTPMethod
    package let headers: HTTPHeaders
    /// The client's numeric address; an IPv4 address in IPv6 clothes is given as IPv4.
    package let peerAddress: String
    /// 0 without a body, nil when it comes in chunks.
    package let contentLength: Int?
    /// When the head was complete.
    package let receivedAt: ContinuousClock.Instant

    /// The target, then whatever else shares the block with it.
    private let bytes: [UInt8]
    private let targetLength: Int
    /// Where the question mark is, or `targetLength`.
    private let pathLength: Int

    init(
        method: HTTPMethod, bytes: [UInt8], targetLength: Int, headers: HTTPHeaders,
        peerAddress: String, contentLength: Int?
    ) {
        self.method = method
        self.bytes = bytes
        self.targetLength = targetLength
        pathLength = bytes[..<targetLength].firstIndex(of: UInt8(ascii: "?")) ?? targetLength
        self.headers = headers
        self.peerAddress = peerAddress
        self.contentLength = contentLength
        receivedAt = .now
    }

    /// A head from text, for tests of handlers.
    package init(
        method: HTTPMethod, target: String, headers: [(name: String, value: String)] = [],
        peerAddress: String = "127.0.0.1", contentLength: Int? = 0
    ) {
        let bytes = Array(target.utf8)
        self.init(
            method: method, bytes: bytes, targetLength: bytes.count,
            headers: HTTPHeaders(headers), peerAddress: peerAddress, contentLength: contentLength)
    }

    /// The path exactly as sent, still percent-encoded. Begins with a slash, except for the `*`
    /// of `OPTIONS *`; is printable ASCII in which every `%` has its two hex digits.
    package var rawPath: ArraySlice<UInt8> { bytes[..<pathLength] }

    /// What follows the first question mark, as sent; nil when there is none.
    package var rawQuery: ArraySlice<UInt8>? {
        pathLength < targetLength ? bytes[(pathLength + 1)..<targetLength] : nil
    }
}

/// A whole request.
package struct HTTPRequest: Sendable {
    package let head: HTTPRequestHead
    /// With the chunk framing taken off.
    package let body: [UInt8]
    /// What has got the body, which is then empty here.
    package let receiver: (any HTTPBodyReceiver)?

    package init(
        head: HTTPRequestHead, body: [UInt8], receiver: (any HTTPBodyReceiver)? = nil
    ) {
        self.head = head
        self.body = body
        self.receiver = receiver
    }

    package var method: HTTPMethod { head.method }
    package var headers: HTTPHeaders { head.headers }
    package var peerAddress: String { head.peerAddress }
    package var rawPath: ArraySlice<UInt8> { head.rawPath }
    package var rawQuery: ArraySlice<UInt8>? { head.rawQuery }
}
