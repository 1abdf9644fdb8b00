/// Which subtrees have a quota: those with a `zookeeper_limits` below `/zookeeper/quota`.
///
/// - Source: semantics reference, section 17.
struct Quotas: Sendable {
    static let prefix = Array("/zookeeper/quota".utf8)
    static let limitsName = Array("zookeeper_limits".utf8)
    static let statsName = Array("zookeeper_stats".utf8)

    private var paths: Set<BytesKey> = []

    var isEmpty: Bool { paths.isEmpty }

    mutating func add(_ path: ArraySlice<UInt8>) {
        // A quota on the root is ignored.
        if !path.isEmpty { paths.insert(BytesKey(Array(path))) }
    }

    mutating func remove(_ path: ArraySlice<UInt8>) {
        paths.remove(BytesKey(path))
    }

    /// The deepest path with a quota at or above `path`.
    func deepest(around path: [UInt8]) -> ArraySlice<UInt8>? {
        if paths.isEmpty { return nil }
        var candidate = path[...]
        while !candidate.isEmpty {
            if paths.contains(BytesKey(candidate)) { return candidate }
            guard let slash = candidate.lastIndex(of: UInt8(ascii: "/")) else { return nil }
            candidate = candidate[..<slash]
        }
        return nil
    }

    /// The path a quota node below `/zookeeper/quota` is about; empty for the quota root.
    static func subject(ofParent parent: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        guard parent.starts(with: prefix) else { return nil }
        let rest = parent.dropFirst(prefix.count)
        return rest.isEmpty || rest.first == UInt8(ascii: "/") ? rest : nil
    }

    static func limitsPath(of path: ArraySlice<UInt8>) -> [UInt8] {
        prefix + path + [UInt8(ascii: "/")] + limitsName
    }

    static func statsPath(of path: ArraySlice<UInt8>) -> [UInt8] {
        prefix + path + [UInt8(ascii: "/")] + statsName
    }
}

/// The content of `zookeeper_limits` and `zookeeper_stats`; -1 means that there is no limit.
struct QuotaValues: Equatable, Sendable {
    var count: Int64 = -1
    var bytes: Int64 = -1
    var countHardLimit: Int64 = -1
    var byteHardLimit: Int64 = -1

    init(count: Int64, bytes: Int64) {
        self.count = count
        self.bytes = bytes
    }

    /// Reads `count=N,bytes=M=;byteHardLimit=X;countHardLimit=Y`; nil if that cannot be done.
    ///
    /// - Parameter text: Data of the node; nothing in it means that nothing is limited.
    init?(text: [UInt8]) {
        let separators: [UInt8] = [UInt8(ascii: ","), UInt8(ascii: ";")]
        for pair in text.split(whereSeparator: separators.contains) {
            let parts = pair.split(
                separator: UInt8(ascii: "="), omittingEmptySubsequences: false)
            guard parts.count >= 2 else { return nil }
            let value: Int64
            if parts[1].isEmpty {
                value = -1
            } else {
                guard let number = Int64(String(decoding: parts[1], as: UTF8.self)) else {
                    return nil
                }
                value = number
            }
            switch String(decoding: parts[0], as: UTF8.self) {
            case "count": count = value
            case "bytes": bytes = value
            case "countHardLimit": countHardLimit = value
            case "byteHardLimit": byteHardLimit = value
            default: break
            }
        }
    }

    /// The form of `zookeeper_stats`.
    var statsText: [UInt8] {
        Array("count=\(count),bytes=\(bytes)".utf8)
    }
}
