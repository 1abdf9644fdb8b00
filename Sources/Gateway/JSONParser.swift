/// Reads one JSON text strictly: RFC 8259, valid UTF-8, no name twice in an object, at most 32
/// levels, nothing after the value.
///
/// - Source: engineering rules, section 4.3, rule 4.
package struct JSONParser {
    private let bytes: [UInt8]
    private var index = 0

    private static let deepestLevel = 32
    /// From this many members on, names are compared through a set.
    private static let manyMembers = 16

    private init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    /// - Returns: The value.
    /// - Throws: `bad-request` that says what is wrong and at which byte.
    package static func parse(_ bytes: [UInt8]) throws(Problem) -> JSONValue {
        var parser = JSONParser(bytes)
        parser.skipBlanks()
        let value = try parser.value(level: 0)
        parser.skipBlanks()
        guard parser.index == bytes.count else {
            throw parser.fault("there is more after the value")
        }
        return value
    }

    private func fault(_ what: String) -> Problem {
        Problem(.badRequest, "The body is not the JSON that is needed: \(what), at byte \(index).")
    }

    private var next: UInt8? { index < bytes.count ? bytes[index] : nil }

    private mutating func skipBlanks() {
        while let byte = next, byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D {
            index += 1
        }
    }

    private mutating func value(level: Int) throws(Problem) -> JSONValue {
        guard level <= JSONParser.deepestLevel else { throw fault("it is nested too deeply") }
        switch next {
        case UInt8(ascii: "{"): return .object(try object(level: level))
        case UInt8(ascii: "["): return .array(try array(level: level))
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try literal("true", .bool(true))
        case UInt8(ascii: "f"): return try literal("false", .bool(false))
        case UInt8(ascii: "n"): return try literal("null", .null)
        case .some(UInt8(ascii: "-")), .some(UInt8(ascii: "0")...UInt8(ascii: "9")):
            return try number()
        default: throw fault("a value is missing")
        }
    }

    private mutating func literal(
        _ text: StaticString, _ value: JSONValue
    ) throws(Problem) -> JSONValue {
        let matches = text.withUTF8Buffer { bytes[index...].starts(with: $0) }
        guard matches else { throw fault("a value is missing") }
        index += text.utf8CodeUnitCount
        return value
    }

    private mutating func object(level: Int) throws(Problem) -> JSONObject {
        var object = JSONObject()
        var names: Set<[UInt8]> = []
        index += 1
        skipBlanks()
        if next == UInt8(ascii: "}") {
            index += 1
            return object
        }
        while true {
            skipBlanks()
            guard next == UInt8(ascii: "\"") else { throw fault("a member's name is missing") }
            let key = try string()
            if object.members.count == JSONParser.manyMembers {
                names = Set(object.members.map(\.key))
            }
            let isNew =
                object.members.count < JSONParser.manyMembers
                ? !object.members.contains { $0.key == key } : names.insert(key).inserted
            guard isNew else { throw fault("a member is there twice") }
            skipBlanks()
            guard next == UInt8(ascii: ":") else { throw fault("a colon is missing") }
            index += 1
            skipBlanks()
            object.members.append(JSONObject.Member(key: key, value: try value(level: level + 1)))
            if try isLast(UInt8(ascii: "}")) { return object }
        }
    }

    private mutating func array(level: Int) throws(Problem) -> [JSONValue] {
        var elements: [JSONValue] = []
        index += 1
        skipBlanks()
        if next == UInt8(ascii: "]") {
            index += 1
            return elements
        }
        while true {
            skipBlanks()
            elements.append(try value(level: level + 1))
            if try isLast(UInt8(ascii: "]")) { return elements }
        }
    }

    /// After an element: takes the comma or the closing bracket.
    private mutating func isLast(_ bracket: UInt8) throws(Problem) -> Bool {
        skipBlanks()
        guard next == bracket || next == UInt8(ascii: ",") else {
            throw fault("a comma or closing bracket is missing")
        }
        defer { index += 1 }
        return next == bracket
    }
}

extension JSONParser {
    private mutating func number() throws(Problem) -> JSONValue {
        let start = index
        if next == UInt8(ascii: "-") { index += 1 }
        let isZero = next == UInt8(ascii: "0")
        let integerDigits = skipDigits()
        guard integerDigits > 0, !isZero || integerDigits == 1 else {
            throw fault("a number is malformed")
        }
        var isInteger = true
        if next == UInt8(ascii: ".") {
            isInteger = false
            index += 1
            guard skipDigits() > 0 else { throw fault("a number is malformed") }
        }
        if next == UInt8(ascii: "e") || next == UInt8(ascii: "E") {
            isInteger = false
            index += 1
            if next == UInt8(ascii: "+") || next == UInt8(ascii: "-") { index += 1 }
            guard skipDigits() > 0 else { throw fault("a number is malformed") }
        }
        let text = String(decoding: bytes[start..<index], as: UTF8.self)
        if isInteger, let value = Int64(text) { return .integer(value) }
        return .number(text)
    }

    private mutating func skipDigits() -> Int {
        let start = index
        while let byte = next, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) {
            index += 1
        }
        return index - start
    }

    private mutating func string() throws(Problem) -> [UInt8] {
        index += 1
        var text: [UInt8] = []
        var isASCII = true
        while true {
            let start = index
            if !skipPlainText() { isASCII = false }
            text.append(contentsOf: bytes[start..<index])
            switch next {
            case nil:
                throw fault("a string has no end")
            case UInt8(ascii: "\""):
                index += 1
                guard isASCII || String(validating: text, as: UTF8.self) != nil else {
                    throw fault("a string is not valid UTF-8")
                }
                return text
            case UInt8(ascii: "\\"):
                index += 1
                text.append(contentsOf: String(try escape()).utf8)
            default:
                throw fault("a string has a control character")
            }
        }
    }

    /// Skips what stands for itself in a string.
    ///
    /// - Returns: Whether all of it is ASCII, and so valid UTF-8.
    private mutating func skipPlainText() -> Bool {
        var seen: UInt8 = 0
        var end = index
        while end < bytes.count {
            let byte = bytes[end]
            if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") || byte < 0x20 { break }
            seen |= byte
            end += 1
        }
        index = end
        return seen < 0x80
    }

    private mutating func escape() throws(Problem) -> Unicode.Scalar {
        guard let byte = next else { throw fault("a string has no end") }
        index += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"):
            return Unicode.Scalar(byte)
        case UInt8(ascii: "b"): return "\u{08}"
        case UInt8(ascii: "f"): return "\u{0C}"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "u"): break
        default: throw fault("an escape is unknown")
        }
        let unit = try hexUnit()
        if let scalar = Unicode.Scalar(unit) { return scalar }
        // A surrogate: the first of a pair, or nothing that a string can have.
        guard (0xD800..<0xDC00).contains(unit), bytes[index...].starts(with: [0x5C, 0x75]) else {
            throw fault("half a surrogate pair")
        }
        index += 2
        let second = try hexUnit()
        guard (0xDC00..<0xE000).contains(second),
            let scalar = Unicode.Scalar(
                0x10000 + (UInt32(unit) - 0xD800) << 10 + (UInt32(second) - 0xDC00))
        else { throw fault("half a surrogate pair") }
        return scalar
    }

    private mutating func hexUnit() throws(Problem) -> UInt16 {
        guard index + 4 <= bytes.count else { throw fault("a string has no end") }
        var unit: UInt16 = 0
        for _ in 0..<4 {
            guard let digit = hexValue(bytes[index]) else { throw fault("an escape is malformed") }
            unit = unit << 4 | UInt16(digit)
            index += 1
        }
        return unit
    }
}
