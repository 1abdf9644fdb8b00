/// From hashes of whole paths to the records that have them: extendible hashing.
///
/// A directory of buckets is indexed by the first bits of the hash; a full bucket is split into
/// two, so growing never moves more than one bucket's entries. Buckets are copied when they are
/// written while shared.
struct PathIndex: Sendable {
    private var buckets = [HashBucket(capacity: PathIndex.bucketCapacity, depth: 0)]
    /// For each value of the first `depth` bits, where its bucket is in `buckets`.
    private var directory: [UInt32] = [0]
    private var depth = 0

    private static let bucketCapacity = 512

    /// Below this a bucket is not split any more but made wider. Only many paths of one and the
    /// same hash lead there.
    private static let deepest = 22

    /// Splits the buckets as far as so many records will need, which costs less before they come.
    mutating func reserve(_ count: Int, in records: PagedArray<ZnodeRecord>) {
        let wanted = count / (PathIndex.bucketCapacity * 5 / 8)
        let bits = min(Self.deepest, Int.bitWidth - wanted.leadingZeroBitCount)
        guard bits > depth, buckets.allSatisfy({ $0.capacity == Self.bucketCapacity }) else {
            return
        }
        let fine = (0..<1 << bits).map { _ in
            HashBucket(capacity: Self.bucketCapacity, depth: bits)
        }
        for bucket in buckets {
            bucket.forEach { number in
                let hash = records[Int(number)].hash
                fine[Int(hash >> UInt32(32 - bits))].insert(number, hash: hash)
            }
        }
        buckets = fine
        directory = Array(0..<UInt32(1 << bits))
        depth = bits
    }

    /// The record with this hash for which `isMatch` says so.
    func find(_ hash: UInt32, isMatch: (UInt32) -> Bool) -> UInt32? {
        buckets[bucket(of: hash)].find(hash, isMatch: isMatch)
    }

    /// Adds a record that is not in the index.
    ///
    /// - Parameters:
    ///   - number: The record; not 0.
    ///   - hash: Its path's hash.
    ///   - records: All records, to look up the hashes of those that have to move.
    mutating func insert(_ number: UInt32, hash: UInt32, in records: PagedArray<ZnodeRecord>) {
        while buckets[bucket(of: hash)].isFull {
            makeRoom(for: hash, in: records)
        }
        let index = bucket(of: hash)
        makeUnique(index)
        buckets[index].insert(number, hash: hash)
    }

    /// Removes a record that is in the index; parameters as for `insert`.
    mutating func remove(_ number: UInt32, hash: UInt32, in records: PagedArray<ZnodeRecord>) {
        let index = bucket(of: hash)
        makeUnique(index)
        buckets[index].remove(number, hash: hash) { records[Int($0)].hash }
    }

    var allocatedBytes: Int {
        buckets.reduce(directory.count * 4) { $0 + $1.allocatedBytes }
    }

    private func bucket(of hash: UInt32) -> Int {
        Int(directory[Int(hash >> UInt32(32 - depth))])
    }

    private mutating func makeUnique(_ index: Int) {
        if !isKnownUniquelyReferenced(&buckets[index]) {
            buckets[index] = HashBucket(copying: buckets[index])
        }
    }

    private mutating func makeRoom(for hash: UInt32, in records: PagedArray<ZnodeRecord>) {
        let index = bucket(of: hash)
        let full = buckets[index]
        guard full.depth < Self.deepest else {
            let wider = HashBucket(capacity: full.capacity * 2, depth: full.depth)
            full.forEach { wider.insert($0, hash: records[Int($0)].hash) }
            buckets[index] = wider
            return
        }
        if full.depth == depth {
            var doubled: [UInt32] = []
            doubled.reserveCapacity(directory.count * 2)
            for entry in directory {
                doubled.append(entry)
                doubled.append(entry)
            }
            directory = doubled
            depth += 1
        }
        let low = HashBucket(capacity: full.capacity, depth: full.depth + 1)
        let high = HashBucket(capacity: full.capacity, depth: full.depth + 1)
        let bit: UInt32 = 1 << UInt32(31 - full.depth)
        full.forEach { number in
            let hash = records[Int(number)].hash
            (hash & bit == 0 ? low : high).insert(number, hash: hash)
        }
        buckets[index] = low
        buckets.append(high)
        // The slots of the full bucket lie side by side; the second half of them is now `high`.
        let width = 1 << (depth - full.depth)
        let first = Int(hash >> UInt32(32 - depth)) & ~(width - 1)
        for slot in first + width / 2..<first + width {
            directory[slot] = UInt32(buckets.count - 1)
        }
    }
}
