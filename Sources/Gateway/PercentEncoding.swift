package import Jute

/// The value of a hex digit, or nil.
func hexValue(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
    default: nil
    }
}

enum PercentEncoding {
    /// Decodes once.
    ///
    /// - Parameters:
    ///   - text: Percent-encoded bytes.
    ///   - plusIsSpace: True in form encoding, where `+` is a space.
    /// - Returns: The bytes, or nil when a percent sign lacks its two hex digits.
    static func decode(_ text: ArraySlice<UInt8>, plusIsSpace: Bool) -> [UInt8]? {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count)
        var index = text.startIndex
        while index < text.endIndex {
            switch text[index] {
            case UInt8(ascii: "%"):
                guard index + 2 < text.endIndex, let high = hexValue(text[index + 1]),
                    let low = hexValue(text[index + 2])
                else { return nil }
                bytes.append(high << 4 | low)
                index += 3
            case UInt8(ascii: "+") where plusIsSpace:
                bytes.append(UInt8(ascii: " "))
                index += 1
            case let byte:
                bytes.append(byte)
                index += 1
            }
        }
        return bytes
    }

    /// RFC 3986's unreserved characters, and those that a segment may hold as they are.
    static func isPlainInSegment(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default:
            "-._~!$&'()*,;=:@".utf8.contains(byte)
        }
    }
}

extension ZnodePath {
    /// The path of the znode that an address names.
    ///
    /// Each segment is decoded once; `+` is a plus. No case change, no normalisation: a path that
    /// would need one is refused.
    ///
    /// - Parameter text: What follows the resource's name in the address, as sent: empty or with
    ///   a slash at its start.
    /// - Throws: `bad-path` that says why.
    package init(percentEncoded text: ArraySlice<UInt8>) throws(Problem) {
        let slash = UInt8(ascii: "/")
        if text.isEmpty || text.elementsEqual([slash]) {
            self = .root
            return
        }
        guard text.first == slash else { throw Problem(.badPath) }
        if ZnodePath.isPlain(text) {
            self.init(bytes: Array(text))
            return
        }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count)
        for segment in text.dropFirst().split(separator: slash, omittingEmptySubsequences: false) {
            guard let name = PercentEncoding.decode(segment, plusIsSpace: false) else {
                throw Problem(.badPath, "A percent sign lacks its two hex digits.")
            }
            try ZnodePath.checkName(name)
            bytes.append(slash)
            bytes.append(contentsOf: name)
        }
        self.init(bytes: bytes)
    }

    /// Whether an address is a valid path as it stands: one pass for the usual names of printable
    /// ASCII. What this refuses may still be valid.
    private static func isPlain(_ text: ArraySlice<UInt8>) -> Bool {
        text.withUnsafeBufferPointer { bytes in
            var hasName = true
            for byte in bytes {
                switch byte {
                case UInt8(ascii: "/"):
                    // Nothing but dots since the last slash, or nothing at all.
                    guard hasName else { return false }
                    hasName = false
                case UInt8(ascii: "."): break
                case UInt8(ascii: "%"): return false
                case 0x21...0x7E: hasName = true
                default: return false
                }
            }
            return hasName
        }
    }

    /// Checks one component that a client gave, wherever it stood.
    package static func checkName(_ name: [UInt8]) throws(Problem) {
        if ZnodePath.isValidName(name) { return }
        if name.isEmpty { throw Problem(.badPath, "A path has no empty segments.") }
        if name.elementsEqual(".".utf8) || name.elementsEqual("..".utf8) {
            throw Problem(.badPath, "A path has no segments . and .. in it.")
        }
        if name.contains(UInt8(ascii: "/")) {
            throw Problem(.badPath, "A name has no slash in it, not even an encoded one.")
        }
        guard String(validating: name, as: UTF8.self) != nil else {
            throw Problem(.badPath, "A name is valid UTF-8.")
        }
        throw Problem(.badPath, "A name has a character that ZooKeeper refuses.")
    }

    /// Checks a whole path that a client gave, in a JSON member.
    package static func checked(_ bytes: [UInt8]) throws(Problem) -> ZnodePath {
        let path = ZnodePath(bytes: bytes)
        if path.isValid { return path }
        guard bytes.first == UInt8(ascii: "/") else {
            throw Problem(.badPath, "A path begins with a slash.")
        }
        let names = bytes.dropFirst()
            .split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        for name in names { try checkName(Array(name)) }
        throw Problem(.badPath)
    }

    /// The address below a resource, for `Location`: `/v1/znodes/app/a%20b`.
    package func address(below resource: StaticString) -> [UInt8] {
        var address: [UInt8] = []
        resource.withUTF8Buffer { address.append(contentsOf: $0) }
        if isRoot { return address }
        for byte in bytes {
            if byte == UInt8(ascii: "/") || PercentEncoding.isPlainInSegment(byte) {
                address.append(byte)
            } else {
                let digits = Array("0123456789ABCDEF".utf8)
                address.append(UInt8(ascii: "%"))
                address.append(digits[Int(byte >> 4)])
                address.append(digits[Int(byte & 15)])
            }
        }
        return address
    }
}
