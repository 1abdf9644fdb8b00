import Jute
import Zab

/// The session under which this node sends its clients' writes: a Java leader refuses a write
/// whose session it does not know.
///
/// - Source: SOUNDNESS, section 0.
struct GatewaySession: Sendable {
    enum State: Equatable, Sendable {
        case none
        /// createSession is under way.
        case creating(SessionID)
        case live(SessionID)
    }

    var state = State.none

    var live: SessionID? {
        if case .live(let session) = state { session } else { nil }
    }
}

/// Client sessions that the leader knows to be this node's, and those it is being asked about.
struct OwnedSessions: Sendable {
    enum Standing: Equatable, Sendable {
        case asking
        case owned
    }

    private var standings: [SessionID: Standing] = [:]

    subscript(session: SessionID) -> Standing? {
        get { standings[session] }
        set { standings[session] = newValue }
    }

    /// A new leader knows no owners.
    mutating func forgetAll() {
        standings = [:]
    }
}
