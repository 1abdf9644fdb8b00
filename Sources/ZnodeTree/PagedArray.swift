/// An array in pages of 14 KiB that are copied when they are written while shared.
///
/// Copying the array is one reference count; afterwards the two go apart page by page. That gives
/// a tree its exact views, and growth moves no element.
///
/// As many elements as fit into what the allocator has in store, its largest small size: it would
/// round a power of two of them up to that by what a fourteenth of all znodes take.
struct PagedArray<Element: BitwiseCopyable & Sendable>: Sendable {
    private var pages: [Page] = []
    private(set) var count = 0

    private static var pageSize: Int { (14 << 10) / MemoryLayout<Element>.stride }

    private static func place(of index: Int) -> (page: Int, element: Int) {
        let (page, element) = UInt(bitPattern: index).quotientAndRemainder(
            dividingBy: UInt(bitPattern: pageSize))
        return (Int(bitPattern: page), Int(bitPattern: element))
    }

    /// Appends an element whose bits are all zero unless `element` says otherwise.
    ///
    /// - Parameter element: The new last element.
    mutating func append(_ element: Element) {
        if count == pages.count * Self.pageSize {
            pages.append(Page(capacity: Self.pageSize))
        }
        count += 1
        self[count - 1] = element
    }

    subscript(index: Int) -> Element {
        _read {
            assert(index < count)
            let (page, element) = Self.place(of: index)
            yield pages[page].elements[element]
        }
        _modify {
            assert(index < count)
            let (page, element) = Self.place(of: index)
            if !isKnownUniquelyReferenced(&pages[page]) {
                pages[page] = Page(copying: pages[page], capacity: Self.pageSize)
            }
            yield &pages[page].elements[element]
        }
    }

    var allocatedBytes: Int {
        pages.count * (Self.pageSize * MemoryLayout<Element>.stride + 64)
    }

    /// Sendable because it is written only by the one array that refers to it.
    private final class Page: @unchecked Sendable {
        let elements: UnsafeMutablePointer<Element>

        init(capacity: Int) {
            elements = .allocate(capacity: capacity)
            UnsafeMutableRawPointer(elements).initializeMemory(
                as: UInt8.self, repeating: 0, count: capacity * MemoryLayout<Element>.stride)
        }

        init(copying other: Page, capacity: Int) {
            elements = .allocate(capacity: capacity)
            elements.initialize(from: other.elements, count: capacity)
        }

        deinit {
            elements.deallocate()
        }
    }
}

/// A set of small numbers, one bit each.
struct NumberSet: Sendable {
    private var words = PagedArray<UInt64>()
    private(set) var count = 0

    mutating func insert(_ number: UInt32) {
        let word = Int(number >> 6)
        while words.count <= word { words.append(0) }
        let bit: UInt64 = 1 << UInt64(number & 63)
        if words[word] & bit == 0 {
            words[word] |= bit
            count += 1
        }
    }

    mutating func remove(_ number: UInt32) {
        let word = Int(number >> 6)
        let bit: UInt64 = 1 << UInt64(number & 63)
        guard word < words.count, words[word] & bit != 0 else { return }
        words[word] &= ~bit
        count -= 1
    }

    /// Calls `body` with the members in ascending order until it returns false.
    func forEach(_ body: (UInt32) -> Bool) {
        guard count > 0 else { return }
        for word in 0..<words.count {
            var bits = words[word]
            while bits != 0 {
                guard body(UInt32(word) << 6 | UInt32(bits.trailingZeroBitCount)) else { return }
                bits &= bits - 1
            }
        }
    }
}
