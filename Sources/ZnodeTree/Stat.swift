package import Jute

/// The stat of a znode as clients see it.
///
/// - Source: semantics reference, section 3.
package struct Stat: Hashable, Sendable {
    package var czxid: Zxid
    package var mzxid: Zxid
    package var ctime: Int64
    package var mtime: Int64
    package var version: Int32
    /// Creations and deletions of children: twice the stored number less the children there are.
    package var cversion: Int32
    package var aversion: Int32
    /// The session of an ephemeral; `.none` for everything else, containers and TTLs included.
    package var ephemeralOwner: SessionID
    package var dataLength: Int32
    package var numChildren: Int32
    package var pzxid: Zxid

    /// Reads the record Stat of the client protocol.
    package init(from reader: inout JuteReader) throws(JuteError) {
        czxid = try reader.readZxid()
        mzxid = try reader.readZxid()
        ctime = try reader.readLong()
        mtime = try reader.readLong()
        version = try reader.readInt()
        cversion = try reader.readInt()
        aversion = try reader.readInt()
        ephemeralOwner = try reader.readSessionID()
        dataLength = try reader.readInt()
        numChildren = try reader.readInt()
        pzxid = try reader.readZxid()
    }

    init(stored: StoredStat, mode: ZnodeMode, dataLength: Int32, numChildren: Int32) {
        czxid = Zxid(rawValue: stored.czxid)
        mzxid = Zxid(rawValue: stored.mzxid)
        ctime = stored.ctime
        mtime = stored.mtime
        version = stored.version
        cversion = 2 &* stored.cversion &- numChildren
        aversion = stored.aversion
        if case .ephemeral(let session) = mode {
            ephemeralOwner = session
        } else {
            ephemeralOwner = .none
        }
        self.dataLength = max(0, dataLength)
        self.numChildren = numChildren
        pzxid = Zxid(rawValue: stored.pzxid)
    }

    /// Writes the record Stat of the client protocol.
    package func write(to writer: inout JuteWriter) {
        writer.write(zxid: czxid)
        writer.write(zxid: mzxid)
        writer.write(long: ctime)
        writer.write(long: mtime)
        writer.write(int: version)
        writer.write(int: cversion)
        writer.write(int: aversion)
        writer.write(session: ephemeralOwner)
        writer.write(int: dataLength)
        writer.write(int: numChildren)
        writer.write(zxid: pzxid)
    }
}
