package import Jute

/// While this znode exists the ensemble is being restored: nobody but the restore, whose requests
/// come from `super`, changes what is being changed.
///
/// The leader refuses by it, so that no request slips through that another node has sent before it
/// knew. Sessions open and close as ever, and the system's own znodes are not restored.
///
/// - Source: rules of soundness, section 8.
package enum RestoreGate {
    package static let path: ZnodePath = "/aviary/restore"
    private static let system: ZnodePath = "/aviary"

    /// Whether a request has to wait until the restore is over.
    static func isShut(for operation: Operation, of identities: [Identity]) -> Bool {
        changesState(operation) && !identities.contains { $0.scheme == "super" }
    }

    private static func changesState(_ operation: Operation) -> Bool {
        switch operation {
        case .create(let create): !create.path.isAtOrBelow(system)
        case .delete(let path, _), .setData(let path, _, _), .setACL(let path, _, _):
            !path.isAtOrBelow(system)
        case .multi(let operations): operations.contains { changesState($0) }
        case .check, .createSession, .closeSession, .deleteContainer: false
        }
    }
}
