package import Jute
package import ZnodeTree

/// What it takes to make a subtree what it was: existence, data and mode of its znodes.
///
/// Ephemerals belong to their sessions: none is created, none that lives is touched, and what lives
/// on above them stays.
package struct Rollback: Sendable {
    /// A znode that differs.
    package struct Entry: Equatable, Sendable {
        package var path: ZnodePath
        /// As it is now; nil if it does not exist.
        package var now: ZnodeMoment?
        /// As it was; nil if it did not exist.
        package var then: ZnodeMoment?
        /// Deleted and created in the same transaction: a znode's mode is settled at its creation.
        package var isRecreated = false
        /// Why it stays as it is.
        package var reason: Reason?
    }

    /// Why a znode that differs is left as it is.
    package enum Reason: String, Sendable {
        /// It is a live ephemeral.
        case ephemeral
        /// There is a live ephemeral below it.
        case ancestor
        /// It would be below a live ephemeral.
        case belowEphemeral = "below-ephemeral"
    }

    package let path: ZnodePath
    /// The moment that it leads back to.
    package let to: Zxid
    /// The state that it begins from.
    package let from: Zxid
    /// All in the order of their paths' bytes.
    package private(set) var create: [Entry] = []
    package private(set) var change: [Entry] = []
    package private(set) var delete: [Entry] = []
    package private(set) var kept: [Entry] = []
    /// Znodes that exist now and then, with another ACL.
    package private(set) var acl: [Entry] = []
    /// Bytes of the request; nil when they are so many that nobody counts them.
    package private(set) var bytes: Int?
    /// Empty unless it fits into one transaction.
    private var operations: [Operation] = []

    /// Whether the top exists now.
    package let isThere: Bool

    private var dataToWrite: [ZnodePath: [UInt8]?] = [:]
    private var isTooLong = false
    /// Live ephemerals are below them.
    private var held: Set<ZnodePath> = []
    private var recreated: Set<ZnodePath> = []
    private var blocked: Set<ZnodePath> = []

    /// Compares.
    ///
    /// - Parameters:
    ///   - earlier: What was another.
    ///   - tree: The state that it was compared with.
    package init(_ earlier: EarlierSubtree, now tree: DataTree) {
        path = earlier.path
        to = earlier.zxid
        from = tree.lastApplied
        isThere = tree.find(earlier.path) != nil
        for path in earlier.znodes.keys {
            guard let znode = tree.find(path), !tree.mode(of: znode).isRestorable else { continue }
            var ancestor = path.parent
            while let above = ancestor, held.insert(above).inserted { ancestor = above.parent }
        }
        // Parents come before what is below them.
        for (path, znode) in earlier.znodes.sorted(by: { $0.key < $1.key }) {
            compare(path, znode, tree)
        }
        if !isTooLong { encode() }
    }

    package var isEmpty: Bool { create.isEmpty && change.isEmpty && delete.isEmpty }

    /// Whether one transaction can hold it.
    package var fits: Bool { bytes.map { $0 <= Rollback.largestRequest } ?? false }

    /// Header and digest come on top when the request becomes a transaction.
    private static let largestRequest = Int(juteMaximumLength) - 64

    // MARK: Comparing

    private mutating func compare(
        _ path: ZnodePath, _ earlier: EarlierSubtree.Znode, _ tree: DataTree
    ) {
        let now = PastZnode(path, in: tree)
        let then = earlier.moment.flatMap { $0.mode.isRestorable ? $0 : nil }
        var entry = Entry(path: path, now: now?.moment, then: then)
        switch (now, then) {
        case (nil, nil):
            break
        case (nil, .some):
            guard !isBelowEphemeral(path, tree) else {
                blocked.insert(path)
                return keep(entry, .belowEphemeral)
            }
            create.append(entry)
            write(earlier.data, at: path, now: nil)
        case (let now?, nil):
            if !now.moment.mode.isRestorable { return keep(entry, .ephemeral) }
            if held.contains(path) { return keep(entry, .ancestor) }
            delete.append(entry)
        case (let now?, let then?):
            if !now.moment.mode.isRestorable { return keep(entry, .ephemeral) }
            if now.moment.mode != then.mode || path.parent.map(recreated.contains) == true {
                if held.contains(path) {
                    keep(entry, .ancestor)
                } else {
                    // With everything below it, all of which came after it.
                    recreated.insert(path)
                    entry.isRecreated = true
                    change.append(entry)
                    return write(earlier.data, at: path, now: now)
                }
            }
            if case .present = earlier.data {
            } else {
                change.append(entry)
                write(earlier.data, at: path, now: now)
            }
            if now.moment.acl != then.acl { acl.append(entry) }
        }
    }

    private mutating func keep(_ entry: Entry, _ reason: Reason) {
        var entry = entry
        entry.reason = reason
        kept.append(entry)
    }

    private func isBelowEphemeral(_ path: ZnodePath, _ tree: DataTree) -> Bool {
        guard let parent = path.parent else { return false }
        if blocked.contains(parent) { return true }
        return tree.find(parent).map { !tree.mode(of: $0).isRestorable } ?? false
    }

    private mutating func write(
        _ data: EarlierSubtree.Znode.Data, at path: ZnodePath, now: PastZnode?
    ) {
        switch data {
        case .present: dataToWrite[path] = .some(now?.data)
        case .other(let data): dataToWrite[path] = .some(data)
        case .tooLong: isTooLong = true
        }
    }

    // MARK: The request

    private mutating func encode() {
        for entry in delete.reversed(merging: change.filter(\.isRecreated)) {
            operations.append(.delete(path: entry.path, version: -1))
        }
        for entry in create.merging(change.filter(\.isRecreated)) {
            guard let then = entry.then else { continue }
            operations.append(
                .create(
                    CreateOperation(
                        path: entry.path, data: dataToWrite[entry.path] ?? nil, acl: then.acl,
                        mode: then.mode.ofCreation)))
        }
        for entry in change where !entry.isRecreated {
            operations.append(
                .setData(path: entry.path, data: dataToWrite[entry.path] ?? nil, version: -1))
        }
        dataToWrite = [:]
        var all = operations
        all.append(.check(path: Rollback.condition(on: path), version: -1))
        let size = Operation.multi(all).body.count
        bytes = size
        if size > Rollback.largestRequest { operations = [] }
    }

    /// As long as the condition under which the request is sent.
    private static func condition(on path: ZnodePath) -> ZnodePath {
        ZnodePath(
            bytes: Array("/aviary/guard/unchanged/0000000000000000".utf8)
                + (path.isRoot ? ZnodePath.root.bytes : path.bytes))
    }

    /// The operations, in an order in which they succeed if nothing has changed since `from`.
    ///
    /// - Precondition: `fits`.
    package var request: [Operation] {
        precondition(fits)
        return operations
    }
}

extension [Rollback.Entry] {
    /// Both in the order of their paths.
    fileprivate func merging(_ others: [Rollback.Entry]) -> [Rollback.Entry] {
        (self + others).sorted { $0.path < $1.path }
    }

    /// Both from the last path to the first: what is below comes before what it is below.
    fileprivate func reversed(merging others: [Rollback.Entry]) -> [Rollback.Entry] {
        merging(others).reversed()
    }
}

extension ZnodeMode {
    fileprivate var ofCreation: CreateOperation.Mode {
        switch self {
        case .persistent: .persistent(sequential: false)
        case .ephemeral: preconditionFailure("ephemerals are not created for anybody")
        case .container: .container
        case .ttl(let milliseconds): .ttl(milliseconds: milliseconds, sequential: false)
        }
    }
}
