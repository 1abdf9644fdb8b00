package import HTTPServer
package import Jute

/// How fresh a read must be.
package struct ReadOptions: Equatable, Sendable {
    package enum Consistency: String, CaseIterable, Sendable {
        /// This node's committed state.
        case local
        /// Not older than any write acknowledged anywhere before the request.
        case linearizable
    }

    package var consistency = Consistency.local
    /// Applied at least this far.
    package var minimum: Zxid?

    /// - Throws: `bad-parameter` or `bad-zxid`.
    package init(headers: HTTPHeaders, query: Query) throws(Problem) {
        consistency = try query.choice("consistency", Consistency.self) ?? .local
        let values = headers.values("Aviary-Min-Zxid")
        guard let value = values.first else { return }
        guard values.count == 1,
            let zxid = Zxid(parsing: String(decoding: value, as: UTF8.self))
        else { throw Problem(.badZxid) }
        minimum = zxid
    }
}
