/// The 32 bytes in front of every transaction, in the log and in a PROPOSAL.
package struct TxnHeader: Equatable, Sendable {
    /// The session that asked, and its number for the request.
    package var session: SessionID
    package var cxid: Int32
    package var zxid: Zxid
    /// The leader's wall clock when it made the transaction, in milliseconds since 1970.
    package var time: Int64
    package var type: OperationCode

    package static let size = 32

    package init(
        session: SessionID, cxid: Int32, zxid: Zxid, time: Int64, type: OperationCode
    ) {
        self.session = session
        self.cxid = cxid
        self.zxid = zxid
        self.time = time
        self.type = type
    }

    package init(from reader: inout JuteReader) throws(JuteError) {
        session = try reader.readSessionID()
        cxid = try reader.readInt()
        zxid = try reader.readZxid()
        time = try reader.readLong()
        type = OperationCode(rawValue: try reader.readInt())
    }

    package func write(to writer: inout JuteWriter) {
        writer.write(session: session)
        writer.write(int: cxid)
        writer.write(zxid: zxid)
        writer.write(long: time)
        writer.write(int: type.rawValue)
    }
}

/// The digest a tree must have once a transaction is applied. It follows the transaction's body.
package struct TxnDigest: Equatable, Sendable {
    /// The rule by which it was computed; the only one in use is 2.
    package var version: Int32
    package var treeDigest: UInt64

    package static let size = 12
    package static let currentVersion: Int32 = 2

    package init(version: Int32 = TxnDigest.currentVersion, treeDigest: UInt64) {
        self.version = version
        self.treeDigest = treeDigest
    }

    package init(from reader: inout JuteReader) throws(JuteError) {
        version = try reader.readInt()
        treeDigest = UInt64(bitPattern: try reader.readLong())
    }

    package func write(to writer: inout JuteWriter) {
        writer.write(int: version)
        writer.write(long: Int64(bitPattern: treeDigest))
    }
}
