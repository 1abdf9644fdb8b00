package import HTTPServer

/// How a znode's value is given out.
package enum Representation: Equatable, Sendable {
    /// The JSON object, with `text` where the value is valid UTF-8.
    case json
    /// The JSON object, always with `base64`.
    case jsonBase64
    /// The bytes alone, the stat in headers.
    case raw

    private enum Encoding: String, CaseIterable { case base64 }

    /// Decides by `?raw`, `?encoding` and `Accept`.
    package init(headers: HTTPHeaders, query: Query) throws(Problem) {
        let encoding = try query.choice("encoding", Encoding.self)
        let isRaw = try query.flag("raw")
        guard encoding == nil || !isRaw else {
            throw Problem(.badParameter, "raw and encoding exclude each other.")
        }
        if encoding != nil {
            self = .jsonBase64
        } else if isRaw || Accept(headers).prefersBytes {
            self = .raw
        } else {
            self = .json
        }
    }
}

/// The media types that a client takes.
package struct Accept: Sendable {
    private var ranges: [(type: [UInt8], quality: Int)] = []

    package init(_ headers: HTTPHeaders) {
        for value in headers.values("Accept") {
            for range in value.split(separator: UInt8(ascii: ",")) {
                let parts = range.split(separator: UInt8(ascii: ";")).map(trimmed)
                guard let type = parts.first, !type.isEmpty else { continue }
                ranges.append((type.map(lowercase), Accept.quality(parts.dropFirst())))
            }
        }
    }

    /// Thousandths; 1000 when not stated or malformed.
    private static func quality(_ parameters: ArraySlice<ArraySlice<UInt8>>) -> Int {
        for parameter in parameters {
            let text = String(decoding: parameter, as: UTF8.self).lowercased()
            guard text.hasPrefix("q="), let value = Double(text.dropFirst(2)) else { continue }
            return value.isFinite ? Int(max(0, min(1, value)) * 1000) : 1000
        }
        return 1000
    }

    /// Nil when the type is not named, only covered by a wildcard or not at all.
    private func quality(of type: String) -> Int? {
        ranges.first { $0.type.elementsEqual(type.utf8) }?.quality
    }

    /// Whether a type is named, not only covered by a wildcard.
    package func names(_ type: String) -> Bool {
        (quality(of: type) ?? 0) > 0
    }

    /// Whether the bytes alone are wanted rather than JSON, which is the default.
    package var prefersBytes: Bool {
        guard let bytes = quality(of: "application/octet-stream"), bytes > 0 else { return false }
        guard let json = quality(of: "application/json") else { return true }
        return bytes > json
    }
}

func trimmed(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    var bytes = bytes.drop { $0 == 0x20 || $0 == 0x09 }
    while let last = bytes.last, last == 0x20 || last == 0x09 { bytes.removeLast() }
    return bytes
}

/// ASCII letters in lower case.
func lowercase(_ byte: UInt8) -> UInt8 {
    (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte | 0x20 : byte
}
