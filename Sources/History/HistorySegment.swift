import Checksum
import Jute
import Storage

/// One file of the history: everything after its base up to where it ends, without a hole.
///
/// A header of 16 bytes (`AVHI`, the format's number, the base zxid), then records of a length, a
/// CRC-32C and a payload: a transaction, or a mark that says up to where the history is complete.
/// A file that is finished ends with a mark, which is the next one's base.
struct HistorySegment: Sendable {
    /// The file holds every transaction after this one, up to its end.
    let base: Zxid
    let path: String
    /// Says which of its transactions touched which paths.
    let indexPath: String

    static let headerSize = 16
    private static let magic: [UInt8] = Array("AVHI".utf8)
    private static let format: UInt32 = 2
    private static let frameSize = 8
    private static let markSize = frameSize + 9
    /// Larger than any transaction can become with its stats and lists.
    private static let longestPayload = 256 << 20

    private enum Tag: UInt8 {
        case mark
        case transaction
    }

    private static let prefix = "events."
    private static let fetchedPrefix = "fetched."
    private static let indexPrefix = "index."

    init(base: Zxid, in folder: String) {
        self.base = base
        path = "\(folder)/\(HistorySegment.prefix)\(base)"
        indexPath = "\(folder)/\(HistorySegment.indexPrefix)\(base)"
    }

    /// One that came from another member and is not part of the history yet.
    init(fetchedAfter base: Zxid, in folder: String) {
        self.base = base
        path = "\(folder)/\(HistorySegment.fetchedPrefix)\(base)"
        indexPath = "\(path).index"
    }

    static func isFetched(_ fileName: String) -> Bool { fileName.hasPrefix(fetchedPrefix) }

    static func isIndex(_ fileName: String) -> Bool { fileName.hasPrefix(indexPrefix) }

    /// Nil for the name of anything that is no segment.
    init?(fileName: String, in folder: String) {
        guard fileName.hasPrefix(HistorySegment.prefix),
            let value = UInt64(fileName.dropFirst(HistorySegment.prefix.count), radix: 16)
        else { return nil }
        let base = Zxid(rawValue: Int64(bitPattern: value))
        guard fileName == "\(HistorySegment.prefix)\(base)" else { return nil }
        self.init(base: base, in: folder)
    }

    var header: [UInt8] {
        var writer = JuteWriter(reserving: HistorySegment.headerSize)
        writer.write(raw: HistorySegment.magic)
        writer.write(int: Int32(HistorySegment.format))
        writer.write(zxid: base)
        return writer.bytes
    }

    // MARK: Records

    /// - Returns: How many bytes the record takes.
    @discardableResult
    static func append(_ transaction: HistoricTransaction, to bytes: inout [UInt8]) -> Int {
        var payload = JuteWriter(reserving: transaction.sizeBytes)
        payload.write(byte: Tag.transaction.rawValue)
        transaction.write(to: &payload)
        append(payload: payload.bytes, to: &bytes)
        return frameSize + payload.bytes.count
    }

    static func append(mark zxid: Zxid, to bytes: inout [UInt8]) {
        var payload = JuteWriter(reserving: 9)
        payload.write(byte: Tag.mark.rawValue)
        payload.write(zxid: zxid)
        append(payload: payload.bytes, to: &bytes)
    }

    private static func append(payload: [UInt8], to bytes: inout [UInt8]) {
        var frame = JuteWriter(reserving: frameSize)
        frame.write(int: Int32(payload.count))
        frame.write(int: Int32(bitPattern: CRC32C.checksum(of: payload)))
        bytes.append(contentsOf: frame.bytes)
        bytes.append(contentsOf: payload)
    }

    /// What a file holds, as far as it can be read.
    struct Content: Sendable {
        var transactions: [HistoricTransaction] = []
        /// Complete through here.
        var last: Zxid
        /// Where the first byte that makes no sense is, or the end.
        var validBytes: Int
        var isWhole: Bool
    }

    /// Reads the file, in order, up to its end or its first bad byte.
    ///
    /// - Parameters:
    ///   - disk: Where it is.
    ///   - keeps: Whether a transaction is wanted; the others are only checked.
    /// - Returns: What is there; nil for a file without a header of ours.
    /// - Throws: `.disk`.
    func read(
        from disk: any Disk, keeping keeps: (Zxid) -> Bool
    ) throws(StorageError) -> Content? {
        guard let bytes = try disk.content(of: path) else { return nil }
        return content(of: bytes, keeping: keeps)
    }

    /// What the bytes of such a file hold; nil without a header of ours.
    func content(of bytes: [UInt8], keeping keeps: (Zxid) -> Bool) -> Content? {
        guard bytes.starts(with: header) else { return nil }
        var content = Content(
            last: base, validBytes: HistorySegment.headerSize, isWhole: false)
        var index = HistorySegment.headerSize
        while index < bytes.count {
            guard let payload = HistorySegment.payload(in: bytes, at: index),
                HistorySegment.take(payload, in: bytes, into: &content, keeps)
            else { break }
            index = payload.upperBound
            content.validBytes = index
        }
        content.isWhole = content.validBytes == bytes.count
        return content
    }

    private static func payload(in bytes: [UInt8], at index: Int) -> Range<Int>? {
        guard bytes.count - index > frameSize else { return nil }
        var reader = JuteReader(bytes, in: index..<index + frameSize)
        do throws(JuteError) {
            let length = Int(try reader.readInt())
            let checksum = UInt32(bitPattern: try reader.readInt())
            let start = index + frameSize
            guard length > 0, length <= longestPayload, length <= bytes.count - start,
                CRC32C.checksum(of: bytes[start..<start + length]) == checksum
            else { return nil }
            return start..<start + length
        } catch {
            return nil
        }
    }

    /// - Returns: False for a payload that is out of order or no record, whatever its checksum.
    private static func take(
        _ payload: Range<Int>, in bytes: [UInt8], into content: inout Content,
        _ keeps: (Zxid) -> Bool
    ) -> Bool {
        var reader = JuteReader(bytes, in: payload)
        do throws(JuteError) {
            let tag = Tag(rawValue: try reader.readByte())
            var peek = reader
            let zxid = try peek.readZxid()
            switch tag {
            case .mark:
                guard zxid >= content.last else { return false }
            case .transaction:
                guard zxid > content.last else { return false }
                if keeps(zxid) {
                    content.transactions.append(try HistoricTransaction(from: &reader))
                }
            case nil:
                return false
            }
            content.last = zxid
            return true
        } catch {
            return false
        }
    }

    /// Where which of its transactions are, as far as the bytes of the file make sense.
    func index(of bytes: [UInt8]) -> HistoryIndex {
        var index = HistoryIndex()
        var offset = HistorySegment.headerSize
        while offset < bytes.count, let payload = HistorySegment.payload(in: bytes, at: offset) {
            if let transaction = HistorySegment.transaction(payload, in: bytes) {
                index.add(transaction, at: offset, length: payload.upperBound - offset)
            }
            offset = payload.upperBound
        }
        return index
    }

    /// Reads one transaction.
    ///
    /// - Parameters:
    ///   - place: Where the index says that it is.
    ///   - file: This one, open.
    /// - Returns: Nil when it is not there.
    /// - Throws: `.disk`.
    static func transaction(
        at place: RecordPlace, in file: any DiskFile
    ) throws(StorageError) -> HistoricTransaction? {
        let bytes = try file.read(place.length, at: place.offset)
        guard bytes.count == place.length, let payload = payload(in: bytes, at: 0),
            let transaction = transaction(payload, in: bytes), transaction.zxid == place.zxid
        else { return nil }
        return transaction
    }

    /// Nil for a mark, and for bytes that are no record.
    private static func transaction(
        _ payload: Range<Int>, in bytes: [UInt8]
    ) -> HistoricTransaction? {
        var reader = JuteReader(bytes, in: payload)
        do throws(JuteError) {
            guard Tag(rawValue: try reader.readByte()) == .transaction else { return nil }
            return try HistoricTransaction(from: &reader)
        } catch {
            return nil
        }
    }

    /// Whether the file is finished, and ends where the next one begins.
    func ends(at zxid: Zxid, on disk: any Disk) throws(StorageError) -> Bool {
        let file = try disk.open(path, .read)
        let size = try file.size()
        guard size >= HistorySegment.headerSize + HistorySegment.markSize,
            // Not one of another format.
            try file.read(HistorySegment.headerSize, at: 0) == header
        else { return false }
        var expected: [UInt8] = []
        HistorySegment.append(mark: zxid, to: &expected)
        return try file.read(HistorySegment.markSize, at: size - HistorySegment.markSize)
            == expected
    }
}
