import Jute
import Synchronization
import Zab

/// What is remembered between two rounds of asking: addresses outlive the ephemeral znode that
/// told them, and a role that changed is news for a while.
final class LastKnown: Sendable {
    private struct State {
        var addresses: [PeerID: String] = [:]
        var role: Status.Role?
        var changedAt = ContinuousClock.now
    }

    private let state = Mutex(State())

    private static let excitement = Duration.seconds(10)

    /// Where the others were reached at last.
    var addresses: [PeerID: String] { state.withLock { $0.addresses } }

    /// - Parameter addresses: Those that are published now.
    /// - Returns: Those and the ones that were.
    func merge(_ addresses: [PeerID: String]) -> [PeerID: String] {
        state.withLock { state in
            state.addresses.merge(addresses) { _, new in new }
            return state.addresses
        }
    }

    /// Whether the role changed a short time ago, or the node looks for a leader.
    func isUnsettled(_ role: Status.Role) -> Bool {
        state.withLock { state in
            if state.role != role {
                state.role = role
                state.changedAt = .now
            }
            return role == .looking || ContinuousClock.now - state.changedAt < LastKnown.excitement
        }
    }
}
