/// A host, by name or address, and a TCP port.
package struct HostPort: Hashable, Sendable {
    /// Without brackets, as it was written.
    package var host: String
    package var port: Int

    package init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    /// Only this machine reaches it.
    package var isLoopback: Bool {
        let host = host.lowercased()
        if host == "localhost" || host.hasSuffix(".localhost") { return true }
        if let ipv4 = Self.ipv4(host) { return ipv4[0] == 127 }
        return host == "::1" || host == "0:0:0:0:0:0:0:1"
    }

    /// Every address of this machine.
    package var isWildcard: Bool {
        host.isEmpty || host == "0.0.0.0" || host == "::"
    }

    /// The four numbers of a dotted address.
    private static func ipv4(_ host: String) -> [UInt8]? {
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        let numbers = parts.compactMap { $0.allSatisfy(\.isASCIIDigit) ? UInt8($0) : nil }
        return numbers.count == 4 ? numbers : nil
    }
}

extension HostPort: CustomStringConvertible {
    /// `host:port`, an IPv6 address in brackets.
    package var description: String { "\(bracketedHost):\(port)" }

    package var bracketedHost: String { host.contains(":") ? "[\(host)]" : host }
}

extension HostPort {
    /// Whether a text can be a host: a name, an IPv4 address, or an IPv6 address without brackets.
    static func isHost(_ text: some StringProtocol) -> Bool {
        guard !text.isEmpty, text.utf8.count <= 253 else { return false }
        if text.contains(":") {
            return text.utf8.count(where: { $0 == UInt8(ascii: ":") }) >= 2
                && text.utf8.allSatisfy {
                    UInt8(ascii: "0") <= $0 && $0 <= UInt8(ascii: ":")
                        || UInt8(ascii: "a") <= $0 | 0x20 && $0 | 0x20 <= UInt8(ascii: "f")
                        || $0 == UInt8(ascii: ".")
                }
        }
        return text.utf8.allSatisfy {
            UInt8(ascii: "a") <= $0 | 0x20 && $0 | 0x20 <= UInt8(ascii: "z")
                || UInt8(ascii: "0") <= $0 && $0 <= UInt8(ascii: "9")
                || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "_")
        }
    }

    /// Splits `host:a:b…` at its colons, taking a host in brackets whole.
    ///
    /// - Returns: The host without brackets and what follows it; nil without a valid host.
    static func split(_ text: Substring) -> (host: String, rest: [Substring])? {
        if text.first == "[" {
            guard let close = text.firstIndex(of: "]") else { return nil }
            let host = text[text.index(after: text.startIndex)..<close]
            let rest = text[text.index(after: close)...]
            guard host.contains(":"), isHost(host), rest.isEmpty || rest.first == ":" else {
                return nil
            }
            return (
                String(host),
                rest.dropFirst().split(separator: ":", omittingEmptySubsequences: false)
            )
        }
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard let host = parts.first, isHost(host) else { return nil }
        return (String(host), Array(parts.dropFirst()))
    }

    /// A port that others are told: 1 to 65535.
    static func port(_ text: some StringProtocol) -> Int? {
        guard let number = Int(decimal: text), 1...65_535 ~= number else { return nil }
        return number
    }
}

extension Character {
    var isASCIIDigit: Bool { isASCII && isNumber }
}

extension Int {
    /// Digits only: no sign, no blank, no other script's numerals.
    init?(decimal text: some StringProtocol) {
        guard !text.isEmpty, text.allSatisfy(\.isASCIIDigit) else { return nil }
        self.init(text)
    }
}
