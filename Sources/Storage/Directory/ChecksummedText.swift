import Checksum

/// The form of Aviary's own small files: lines of a key and a value, and a checksum over them at
/// the end, so that a person can read what a program can trust.
struct ChecksummedText {
    private var lines: [(key: String, value: String)] = []

    init() {}

    /// - Returns: nil when the bytes are not what was written.
    init?(_ bytes: [UInt8]) {
        let text = String(decoding: bytes, as: UTF8.self)
        for line in text.split(separator: "\n") {
            guard let space = line.firstIndex(of: " ") else { return nil }
            lines.append((String(line[..<space]), String(line[line.index(after: space)...])))
        }
        // Whatever was changed, the bytes made again from what was understood differ.
        guard lines.popLast()?.key == "crc32c", self.bytes == bytes else { return nil }
    }

    subscript(key: String) -> String? {
        get { lines.first { $0.key == key }?.value }
        set {
            lines.removeAll { $0.key == key }
            if let newValue { lines.append((key, newValue)) }
        }
    }

    var bytes: [UInt8] {
        var bytes: [UInt8] = []
        for line in lines {
            bytes.append(contentsOf: "\(line.key) \(line.value)\n".utf8)
        }
        let checksum = CRC32C.checksum(of: bytes)
        bytes.append(contentsOf: "crc32c \(String(checksum, radix: 16))\n".utf8)
        return bytes
    }
}
