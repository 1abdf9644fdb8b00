import Jute
import Synchronization

/// Digests of the served state at a few zxids that all members pick alike, so that they can be
/// compared while writes go on.
///
/// - Source: SOUNDNESS, section 7.
final class DigestLog: Sendable {
    private struct State {
        var digests: [(zxid: Zxid, digest: UInt64)] = []
        var exactAfter: Zxid
    }

    private let state: Mutex<State>

    private static let stride: UInt32 = 128
    /// Members that are further apart than this are not compared.
    private static let depth = 64

    /// - Parameter exactAfter: Digests up to here say nothing: the state came from a snapshot that
    ///   is not of one moment.
    init(exactAfter: Zxid) {
        state = Mutex(State(exactAfter: exactAfter))
    }

    static func mustHave(_ zxid: Zxid) -> Bool { zxid.counter.isMultiple(of: stride) }

    func add(_ zxid: Zxid, _ digest: UInt64) {
        state.withLock { state in
            state.digests.append((zxid, digest))
            if state.digests.count > DigestLog.depth { state.digests.removeFirst() }
        }
    }

    /// The state is another one.
    func removeAll() {
        state.withLock { state in
            state.digests = []
            // What a member serves is exact: a leader's state is installed once it is.
            state.exactAfter = .zero
        }
    }

    func digests(with present: (zxid: Zxid, digest: UInt64)) -> [Zxid: UInt64] {
        state.withLock { state in
            var all: [Zxid: UInt64] = [:]
            for (zxid, digest) in state.digests + [present] where zxid > state.exactAfter {
                all[zxid] = digest
            }
            return all
        }
    }
}
