import HTTPServer

/// Lets the pages of configured origins read what is answered (CORS). Without any, nothing.
struct CrossOrigin: Sendable {
    private let origins: [[UInt8]]

    init(origins: [String]) {
        self.origins = origins.map { Array($0.lowercased().utf8) }
    }

    /// Adds the fields that a browser looks for.
    func allow(_ request: HTTPHeaders, _ response: HTTPResponse) -> HTTPResponse {
        guard !origins.isEmpty else { return response }
        var response = response
        response.headers.add("Vary", "Origin")
        guard let origin = request["Origin"],
            origins.contains(where: { $0.elementsEqual(origin) { $0 == lowercase($1) } })
        else { return response }
        response.headers.add("Access-Control-Allow-Origin", bytes: origin)
        response.headers.add("Access-Control-Expose-Headers", "*")
        if request.contains("Access-Control-Request-Method") {
            response.headers.add(
                "Access-Control-Allow-Methods", "GET, HEAD, PUT, POST, DELETE, PATCH, OPTIONS")
            response.headers.add(
                "Access-Control-Allow-Headers",
                """
                Authorization, Content-Type, If-Match, If-None-Match, Prefer, Aviary-Session, \
                Aviary-Min-Zxid, Aviary-Fence, Idempotency-Key, Request-Id, Last-Event-ID
                """)
            response.headers.add("Access-Control-Max-Age", "600")
        }
        return response
    }
}
