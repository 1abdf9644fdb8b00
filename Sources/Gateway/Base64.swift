/// RFC 4648 base64, strict on input: padded, no blanks, no set bits beyond the data.
package enum Base64 {
    private static let alphabet = Array(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    /// Value of each byte as a digit; 255 for bytes that are none.
    private static let values: [UInt8] = {
        var values = [UInt8](repeating: 255, count: 256)
        for (value, digit) in alphabet.enumerated() { values[Int(digit)] = UInt8(value) }
        return values
    }()

    package static func encode(_ data: [UInt8], into bytes: inout [UInt8]) {
        bytes.reserveCapacity(bytes.count + (data.count + 2) / 3 * 4)
        var index = 0
        while index < data.count {
            let left = data.count - index
            let group =
                UInt32(data[index]) << 16
                | (left > 1 ? UInt32(data[index + 1]) << 8 : 0)
                | (left > 2 ? UInt32(data[index + 2]) : 0)
            bytes.append(alphabet[Int(group >> 18)])
            bytes.append(alphabet[Int(group >> 12 & 63)])
            bytes.append(left > 1 ? alphabet[Int(group >> 6 & 63)] : UInt8(ascii: "="))
            bytes.append(left > 2 ? alphabet[Int(group & 63)] : UInt8(ascii: "="))
            index += 3
        }
    }

    package static func encode(_ data: [UInt8]) -> String {
        var bytes: [UInt8] = []
        encode(data, into: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The data, or nil when the text is not the one encoding of some data.
    package static func decode(_ text: some RandomAccessCollection<UInt8>) -> [UInt8]? {
        guard text.count % 4 == 0 else { return nil }
        if text.isEmpty { return [] }
        let padding = text.suffix(2).reversed().prefix { $0 == UInt8(ascii: "=") }.count
        var data: [UInt8] = []
        data.reserveCapacity(text.count / 4 * 3)
        var group: UInt32 = 0
        var digits = 0
        for byte in text.dropLast(padding) {
            let value = values[Int(byte)]
            guard value < 64 else { return nil }
            group = group << 6 | UInt32(value)
            digits += 1
            if digits == 4 {
                data.append(UInt8(truncatingIfNeeded: group >> 16))
                data.append(UInt8(truncatingIfNeeded: group >> 8))
                data.append(UInt8(truncatingIfNeeded: group))
                group = 0
                digits = 0
            }
        }
        switch digits {
        case 2:
            guard group & 0xF == 0 else { return nil }
            data.append(UInt8(truncatingIfNeeded: group >> 4))
        case 3:
            guard group & 0x3 == 0 else { return nil }
            data.append(UInt8(truncatingIfNeeded: group >> 10))
            data.append(UInt8(truncatingIfNeeded: group >> 2))
        default:
            break
        }
        return data
    }
}
