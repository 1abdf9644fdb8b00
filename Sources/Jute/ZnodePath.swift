/// The path of a znode as bytes of UTF-8.
///
/// Compared, hashed and split as bytes: Swift's `String` would take canonically equivalent names
/// for one. A value may hold any bytes (requests and old logs carry odd paths); `validate` says
/// whether ZooKeeper would create it. The root is `/`; the empty path is its alias inside trees
/// and snapshots.
package struct ZnodePath: Hashable, Sendable {
    package var bytes: [UInt8]

    @inlinable
    package init(bytes: [UInt8]) {
        self.bytes = bytes
    }

    package init(_ string: String) {
        bytes = Array(string.utf8)
    }

    package static let root = ZnodePath(bytes: [UInt8(ascii: "/")])

    package var isRoot: Bool { bytes.isEmpty || bytes == ZnodePath.root.bytes }

    /// Where the last slash is, or nil when there is none.
    package var lastSlash: Int? { bytes.lastIndex(of: UInt8(ascii: "/")) }

    /// The path of the parent; `/` for a child of the root, nil for the root and for a path
    /// without a slash.
    package var parent: ZnodePath? {
        guard !isRoot, let slash = lastSlash else { return nil }
        return slash == 0 ? .root : ZnodePath(bytes: Array(bytes[..<slash]))
    }

    /// What follows the last slash.
    package var name: ArraySlice<UInt8> {
        guard let slash = lastSlash else { return bytes[...] }
        return bytes[(slash + 1)...]
    }

    package func appending(_ name: some Collection<UInt8>) -> ZnodePath {
        var joined = isRoot ? [] : bytes
        joined.reserveCapacity(joined.count + 1 + name.count)
        joined.append(UInt8(ascii: "/"))
        joined.append(contentsOf: name)
        return ZnodePath(bytes: joined)
    }

    /// Whether this path is `ancestor` or lies below it.
    package func isAtOrBelow(_ ancestor: ZnodePath) -> Bool {
        if ancestor.isRoot { return true }
        guard bytes.starts(with: ancestor.bytes) else { return false }
        return bytes.count == ancestor.bytes.count
            || bytes[ancestor.bytes.count] == UInt8(ascii: "/")
    }

    /// Whether ZooKeeper's server accepts this path for a new or changed znode.
    ///
    /// - Source: semantics reference, section 2.
    package var isValid: Bool {
        guard bytes.first == UInt8(ascii: "/") else { return false }
        if bytes.count == 1 { return true }
        guard bytes.last != UInt8(ascii: "/") else { return false }
        let components = bytes.dropFirst().split(
            separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        return components.allSatisfy(ZnodePath.isValidName)
    }

    /// Whether `name` may be one component of a path: not empty, not `.` or `..`, valid UTF-8
    /// without the characters that ZooKeeper refuses.
    package static func isValidName(_ name: some Collection<UInt8>) -> Bool {
        if name.isEmpty { return false }
        let dot = UInt8(ascii: ".")
        if name.elementsEqual([dot]) || name.elementsEqual([dot, dot]) { return false }
        if name.allSatisfy({ (0x20...0x7E).contains($0) }) {
            return !name.contains(UInt8(ascii: "/"))
        }
        guard let text = String(validating: name, as: UTF8.self) else { return false }
        return text.unicodeScalars.allSatisfy { scalar in
            switch scalar.value {
            case 0...0x1F, 0x7F...0x9F, 0xD800...0xF8FF, 0xFFF0...0xFFFF, 0x10000...:
                false
            default:
                scalar != "/"
            }
        }
    }
}

extension ZnodePath: Comparable {
    package static func < (left: ZnodePath, right: ZnodePath) -> Bool {
        left.bytes.lexicographicallyPrecedes(right.bytes)
    }
}

extension ZnodePath: CustomStringConvertible, ExpressibleByStringLiteral {
    package var description: String { String(decoding: bytes, as: UTF8.self) }

    package init(stringLiteral value: String) {
        self.init(value)
    }
}
