/// What a transaction does: absolute values, so that applying it twice changes nothing.
///
/// - Source: storage format reference, section 2.3.
package enum Txn: Equatable, Sendable {
    case create(CreateTxn)
    /// Also deleteContainer, which differs in its type only.
    case delete(path: ZnodePath, container: Bool)
    /// `version` is the resulting one.
    case setData(path: ZnodePath, data: [UInt8]?, version: Int32)
    /// A setData of `/zookeeper/config` under type 16.
    case reconfig(path: ZnodePath, data: [UInt8]?, version: Int32)
    /// `version` is the resulting aversion.
    case setACL(path: ZnodePath, acl: [ACL], version: Int32)
    /// Only inside a multi; `version` is the current one plus 1.
    case check(path: ZnodePath, version: Int32)
    case createSession(timeoutMs: Int32)
    /// The ephemerals to delete; nil in logs of ZooKeeper before 3.6, where the body is absent.
    case closeSession(paths: [ZnodePath]?)
    /// A request that failed validation: it changes nothing and still has a zxid.
    case error(ErrorCode)
    /// All or nothing: with an `error` among them, none is applied.
    indirect case multi([Txn])

    package var type: OperationCode {
        switch self {
        case .create(let create): create.mode.type
        case .delete(_, let container): container ? .deleteContainer : .delete
        case .setData: .setData
        case .reconfig: .reconfig
        case .setACL: .setACL
        case .check: .check
        case .createSession: .createSession
        case .closeSession: .closeSession
        case .error: .error
        case .multi: .multi
        }
    }
}

/// The body of the four create transactions.
package struct CreateTxn: Equatable, Sendable {
    package enum Mode: Equatable, Sendable {
        /// Type 1, or 15 if `create2`: the same body under another number.
        case ordinary(ephemeral: Bool, create2: Bool)
        case container
        case ttl(milliseconds: Int64)

        package var type: OperationCode {
            switch self {
            case .ordinary(_, let create2): create2 ? .create2 : .create
            case .container: .createContainer
            case .ttl: .createTTL
            }
        }
    }

    package var path: ZnodePath
    package var data: [UInt8]?
    package var acl: [ACL]
    package var mode: Mode
    /// The parent's new cversion (number of children ever created); -1 = one more than it has.
    package var parentCVersion: Int32

    package init(
        path: ZnodePath, data: [UInt8]?, acl: [ACL], mode: Mode, parentCVersion: Int32
    ) {
        self.path = path
        self.data = data
        self.acl = acl
        self.mode = mode
        self.parentCVersion = parentCVersion
    }
}

extension Txn {
    /// Reads the body of a transaction of the given type.
    ///
    /// - Parameters:
    ///   - type: The type that the header or the multi states.
    ///   - reader: Ends where the body may at most end; a digest may follow.
    /// - Throws: `.unknownType`, and what the primitives throw.
    package init(type: OperationCode, from reader: inout JuteReader) throws(JuteError) {
        switch type {
        case .multi:
            self = .multi(
                try reader.readVector(minimumSize: 8) { reader throws(JuteError) in
                    try Txn(nestedFrom: &reader)
                })
        case .createSession:
            self = .createSession(timeoutMs: try reader.readInt())
        case .closeSession:
            // Exactly a digest, or nothing at all: the body is absent (section 2.3, first trap).
            if reader.remaining == 0 || reader.remaining == TxnDigest.size && reader.beginsDigest {
                self = .closeSession(paths: nil)
            } else {
                self = .closeSession(
                    paths: try reader.readVector(minimumSize: 4) { reader throws(JuteError) in
                        try reader.readPath()
                    })
            }
        case .setACL:
            let path = try reader.readPath()
            let acl = try reader.readACL()
            self = .setACL(path: path, acl: acl, version: try reader.readInt())
        case .reconfig:
            let path = try reader.readPath()
            let data = try reader.readBuffer()
            self = .reconfig(path: path, data: data, version: try reader.readInt())
        default:
            try self.init(plainType: type, from: &reader)
        }
    }

    /// One element of a multi: its type and its body as a buffer.
    private init(nestedFrom reader: inout JuteReader) throws(JuteError) {
        let type = OperationCode(rawValue: try reader.readInt())
        guard let range = try reader.readBufferRange() else { throw .unexpectedNull }
        var body = JuteReader(reader.bytes, in: range)
        try self.init(plainType: type, from: &body)
        guard body.remaining == 0 else { throw .badValue }
    }

    /// The types that may also stand inside a multi.
    private init(plainType type: OperationCode, from reader: inout JuteReader) throws(JuteError) {
        switch type {
        case .create, .create2, .createContainer, .createTTL:
            self = .create(try CreateTxn(type: type, from: &reader))
        case .delete, .deleteContainer:
            self = .delete(path: try reader.readPath(), container: type == .deleteContainer)
        case .setData:
            let path = try reader.readPath()
            let data = try reader.readBuffer()
            self = .setData(path: path, data: data, version: try reader.readInt())
        case .check:
            self = .check(path: try reader.readPath(), version: try reader.readInt())
        case .error:
            self = .error(ErrorCode(rawValue: try reader.readInt()))
        default:
            throw .unknownType(type.rawValue)
        }
    }

    package func writeBody(to writer: inout JuteWriter) {
        switch self {
        case .create(let create):
            create.write(to: &writer)
        case .delete(let path, _):
            writer.write(path: path)
        case .setData(let path, let data, let version),
            .reconfig(let path, let data, let version):
            writer.write(path: path)
            writer.write(buffer: data)
            writer.write(int: version)
        case .setACL(let path, let acl, let version):
            writer.write(path: path)
            writer.write(acl: acl)
            writer.write(int: version)
        case .check(let path, let version):
            writer.write(path: path)
            writer.write(int: version)
        case .createSession(let timeoutMs):
            writer.write(int: timeoutMs)
        case .closeSession(let paths):
            guard let paths else { return }
            writer.write(vector: paths) { writer, path in writer.write(path: path) }
        case .error(let code):
            writer.write(int: code.rawValue)
        case .multi(let operations):
            writer.write(vector: operations) { writer, operation in
                writer.write(int: operation.type.rawValue)
                var body = JuteWriter()
                operation.writeBody(to: &body)
                writer.write(buffer: body.bytes)
            }
        }
    }
}

extension CreateTxn {
    fileprivate init(type: OperationCode, from reader: inout JuteReader) throws(JuteError) {
        path = try reader.readPath()
        data = try reader.readBuffer()
        acl = try reader.readACL()
        switch type {
        case .createContainer:
            mode = .container
            parentCVersion = try reader.readInt()
        case .createTTL:
            parentCVersion = try reader.readInt()
            mode = .ttl(milliseconds: try reader.readLong())
        default:
            mode = .ordinary(ephemeral: try reader.readBool(), create2: type == .create2)
            // The oldest form of type 1 ends here: "one more than it has".
            parentCVersion =
                reader.remaining == 0 && type == .create ? -1 : try reader.readInt()
        }
    }

    fileprivate func write(to writer: inout JuteWriter) {
        writer.write(path: path)
        writer.write(buffer: data)
        writer.write(acl: acl)
        switch mode {
        case .ordinary(let ephemeral, _):
            writer.write(bool: ephemeral)
            writer.write(int: parentCVersion)
        case .container:
            writer.write(int: parentCVersion)
        case .ttl(let milliseconds):
            writer.write(int: parentCVersion)
            writer.write(long: milliseconds)
        }
    }
}

extension JuteReader {
    /// Whether the next int is the version of a digest.
    fileprivate var beginsDigest: Bool {
        var copy = self
        guard let version = try? copy.readInt() else { return false }
        return version == TxnDigest.currentVersion
    }
}
