package import HTTPServer

/// How long a request may be held: `Prefer: wait=30` or `?wait=30s`.
///
/// - Source: RFC 7240, section 4.3; HTTP contract, "Waiting".
package struct WaitPreference: Equatable, Sendable {
    /// What is applied, clipped to the maximum.
    package var duration: Duration

    package init(duration: Duration) {
        self.duration = duration
    }

    /// - Parameters:
    ///   - headers: The parameter wins over the header.
    ///   - query: Of a resource that knows `wait`.
    ///   - maximum: `http.wait.max`.
    /// - Returns: Nil without a wait, or with one of no time.
    /// - Throws: `bad-parameter` for a duration that is none. A header that says none is a
    ///   preference like any other that is not understood: it is passed over.
    package static func parse(
        headers: HTTPHeaders, query: Query, maximum: Duration
    ) throws(Problem) -> WaitPreference? {
        let stated = try query.duration("wait") ?? preferred(headers)
        guard let stated, stated > .zero else { return nil }
        return WaitPreference(duration: min(stated, maximum))
    }

    private static func preferred(_ headers: HTTPHeaders) -> Duration? {
        for value in headers.values("Prefer") {
            for preference in value.split(separator: UInt8(ascii: ",")) {
                let parts = preference.split(separator: UInt8(ascii: "="), maxSplits: 1)
                guard parts.count == 2, trimmed(parts[0]).map(lowercase).elementsEqual("wait".utf8)
                else { continue }
                let text = String(decoding: trimmed(parts[1]), as: UTF8.self)
                    .prefix { $0 != ";" }
                    .filter { $0 != "\"" }
                if let duration = Duration(parsing: text) { return duration }
            }
        }
        return nil
    }

    /// The value of `Preference-Applied`.
    package var applied: String {
        let milliseconds = duration.milliseconds
        if milliseconds % 1_000 == 0 { return "wait=\(milliseconds / 1_000)" }
        let fraction = String(milliseconds % 1_000 + 1_000).dropFirst()
        return "wait=\(milliseconds / 1_000).\(fraction)"
    }
}
