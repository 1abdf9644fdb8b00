/// A write as a client asks for it, before the leader turns it into a transaction.
///
/// - Source: client protocol reference, sections 6 and 7.
package enum Operation: Equatable, Sendable {
    case create(CreateOperation)
    case delete(path: ZnodePath, version: Int32)
    case setData(path: ZnodePath, data: [UInt8]?, version: Int32)
    /// `version` is compared with the aversion.
    case setACL(path: ZnodePath, acl: [ACL], version: Int32)
    /// Only inside a multi.
    case check(path: ZnodePath, version: Int32)
    indirect case multi([Operation])
    case createSession(timeoutMs: Int32)
    case closeSession
    /// Removes an empty container or TTL znode; only the leader's own sweep asks for it.
    case deleteContainer(path: ZnodePath)

    package var code: OperationCode {
        switch self {
        case .create(let create): create.code
        case .delete: .delete
        case .setData: .setData
        case .setACL: .setACL
        case .check: .check
        case .multi: .multi
        case .createSession: .createSession
        case .closeSession: .closeSession
        case .deleteContainer: .deleteContainer
        }
    }
}

package struct CreateOperation: Equatable, Sendable {
    package enum Mode: Equatable, Sendable {
        case persistent(sequential: Bool)
        case ephemeral(sequential: Bool)
        case container
        case ttl(milliseconds: Int64, sequential: Bool)

        package var isSequential: Bool {
            switch self {
            case .persistent(let sequential), .ephemeral(let sequential),
                .ttl(_, let sequential):
                sequential
            case .container:
                false
            }
        }
    }

    /// The opcode under which it came: 1, 15, 19 or 21. Decides the transaction's type.
    package var code: OperationCode
    package var path: ZnodePath
    package var data: [UInt8]?
    package var acl: [ACL]
    package var mode: Mode

    /// A create under the opcode that the newest clients use for the mode.
    package init(path: ZnodePath, data: [UInt8]?, acl: [ACL] = ACL.open, mode: Mode) {
        self.path = path
        self.data = data
        self.acl = acl
        self.mode = mode
        code =
            switch mode {
            case .container: .createContainer
            case .ttl: .createTTL
            case .persistent, .ephemeral: .create2
            }
    }
}

/// A request whose record can be read but whose values the operation does not allow.
///
/// Unlike a `JuteError`, it becomes an error transaction and does not end the connection.
package struct RefusedOperation: Error, Equatable, Sendable {
    package var code: ErrorCode

    package init(_ code: ErrorCode) {
        self.code = code
    }
}

extension Operation {
    /// Reads the body of a client's request, as REQUEST packets carry it.
    ///
    /// - Returns: The operation, or the refusal that the leader must log for it: bad flags or TTL
    ///   (-8), an operation that is not a write or not known (-6), an unreadable body (-5).
    package static func decode(
        code: OperationCode, body: [UInt8]
    ) -> Result<Operation, RefusedOperation> {
        var reader = JuteReader(body)
        do throws(JuteError) {
            return try decode(code: code, from: &reader, insideMulti: false)
        } catch {
            return .failure(RefusedOperation(.marshallingError))
        }
    }

    private static func decode(
        code: OperationCode, from reader: inout JuteReader, insideMulti: Bool
    ) throws(JuteError) -> Result<Operation, RefusedOperation> {
        switch code {
        case .create, .create2, .createContainer, .createTTL:
            return try CreateOperation.decode(code: code, from: &reader).map(Operation.create)
        case .delete:
            return .success(
                .delete(path: try reader.readPath(), version: try reader.readInt()))
        case .setData:
            let path = try reader.readPath()
            let data = try reader.readBuffer()
            return .success(
                .setData(path: path, data: data, version: try reader.readInt()))
        case .check where insideMulti:
            return .success(.check(path: try reader.readPath(), version: try reader.readInt()))
        case .setACL where !insideMulti:
            let path = try reader.readPath()
            let acl = try reader.readACL()
            return .success(.setACL(path: path, acl: acl, version: try reader.readInt()))
        case .createSession where !insideMulti:
            return .success(.createSession(timeoutMs: try reader.readInt()))
        case .closeSession where !insideMulti:
            return .success(.closeSession)
        case .multi where !insideMulti:
            return try decodeMulti(from: &reader)
        default:
            return .failure(RefusedOperation(insideMulti ? .marshallingError : .unimplemented))
        }
    }

    private static func decodeMulti(
        from reader: inout JuteReader
    ) throws(JuteError) -> Result<Operation, RefusedOperation> {
        var operations: [Operation] = []
        while true {
            let code = OperationCode(rawValue: try reader.readInt())
            let done = try reader.readBool()
            _ = try reader.readInt()
            if done { return .success(.multi(operations)) }
            switch try decode(code: code, from: &reader, insideMulti: true) {
            case .success(let operation): operations.append(operation)
            case .failure(let refusal): return .failure(refusal)
            }
        }
    }

    /// The body of this operation's request.
    package var body: [UInt8] {
        var writer = JuteWriter()
        writeBody(to: &writer)
        return writer.bytes
    }

    private func writeBody(to writer: inout JuteWriter) {
        switch self {
        case .create(let create):
            create.write(to: &writer)
        case .delete(let path, let version), .check(let path, let version):
            writer.write(path: path)
            writer.write(int: version)
        case .setData(let path, let data, let version):
            writer.write(path: path)
            writer.write(buffer: data)
            writer.write(int: version)
        case .setACL(let path, let acl, let version):
            writer.write(path: path)
            writer.write(acl: acl)
            writer.write(int: version)
        case .multi(let operations):
            for operation in operations {
                writer.writeMultiHeader(type: operation.code.rawValue, done: false)
                operation.writeBody(to: &writer)
            }
            writer.writeMultiHeader(type: -1, done: true)
        case .createSession(let timeoutMs):
            writer.write(int: timeoutMs)
        case .closeSession:
            break
        case .deleteContainer(let path):
            writer.write(path: path)
        }
    }
}

extension JuteWriter {
    fileprivate mutating func writeMultiHeader(type: Int32, done: Bool) {
        write(int: type)
        write(bool: done)
        write(int: -1)
    }
}

extension CreateOperation {
    /// - Source: client protocol reference, sections 5 (flags) and 6 (per-op notes).
    fileprivate static func decode(
        code: OperationCode, from reader: inout JuteReader
    ) throws(JuteError) -> Result<CreateOperation, RefusedOperation> {
        let path = try reader.readPath()
        let data = try reader.readBuffer()
        let acl = try reader.readACL()
        let flags = try reader.readInt()
        let ttl = code == .createTTL ? try reader.readLong() : -1
        let mode: Mode
        switch (code, flags) {
        case (.createTTL, 5): mode = .ttl(milliseconds: ttl, sequential: false)
        case (.createTTL, 6): mode = .ttl(milliseconds: ttl, sequential: true)
        // Without a TTL flag the original's apply thread dies of it.
        case (.createTTL, _): return .failure(RefusedOperation(.badArguments))
        // The opcode decides; a `create` with flag 4 is taken as the container it asks for.
        case (.createContainer, 0...4), (_, 4): mode = .container
        case (_, 0): mode = .persistent(sequential: false)
        case (_, 1): mode = .ephemeral(sequential: false)
        case (_, 2): mode = .persistent(sequential: true)
        case (_, 3): mode = .ephemeral(sequential: true)
        default: return .failure(RefusedOperation(.badArguments))
        }
        var operation = CreateOperation(path: path, data: data, acl: acl, mode: mode)
        operation.code = mode == .container ? .createContainer : code
        return .success(operation)
    }

    private var flags: Int32 {
        switch mode {
        case .persistent(let sequential): sequential ? 2 : 0
        case .ephemeral(let sequential): sequential ? 3 : 1
        case .container: 4
        case .ttl(_, let sequential): sequential ? 6 : 5
        }
    }

    fileprivate func write(to writer: inout JuteWriter) {
        writer.write(path: path)
        writer.write(buffer: data)
        writer.write(acl: acl)
        writer.write(int: flags)
        if case .ttl(let milliseconds, _) = mode { writer.write(long: milliseconds) }
    }
}
