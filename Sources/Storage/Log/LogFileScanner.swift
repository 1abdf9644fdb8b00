import Checksum
import Jute

/// Reads the records of one log file, and tells exactly where and why they end.
///
/// It judges nothing: whether an end is a torn tail or damage depends on what was synced.
struct LogFileScanner {
    /// Why there is no further record.
    struct End: Equatable {
        /// Where the good part ends.
        var offset: Int
        /// Nil when the file ends between two records.
        var problem: LogDamage.Problem?

        /// The ends that the original passes over in silence.
        ///
        /// - Source: storage format reference, section 3.3.
        var isSilentInTheOriginal: Bool {
            switch problem {
            case nil, .endOfFile, .hole, .badEndMark: true
            default: false
            }
        }
    }

    let name: Zxid
    let path: String
    let fileSize: Int
    let sidecar: SidecarContent?
    private(set) var end: End?
    /// Where the next record begins.
    private(set) var offset: Int

    private let file: any DiskFile
    private var buffer: [UInt8] = []
    /// The offset in the file of the buffer's first byte.
    private var bufferStart = 0
    private var chain: UInt32
    private let pieceSize: Int

    init(
        _ name: Zxid, path: String, sidecar: SidecarContent?, on disk: any Disk,
        pieceSize: Int = 1 << 20
    ) throws(StorageError) {
        self.name = name
        self.path = path
        self.sidecar = sidecar
        self.pieceSize = pieceSize
        file = try disk.open(path, .read)
        fileSize = try file.size()
        chain = Sidecar.chainStart(log: name)
        offset = LogFormat.header.count
        let header = try file.read(LogFormat.header.count, at: 0)
        if header.count < LogFormat.header.count {
            end = End(offset: 0, problem: .shortHeader)
        } else if header.prefix(4) != LogFormat.header.prefix(4) {
            end = End(offset: 0, problem: .badMagic)
        }
    }

    /// The next record, or nil at the end, which `end` then describes.
    mutating func next() throws(StorageError) -> LoggedRecord? {
        if end != nil { return nil }
        guard try fill(LogFormat.recordHeaderSize) else {
            // A file may end between two records, and zeros too few for a record are still zeros.
            return finish(offset == fileSize ? nil : .endOfFile)
        }
        let start = offset - bufferStart
        let checksum = buffer.loadBigEndian(UInt64.self, at: start)
        let length = buffer.loadBigEndian(Int32.self, at: start + 8)
        if length == 0 { return finish(.hole) }
        guard length > 0, Int(length) <= juteMaximumLength else {
            return finish(.badLength(length))
        }
        let size = Int(length) + LogFormat.recordOverhead
        guard try fill(size) else { return finish(.endOfFile) }
        return check(size: size, checksum: checksum)
    }

    /// Goes on where a record begins that is known from elsewhere. What lies before does not count
    /// any more, so that the scanner must be one without a sidecar.
    mutating func skip(to offset: Int) {
        precondition(sidecar == nil && offset >= self.offset)
        guard end == nil else { return }
        self.offset = offset
        buffer = []
        bufferStart = offset
    }

    private mutating func check(size: Int, checksum: UInt64) -> LoggedRecord? {
        let start = offset - bufferStart
        let payload = buffer[start + LogFormat.recordHeaderSize..<start + size - 1]
        let endMark = buffer[start + size - 1]
        if endMark != LogFormat.endMark { return finish(.badEndMark(endMark)) }
        if UInt64(Adler32.checksum(of: payload)) != checksum { return finish(.badChecksum) }
        var crc = CRC32C(resumingAfter: chain)
        crc.update(buffer[start..<start + size])
        if let expected = sidecar?.record(at: offset), expected.chain != crc.value {
            return finish(.badChain)
        }
        guard payload.count >= TxnHeader.size else { return finish(.badPayload) }
        // Behind the session and the cxid.
        let zxid = Zxid(
            rawValue: buffer.loadBigEndian(Int64.self, at: payload.startIndex + 12))
        let record = LoggedRecord(
            zxid: zxid, payload: Array(payload),
            position: LogPosition(file: name, offset: offset))
        chain = crc.value
        offset += size
        return record
    }

    private mutating func finish(_ problem: LogDamage.Problem?) -> LoggedRecord? {
        end = End(offset: offset, problem: problem)
        buffer = []
        return nil
    }

    /// Makes sure that `count` bytes from `offset` on are in the buffer.
    ///
    /// - Parameter count: Bytes wanted.
    /// - Returns: Whether the file has so many.
    /// - Throws: `.disk`.
    private mutating func fill(_ count: Int) throws(StorageError) -> Bool {
        if offset + count <= bufferStart + buffer.count { return true }
        if offset + count > fileSize { return false }
        buffer = try file.read(max(count, pieceSize), at: offset)
        bufferStart = offset
        return buffer.count >= count
    }
}
