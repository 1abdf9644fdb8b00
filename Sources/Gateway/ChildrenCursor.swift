import Jute

/// Where a page of children ended: the state it was read from and the last name on it.
struct ChildrenCursor: Equatable, Sendable {
    var zxid: Zxid
    var name: [UInt8]

    init(zxid: Zxid, name: [UInt8]) {
        self.zxid = zxid
        self.name = name
    }

    /// - Throws: `bad-parameter` for anything that is no cursor of ours.
    init(parsing text: String) throws(Problem) {
        let bytes = Array(text.utf8)
        guard bytes.count > 17, bytes[16] == UInt8(ascii: "."),
            let zxid = Zxid(parsing: String(decoding: bytes[..<16], as: UTF8.self)),
            let name = ChildrenCursor.decode(bytes[17...])
        else { throw Problem(.badParameter, "The cursor is not one that a page ended with.") }
        self.init(zxid: zxid, name: name)
    }

    var text: [UInt8] {
        var text: [UInt8] = []
        text.append(hexadecimal: UInt64(bitPattern: zxid.rawValue))
        text.append(UInt8(ascii: "."))
        let start = text.count
        Base64.encode(name, into: &text)
        // The alphabet for addresses, without padding (RFC 4648, section 5).
        while text.last == UInt8(ascii: "=") { text.removeLast() }
        for index in start..<text.count {
            switch text[index] {
            case UInt8(ascii: "+"): text[index] = UInt8(ascii: "-")
            case UInt8(ascii: "/"): text[index] = UInt8(ascii: "_")
            default: break
            }
        }
        return text
    }

    private static func decode(_ text: ArraySlice<UInt8>) -> [UInt8]? {
        var digits = text.map { digit in
            switch digit {
            case UInt8(ascii: "-"): UInt8(ascii: "+")
            case UInt8(ascii: "_"): UInt8(ascii: "/")
            case UInt8(ascii: "+"), UInt8(ascii: "/"): UInt8(ascii: "!")
            default: digit
            }
        }
        while digits.count % 4 != 0 { digits.append(UInt8(ascii: "=")) }
        return Base64.decode(digits)
    }
}
