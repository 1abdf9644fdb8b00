import HTTPServer

extension Gateway {
    /// `GET /v1/openapi.json`.
    func openAPI(_ call: Call) -> HTTPResponse {
        json(call, zxid: servedZxid, OpenAPIDocument.json)
    }
}
