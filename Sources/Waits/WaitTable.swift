import Jute
package import ZnodeTree

/// Who waits for changes of which znodes.
///
/// One structure for held requests, event streams and native watches. What a change costs is the
/// waits that it matches and the depth of its path, however many others there are.
package struct WaitTable: Sendable {
    /// Names one wait. Never used twice.
    package struct ID: Hashable, Sendable {
        let number: Int
    }

    /// Whether a wait ends with the first change that matches.
    package enum Mode: Sendable {
        case oneShot
        /// Stays until it is removed, also while its znode is not there.
        case persistent
    }

    private typealias Lists = LinkedLists<Registration>

    private struct Registration: Sendable {
        var wait: ID
        var kinds: Interest.Kinds
    }

    private struct Key: Hashable, Sendable {
        var path: ZnodePath
        var scope: Interest.Scope
    }

    private struct Wait: Sendable {
        var mode: Mode
        var places: [(key: Key, node: Lists.Node)]
    }

    private var lists = Lists()
    private var heads: [Key: Lists.Node] = [:]
    private var waits: [ID: Wait] = [:]
    private var nextNumber = 0
    /// How many registrations are for subtrees: without any, no path is taken apart.
    private var subtreeCount = 0

    package init() {}

    package var count: Int { waits.count }

    /// Adds a wait. What changes from now on is told.
    package mutating func insert(_ interests: [Interest], _ mode: Mode) -> ID {
        let id = ID(number: nextNumber)
        nextNumber += 1
        var places: [(Key, Lists.Node)] = []
        places.reserveCapacity(interests.count)
        for interest in interests {
            let key = Key(path: interest.path, scope: interest.scope)
            let registration = Registration(wait: id, kinds: interest.kinds)
            let node = lists.insert(registration, into: &heads[key, default: Lists.none])
            places.append((key, node))
            if interest.scope == .subtree { subtreeCount += 1 }
        }
        waits[id] = Wait(mode: mode, places: places)
        return id
    }

    /// Ends a wait. One that has ended already is fine.
    package mutating func remove(_ id: ID) {
        guard let wait = waits.removeValue(forKey: id) else { return }
        for (key, node) in wait.places {
            guard var head = heads[key] else { continue }
            lists.remove(node, from: &head)
            heads[key] = head == Lists.none ? nil : head
            if key.scope == .subtree { subtreeCount -= 1 }
        }
    }

    /// Whom these changes concern: each once, in the order in which the waits were added. Waits
    /// that end with the first match are removed.
    package mutating func take(_ changes: [Change]) -> [ID] {
        guard !waits.isEmpty else { return [] }
        var found: Set<ID> = []
        for change in changes {
            match(change, into: &found)
        }
        guard !found.isEmpty else { return [] }
        for id in found where waits[id]?.mode == .oneShot { remove(id) }
        return found.sorted { $0.number < $1.number }
    }

    private func match(_ change: Change, into found: inout Set<ID>) {
        let kind = Interest.Kinds(change.kind)
        collect(change.path, .node, kind, &found)
        if subtreeCount > 0 { collectAncestors(of: change.path, kind, &found) }
        guard let parent = change.path.parent else { return }
        collect(parent, .children, kind, &found)
        if change.parent != nil {
            collect(parent, .node, .childrenChanged, &found)
            if let grandparent = parent.parent {
                collect(grandparent, .children, .childrenChanged, &found)
            }
            if subtreeCount > 0 { collectAncestors(of: parent, .childrenChanged, &found) }
        }
    }

    /// The path and everything above it.
    private func collectAncestors(
        of path: ZnodePath, _ kind: Interest.Kinds, _ found: inout Set<ID>
    ) {
        var ancestor: ZnodePath? = path
        while let current = ancestor {
            collect(current, .subtree, kind, &found)
            ancestor = current.parent
        }
    }

    private func collect(
        _ path: ZnodePath, _ scope: Interest.Scope, _ kind: Interest.Kinds,
        _ found: inout Set<ID>
    ) {
        guard let head = heads[Key(path: path, scope: scope)] else { return }
        lists.forEach(from: head) { registration in
            if !registration.kinds.isDisjoint(with: kind) { found.insert(registration.wait) }
        }
    }
}
