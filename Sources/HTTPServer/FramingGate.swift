/// Refuses requests whose length two parsers could read differently, before any body is read.
///
/// The library's own parser is lenient; a proxy in front of it may not be, and what one takes for
/// a body the other may take for the next request.
///
/// - Source: engineering rules, sections 4.2 and 4.3, rules 1 and 4.
struct FramingGate: Sendable {
    var targetLimitBytes: Int
    var headerLimitBytes: Int
    var headerFieldLimit: Int
    /// Whether the library leaves the parts of a head where they were received, so that gaps
    /// between them can be seen. Versions from 1.0 on refuse by themselves what gaps betray.
    var keepsLayout: Bool

    /// - Returns: The length of the body, nil for a chunked one.
    /// - Throws: The refusal; the connection must be closed after it.
    func check(_ head: RawHead) throws(HTTPRefusal) -> Int? {
        guard head.target.count <= targetLimitBytes else { throw .targetTooLong }
        guard head.fields.count <= headerFieldLimit, head.fieldSizeBytes <= headerLimitBytes
        else { throw .headersTooLarge }
        let isVersion11 = try checkVersion(head.version)
        guard (1...32).contains(head.method.count), head.method.allSatisfy(isTokenCharacter)
        else { throw .framing("The method is not a token.") }
        if keepsLayout && !head.isContiguous {
            throw .framing("A line of the head is folded, or does not end with CRLF.")
        }
        try checkCharacters(head.fields)
        try checkHost(head.fields, isRequired: isVersion11)
        try checkExpectation(head.fields)
        try checkTarget(head.target, method: head.method)
        return try bodyLength(head.fields, mayBeChunked: isVersion11)
    }

    /// - Returns: Whether it is 1.1 rather than 1.0.
    private func checkVersion(_ version: UnsafeBufferPointer<UInt8>) throws(HTTPRefusal) -> Bool {
        if version.elementsEqual("HTTP/1.1".utf8) { return true }
        if version.elementsEqual("HTTP/1.0".utf8) { return false }
        throw .version
    }

    private func checkCharacters(_ fields: [RawHead.Field]) throws(HTTPRefusal) {
        for field in fields {
            guard !field.name.isEmpty, field.name.allSatisfy(isTokenCharacter) else {
                throw .framing("A header name has a character that names cannot have.")
            }
            guard field.value.allSatisfy({ $0 >= 0x20 && $0 != 0x7F || $0 == UInt8(ascii: "\t") })
            else { throw .framing("A header value has a control character.") }
        }
    }

    private func checkHost(
        _ fields: [RawHead.Field], isRequired: Bool
    ) throws(HTTPRefusal) {
        var hosts = 0
        for field in fields where field.isNamed("host") { hosts += 1 }
        guard hosts == 1 || (hosts == 0 && !isRequired) else {
            throw .framing("A request has exactly one Host.")
        }
    }

    private func checkExpectation(_ fields: [RawHead.Field]) throws(HTTPRefusal) {
        for field in fields where field.isNamed("expect") {
            let wanted = "100-continue".utf8
            guard field.value.elementsEqual(wanted, by: { lowercased($0) == $1 }) else {
                throw .expectation
            }
        }
    }

    private func bodyLength(
        _ fields: [RawHead.Field], mayBeChunked: Bool
    ) throws(HTTPRefusal) -> Int? {
        var lengths = 0
        var length = 0
        var codings = 0
        for field in fields {
            if field.isNamed("content-length") {
                lengths += 1
                guard let stated = decimal(field.value) else {
                    throw .framing("Content-Length is not a number.")
                }
                length = stated
            } else if field.isNamed("transfer-encoding") {
                codings += 1
                guard field.value.elementsEqual("chunked".utf8, by: { lowercased($0) == $1 })
                else { throw .framing("The only Transfer-Encoding known is chunked, alone.") }
            }
        }
        guard lengths + codings <= 1 else {
            throw .framing("The length of the body is stated more than once.")
        }
        guard codings == 0 || mayBeChunked else {
            throw .framing("HTTP/1.0 has no Transfer-Encoding.")
        }
        return codings == 1 ? nil : length
    }

    /// Digits only. A number too large for `Int` is `Int.max`: over every limit.
    private func decimal(_ digits: UnsafeBufferPointer<UInt8>) -> Int? {
        if digits.isEmpty { return nil }
        var value = 0
        for digit in digits {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit) else { return nil }
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, carry) = product.addingReportingOverflow(Int(digit) - 0x30)
            value = overflow || carry || value == .max ? .max : sum
        }
        return value
    }
}

extension FramingGate {
    /// Origin form, or the asterisk of `OPTIONS *`: printable ASCII without what no URI has.
    private func checkTarget(
        _ target: [UInt8], method: UnsafeBufferPointer<UInt8>
    ) throws(HTTPRefusal) {
        if target == [UInt8(ascii: "*")], method.elementsEqual("OPTIONS".utf8) { return }
        guard target.first == UInt8(ascii: "/") else {
            throw .target("The request target does not begin with a slash.")
        }
        var index = 0
        while index < target.count {
            switch target[index] {
            case UInt8(ascii: "%"):
                guard index + 2 < target.count, isHexDigit(target[index + 1]),
                    isHexDigit(target[index + 2])
                else { throw .target("A percent sign lacks its two hex digits.") }
                index += 3
            case UInt8(ascii: "#"), UInt8(ascii: "\\"):
                throw .target("The request target has a character that must be percent-encoded.")
            case 0x21...0x7E:
                index += 1
            default:
                throw .target("The request target has a character that must be percent-encoded.")
            }
        }
    }
}

private func isHexDigit(_ byte: UInt8) -> Bool {
    switch lowercased(byte) {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"): true
    default: false
    }
}

/// RFC 9110, section 5.6.2.
private func isTokenCharacter(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "a")...UInt8(ascii: "z"):
        true
    case UInt8(ascii: "!"), UInt8(ascii: "#"), UInt8(ascii: "$"), UInt8(ascii: "%"),
        UInt8(ascii: "&"), UInt8(ascii: "'"), UInt8(ascii: "*"), UInt8(ascii: "+"),
        UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "^"), UInt8(ascii: "_"),
        UInt8(ascii: "`"), UInt8(ascii: "|"), UInt8(ascii: "~"):
        true
    default:
        false
    }
}
