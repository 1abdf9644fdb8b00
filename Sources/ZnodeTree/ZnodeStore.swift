import Checksum

/// The znodes: records, their names and data, and the way from a path to a record.
///
/// Knows nothing of versions, ACLs or sessions. Numbers of records are reused after `remove`.
struct ZnodeStore: Sendable {
    static let root: UInt32 = 0
    static let slash = UInt8(ascii: "/")

    private let seed: UInt64
    private var records = PagedArray<ZnodeRecord>()
    private var payloads = PayloadArena()
    private var index = PathIndex()
    /// The first of the free records, which are linked by `left`.
    private var firstFree = ZnodeRecord.none

    private(set) var nodeCount = 1
    /// The data of all znodes.
    private(set) var dataBytes = 0

    /// A root without children, with empty data.
    init(seed: UInt64) {
        self.seed = seed
        var root = ZnodeRecord()
        root.flags = .inUse
        root.dataLength = 0
        records.append(root)
    }

    subscript(number: UInt32) -> ZnodeRecord {
        _read { yield records[Int(number)] }
        _modify { yield &records[Int(number)] }
    }

    /// Makes room for so many znodes at once, rather than little by little.
    mutating func reserve(_ count: Int) { index.reserve(count, in: records) }

    // MARK: Reading

    /// The record of a path; the empty path and `/` are the root, others are taken literally.
    func find(_ path: UnsafeRawBufferPointer) -> UInt32? {
        if path.isEmpty || path.count == 1 && path[0] == Self.slash { return Self.root }
        return index.find(PathHash.hash(path, seed: seed)) { isPath(of: $0, equalTo: path) }
    }

    func find(_ path: ArraySlice<UInt8>) -> UInt32? {
        path.withUnsafeBytes { find($0) }
    }

    /// The last component of a path; valid until the store is changed or freed.
    func name(of number: UInt32) -> UnsafeRawBufferPointer {
        let length = self[number].nameLength
        guard length > 0 else { return UnsafeRawBufferPointer(start: nil, count: 0) }
        return UnsafeRawBufferPointer(
            start: payloads.bytes(at: self[number].payload), count: length)
    }

    /// The data, or nil for null data; valid until the store is changed or freed.
    func data(of number: UInt32) -> UnsafeRawBufferPointer? {
        let record = self[number]
        if record.dataLength < 0 { return nil }
        if record.dataLength == 0 { return UnsafeRawBufferPointer(start: nil, count: 0) }
        return UnsafeRawBufferPointer(
            start: payloads.bytes(at: record.payload) + record.nameLength,
            count: Int(record.dataLength))
    }

    /// The path as the digest and the snapshot have it: empty for the root.
    func path(of number: UInt32) -> [UInt8] {
        let length = pathLength(of: number)
        return [UInt8](unsafeUninitializedCapacity: length) { bytes, count in
            let buffer = UnsafeMutableRawBufferPointer(bytes)
            var end = length
            var node = number
            while node != Self.root {
                let name = name(of: node)
                end -= name.count
                UnsafeMutableRawBufferPointer(rebasing: buffer[end...]).copyMemory(from: name)
                end -= 1
                buffer[end] = Self.slash
                node = self[node].parent
            }
            count = length
        }
    }

    func pathLength(of number: UInt32) -> Int {
        var length = 0
        var node = number
        while node != Self.root {
            length += self[node].nameLength + 1
            node = self[node].parent
        }
        return length
    }

    private func isPath(of number: UInt32, equalTo path: UnsafeRawBufferPointer) -> Bool {
        var end = path.count
        var node = number
        while node != Self.root {
            let name = name(of: node)
            let start = end - name.count
            guard start >= 1, path[start - 1] == Self.slash,
                NameOrder.isEqual(name, UnsafeRawBufferPointer(rebasing: path[start..<end]))
            else { return false }
            end = start - 1
            node = self[node].parent
        }
        return end == 0
    }

    // MARK: Changing

    /// Adds a znode below `parent`.
    ///
    /// - Parameters:
    ///   - path: The whole path, not yet in the store.
    ///   - nameStart: Where the last component begins; it is not empty.
    ///   - parent: The record of what comes before the last slash; not an ephemeral.
    ///   - data: Nil for null.
    ///   - stat: As it is stored.
    ///   - isEphemeral: Whether the caller will link it to a session.
    ///   - isLast: Whether its name is known to come behind those of all its siblings.
    /// - Returns: The number of the record.
    mutating func insert(
        path: UnsafeRawBufferPointer, nameStart: Int, parent: UInt32,
        data: UnsafeRawBufferPointer?, stat: StoredStat, isEphemeral: Bool, isLast: Bool = false
    ) -> UInt32 {
        let number = freshRecord()
        let name = UnsafeRawBufferPointer(rebasing: path[nameStart...])
        let block = payloads.allocate(length: name.count + (data?.count ?? 0), owner: number)
        block.bytes.copyMemory(from: name)
        if let data { (block.bytes + name.count).copyMemory(from: data) }

        var record = ZnodeRecord()
        record.flags = isEphemeral ? [.inUse, .ephemeral] : .inUse
        if Self.isBelowZookeeper(path) { record.flags.insert(.system) }
        record.stat = stat
        record.parent = parent
        record.hash = PathHash.hash(path, seed: seed)
        record.payload = block.reference
        record.nameLength = name.count
        record.dataLength = data.map { Int32($0.count) } ?? -1
        record.contentCRC = Self.contentCRC(path: path, data: data)
        self[number] = record

        index.insert(number, hash: record.hash, in: records)
        if isLast { linkLast(number, under: parent) } else { link(number, under: parent) }
        nodeCount += 1
        dataBytes += data?.count ?? 0
        compactSome()
        return number
    }

    /// Gives a znode other data.
    ///
    /// - Parameters:
    ///   - number: The record.
    ///   - path: Its path, empty for the root.
    ///   - data: Nil for null.
    mutating func replaceData(
        of number: UInt32, path: UnsafeRawBufferPointer, with data: UnsafeRawBufferPointer?
    ) {
        let old = self[number]
        let length = old.nameLength + (data?.count ?? 0)
        if length > 0 {
            let block = payloads.allocate(length: length, owner: number)
            block.bytes.copyMemory(from: name(of: number))
            if let data { (block.bytes + old.nameLength).copyMemory(from: data) }
            self[number].payload = block.reference
        }
        self[number].dataLength = data.map { Int32($0.count) } ?? -1
        self[number].contentCRC = Self.contentCRC(path: path, data: data)
        if old.payloadLength > 0 {
            payloads.free(old.payload, length: old.payloadLength)
        }
        dataBytes += (data?.count ?? 0) - Int(max(0, old.dataLength))
        compactSome()
    }

    /// Removes a znode that has no children and is in no session's list.
    mutating func remove(_ number: UInt32) {
        precondition(number != Self.root && self[number].childCount == 0)
        unlink(number)
        let record = self[number]
        index.remove(number, hash: record.hash, in: records)
        payloads.free(record.payload, length: record.payloadLength)
        var free = ZnodeRecord()
        free.left = firstFree
        self[number] = free
        firstFree = number
        nodeCount -= 1
        dataBytes -= Int(max(0, record.dataLength))
        compactSome()
    }

    /// Whether the digest leaves a path out.
    static func isBelowZookeeper(_ path: some Sequence<UInt8>) -> Bool {
        path.starts(with: zookeeperPrefix)
    }

    private static let zookeeperPrefix = Array("/zookeeper/".utf8)

    static func contentCRC(
        path: UnsafeRawBufferPointer, data: UnsafeRawBufferPointer?
    ) -> UInt32 {
        var crc = CRC32()
        crc.update(path)
        if let data { crc.update(data) }
        return crc.value
    }

    var memory: MemoryFigures {
        MemoryFigures(
            recordBytes: records.allocatedBytes, payloadBytes: payloads.capacityBytes,
            payloadLiveBytes: payloads.liveBytes, indexBytes: index.allocatedBytes)
    }

    private mutating func freshRecord() -> UInt32 {
        guard firstFree != ZnodeRecord.none else {
            records.append(ZnodeRecord())
            return UInt32(records.count - 1)
        }
        let number = firstFree
        firstFree = self[number].left
        return number
    }

    /// Moves a few blocks out of a sparse chunk, so that every change pays a little and none much.
    private mutating func compactSome() {
        guard payloads.isSparse else { return }
        for _ in 0..<8 {
            guard let block = payloads.nextToMove() else { return }
            let record = self[block.owner]
            guard record.flags.contains(.inUse), record.payload == block.reference,
                record.payloadLength > 0
            else { continue }
            let copy = payloads.allocate(length: record.payloadLength, owner: block.owner)
            copy.bytes.copyMemory(
                from: payloads.bytes(at: block.reference), byteCount: record.payloadLength)
            self[block.owner].payload = copy.reference
            payloads.free(block.reference, length: record.payloadLength)
        }
    }
}

extension UnsafeMutableRawPointer {
    fileprivate func copyMemory(from bytes: UnsafeRawBufferPointer) {
        guard let start = bytes.baseAddress else { return }
        copyMemory(from: start, byteCount: bytes.count)
    }
}

/// What a tree takes of memory, in bytes.
package struct MemoryFigures: Equatable, Sendable {
    package var recordBytes: Int
    /// Names and data with what is lost between them.
    package var payloadBytes: Int
    package var payloadLiveBytes: Int
    package var indexBytes: Int

    package var total: Int { recordBytes + payloadBytes + indexBytes }
}
