/// ZooKeeper's error numbers, as error transactions, multi results and replies carry them.
///
/// - Source: client protocol reference, section 10.
package struct ErrorCode: RawRepresentable, Hashable, Sendable, Error {
    package var rawValue: Int32

    @inlinable
    package init(rawValue: Int32) {
        self.rawValue = rawValue
    }

    package static let ok = ErrorCode(rawValue: 0)
    package static let systemError = ErrorCode(rawValue: -1)
    /// An Aviary leader without room on its disk answers with ZooKeeper's code for troubles that
    /// have no code of their own, and with nothing else.
    package static let noSpace = systemError
    package static let runtimeInconsistency = ErrorCode(rawValue: -2)
    package static let marshallingError = ErrorCode(rawValue: -5)
    package static let unimplemented = ErrorCode(rawValue: -6)
    package static let badArguments = ErrorCode(rawValue: -8)
    package static let unknownSession = ErrorCode(rawValue: -12)
    package static let noNode = ErrorCode(rawValue: -101)
    package static let noAuth = ErrorCode(rawValue: -102)
    package static let badVersion = ErrorCode(rawValue: -103)
    package static let noChildrenForEphemerals = ErrorCode(rawValue: -108)
    package static let nodeExists = ErrorCode(rawValue: -110)
    package static let notEmpty = ErrorCode(rawValue: -111)
    package static let sessionExpired = ErrorCode(rawValue: -112)
    package static let invalidCallback = ErrorCode(rawValue: -113)
    package static let invalidACL = ErrorCode(rawValue: -114)
    package static let authFailed = ErrorCode(rawValue: -115)
    package static let sessionMoved = ErrorCode(rawValue: -118)
    package static let notReadOnly = ErrorCode(rawValue: -119)
    package static let reconfigDisabled = ErrorCode(rawValue: -123)
    package static let quotaExceeded = ErrorCode(rawValue: -125)
    package static let throttledOp = ErrorCode(rawValue: -127)
}

extension ErrorCode: CustomStringConvertible {
    package var description: String { "error \(rawValue)" }
}
