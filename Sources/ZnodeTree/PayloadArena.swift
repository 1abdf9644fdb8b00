/// Names and data of all znodes, appended to chunks of 64 KiB and never changed in place.
///
/// A block is `size` and `owner` (4 bytes each), the name, the data, and padding to 8 bytes. What
/// is freed stays where it is until its chunk is empty or is compacted: `nextToMove` hands out the
/// blocks of a sparse chunk, and the store moves those that are still in use. So a view that
/// shares chunks is never disturbed.
struct PayloadArena: Sendable {
    private struct Entry {
        var chunk: Chunk
        var used: UInt32 = 0
        var live: UInt32 = 0
    }

    struct Block {
        var reference: UInt32
        var owner: UInt32
    }

    private static let chunkSize = 1 << 16
    /// From this size on a block has a chunk of its own.
    private static let dedicatedSize = 1 << 14
    private static let headerSize = 8
    private static let unit = 8
    /// 8192 units in a chunk.
    private static let offsetBits: UInt32 = 13

    private var entries: [Entry] = []
    private var freeEntries: [Int] = []
    /// The chunk that takes new blocks.
    private var head: Int?
    /// The chunk being compacted and the offset of the next block to look at.
    private var victim: Int?
    private var victimOffset = 0

    private(set) var capacityBytes = 0
    private(set) var liveBytes = 0

    /// The name and the data of a block, back to back.
    ///
    /// - Parameter reference: What `allocate` returned.
    /// - Returns: Valid until the arena is changed or freed.
    func bytes(at reference: UInt32) -> UnsafeRawPointer {
        UnsafeRawPointer(start(of: reference) + Self.headerSize)
    }

    /// Sets a block aside.
    ///
    /// - Parameters:
    ///   - length: Bytes of the name and the data together; more than 0.
    ///   - owner: The record that will refer to the block.
    /// - Returns: The reference for the record, and where the bytes have to be written at once.
    mutating func allocate(
        length: Int, owner: UInt32
    ) -> (reference: UInt32, bytes: UnsafeMutableRawPointer) {
        let size = Self.size(ofBlockWith: length)
        let index: Int
        if size >= Self.dedicatedSize {
            index = open(capacity: size)
        } else {
            index = headWithRoom(for: size)
        }
        let offset = Int(entries[index].used)
        entries[index].used += UInt32(size)
        entries[index].live += UInt32(size)
        liveBytes += size
        let reference = UInt32(index) << Self.offsetBits | UInt32(offset / Self.unit)
        let start = entries[index].chunk.base + offset
        start.storeBytes(of: UInt32(size), as: UInt32.self)
        start.storeBytes(of: owner, toByteOffset: 4, as: UInt32.self)
        return (reference, start + Self.headerSize)
    }

    /// Gives a block back; views that share its chunk still read it.
    mutating func free(_ reference: UInt32, length: Int) {
        let size = Self.size(ofBlockWith: length)
        let index = Int(reference >> Self.offsetBits)
        entries[index].live -= UInt32(size)
        liveBytes -= size
        if entries[index].live == 0, index != head { close(index) }
    }

    /// Whether more than a quarter of the memory is held for nothing.
    var isSparse: Bool {
        capacityBytes - liveBytes > capacityBytes / 4 + 4 * Self.chunkSize
    }

    /// The next block of the emptiest chunk. The caller moves it if its owner still refers to it.
    mutating func nextToMove() -> Block? {
        if victim == nil {
            victim = emptiest()
            victimOffset = 0
        }
        guard let index = victim, victimOffset < Int(entries[index].used) else {
            victim = nil
            return nil
        }
        let reference = UInt32(index) << Self.offsetBits | UInt32(victimOffset / Self.unit)
        let start = UnsafeRawPointer(entries[index].chunk.base + victimOffset)
        victimOffset += Int(start.load(as: UInt32.self))
        return Block(
            reference: reference, owner: start.load(fromByteOffset: 4, as: UInt32.self))
    }

    private static func size(ofBlockWith length: Int) -> Int {
        (length + headerSize + unit - 1) & ~(unit - 1)
    }

    private func start(of reference: UInt32) -> UnsafeMutableRawPointer {
        let offset = Int(reference & (1 << Self.offsetBits - 1)) * Self.unit
        return entries[Int(reference >> Self.offsetBits)].chunk.base + offset
    }

    /// A shared head is left alone: its unused bytes belong to whoever appends next, and that
    /// could be two copies of the arena.
    private mutating func headWithRoom(for size: Int) -> Int {
        if let head {
            if Int(entries[head].used) + size <= Self.chunkSize,
                isKnownUniquelyReferenced(&entries[head].chunk)
            {
                return head
            }
            self.head = nil
            if entries[head].live == 0 { close(head) }
        }
        let index = open(capacity: Self.chunkSize)
        head = index
        return index
    }

    private mutating func open(capacity: Int) -> Int {
        capacityBytes += capacity
        let entry = Entry(chunk: Chunk(capacity: capacity))
        if let index = freeEntries.popLast() {
            entries[index] = entry
            return index
        }
        precondition(entries.count < 1 << 19, "the tree holds more than its references can name")
        entries.append(entry)
        return entries.count - 1
    }

    private mutating func close(_ index: Int) {
        capacityBytes -= entries[index].chunk.capacity
        entries[index] = Entry(chunk: .empty)
        freeEntries.append(index)
        if victim == index { victim = nil }
    }

    private func emptiest() -> Int? {
        var best: Int?
        for index in entries.indices where index != head && entries[index].live > 0 {
            let capacity = entries[index].chunk.capacity
            guard capacity == Self.chunkSize else { continue }
            if entries[index].live < best.map({ entries[$0].live }) ?? UInt32(capacity) {
                best = index
            }
        }
        return best
    }

    /// Sendable because bytes are written once, before a reference to them is handed out, and by
    /// the only arena that has the chunk.
    private final class Chunk: @unchecked Sendable {
        static let empty = Chunk(capacity: 0)

        let base: UnsafeMutableRawPointer
        let capacity: Int

        init(capacity: Int) {
            self.capacity = capacity
            base = .allocate(byteCount: capacity, alignment: 16)
        }

        deinit {
            base.deallocate()
        }
    }
}
