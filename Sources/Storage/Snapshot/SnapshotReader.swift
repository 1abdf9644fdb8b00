import Checksum
import Jute

/// Reads a snapshot file piece by piece and checks its seals.
struct SnapshotReader {
    private let name: SnapshotName
    private let path: String
    private let file: any DiskFile
    private let size: Int
    private var checksum = Adler32()
    /// Read, but not taken yet.
    private var buffer: [UInt8] = []
    private var taken = 0
    /// Where the next bytes are read from.
    private var position = 0

    private static let pieceSize = 256 << 10

    init(_ name: SnapshotName, on disk: any Disk, in directory: String) throws(StorageError) {
        path = directory + "/" + name.fileName
        self.name = name
        guard name.compression == .none else { throw .compressedSnapshot(path: path) }
        file = try disk.open(path, .read)
        size = try file.size()
    }

    /// Reads everything.
    ///
    /// - Parameter consume: Takes bytes of the body; see `SnapshotStore.read`.
    /// - Returns: What the file says of itself.
    /// - Throws: `.damagedSnapshot`, `.disk`.
    mutating func read(
        _ consume: (UnsafeRawBufferPointer) throws -> Int?
    ) throws(StorageError) -> SnapshotSummary {
        let header = try take(SnapshotFormat.header.count, "the header")
        guard header.prefix(4) == SnapshotFormat.header.prefix(4) else {
            throw damaged("it does not begin like a snapshot")
        }
        try readBody(consume)
        try checkSeal(1)
        if remaining == 0 { return SnapshotSummary(name: name, digest: nil) }
        let digest = try readDigest()
        try checkSeal(2)
        if remaining > 0 {
            _ = try take(SnapshotFormat.lastZxidSize, "the last zxid")
            try checkSeal(3)
        }
        return SnapshotSummary(name: name, digest: digest)
    }

    /// Checks all bytes against the last seal, which needs no understanding of the body, and
    /// finds the digest from the file's end.
    ///
    /// - Returns: What the file says of itself.
    /// - Throws: `.damagedSnapshot`, `.disk`.
    mutating func verify() throws(StorageError) -> SnapshotSummary {
        let header = try take(SnapshotFormat.header.count, "the header")
        guard header.prefix(4) == SnapshotFormat.header.prefix(4) else {
            throw damaged("it does not begin like a snapshot")
        }
        // The places where seal 1 and seal 2 are if there are two or three of them.
        let two = size - 2 * SnapshotFormat.sealSize - SnapshotFormat.digestSize
        let three = two - SnapshotFormat.sealSize - SnapshotFormat.lastZxidSize
        for sealStart in [three, two] where sealStart >= SnapshotFormat.header.count {
            try skip(to: sealStart)
            guard try isSealed else { continue }
            _ = try take(SnapshotFormat.sealSize, "seal 1")
            let digest = try readDigest()
            try checkSeal(2)
            if remaining > 0 {
                _ = try take(SnapshotFormat.lastZxidSize, "the last zxid")
                try checkSeal(3)
            }
            return SnapshotSummary(name: name, digest: digest)
        }
        try skip(to: size - SnapshotFormat.sealSize)
        try checkSeal(1)
        return SnapshotSummary(name: name, digest: nil)
    }

    private mutating func readBody(
        _ consume: (UnsafeRawBufferPointer) throws -> Int?
    ) throws(StorageError) {
        while true {
            if taken == buffer.count { try fill(1, "the body") }
            let used: Int?
            do {
                used = try buffer.withUnsafeBytes {
                    try consume(UnsafeRawBufferPointer(rebasing: $0[taken...]))
                }
            } catch {
                throw damaged("\(error)")
            }
            let count = used ?? buffer.count - taken
            precondition((0...buffer.count - taken).contains(count), "more was used than given")
            checksum.update(buffer[taken..<taken + count])
            taken += count
            if used != nil { return }
        }
    }

    /// - Returns: nil for one that says "none yet", or that was made by an older rule.
    private mutating func readDigest() throws(StorageError) -> SnapshotDigest? {
        let head = try take(12, "the digest")
        let zxid = Zxid(rawValue: head.loadBigEndian(Int64.self, at: 0))
        if head.loadBigEndian(Int32.self, at: 8) < TxnDigest.currentVersion {
            let length = try take(4, "the digest").loadBigEndian(Int32.self, at: 0)
            guard (0...64).contains(length) else { throw damaged("the digest has no end") }
            _ = try take(Int(length), "the digest")
            return nil
        }
        let digest = try take(8, "the digest").loadBigEndian(UInt64.self, at: 0)
        // 0 is "nothing applied yet", which is exact for the snapshot of an empty database only.
        if zxid == .zero, name.zxid != .zero { return nil }
        return SnapshotDigest(zxid: zxid, digest: digest)
    }

    private mutating func checkSeal(_ number: Int) throws(StorageError) {
        guard try isSealed else { throw damaged("seal \(number) is broken") }
        _ = try take(SnapshotFormat.sealSize, "seal \(number)")
    }

    /// Whether a seal of everything before it comes next.
    private var isSealed: Bool {
        mutating get throws(StorageError) {
            if remaining < SnapshotFormat.sealSize { return false }
            try fill(SnapshotFormat.sealSize, "a seal")
            let seal = buffer[taken..<taken + SnapshotFormat.sealSize]
            return seal.loadBigEndian(UInt64.self, at: 0) == UInt64(checksum.value)
                && seal.dropFirst(8).elementsEqual(SnapshotFormat.end)
        }
    }

    private var remaining: Int { size - position + buffer.count - taken }

    private mutating func skip(to offset: Int) throws(StorageError) {
        while size - remaining < offset {
            if taken == buffer.count { try fill(1, "the body") }
            _ = try take(min(buffer.count - taken, offset - (size - remaining)), "the body")
        }
    }

    private mutating func take(
        _ count: Int, _ what: String
    ) throws(StorageError) -> ArraySlice<UInt8> {
        try fill(count, what)
        let bytes = buffer[taken..<taken + count]
        checksum.update(bytes)
        taken += count
        return bytes
    }

    /// Makes sure that `count` bytes are in the buffer.
    private mutating func fill(_ count: Int, _ what: String) throws(StorageError) {
        if buffer.count - taken >= count { return }
        guard remaining >= count else { throw damaged("it ends inside \(what)") }
        let more = try file.read(max(count, SnapshotReader.pieceSize), at: position)
        position += more.count
        buffer = Array(buffer[taken...]) + more
        taken = 0
        if buffer.count < count { throw damaged("it ends inside \(what)") }
    }

    private func damaged(_ problem: String) -> StorageError {
        .damagedSnapshot(path: path, problem: problem)
    }
}
