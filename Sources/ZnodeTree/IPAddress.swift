/// An address of IPv4 (4 bytes) or IPv6 (16 bytes), read from text as Java writes it.
struct IPAddress: Equatable, Sendable {
    let bytes: [UInt8]

    /// Reads `127.0.0.1`, `0:0:0:0:0:0:0:1` or `::1`; a zone behind `%` is ignored.
    init?(_ text: some StringProtocol) {
        let utf8 = Array(text.utf8.prefix { $0 != UInt8(ascii: "%") })
        let parsed = utf8.contains(UInt8(ascii: ":")) ? Self.version6(utf8) : Self.version4(utf8)
        guard let parsed else { return nil }
        bytes = parsed
    }

    private static func version4(_ text: [UInt8]) -> [UInt8]? {
        let parts = text.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var bytes: [UInt8] = []
        for part in parts {
            guard part.count <= 3, part.allSatisfy(isDigit),
                let byte = UInt8(String(decoding: part, as: UTF8.self))
            else { return nil }
            bytes.append(byte)
        }
        return bytes
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }

    private static func version6(_ text: [UInt8]) -> [UInt8]? {
        let colon = UInt8(ascii: ":")
        let gap = text.indices.dropLast().first { text[$0] == colon && text[$0 + 1] == colon }
        guard let gap else {
            guard let bytes = groups(text[...]), bytes.count == 16 else { return nil }
            return bytes
        }
        guard let front = groups(text[..<gap]), let back = groups(text[(gap + 2)...]),
            front.count + back.count <= 14
        else { return nil }
        return front + Array(repeating: 0, count: 16 - front.count - back.count) + back
    }

    /// Groups of up to four hexadecimal digits; nothing at all is no groups.
    private static func groups(_ text: ArraySlice<UInt8>) -> [UInt8]? {
        if text.isEmpty { return [] }
        var bytes: [UInt8] = []
        for part in text.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false) {
            guard (1...4).contains(part.count), part.first != UInt8(ascii: "+"),
                let group = UInt16(String(decoding: part, as: UTF8.self), radix: 16)
            else { return nil }
            bytes.append(UInt8(group >> 8))
            bytes.append(UInt8(group & 0xFF))
        }
        return bytes
    }
}

/// An `ip` entry of an ACL: an address and how many of its first bits count.
struct IPRange: Equatable, Sendable {
    let address: IPAddress
    let bits: Int

    /// Reads `address` or `address/bits`.
    init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count <= 2, let address = IPAddress(parts[0]), !parts[0].contains("%") else {
            return nil
        }
        self.address = address
        let width = address.bytes.count * 8
        if parts.count == 1 {
            bits = width
        } else {
            guard parts[1].utf8.allSatisfy({ (0x30...0x39).contains($0) }),
                let bits = Int(parts[1]), bits <= width
            else { return nil }
            self.bits = bits
        }
    }

    func contains(_ other: IPAddress) -> Bool {
        guard other.bytes.count == address.bytes.count else { return false }
        let whole = bits / 8
        guard address.bytes[..<whole] == other.bytes[..<whole] else { return false }
        let rest = bits % 8
        if rest == 0 { return true }
        let mask = UInt8(truncatingIfNeeded: 0xFF00 >> rest)
        return (address.bytes[whole] ^ other.bytes[whole]) & mask == 0
    }
}
