internal import Crypto
package import Storage

/// SHA-256 of a file.
package struct FileDigest: Hashable, Sendable {
    /// 32 of them.
    package let bytes: [UInt8]

    /// Reads a file to its end.
    ///
    /// - Parameter file: Of any size.
    /// - Throws: `.disk`.
    package init(of file: any DiskFile) throws(StorageError) {
        var hash = SHA256()
        var offset = 0
        while true {
            let piece = try file.read(1 << 20, at: offset)
            if piece.isEmpty { break }
            hash.update(data: piece)
            offset += piece.count
        }
        bytes = Array(hash.finalize())
    }

    /// 64 lower-case hex digits.
    package var hexadecimal: String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}
