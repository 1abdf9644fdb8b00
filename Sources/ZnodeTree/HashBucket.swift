/// A small hash table of record numbers with open addressing.
///
/// Beside each number stands one byte of its hash, so that most strangers are told apart without
/// looking at their records.
///
/// Sendable because it is written only by the one `PathIndex` that refers to it.
final class HashBucket: @unchecked Sendable {
    let capacity: Int
    /// How many first bits of the hash all entries share.
    let depth: Int
    private var count = 0
    private let numbers: UnsafeMutablePointer<UInt32>
    private let tags: UnsafeMutablePointer<UInt8>

    /// - Precondition: `capacity` is a power of 2.
    init(capacity: Int, depth: Int) {
        self.capacity = capacity
        self.depth = depth
        numbers = .allocate(capacity: capacity)
        numbers.initialize(repeating: 0, count: capacity)
        tags = .allocate(capacity: capacity)
        tags.initialize(repeating: 0, count: capacity)
    }

    init(copying other: HashBucket) {
        capacity = other.capacity
        depth = other.depth
        count = other.count
        numbers = .allocate(capacity: capacity)
        numbers.initialize(from: other.numbers, count: capacity)
        tags = .allocate(capacity: capacity)
        tags.initialize(from: other.tags, count: capacity)
    }

    deinit {
        numbers.deallocate()
        tags.deallocate()
    }

    /// Full at 13 of 16.
    var isFull: Bool { count * 16 >= capacity * 13 }

    var allocatedBytes: Int { capacity * 5 + 96 }

    func find(_ hash: UInt32, isMatch: (UInt32) -> Bool) -> UInt32? {
        let tag = Self.tag(of: hash)
        var position = home(of: hash)
        while true {
            let number = numbers[position]
            if number == 0 { return nil }
            if tags[position] == tag, isMatch(number) { return number }
            position = (position + 1) & (capacity - 1)
        }
    }

    func insert(_ number: UInt32, hash: UInt32) {
        var position = home(of: hash)
        while numbers[position] != 0 {
            position = (position + 1) & (capacity - 1)
        }
        numbers[position] = number
        tags[position] = Self.tag(of: hash)
        count += 1
    }

    /// Removes an entry and moves the ones behind it up, so that no search ends too early.
    func remove(_ number: UInt32, hash: UInt32, hashOf: (UInt32) -> UInt32) {
        let mask = capacity - 1
        var hole = home(of: hash)
        while numbers[hole] != number {
            precondition(numbers[hole] != 0, "record \(number) is not in the index")
            hole = (hole + 1) & mask
        }
        count -= 1
        var position = hole
        while true {
            position = (position + 1) & mask
            let candidate = numbers[position]
            if candidate == 0 { break }
            let distance = (position - home(of: hashOf(candidate))) & mask
            if distance >= (position - hole) & mask {
                numbers[hole] = candidate
                tags[hole] = tags[position]
                hole = position
            }
        }
        numbers[hole] = 0
        tags[hole] = 0
    }

    func forEach(_ body: (UInt32) -> Void) {
        for position in 0..<capacity where numbers[position] != 0 {
            body(numbers[position])
        }
    }

    /// The lowest bits; the directory uses the highest.
    private func home(of hash: UInt32) -> Int {
        Int(hash) & (capacity - 1)
    }

    private static func tag(of hash: UInt32) -> UInt8 {
        UInt8(truncatingIfNeeded: hash >> 9)
    }
}
