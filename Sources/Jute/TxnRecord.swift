/// A transaction as it is proposed and logged: header, body and, if there is one, the digest.
///
/// - Source: storage format reference, section 2.2.
package struct TxnRecord: Equatable, Sendable {
    package var header: TxnHeader
    package var txn: Txn
    /// Nil for failed requests and in histories older than ZooKeeper 3.6.
    package var digest: TxnDigest?

    package init(header: TxnHeader, txn: Txn, digest: TxnDigest?) {
        self.header = header
        self.txn = txn
        self.digest = digest
    }

    /// Reads a log record's payload, which is also the data of a PROPOSAL.
    package init(payload: [UInt8]) throws(JuteError) {
        var reader = JuteReader(payload)
        header = try TxnHeader(from: &reader)
        txn = try Txn(type: header.type, from: &reader)
        digest = reader.remaining >= TxnDigest.size ? try TxnDigest(from: &reader) : nil
    }

    package var payload: [UInt8] {
        var writer = JuteWriter(reserving: 128)
        header.write(to: &writer)
        txn.writeBody(to: &writer)
        digest?.write(to: &writer)
        return writer.bytes
    }

    /// The zxid in a payload, without reading the rest of it.
    package static func zxid(ofPayload payload: [UInt8]) throws(JuteError) -> Zxid {
        var reader = JuteReader(payload)
        return try TxnHeader(from: &reader).zxid
    }
}
