import Crypto

/// Names what a report says: SHA-256 of its lines, as 64 hex digits.
struct ReportDigest {
    private var hash = SHA256()

    mutating func add(_ line: String) { add(Array(line.utf8)) }

    mutating func add(_ line: [UInt8]) {
        hash.update(data: line + [UInt8(ascii: "\n")])
    }

    var text: String {
        hash.finalize().map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}
