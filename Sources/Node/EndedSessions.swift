import Jute
import Synchronization
import ZnodeTree

/// How a session ended.
package enum SessionEnd: String, Sendable {
    /// Its client closed it, or somebody who may.
    case closed
    /// The leader heard nothing of it for its timeout.
    case expired
}

/// How the last sessions ended that ended while this node was there, for those who still use them.
final class EndedSessions: Sendable {
    private struct State {
        var ends: [SessionID: SessionEnd] = [:]
        /// The oldest at `next`, once there are as many as are kept.
        var order: [SessionID] = []
        var next = 0
    }

    private static let limit = 10_000

    private let state = Mutex(State())

    subscript(session: SessionID) -> SessionEnd? { state.withLock { $0.ends[session] } }

    func applied(_ result: TxnResult) {
        guard result.header.type == .closeSession, result.error == .ok else { return }
        let session = result.header.session
        // The leader's own requests have no number (quorum protocol reference, section 6.4).
        let end = result.header.cxid == 0 ? SessionEnd.expired : .closed
        state.withLock { state in
            guard state.ends.updateValue(end, forKey: session) == nil else { return }
            if state.order.count < EndedSessions.limit {
                state.order.append(session)
            } else {
                state.ends[state.order[state.next]] = nil
                state.order[state.next] = session
                state.next = (state.next + 1) % EndedSessions.limit
            }
        }
    }
}
