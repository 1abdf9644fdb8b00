/// The numbers of operations: request opcodes and transaction types share one table.
///
/// - Source: client protocol reference, section 6; storage format reference, section 2.3.
package struct OperationCode: RawRepresentable, Hashable, Sendable {
    package var rawValue: Int32

    @inlinable
    package init(rawValue: Int32) {
        self.rawValue = rawValue
    }

    package static let create = OperationCode(rawValue: 1)
    package static let delete = OperationCode(rawValue: 2)
    package static let setData = OperationCode(rawValue: 5)
    package static let setACL = OperationCode(rawValue: 7)
    package static let sync = OperationCode(rawValue: 9)
    package static let check = OperationCode(rawValue: 13)
    package static let multi = OperationCode(rawValue: 14)
    package static let create2 = OperationCode(rawValue: 15)
    package static let reconfig = OperationCode(rawValue: 16)
    package static let createContainer = OperationCode(rawValue: 19)
    package static let deleteContainer = OperationCode(rawValue: 20)
    package static let createTTL = OperationCode(rawValue: 21)
    package static let createSession = OperationCode(rawValue: -10)
    package static let closeSession = OperationCode(rawValue: -11)
    package static let error = OperationCode(rawValue: -1)
}

extension OperationCode: CustomStringConvertible {
    package var description: String { "opcode \(rawValue)" }
}
