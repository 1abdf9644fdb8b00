package import Jute

extension Zxid {
    /// A zxid as clients write it: 16 hex digits, or `0x` and 1 to 16 hex digits.
    package init?(parsing text: some StringProtocol) {
        guard let value = hexadecimal(text) else { return nil }
        self.init(rawValue: Int64(bitPattern: value))
    }
}

extension SessionID {
    /// Written as zxids are.
    package init?(parsing text: some StringProtocol) {
        guard let value = hexadecimal(text) else { return nil }
        self.init(rawValue: Int64(bitPattern: value))
    }
}

private func hexadecimal(_ text: some StringProtocol) -> UInt64? {
    let bytes = Array(text.utf8)
    let isPrefixed = bytes.starts(with: "0x".utf8)
    let digits = isPrefixed ? bytes[2...] : bytes[...]
    guard isPrefixed ? (1...16).contains(digits.count) : digits.count == 16 else { return nil }
    var value: UInt64 = 0
    for digit in digits {
        guard let nibble = hexValue(digit) else { return nil }
        value = value << 4 | UInt64(nibble)
    }
    return value
}

/// A point in history: a zxid, or a time.
package enum Point: Equatable, Sendable {
    case zxid(Zxid)
    /// Milliseconds since 1970.
    case milliseconds(Int64)

    /// 16 digits are a zxid, however decimal they look; a time of 16 digits is 300 millennia off.
    package init?(parsing text: some StringProtocol) {
        if let zxid = Zxid(parsing: text) {
            self = .zxid(zxid)
        } else if let milliseconds = Int64(text), milliseconds >= 0, text.first != "+" {
            self = .milliseconds(milliseconds)
        } else {
            return nil
        }
    }
}

extension Duration {
    /// `30s`, `500ms`, `5m`, `2h`, `7d`, or a bare number of seconds.
    package init?(parsing text: some StringProtocol) {
        let digits = text.prefix { $0.isASCII && $0.isWholeNumber }
        guard (1...12).contains(digits.utf8.count), let count = Int64(digits) else { return nil }
        let unit: Duration
        switch text.dropFirst(digits.count) {
        case "ms": unit = .milliseconds(1)
        case "", "s": unit = .seconds(1)
        case "m": unit = .seconds(60)
        case "h": unit = .seconds(3_600)
        case "d": unit = .seconds(86_400)
        default: return nil
        }
        guard count <= Duration.longestSeconds else { return nil }
        self = unit * Int(count)
    }

    /// No unit of a longer count of milliseconds overflows what ZooKeeper stores.
    private static let longestSeconds: Int64 = 100_000_000_000

    package var milliseconds: Int64 {
        components.seconds * 1_000 + components.attoseconds / 1_000_000_000_000_000
    }
}
