package import Jute

/// What a refused operation was about, because ZooKeeper has one error number for two things.
package enum RefusedAction: Sendable {
    case create
    /// A create under `If-None-Match: *`.
    case createOnly
    case change
    case delete
    case read
}

extension Problem {
    /// The problem for an error that ZooKeeper's machinery gave for an operation.
    package init(_ error: ErrorCode, _ action: RefusedAction, path: ZnodePath? = nil) {
        switch (error, action) {
        case (.noNode, .create), (.noNode, .createOnly): self.init(.noParent, path: path)
        case (.noNode, _): self.init(.noNode, path: path)
        case (.nodeExists, .createOnly): self.init(.preconditionFailed, path: path)
        case (.nodeExists, _): self.init(.nodeExists, path: path)
        case (.badVersion, _): self.init(.preconditionFailed, path: path)
        case (.notEmpty, _): self.init(.notEmpty, path: path)
        case (.noChildrenForEphemerals, _): self.init(.ephemeralParent, path: path)
        case (.noAuth, _): self.init(.forbidden, path: path)
        case (.authFailed, _): self.init(.unauthenticated, path: path)
        case (.invalidACL, _): self.init(.badACL, path: path)
        case (.badArguments, _), (.marshallingError, _): self.init(.badRequest, path: path)
        case (.sessionExpired, _), (.unknownSession, _): self.init(.sessionExpired, path: path)
        case (.quotaExceeded, _): self.init(.quota, path: path)
        case (.throttledOp, _): self.init(.throttled, path: path)
        case (.notReadOnly, _): self.init(.noQuorum, path: path)
        case (.unimplemented, _), (.reconfigDisabled, _): self.init(.unimplemented, path: path)
        case (.runtimeInconsistency, _): self.init(.failedDependency, path: path)
        default:
            // A number that no operation of ours provokes.
            self.init(.internalError, "ZooKeeper error \(error.rawValue).", path: path)
        }
    }
}
