/// The bytes of one file: as they were written, and as they are on the disk for certain.
///
/// Kept in pages, of which those never written are zero, so that an extended file costs nothing.
struct MemoryContent: Sendable {
    private(set) var size = 0
    private var durableSize = 0
    private var pages: [Int: [UInt8]] = [:]
    private var durablePages: [Int: [UInt8]] = [:]
    /// Pages that differ from the durable ones.
    private var unsynced: Set<Int> = []
    var modified: Duration

    static let pageSize = 4096

    init(modified: Duration) {
        self.modified = modified
    }

    func read(_ count: Int, at offset: Int) -> [UInt8] {
        let end = min(offset + count, size)
        var bytes: [UInt8] = []
        var position = offset
        while position < end {
            let inPage = position % MemoryContent.pageSize
            let length = min(MemoryContent.pageSize - inPage, end - position)
            if let page = pages[position / MemoryContent.pageSize] {
                bytes.append(contentsOf: page[inPage..<inPage + length])
            } else {
                bytes.append(contentsOf: MemoryContent.zeros[..<length])
            }
            position += length
        }
        return bytes
    }

    mutating func write(_ bytes: ArraySlice<UInt8>, at offset: Int) {
        var position = offset
        var rest = bytes
        while !rest.isEmpty {
            let number = position / MemoryContent.pageSize
            let inPage = position % MemoryContent.pageSize
            let length = min(MemoryContent.pageSize - inPage, rest.count)
            pages[number, default: MemoryContent.zeros].replaceSubrange(
                inPage..<inPage + length, with: rest.prefix(length))
            unsynced.insert(number)
            rest = rest.dropFirst(length)
            position += length
        }
        size = max(size, position)
    }

    mutating func resize(to newSize: Int) {
        let shrinks = newSize < size
        size = newSize
        if shrinks { clearBehindEnd() }
    }

    mutating func sync() {
        for number in unsynced {
            durablePages[number] = pages[number]
        }
        durableSize = size
        unsynced = []
    }

    /// A sync has failed: the pages are clean now, although they never reached the disk.
    mutating func forgetUnsynced() {
        unsynced = []
    }

    mutating func crash(using generator: inout some RandomNumberGenerator) {
        // Sorted: the order of a set differs from run to run.
        for number in unsynced.sorted() {
            switch Int.random(in: 0..<3, using: &generator) {
            case 0:
                break
            case 1:
                durablePages[number] = pages[number]
            default:
                let torn = Int.random(in: 0...MemoryContent.pageSize, using: &generator)
                let written = pages[number] ?? MemoryContent.zeros
                let before = durablePages[number] ?? MemoryContent.zeros
                durablePages[number] = Array(written[..<torn] + before[torn...])
            }
        }
        if size != durableSize {
            switch Int.random(in: 0..<3, using: &generator) {
            case 0: break
            case 1: durableSize = size
            default:
                durableSize = Int.random(
                    in: min(size, durableSize)...max(size, durableSize), using: &generator)
            }
        }
        pages = durablePages
        unsynced = []
        size = durableSize
        clearBehindEnd()
        sync()
    }

    mutating func flip(bit: Int, at offset: Int) {
        precondition(offset < size, "a bit beyond the file's end")
        let number = offset / MemoryContent.pageSize
        let inPage = offset % MemoryContent.pageSize
        pages[number, default: MemoryContent.zeros][inPage] ^= 1 << UInt8(bit)
        durablePages[number, default: MemoryContent.zeros][inPage] ^= 1 << UInt8(bit)
    }

    /// What lay behind a file's end reads as zero when the file grows again.
    private mutating func clearBehindEnd() {
        let last = size / MemoryContent.pageSize
        for number in pages.keys where number > last {
            pages[number] = nil
            unsynced.insert(number)
        }
        if let page = pages[last] {
            let inPage = size % MemoryContent.pageSize
            pages[last] = Array(page[..<inPage] + MemoryContent.zeros[inPage...])
            unsynced.insert(last)
        }
    }

    private static let zeros = [UInt8](repeating: 0, count: pageSize)
}
