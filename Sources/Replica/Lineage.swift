package import Jute
package import ZnodeTree

/// Whose history an ensemble's zxids belong to, and which of them belong to none any more.
///
/// Zxids compare within one history only. A recovery that gives up what a part of the ensemble had
/// begins another history: it goes on from an older state, with higher zxids than any before.
///
/// As the data of `/aviary/lineage`, one line each:
///
///     ensemble 5c6a0be2f5f7d1a3
///     history 5c6a0be2f5f7d1a3
///     discarded 0000000100000007 0010000000000000
///     restored 0000000300000042
///
/// - Source: SOUNDNESS, sections 2 and 8.
package struct Lineage: Equatable, Sendable {
    package static let path: ZnodePath = "/aviary/lineage"

    /// Stays the same for as long as the ensemble lives.
    package var ensemble: EnsembleID
    /// Of the history that goes on; the first one has the ensemble's name.
    package var history: UInt64
    /// What recoveries have given up, in order.
    package var discarded: [Branch]
    /// The last zxid before a snapshot took the place of the state. The transactions up to it are
    /// still a part of the history, but nobody who has seen the state of then can go on from it.
    package var restored: Zxid?

    /// The zxids above `fork` and below `base` are of no transaction that anybody has.
    package struct Branch: Equatable, Sendable {
        /// The last zxid before the histories part.
        package var fork: Zxid
        /// The first zxid of the history that goes on.
        package var base: Zxid

        package init(fork: Zxid, base: Zxid) {
            self.fork = fork
            self.base = base
        }
    }

    package init(ensemble: EnsembleID) {
        self.ensemble = ensemble
        history = ensemble
        discarded = []
    }

    /// Whether a transaction of this zxid may be, or become, a part of the history.
    package func has(_ zxid: Zxid) -> Bool {
        !discarded.contains { $0.fork < zxid && zxid < $0.base }
    }

    /// Whether a client that has seen this zxid has seen the state that the history goes on from.
    package func isCurrent(_ zxid: Zxid) -> Bool {
        has(zxid) && zxid > restored ?? .untrusted
    }

    /// Whether a branch was given up by a leader of this epoch or a later one. The history's name
    /// would not tell: restores change it as well.
    package func hasForked(since epoch: Epoch) -> Bool {
        discarded.contains { $0.base.epoch >= epoch }
    }

    /// Gives the history another name, because its state is another: cursors carry the name.
    ///
    /// - Parameters:
    ///   - zxid: The last one that clients may have seen.
    ///   - history: The new name, drawn at random.
    package mutating func restore(after zxid: Zxid, history: UInt64) {
        restored = max(zxid, restored ?? zxid)
        self.history = history
    }

    /// Begins another history.
    ///
    /// - Parameters:
    ///   - fork: The last zxid that stays.
    ///   - base: Above every zxid of the branch that is given up.
    ///   - history: The new one's name, drawn at random.
    package mutating func fork(after fork: Zxid, base: Zxid, history: UInt64) {
        precondition(fork < base, "the branch is between its ends")
        discarded.append(Branch(fork: fork, base: base))
        self.history = history
    }
}

extension Lineage {
    /// - Returns: nil for anything that a later version may write in a form of its own.
    package init?(_ data: [UInt8]) {
        var ensemble: EnsembleID?
        var history: UInt64?
        var discarded: [Branch] = []
        var restored: Zxid?
        for line in String(decoding: data, as: UTF8.self).split(separator: "\n") {
            let words = line.split(separator: " ")
            let numbers = words.dropFirst().compactMap { UInt64($0, radix: 16) }
            switch (words.first, numbers.count) {
            case ("ensemble", 1): ensemble = numbers[0]
            case ("history", 1): history = numbers[0]
            case ("restored", 1): restored = Zxid(rawValue: Int64(bitPattern: numbers[0]))
            case ("discarded", 2):
                let ends = numbers.map { Zxid(rawValue: Int64(bitPattern: $0)) }
                guard ends[0] < ends[1] else { return nil }
                discarded.append(Branch(fork: ends[0], base: ends[1]))
            default: return nil
            }
        }
        guard let ensemble, let history else { return nil }
        self.ensemble = ensemble
        self.history = history
        self.discarded = discarded
        self.restored = restored
    }

    /// What a state says of itself; nil where no Aviary node has taken part.
    package init?(in tree: borrowing DataTree) {
        guard let data = tree.data(of: Lineage.path) ?? nil else { return nil }
        self.init(data)
    }

    /// Whether a state may be of this lineage's ensemble. One without a name is not: a name that
    /// was committed once is in every later state.
    package func fits(_ tree: borrowing DataTree) -> Bool {
        guard tree.find(Lineage.path) != nil else { return false }
        // What a later version may write cannot be read here, and says nothing.
        return Lineage(in: tree).map { $0.ensemble == ensemble } ?? true
    }

    /// As the znode holds it.
    package var data: [UInt8] {
        var text = "ensemble \(hexadecimal(ensemble))\nhistory \(hexadecimal(history))\n"
        for branch in discarded { text += "discarded \(branch.fork) \(branch.base)\n" }
        if let restored { text += "restored \(restored)\n" }
        return Array(text.utf8)
    }

    /// The ensemble's name for people: 16 hex digits.
    package var name: String { hexadecimal(ensemble) }
}
