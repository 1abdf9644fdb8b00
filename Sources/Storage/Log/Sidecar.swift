import Checksum
import Jute

/// What Aviary writes down beside a log file, in `aviary.log.<zxid>`: which record lies where,
/// its checksum, and up to where the log was synced.
///
/// The file is a row of slots of 32 bytes, the first of them the header. A slot carries a
/// checksum seeded with the log's name and the slot's number, so that it can be judged alone: an
/// unsynced slot that never reached the disk, or a rotten one, does not hide those behind it.
///
/// It is written after each sync of the log and is itself synced only when the log is idle or
/// every so many batches. A slot therefore never claims more than is on the disk; after a loss
/// of power it may claim a little less.
///
/// - Source: rules of soundness, section 6.
enum Sidecar {
    static let slotSize = 32
    static let headerSlots = 1
    static let magic: UInt32 = 0x4156_5343  // "AVSC"
    static let version: UInt32 = 1

    enum Slot: Equatable {
        case record(ExpectedRecord)
        case watermark(Watermark)

        static let recordKind: UInt32 = 0x5245_4331  // "REC1"
        static let watermarkKind: UInt32 = 0x574D_4B31  // "WMK1"
    }

    /// Up to where a log file was synced when this was written. The last one in the file counts:
    /// truncating the log writes a lower one.
    struct Watermark: Equatable, Sendable {
        /// The last synced record; of a file without any, the transaction before it.
        var zxid: Zxid
        /// Where the next record begins, in bytes from the start of the log file.
        var offset: Int
        /// The highest transaction known to be committed.
        var committed: Zxid
    }

    static func append(_ slot: Slot, number: Int, log: Zxid, to bytes: inout [UInt8]) {
        let start = bytes.count
        switch slot {
        case .record(let record):
            bytes.append(bigEndian: Slot.recordKind)
            bytes.append(bigEndian: record.zxid.rawValue)
            bytes.append(bigEndian: Int64(record.offset))
            bytes.append(bigEndian: Int32(record.length))
            bytes.append(bigEndian: record.chain)
        case .watermark(let watermark):
            bytes.append(bigEndian: Slot.watermarkKind)
            bytes.append(bigEndian: watermark.zxid.rawValue)
            bytes.append(bigEndian: Int64(watermark.offset))
            bytes.append(bigEndian: watermark.committed.rawValue)
        }
        bytes.append(bigEndian: checksum(of: bytes[start...], number: number, log: log))
    }

    /// - Parameters:
    ///   - log: The zxid in the log's name.
    ///   - previous: The transaction that the log's first one follows.
    /// - Returns: The header slot.
    static func header(log: Zxid, previous: Zxid) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(bigEndian: magic)
        bytes.append(bigEndian: version)
        bytes.append(bigEndian: log.rawValue)
        bytes.append(bigEndian: previous.rawValue)
        bytes.append(bigEndian: UInt32(0))
        bytes.append(bigEndian: checksum(of: bytes[...], number: 0, log: log))
        return bytes
    }

    static func checksum(of bytes: ArraySlice<UInt8>, number: Int, log: Zxid) -> UInt32 {
        var checksum = CRC32C()
        checksum.update(bigEndian: log.rawValue)
        checksum.update(bigEndian: UInt32(number))
        checksum.update(bytes)
        return checksum.value
    }

    /// Where the chain of a log's checksums begins.
    static func chainStart(log: Zxid) -> UInt32 {
        var checksum = CRC32C()
        checksum.update(bigEndian: log.rawValue)
        checksum.update(LogFormat.header)
        return checksum.value
    }
}

/// What a sidecar file says, as far as it can be read.
struct SidecarContent: Sendable {
    /// The transaction that the log's first one follows; nil when the header is rotten.
    private(set) var previous: Zxid?
    /// Nil when the log was never synced, or nothing of that is left.
    private(set) var watermark: Sidecar.Watermark?
    /// In the order of their offsets.
    private(set) var records: [ExpectedRecord] = []

    /// - Parameters:
    ///   - bytes: The whole file.
    ///   - log: The zxid in the log's name.
    init(bytes: [UInt8], log: Zxid) {
        let count = bytes.count / Sidecar.slotSize
        for number in 0..<count {
            let start = number * Sidecar.slotSize
            let slot = bytes[start..<start + Sidecar.slotSize]
            if number == 0 {
                previous = SidecarContent.previous(inHeader: slot, log: log)
            } else {
                note(SidecarContent.slot(slot, number: number, log: log))
            }
        }
    }

    private mutating func note(_ slot: Sidecar.Slot?) {
        switch slot {
        case nil:
            break
        case .record(let record):
            records.append(record)
        case .watermark(let newer):
            watermark = newer
            // What a truncation has cut off is void.
            while let last = records.last, last.offset >= newer.offset { records.removeLast() }
        }
    }

    /// What was written at this offset of the log.
    func record(at offset: Int) -> ExpectedRecord? {
        var low = 0
        var high = records.count
        while low < high {
            let middle = (low + high) / 2
            if records[middle].offset < offset { low = middle + 1 } else { high = middle }
        }
        guard low < records.count, records[low].offset == offset else { return nil }
        return records[low]
    }

    private static func previous(inHeader slot: ArraySlice<UInt8>, log: Zxid) -> Zxid? {
        guard isIntact(slot, number: 0, log: log),
            slot.loadBigEndian(UInt32.self, at: 0) == Sidecar.magic,
            slot.loadBigEndian(UInt32.self, at: 4) == Sidecar.version
        else { return nil }
        return Zxid(rawValue: slot.loadBigEndian(Int64.self, at: 16))
    }

    /// - Returns: What a slot says, or nil when its checksum is wrong.
    static func slot(
        _ slot: ArraySlice<UInt8>, number: Int, log: Zxid
    ) -> Sidecar.Slot? {
        guard isIntact(slot, number: number, log: log) else { return nil }
        let zxid = Zxid(rawValue: slot.loadBigEndian(Int64.self, at: 4))
        let offset = Int(slot.loadBigEndian(Int64.self, at: 12))
        switch slot.loadBigEndian(UInt32.self, at: 0) {
        case Sidecar.Slot.recordKind:
            return .record(
                ExpectedRecord(
                    zxid: zxid, offset: offset,
                    length: Int(slot.loadBigEndian(UInt32.self, at: 20)),
                    chain: slot.loadBigEndian(UInt32.self, at: 24)))
        case Sidecar.Slot.watermarkKind:
            let committed = Zxid(rawValue: slot.loadBigEndian(Int64.self, at: 20))
            return .watermark(
                Sidecar.Watermark(zxid: zxid, offset: offset, committed: committed))
        default:
            return nil
        }
    }

    private static func isIntact(_ slot: ArraySlice<UInt8>, number: Int, log: Zxid) -> Bool {
        slot.count == Sidecar.slotSize
            && slot.loadBigEndian(UInt32.self, at: Sidecar.slotSize - 4)
                == Sidecar.checksum(of: slot.dropLast(4), number: number, log: log)
    }
}
