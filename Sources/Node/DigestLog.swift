import Jute
import Synchronization
import ZnodeTree

/// What other members compare their states with while writes go on: digests at a few zxids that all
/// pick alike, and, for whoever has to look closer, an exact view at a zxid of their choice.
///
/// - Source: SOUNDNESS, section 7.
final class DigestLog: Sendable {
    private struct State {
        var digests: [(zxid: Zxid, digest: UInt64)] = []
        var exactAfter: Zxid
    }

    private let state: Mutex<State>
    /// Who waits for a view, by the zxid it has to be of.
    private let pins = Mutex<[Zxid: [@Sendable (DataTree?) -> Void]]>([:])
    /// The smallest of them, looked at with every transaction.
    private let nextPin = Atomic<Int64>(.max)

    private static let stride: UInt32 = 128
    /// Members that are further apart than this are not compared.
    private static let depth = 64

    /// - Parameter exactAfter: Digests up to here say nothing: the state came from a snapshot that
    ///   is not of one moment.
    init(exactAfter: Zxid) {
        state = Mutex(State(exactAfter: exactAfter))
    }

    // MARK: Views

    /// Calls once the state is exactly that of a zxid, which is still to come.
    func pin(at zxid: Zxid, _ complete: @escaping @Sendable (DataTree?) -> Void) {
        pins.withLock { pins in
            pins[zxid, default: []].append(complete)
            nextPin.store(pins.keys.min()?.rawValue ?? .max, ordering: .relaxed)
        }
    }

    /// Whether somebody waits for a state up to this zxid.
    func isAwaited(_ zxid: Zxid) -> Bool { zxid.rawValue >= nextPin.load(ordering: .relaxed) }

    /// Gives the state to whoever waits for it. Who waited for one that never was gets nil.
    func release(_ zxid: Zxid, _ view: DataTree) {
        let due = pins.withLock { pins in
            let due = pins.filter { $0.key <= zxid }
            for key in due.keys { pins[key] = nil }
            nextPin.store(pins.keys.min()?.rawValue ?? .max, ordering: .relaxed)
            return due
        }
        for (key, waiting) in due {
            for complete in waiting { complete(key == zxid ? view : nil) }
        }
    }

    // MARK: Digests

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
