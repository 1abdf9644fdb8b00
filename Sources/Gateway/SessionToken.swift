internal import Crypto
package import Jute

/// What proves the ownership of a session: its id and a code that only holders of the ensemble's
/// key can make. Text form: 16 hex digits, a dot, 32 hex digits.
package struct SessionToken: Equatable, Sendable {
    package let id: SessionID
    private let code: [UInt8]

    /// The first half of HMAC-SHA256: 128 bits are beyond guessing.
    private static let codeLength = 16

    /// The token of a session.
    ///
    /// - Parameters:
    ///   - id: The session.
    ///   - key: The same on all members of the ensemble.
    package init(_ id: SessionID, key: [UInt8]) {
        self.id = id
        code = SessionToken.code(for: id, key: key)
    }

    /// - Parameter text: The value of `Aviary-Session`.
    /// - Throws: `bad-session`. A well-formed token may still be a wrong one: see `isGenuine`.
    package init(parsing text: some Collection<UInt8>) throws(Problem) {
        let parts = text.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count == 2, parts[0].count == 16,
            let id = SessionID(parsing: String(decoding: parts[0], as: UTF8.self)),
            parts[1].count == 2 * SessionToken.codeLength
        else { throw Problem(.badSession) }
        var code: [UInt8] = []
        var high: UInt8?
        for digit in parts[1] {
            guard let value = hexValue(digit) else { throw Problem(.badSession) }
            if let first = high {
                code.append(first << 4 | value)
                high = nil
            } else {
                high = value
            }
        }
        self.id = id
        self.code = code
    }

    /// Whether the code belongs to the id.
    package func isGenuine(key: [UInt8]) -> Bool {
        let right = SessionToken.code(for: id, key: key)
        var difference: UInt8 = 0
        for (ours, theirs) in zip(right, code) { difference |= ours ^ theirs }
        return difference == 0
    }

    package var text: String {
        let digits = code.map { byte in
            (byte < 16 ? "0" : "") + String(byte, radix: 16)
        }
        return "\(id).\(digits.joined())"
    }

    private static func code(for id: SessionID, key: [UInt8]) -> [UInt8] {
        var message = Array("aviary session ".utf8)
        message.append(hexadecimal: UInt64(bitPattern: id.rawValue))
        let full = HMAC<SHA256>.authenticationCode(
            for: message, using: SymmetricKey(data: key))
        return Array(full.prefix(codeLength))
    }
}
