package import Jute
package import ZnodeTree

/// A committed transaction as the history keeps it: what it changed, and what was known of each
/// znode at that moment.
package struct HistoricTransaction: Equatable, Sendable {
    package var zxid: Zxid
    /// The leader's wall clock, in milliseconds since 1970. Not monotonic.
    package var time: Int64
    package var session: SessionID
    package var operation: OperationCode
    /// In the order in which they happened; never empty.
    package var changes: [Change]

    package init(
        zxid: Zxid, time: Int64, session: SessionID, operation: OperationCode, changes: [Change]
    ) {
        self.zxid = zxid
        self.time = time
        self.session = session
        self.operation = operation
        self.changes = changes
    }

    /// What applying a transaction did.
    package init(_ result: TxnResult) {
        self.init(
            zxid: result.zxid, time: result.header.time, session: result.header.session,
            operation: result.header.type, changes: result.changes)
    }

    /// About how many bytes it takes in memory.
    var sizeBytes: Int {
        changes.reduce(64) { size, change in
            size + change.path.bytes.count + (change.data?.count ?? 0)
                + (change.replaced.data?.count ?? 0) + 560
        }
    }
}

// MARK: - On disk

extension HistoricTransaction {
    /// - Throws: For bytes that are no transaction.
    init(from reader: inout JuteReader) throws(JuteError) {
        zxid = try reader.readZxid()
        time = try reader.readLong()
        session = try reader.readSessionID()
        operation = OperationCode(rawValue: try reader.readInt())
        changes = []
        let zxid = zxid
        changes = try reader.readVector(minimumSize: 80) { reader throws(JuteError) in
            try Change(zxid: zxid, from: &reader)
        }
    }

    func write(to writer: inout JuteWriter) {
        writer.write(zxid: zxid)
        writer.write(long: time)
        writer.write(session: session)
        writer.write(int: operation.rawValue)
        writer.write(vector: changes) { writer, change in change.write(to: &writer) }
    }
}

extension Change {
    fileprivate init(zxid: Zxid, from reader: inout JuteReader) throws(JuteError) {
        guard let kind = Kind(rawValue: try reader.readByte()) else { throw .badValue }
        let position = try reader.readInt()
        let path = try reader.readPath()
        let znode = try ZnodeMoment(from: &reader)
        let data = try reader.readBuffer()
        let parent = try reader.readBool() ? try ZnodeMoment(from: &reader) : nil
        self.init(
            kind: kind, path: path, zxid: zxid, position: position, znode: znode, data: data,
            parent: parent)
        switch kind {
        case .created:
            break
        case .dataChanged:
            replaced.stat = try Stat(from: &reader)
            replaced.data = try reader.readBuffer()
        case .aclChanged:
            replaced.stat = try Stat(from: &reader)
            replaced.acl = try reader.readACL()
        case .deleted:
            replaced.data = try reader.readBuffer()
        }
        if parent != nil { replaced.parent = try Stat(from: &reader) }
    }

    fileprivate func write(to writer: inout JuteWriter) {
        writer.write(byte: kind.rawValue)
        writer.write(int: position)
        writer.write(path: path)
        znode.write(to: &writer)
        writer.write(buffer: data)
        writer.write(bool: parent != nil)
        parent?.write(to: &writer)
        switch kind {
        case .created:
            break
        case .dataChanged:
            (replaced.stat ?? znode.stat).write(to: &writer)
            writer.write(buffer: replaced.data)
        case .aclChanged:
            (replaced.stat ?? znode.stat).write(to: &writer)
            writer.write(acl: replaced.acl ?? znode.acl)
        case .deleted:
            writer.write(buffer: replaced.data)
        }
        if let parent { (replaced.parent ?? parent.stat).write(to: &writer) }
    }
}

extension ZnodeMoment {
    fileprivate init(from reader: inout JuteReader) throws(JuteError) {
        let stat = try Stat(from: &reader)
        let mode: ZnodeMode =
            switch try reader.readByte() {
            case 0: .persistent
            case 1: .ephemeral(stat.ephemeralOwner)
            case 2: .container
            case 3: .ttl(milliseconds: try reader.readLong())
            default: throw .badValue
            }
        let acl = try reader.readBool() ? ACL.open : try reader.readACL()
        self.init(stat: stat, mode: mode, acl: acl)
    }

    fileprivate func write(to writer: inout JuteWriter) {
        stat.write(to: &writer)
        switch mode {
        case .persistent: writer.write(byte: 0)
        case .ephemeral: writer.write(byte: 1)
        case .container: writer.write(byte: 2)
        case .ttl(let milliseconds):
            writer.write(byte: 3)
            writer.write(long: milliseconds)
        }
        // Nearly every znode has this list.
        let isOpen = acl == ACL.open
        writer.write(bool: isOpen)
        if !isOpen { writer.write(acl: acl) }
    }
}
