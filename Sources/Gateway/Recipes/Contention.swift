import Jute
import ZnodeTree

/// What contenders contend for.
package enum ContentionKind: String, Sendable {
    case lock
    case election
}

/// Who holds a lock or leads, and who waits for it: the children of one znode, in kazoo's layout.
///
/// A contender is an ephemeral znode `<uuid>__lock__<10 digits>`, or `__rlock__` for one that
/// shares. Its place in the queue is that of its creation, which nothing can get in front of: the
/// digits would be the same order, but a name can be made up.
///
/// - Source: kazoo 2.11.0, `kazoo.recipe.lock`.
struct Contention: Sendable {
    typealias Kind = ContentionKind

    struct Contender: Equatable, Sendable {
        var name: [UInt8]
        var isShared: Bool
        var session: SessionID
        /// For outside systems this is the fencing number.
        var czxid: Zxid
        /// When it was created, in milliseconds since 1970.
        var since: Int64
        var data: [UInt8]
        /// Whether more than the request that made it counts on it.
        var isKept: Bool
    }

    /// In the order in which they came.
    let contenders: [Contender]

    /// Nil when there is no such znode.
    ///
    /// - Parameters:
    ///   - path: Of the lock or election.
    ///   - tree: The committed state.
    init?(at path: ZnodePath, in tree: borrowing DataTree) {
        guard let parent = tree.find(path) else { return nil }
        var found: [Contender] = []
        tree.forEachChild(of: parent) { child in
            let name = tree.name(of: child)
            guard let isShared = Contention.isShared(name) else { return true }
            let stat = tree.stat(of: child)
            found.append(
                Contender(
                    name: name, isShared: isShared, session: stat.ephemeralOwner,
                    czxid: stat.czxid, since: stat.ctime, data: tree.data(of: child) ?? [],
                    isKept: stat.version > 0))
            return true
        }
        contenders = found.sorted { $0.czxid < $1.czxid }
    }

    private static let exclusiveMark = Array("__lock__".utf8)
    private static let sharedMark = Array("__rlock__".utf8)

    /// Whether a name is that of a contender that shares; nil when it is no contender's.
    static func isShared(_ name: [UInt8]) -> Bool? {
        let digits = name.suffix(10)
        guard digits.count == 10,
            digits.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) })
        else { return nil }
        var rest = name.dropLast(10)
        // Numbers that have run over are negative.
        if rest.last == UInt8(ascii: "-") { rest.removeLast() }
        if rest.suffix(9).elementsEqual(sharedMark) { return true }
        return rest.suffix(8).elementsEqual(exclusiveMark) ? false : nil
    }

    /// What a new contender's znode is called before its number.
    static func prefix(isShared: Bool) -> [UInt8] {
        var name: [UInt8] = []
        name.append(hexadecimal: .random(in: .min ... .max))
        name.append(hexadecimal: .random(in: .min ... .max))
        return name + (isShared ? sharedMark : exclusiveMark)
    }

    /// The entry of a session, which has one at most.
    func entry(of session: SessionID, isShared: Bool) -> Contender? {
        contenders.first { $0.session == session && $0.isShared == isShared }
    }

    func contender(named name: [UInt8]) -> Contender? {
        contenders.first { $0.name == name }
    }

    /// How many have to go before a contender holds: all that came before it, or only those that
    /// do not share if it does.
    func position(of contender: Contender) -> Int {
        contenders.prefix { $0.czxid < contender.czxid }
            .count { !(contender.isShared && $0.isShared) }
    }

    /// Whether the znode is there and nobody has to go before it. Once true this stays true until
    /// the znode goes.
    func isHeld(by name: [UInt8]) -> Bool {
        contender(named: name).map { position(of: $0) == 0 } ?? false
    }

    /// How many would be in front of somebody who came now.
    func blockers(isShared: Bool) -> Int {
        contenders.count { !(isShared && $0.isShared) }
    }
}
