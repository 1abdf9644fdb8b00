package import HTTPServer
package import Jute

/// An error answer: RFC 9457 problem details with the members of the contract.
package struct Problem: Error, Equatable, Sendable {
    /// Whether the request changed anything.
    package enum Outcome: String, Sendable {
        case notApplied = "not-applied"
        case applied
        case unknown
    }

    package struct Member: Equatable, Sendable {
        package var name: String
        package var value: JSONValue

        package init(name: String, value: JSONValue) {
            self.name = name
            self.value = value
        }
    }

    package var code: ProblemCode
    package var detail: String
    package var path: ZnodePath?
    package var zxid: Zxid?
    package var outcome: Outcome
    /// What single codes add: `etag`, `stat`, `operationIndex`, …
    package var members: [Member] = []
    /// The methods for `Allow`, with 405.
    package var allow: String?
    /// The current entity tag for `ETag`, with 412.
    package var etag: EntityTag?

    package init(
        _ code: ProblemCode, _ detail: String? = nil, path: ZnodePath? = nil, zxid: Zxid? = nil
    ) {
        self.code = code
        self.detail = detail ?? code.explanation
        self.path = path
        self.zxid = zxid
        outcome = code == .outcomeUnknown || code == .internalError ? .unknown : .notApplied
    }

    package var status: Int { code.status }

    /// The body, as one JSON object.
    package var body: [UInt8] {
        var json = JSONWriter(reserving: 512)
        json.object { json in
            json.key("type")
            json.string("/v1/problems/\(code.rawValue)")
            json.key("title")
            json.string(code.title)
            json.key("status")
            json.integer(status)
            json.key("detail")
            json.string(detail)
            json.key("code")
            json.string(code.rawValue)
            if let path, let text = String(validating: path.bytes, as: UTF8.self) {
                json.key("path")
                json.string(text)
            }
            if let zxid {
                json.key("zxid")
                json.zxid(zxid)
            }
            json.key("retryable")
            json.bool(code.isRetryable)
            json.key("outcome")
            json.string(outcome.rawValue)
            for member in members {
                json.key(text: member.name)
                json.value(member.value)
            }
        }
        return json.bytes
    }

    /// The answer.
    ///
    /// - Parameter common: The header fields that every answer carries.
    /// - Returns: A response with those and what the status demands beside them.
    package func response(adding common: HTTPResponseHeaders = HTTPResponseHeaders())
        -> HTTPResponse
    {
        var headers = common
        headers.add("Content-Type", "application/problem+json")
        switch status {
        case 401: headers.add("WWW-Authenticate", #"Basic realm="aviary", Bearer realm="aviary""#)
        case 429, 503: headers.add("Retry-After", "1")
        default: break
        }
        if let allow { headers.add("Allow", allow) }
        if let etag { headers.add("ETag", bytes: etag.text) }
        return HTTPResponse(status: status, headers: headers, body: body)
    }
}

extension Problem {
    /// What the HTTP server refused by itself.
    package init(_ refusal: HTTPRefusal) {
        self.init(ProblemCode(rawValue: refusal.code) ?? .internalError, refusal.detail)
        if code == .internalError { outcome = .unknown }
    }

    /// The page at `/v1/problems/<code>`; nil for a code that does not exist.
    package static func explanation(of code: some StringProtocol) -> HTTPResponse? {
        guard let code = ProblemCode(rawValue: String(code)) else { return nil }
        var headers = HTTPResponseHeaders()
        headers.add("Content-Type", "text/plain; charset=utf-8")
        let retry =
            code.isRetryable
            ? "The same request may succeed later." : "Repeating the same request will not help."
        let text = """
            \(code.rawValue) (status \(code.status)): \(code.title)

            \(code.explanation)
            \(retry)

            """
        return HTTPResponse(status: 200, headers: headers, body: Array(text.utf8))
    }
}
