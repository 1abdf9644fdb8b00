internal import Crypto
package import HTTPServer
package import Jute

/// Who a client says it is, checked as far as this can be without asking anybody.
package struct Credentials: Equatable, Sendable {
    /// `ip`, and `digest` for Basic credentials; what ACLs are compared with.
    package var identities: [Identity]
    /// Whether the administrator's token was shown.
    package var isAdmin: Bool

    /// Nobody, for requests that are not about anything protected.
    static let none = Credentials(identities: [], isAdmin: false)

    private init(identities: [Identity], isAdmin: Bool) {
        self.identities = identities
        self.isAdmin = isAdmin
    }

    /// Whether any were given; without them a refusal is 401 rather than 403.
    package var areGiven: Bool { isAdmin || identities.contains { $0.scheme == "digest" } }

    /// - Parameters:
    ///   - head: Of the request.
    ///   - token: `http.token`, nil when none is configured.
    /// - Throws: `unauthenticated` for credentials that are malformed, of an unknown scheme, or
    ///   not the administrator's.
    package init(_ head: HTTPRequestHead, token: AdminToken?) throws(Problem) {
        identities = [Identity(scheme: "ip", id: head.peerAddress)]
        isAdmin = false
        let values = head.headers.values("Authorization")
        guard let value = values.first else { return }
        guard values.count == 1, let space = value.firstIndex(of: UInt8(ascii: " ")) else {
            throw Credentials.refused
        }
        let scheme = value[..<space].map(lowercase)
        let rest = trimmed(value[space...])
        if scheme.elementsEqual("basic".utf8) {
            identities.append(try Credentials.digestIdentity(rest))
        } else if scheme.elementsEqual("bearer".utf8) {
            guard let token, token.isEqual(to: rest) else { throw Credentials.refused }
            isAdmin = true
        } else {
            throw Credentials.refused
        }
    }

    private static let refused = Problem(
        .unauthenticated, "The credentials are malformed or not accepted.")

    /// ZooKeeper's `digest` identity of a user and password.
    private static func digestIdentity(_ encoded: ArraySlice<UInt8>) throws(Problem) -> Identity {
        guard let pair = Base64.decode(encoded), let text = String(validating: pair, as: UTF8.self),
            let colon = text.utf8.firstIndex(of: UInt8(ascii: ":")), colon > text.startIndex
        else { throw refused }
        return digestIdentity(user: String(text[..<colon]), pair: pair)
    }

    /// `user:base64(sha1("user:password"))`, as the original's DigestAuthenticationProvider.
    private static func digestIdentity(user: String, pair: [UInt8]) -> Identity {
        let digest = Array(Insecure.SHA1.hash(data: pair))
        return Identity(scheme: "digest", id: "\(user):\(Base64.encode(digest))")
    }
}

/// `http.token`: whoever shows it is the administrator.
package struct AdminToken: Sendable {
    /// The token itself is not kept.
    private let digest: SHA256Digest

    package init(_ text: String) {
        digest = SHA256.hash(data: Array(text.utf8))
    }

    /// Takes as long for every wrong token of one length, however much of it is right.
    package func isEqual(to candidate: some Collection<UInt8>) -> Bool {
        // Digests compare in constant time.
        SHA256.hash(data: Array(candidate)) == digest
    }
}

/// Who may use the administrator's resources.
package struct AdminPolicy: Sendable {
    private let token: AdminToken?
    private let isLoopback: Bool

    /// - Parameters:
    ///   - token: `http.token`, nil when none is configured.
    ///   - isLoopback: Whether the server is bound to a loopback address.
    package init(token: AdminToken?, isLoopback: Bool) {
        self.token = token
        self.isLoopback = isLoopback
    }

    /// - Throws: `unauthenticated` without credentials, `forbidden` with others.
    package func check(_ credentials: Credentials) throws(Problem) {
        if credentials.isAdmin || (token == nil && isLoopback) { return }
        if token == nil {
            throw Problem(
                .forbidden, "Administration needs http.token, and none is configured here.")
        }
        throw Problem(credentials.areGiven ? .forbidden : .unauthenticated)
    }
}
