package import HTTPServer

/// Keeps web pages of others away from a server that trusts whoever can reach it.
///
/// - Source: HTTP contract, "Browsers".
package struct BrowserGate: Sendable {
    /// Whether the server is bound to a loopback address.
    private let isLoopback: Bool
    /// `http.hosts`: names that are this server's too.
    private let hosts: [String]
    /// `http.cors.origins`.
    private let origins: [String]

    package init(isLoopback: Bool, hosts: [String] = [], origins: [String] = []) {
        self.isLoopback = isLoopback
        self.hosts = hosts.map { $0.lowercased() }
        self.origins = origins.map { $0.lowercased() }
    }

    /// - Throws: `misdirected` or `forbidden`.
    package func check(_ head: HTTPRequestHead) throws(Problem) {
        let isRead = head.method == .get || head.method == .head || head.method == .options
        let isPlain = isLoopback && BrowserGate.isPlainLoopback(head.headers["Host"])
        if isRead && (isPlain || !isLoopback) { return }
        let host = head.headers.text("Host").map { $0.lowercased() }
        if isLoopback, !isPlain, let host {
            guard let name = BrowserGate.name(ofHost: host),
                BrowserGate.isLoopbackName(name) || hosts.contains(name) || hosts.contains(host)
            else { throw Problem(.misdirected) }
        }
        if isRead { return }
        let stated = head.headers.values("Origin")
        if stated.isEmpty { return }
        guard stated.count == 1, let text = String(validating: stated[0], as: UTF8.self),
            isAllowed(text.lowercased(), host: host)
        else { throw Problem(.forbidden, "Pages of this origin may not change anything here.") }
    }

    /// The usual spellings, at the price of a comparison; `isLoopbackName` knows the others.
    private static func isPlainLoopback(_ host: ArraySlice<UInt8>?) -> Bool {
        guard let host else { return false }
        for name: StaticString in ["127.0.0.1", "localhost", "[::1]"] {
            guard name.withUTF8Buffer({ host.starts(with: $0) }) else { continue }
            let rest = host.dropFirst(name.utf8CodeUnitCount)
            guard let colon = rest.first else { return true }
            return colon == UInt8(ascii: ":") && rest.count <= 6
                && rest.dropFirst().allSatisfy { digit in
                    (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit)
                }
        }
        return false
    }

    private func isAllowed(_ origin: String, host: String?) -> Bool {
        if origins.contains(origin) { return true }
        for scheme in ["http://", "https://"] where origin.hasPrefix(scheme) {
            return host != nil && String(origin.dropFirst(scheme.count)) == host
        }
        return false
    }

    /// The name in `name:port`, `name` or `[ipv6]:port`, without a final dot; nil when malformed.
    static func name(ofHost host: String) -> String? {
        if host.hasPrefix("[") {
            guard let bracket = host.firstIndex(of: "]"),
                isPort(host[host.index(after: bracket)...])
            else { return nil }
            return String(host[host.index(after: host.startIndex)..<bracket])
        }
        let colon = host.firstIndex(of: ":") ?? host.endIndex
        var name = host[..<colon]
        guard isPort(host[colon...]) else { return nil }
        if name.hasSuffix(".") { name = name.dropLast() }
        return name.isEmpty ? nil : String(name)
    }

    /// Nothing, or a colon and digits.
    private static func isPort(_ text: Substring) -> Bool {
        if text.isEmpty { return true }
        let digits = text.dropFirst()
        return text.first == ":" && digits.utf8.count <= 5
            && digits.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    }

    /// `localhost`, names below it, `127.0.0.0/8` and `::1`.
    package static func isLoopbackName(_ name: String) -> Bool {
        if name == "localhost" || name.hasSuffix(".localhost") || name == "::1" { return true }
        let parts = name.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "127"
            && parts.allSatisfy { part in
                part.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
                    && UInt8(part) != nil
            }
    }
}
