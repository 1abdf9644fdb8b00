internal import NIOCore

/// Where a server listens: a host name or IP literal, and a port.
package struct PeerAddress: Hashable, Sendable {
    /// Without the brackets that an IPv6 literal has in text.
    package var host: String
    /// 0 to 65535; 0 only to listen on any free port.
    package var port: Int

    package init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    /// Reads `host:port`, with IPv6 literals in brackets.
    ///
    /// - Throws: A `PeerAddressError` that says what is wrong with the text.
    package init(parsing text: some StringProtocol) throws(PeerAddressError) {
        func refused(_ problem: String) -> PeerAddressError {
            PeerAddressError(text: String(text), problem: problem)
        }
        let host: Substring
        let portText: Substring
        let whole = Substring(text)
        if whole.hasPrefix("[") {
            guard let close = whole.firstIndex(of: "]") else { throw refused("no closing bracket") }
            host = whole[whole.index(after: whole.startIndex)..<close]
            let rest = whole[whole.index(after: close)...]
            guard rest.hasPrefix(":") else { throw refused("no port") }
            portText = rest.dropFirst()
        } else {
            guard let colon = whole.lastIndex(of: ":") else { throw refused("no port") }
            host = whole[..<colon]
            portText = whole[whole.index(after: colon)...]
            guard !host.contains(":") else { throw refused("an IPv6 address needs brackets") }
        }
        guard !host.isEmpty else { throw refused("no host") }
        guard host.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw refused("a host is printable ASCII")
        }
        guard portText.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            let port = UInt16(portText)
        else { throw refused("a port is a number from 0 to 65535") }
        self.init(host: String(host), port: Int(port))
    }

    /// Whether the host stands for every address of a machine: good to listen on, not to dial.
    package var isWildcard: Bool {
        guard !host.isEmpty else { return true }
        // The text of the parsed address has one form only.
        let address = try? SocketAddress(ipAddress: host, port: port)
        return address?.ipAddress == "0.0.0.0" || address?.ipAddress == "::"
    }
}

extension PeerAddress: CustomStringConvertible {
    package var description: String {
        host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    }
}

extension PeerAddress {
    /// The IP address and port of a socket; nil for other kinds of sockets.
    init?(_ address: SocketAddress?) {
        guard let address, let host = address.ipAddress, let port = address.port else { return nil }
        self.init(host: host, port: port)
    }
}

/// Text that is not `host:port`.
package struct PeerAddressError: Error, Equatable, Sendable, CustomStringConvertible {
    package let text: String
    package let problem: String

    package var description: String { "\"\(text)\" is not host:port: \(problem)" }
}
