import HTTPServer
import Jute
import ZnodeTree

/// A znode's stat with the mode that the stat alone does not tell.
struct ZnodeState: Sendable {
    var stat: Stat
    var mode: ZnodeTree.ZnodeMode

    init(stat: Stat, mode: ZnodeTree.ZnodeMode) {
        self.stat = stat
        self.mode = mode
    }

    init(_ znode: ZnodeID, in tree: borrowing DataTree) {
        stat = tree.stat(of: znode)
        mode = tree.mode(of: znode)
    }

    var tag: EntityTag {
        .znode(mzxid: stat.mzxid, pzxid: stat.pzxid, aversion: stat.aversion)
    }
    var rawTag: EntityTag { .raw(mzxid: stat.mzxid) }
    var childrenTag: EntityTag {
        .children(pzxid: stat.pzxid, mzxid: stat.mzxid, aversion: stat.aversion)
    }
    var aclTag: EntityTag { .acl(czxid: stat.czxid, aversion: stat.aversion) }

    private var modeName: StaticString {
        switch mode {
        case .persistent: "persistent"
        case .ephemeral: "ephemeral"
        case .container: "container"
        case .ttl: "persistent-with-ttl"
        }
    }

    private var ttl: Int64? {
        if case .ttl(let milliseconds) = mode { milliseconds } else { nil }
    }

    func write(to json: inout JSONWriter) {
        json.beginObject()
        json.key("czxid")
        json.zxid(stat.czxid)
        json.key("mzxid")
        json.zxid(stat.mzxid)
        json.key("pzxid")
        json.zxid(stat.pzxid)
        json.key("ctime")
        json.integer(stat.ctime)
        json.key("mtime")
        json.integer(stat.mtime)
        json.key("version")
        json.integer(stat.version)
        json.key("cversion")
        json.integer(stat.cversion)
        json.key("aversion")
        json.integer(stat.aversion)
        json.key("ephemeralOwner")
        if stat.ephemeralOwner == .none {
            json.null()
        } else {
            json.sessionID(stat.ephemeralOwner)
        }
        json.key("dataLength")
        json.integer(stat.dataLength)
        json.key("numChildren")
        json.integer(stat.numChildren)
        json.key("mode")
        json.string(modeName)
        json.key("ttlMs")
        if let ttl { json.integer(ttl) } else { json.null() }
        json.endObject()
    }

    /// The same as header fields, for answers without JSON.
    func write(to headers: inout HTTPResponseHeaders) {
        headers.add("Aviary-Stat-Czxid", "\(stat.czxid)")
        headers.add("Aviary-Stat-Mzxid", "\(stat.mzxid)")
        headers.add("Aviary-Stat-Pzxid", "\(stat.pzxid)")
        headers.add("Aviary-Stat-Ctime", "\(stat.ctime)")
        headers.add("Aviary-Stat-Mtime", "\(stat.mtime)")
        headers.add("Aviary-Stat-Version", "\(stat.version)")
        headers.add("Aviary-Stat-Cversion", "\(stat.cversion)")
        headers.add("Aviary-Stat-Aversion", "\(stat.aversion)")
        if stat.ephemeralOwner != .none {
            headers.add("Aviary-Stat-Ephemeral-Owner", "\(stat.ephemeralOwner)")
        }
        headers.add("Aviary-Stat-Data-Length", "\(stat.dataLength)")
        headers.add("Aviary-Stat-Num-Children", "\(stat.numChildren)")
        headers.add("Aviary-Stat-Mode", modeName)
        if let ttl { headers.add("Aviary-Stat-Ttl-Ms", "\(ttl)") }
    }

    /// As a member of a problem.
    var value: JSONValue {
        var json = JSONWriter(reserving: 384)
        write(to: &json)
        return .verbatim(json.bytes)
    }
}

extension JSONWriter {
    /// A value as `text` where it is valid UTF-8, otherwise as `base64`. Null data is empty.
    mutating func data(_ data: [UInt8], forcingBase64: Bool = false) {
        let isText =
            !forcingBase64
            && data.withUnsafeBufferPointer { $0.isEmpty || isValidUTF8($0) }
        if isText {
            key("text")
            string(utf8: data)
        } else {
            key("base64")
            base64(data)
        }
    }
}

/// Whether all bytes are text, without making a `String` of long ASCII.
func isValidUTF8(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
    // Eight bytes at a time as long as no byte has its highest bit set.
    let raw = UnsafeRawBufferPointer(bytes)
    var index = 0
    while index + 8 <= raw.count,
        raw.loadUnaligned(fromByteOffset: index, as: UInt64.self) & 0x8080_8080_8080_8080 == 0
    {
        index += 8
    }
    let rest = UnsafeBufferPointer(rebasing: bytes[index...])
    return rest.allSatisfy { $0 < 0x80 } || String(validating: rest, as: UTF8.self) != nil
}
