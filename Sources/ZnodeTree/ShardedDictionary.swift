/// A dictionary in 256 parts, so that neither growing nor the first change after a copy has to
/// touch all entries at once.
struct ShardedDictionary<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    private var shards: [[Key: Value]] = Array(repeating: [:], count: 256)
    private(set) var count = 0

    private func shard(of key: Key) -> Int {
        key.hashValue & 255
    }

    subscript(key: Key) -> Value? {
        get { shards[shard(of: key)][key] }
        set {
            let shard = shard(of: key)
            count -= shards[shard].count
            shards[shard][key] = newValue
            count += shards[shard].count
        }
    }

    /// Every entry, in no order that means anything.
    func forEach(_ body: (Key, Value) -> Void) {
        for shard in shards {
            for (key, value) in shard { body(key, value) }
        }
    }
}

/// Bytes as a key, hashed in one go.
struct BytesKey: Hashable, Sendable {
    var bytes: ArraySlice<UInt8>

    init(_ bytes: ArraySlice<UInt8>) {
        self.bytes = bytes
    }

    init(_ bytes: [UInt8]) {
        self.bytes = bytes[...]
    }

    static func == (left: BytesKey, right: BytesKey) -> Bool {
        left.bytes.withUnsafeBytes { left in
            right.bytes.withUnsafeBytes { right in NameOrder.isEqual(left, right) }
        }
    }

    func hash(into hasher: inout Hasher) {
        bytes.withUnsafeBytes { hasher.combine(bytes: $0) }
    }
}
