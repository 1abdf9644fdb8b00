package import Jute

/// An entity tag: made here in the contract's forms, or read from a client's condition.
package struct EntityTag: Hashable, Sendable {
    /// What stands between the quotes.
    package let opaque: [UInt8]
    package let isWeak: Bool

    package init(opaque: [UInt8], isWeak: Bool = false) {
        self.opaque = opaque
        self.isWeak = isWeak
    }

    /// Of a znode's bytes alone, and of the answer to a write: `"<mzxid>"`.
    package static func raw(mzxid: Zxid) -> EntityTag {
        build(prefix: nil, [mzxid], aversion: nil)
    }

    /// Of a znode as JSON: `"<mzxid>.<pzxid>.<aversion>"`.
    package static func znode(mzxid: Zxid, pzxid: Zxid, aversion: Int32) -> EntityTag {
        build(prefix: nil, [mzxid, pzxid], aversion: aversion)
    }

    /// Of a list of children: `"c<pzxid>.<mzxid>.<aversion>"`.
    package static func children(pzxid: Zxid, mzxid: Zxid, aversion: Int32) -> EntityTag {
        build(prefix: "c", [pzxid, mzxid], aversion: aversion)
    }

    /// Of an access control list: `"a<czxid>.<aversion>"`.
    package static func acl(czxid: Zxid, aversion: Int32) -> EntityTag {
        build(prefix: "a", [czxid], aversion: aversion)
    }

    private static func build(
        prefix: Unicode.Scalar?, _ zxids: [Zxid], aversion: Int32?
    ) -> EntityTag {
        var opaque: [UInt8] = []
        opaque.reserveCapacity(48)
        if let prefix { opaque.append(UInt8(ascii: prefix)) }
        for (index, zxid) in zxids.enumerated() {
            if index > 0 { opaque.append(UInt8(ascii: ".")) }
            opaque.append(hexadecimal: UInt64(bitPattern: zxid.rawValue))
        }
        if let aversion {
            opaque.append(UInt8(ascii: "."))
            opaque.append(decimal: Int64(aversion))
        }
        return EntityTag(opaque: opaque)
    }

    /// As headers carry it, with its quotes.
    package var text: [UInt8] {
        var text: [UInt8] = []
        text.reserveCapacity(opaque.count + 4)
        if isWeak { text.append(contentsOf: "W/".utf8) }
        text.append(UInt8(ascii: "\""))
        text.append(contentsOf: opaque)
        text.append(UInt8(ascii: "\""))
        return text
    }

    /// The mzxid in either form of a znode's tag; nil for any other tag.
    package var mzxid: Zxid? {
        let parts = opaque.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count == 1 || parts.count == 3, parts[0].count == 16 else { return nil }
        if parts.count == 3 {
            guard parts[1].count == 16, parts[1].allSatisfy({ hexValue($0) != nil }),
                Int32(String(decoding: parts[2], as: UTF8.self)) != nil
            else { return nil }
        }
        return Zxid(parsing: String(decoding: parts[0], as: UTF8.self))
    }

    /// Whether this is the short form of a znode's tag.
    fileprivate var isRawForm: Bool { opaque.count == 16 && mzxid != nil }

    /// Whether a client that holds the representation `self` names need not get `current`.
    ///
    /// Two tags of one form are compared whole, so that a change of children or ACL shows in the
    /// JSON; between the two forms of a znode's tag the mzxid decides.
    package func weaklyMatches(_ current: EntityTag) -> Bool {
        if opaque == current.opaque { return true }
        guard isRawForm != current.isRawForm, let mzxid, let other = current.mzxid else {
            return false
        }
        return mzxid == other
    }

    /// Whether a change of the whole representation may go ahead: equal and both strong.
    package func stronglyMatches(_ current: EntityTag) -> Bool {
        !isWeak && !current.isWeak && opaque == current.opaque
    }
}

/// The value of `If-Match` or `If-None-Match`.
package enum EntityTagCondition: Equatable, Sendable {
    case any
    case tags([EntityTag])

    /// - Parameter values: All fields of that name.
    /// - Returns: The condition; nil without a field.
    /// - Throws: `bad-request` when it is no list of entity tags. A condition that cannot be
    ///   understood is never ignored.
    package static func parse(
        _ values: [ArraySlice<UInt8>]
    ) throws(Problem) -> EntityTagCondition? {
        if values.isEmpty { return nil }
        let text = Array(values.joined(separator: [UInt8(ascii: ",")]))
        if text.elementsEqual("*".utf8) { return .any }
        var tags: [EntityTag] = []
        var index = 0
        while true {
            while index < text.count, [0x20, 0x09, UInt8(ascii: ",")].contains(text[index]) {
                index += 1
            }
            if index == text.count { break }
            tags.append(try tag(in: text, at: &index))
            let rest = text[index...].drop { $0 == 0x20 || $0 == 0x09 }
            guard rest.isEmpty || rest.first == UInt8(ascii: ",") else { throw malformed }
        }
        guard !tags.isEmpty else { throw malformed }
        return .tags(tags)
    }

    private static let malformed = Problem(
        .badRequest, #"A condition is * or a list of entity tags in quotes, like "…", W/"…"."#)

    private static func tag(in text: [UInt8], at index: inout Int) throws(Problem) -> EntityTag {
        let isWeak = text[index...].starts(with: "W/".utf8)
        if isWeak { index += 2 }
        let quote = UInt8(ascii: "\"")
        guard index < text.count, text[index] == quote,
            let end = text[(index + 1)...].firstIndex(of: quote)
        else { throw malformed }
        let opaque = Array(text[(index + 1)..<end])
        guard opaque.allSatisfy({ $0 > 0x20 && $0 != 0x7F }) else { throw malformed }
        index = end + 1
        return EntityTag(opaque: opaque, isWeak: isWeak)
    }
}
