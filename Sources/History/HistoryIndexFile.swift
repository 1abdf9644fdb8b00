import Checksum
import Jute
import Storage

/// The index of a file that does not grow any more, as a file beside it.
///
/// A header, then blocks of keys in the order of their bytes, each key with the places of its
/// transactions, then a table of the blocks' first keys. Header, table and each block have a
/// CRC-32C; a reader takes the table and the blocks that it needs. Nothing but time is lost with
/// the file: it is made again from what it is about.
struct HistoryIndexFile: Sendable {
    private struct Block: Sendable {
        var first: HistoryKey
        var offset: Int
        var length: Int
        var checksum: UInt32
    }

    let latestTime: Int64?
    private let blocks: [Block]
    private let file: any DiskFile

    private static let magic: [UInt8] = Array("AVHX".utf8)
    private static let format: UInt32 = 1
    private static let headerSize = 56
    private static let blockBytes = 16 << 10

    // MARK: Writing

    /// The content of the file.
    ///
    /// - Parameters:
    ///   - index: What it says.
    ///   - segment: What it is about.
    ///   - size: Bytes of that file.
    /// - Returns: The bytes.
    static func content(
        of index: HistoryIndex, about segment: HistorySegment, size: Int
    ) -> [UInt8] {
        var blocks: [Block] = []
        var body = JuteWriter(reserving: 64 * index.places.count)
        var start = 0
        var first: HistoryKey?
        func endBlock(_ body: JuteWriter) {
            guard let key = first else { return }
            blocks.append(
                Block(
                    first: key, offset: headerSize + start, length: body.bytes.count - start,
                    checksum: CRC32C.checksum(of: body.bytes[start...])))
            start = body.bytes.count
            first = nil
        }
        for (key, places) in index.places.sorted(by: { $0.key < $1.key }) {
            if first == nil { first = key }
            body.write(buffer: key.bytes)
            body.write(vector: places) { writer, place in
                writer.write(zxid: place.zxid)
                writer.write(int: Int32(place.offset))
                writer.write(int: Int32(place.length))
            }
            if body.bytes.count - start >= blockBytes { endBlock(body) }
        }
        endBlock(body)
        var table = JuteWriter(reserving: 64 * blocks.count)
        for block in blocks {
            table.write(buffer: block.first.bytes)
            table.write(int: Int32(block.offset))
            table.write(int: Int32(block.length))
            table.write(int: Int32(bitPattern: block.checksum))
        }
        var header = JuteWriter(reserving: headerSize)
        header.write(raw: magic)
        header.write(int: Int32(format))
        header.write(zxid: segment.base)
        header.write(long: Int64(size))
        header.write(bool: index.latestTime != nil)
        header.write(raw: [0, 0, 0])
        header.write(long: index.latestTime ?? 0)
        header.write(int: Int32(blocks.count))
        header.write(int: Int32(headerSize + body.bytes.count))
        header.write(int: Int32(table.bytes.count))
        header.write(int: Int32(bitPattern: CRC32C.checksum(of: table.bytes)))
        header.write(int: Int32(bitPattern: CRC32C.checksum(of: header.bytes)))
        return header.bytes + body.bytes + table.bytes
    }

    // MARK: Reading

    /// Opens the index of a file.
    ///
    /// - Returns: Nil when there is none, or one that cannot be relied on.
    init?(
        about segment: HistorySegment, size: Int, on disk: any Disk
    ) throws(StorageError) {
        guard try disk.exists(segment.indexPath) else { return nil }
        file = try disk.open(segment.indexPath, .read)
        let header = try file.read(HistoryIndexFile.headerSize, at: 0)
        guard header.count == HistoryIndexFile.headerSize else { return nil }
        do throws(JuteError) {
            var reader = JuteReader(header)
            guard try reader.readInt() == Int32(bitPattern: 0x4156_4858),
                try reader.readInt() == Int32(HistoryIndexFile.format),
                try reader.readZxid() == segment.base, try reader.readLong() == Int64(size)
            else { return nil }
            let hasTime = try reader.readBool()
            try reader.skip(3)
            let time = try reader.readLong()
            latestTime = hasTime ? time : nil
            let count = Int(try reader.readInt())
            let tableOffset = Int(try reader.readInt())
            let tableLength = Int(try reader.readInt())
            let tableChecksum = UInt32(bitPattern: try reader.readInt())
            let checksum = UInt32(bitPattern: try reader.readInt())
            guard checksum == CRC32C.checksum(of: header[..<(header.count - 4)]) else {
                return nil
            }
            let table: [UInt8]
            do throws(StorageError) {
                table = try file.read(tableLength, at: tableOffset)
            } catch {
                return nil
            }
            guard table.count == tableLength, CRC32C.checksum(of: table) == tableChecksum else {
                return nil
            }
            var rows = JuteReader(table)
            var blocks: [Block] = []
            for _ in 0..<count {
                blocks.append(
                    Block(
                        first: HistoryKey(bytes: try rows.readBuffer() ?? []),
                        offset: Int(try rows.readInt()), length: Int(try rows.readInt()),
                        checksum: UInt32(bitPattern: try rows.readInt())))
            }
            self.blocks = blocks
        } catch {
            return nil
        }
    }

    /// Where the transactions are that concern a subject, in their order, each once.
    ///
    /// - Returns: Nil when the index is damaged.
    func places(of subject: HistorySubject) throws(StorageError) -> [RecordPlace]? {
        var walk = HistoryKey.Walk(subject)
        var found: [[RecordPlace]] = []
        var index = max(0, firstBlock(behind: walk.lower) - 1)
        while index < blocks.count, blocks[index].first < walk.upper {
            defer { index += 1 }
            // The whole block may lie before what is looked for.
            if index + 1 < blocks.count, blocks[index + 1].first <= walk.lower { continue }
            guard let entries = try entries(of: blocks[index]) else { return nil }
            for (key, places) in entries where walk.lower <= key && key < walk.upper {
                if walk.takes(key) { found.append(places) }
            }
        }
        return HistoryIndex.inOrder(found)
    }

    private func firstBlock(behind key: HistoryKey) -> Int {
        var low = 0
        var high = blocks.count
        while low < high {
            let middle = (low + high) / 2
            if blocks[middle].first > key { high = middle } else { low = middle + 1 }
        }
        return low
    }

    private func entries(
        of block: Block
    ) throws(StorageError) -> [(HistoryKey, [RecordPlace])]? {
        let bytes = try file.read(block.length, at: block.offset)
        guard bytes.count == block.length, CRC32C.checksum(of: bytes) == block.checksum else {
            return nil
        }
        var entries: [(HistoryKey, [RecordPlace])] = []
        var reader = JuteReader(bytes)
        do throws(JuteError) {
            while reader.remaining > 0 {
                let key = HistoryKey(bytes: try reader.readBuffer() ?? [])
                let places = try reader.readVector(minimumSize: 16) {
                    reader throws(JuteError) in
                    RecordPlace(
                        zxid: try reader.readZxid(), offset: Int(try reader.readInt()),
                        length: Int(try reader.readInt()))
                }
                entries.append((key, places))
            }
        } catch {
            return nil
        }
        return entries
    }
}
