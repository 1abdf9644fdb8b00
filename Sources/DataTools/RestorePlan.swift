package import Jute
package import ZnodeTree

/// Which changes lead from one tree to another, as ordinary requests: what a restore of a running
/// ensemble still has to do.
///
/// `/aviary` and `/zookeeper` are left out, except for quotas. Ephemerals are none of the state
/// that is restored: their sessions are over. A plan is made anew from whatever state a restore
/// that was cut off has left; once it is empty, the restore is done.
///
/// - Source: rules of soundness, section 8.
package struct RestorePlan: Sendable {
    /// Each goes into one transaction, and they are to be applied in this order.
    package private(set) var batches: [[Operation]] = []
    /// Afterwards, one by one: a transaction cannot hold them.
    package private(set) var accessLists: [(path: ZnodePath, acl: [ACL])] = []
    /// How many operations there are in all.
    package private(set) var count = 0

    package var isEmpty: Bool { batches.isEmpty && accessLists.isEmpty }

    /// A batch is closed before it gets longer than this: far below what a transaction may have,
    /// so that nobody waits long behind one.
    private static let batchBytes = 512 << 10
    private static let batchCount = 1_000

    private var open: [Operation] = []
    private var openBytes = 0

    /// Compares two trees.
    ///
    /// - Parameters:
    ///   - current: What is.
    ///   - target: What should be.
    package init(from current: DataTree, to target: DataTree) {
        let walk = Walk(current: current, target: target)
        add(walk.deletions(below: .root))
        add(walk.changes(from: .root))
        if batches.isEmpty, open.isEmpty {
            // Quotas last: a hard limit would refuse what is being restored below it.
            add(walk.deletions(below: Walk.quota))
            add(walk.changes(from: Walk.quota))
        } else {
            // Before everything else, but they are no part of the order in which it is done.
            let quotas = walk.allBelow(Walk.quota)
            if !quotas.isEmpty {
                close()
                let others = batches
                batches = []
                add(quotas)
                close()
                batches += others
            }
        }
        close()
        accessLists = walk.accessLists()
        count += accessLists.count
    }

    private mutating func add(_ operations: [Operation]) {
        for operation in operations {
            let bytes = operation.body.count + 16
            if openBytes + bytes > Self.batchBytes || open.count >= Self.batchCount { close() }
            open.append(operation)
            openBytes += bytes
            count += 1
        }
    }

    private mutating func close() {
        if !open.isEmpty { batches.append(open) }
        open = []
        openBytes = 0
    }
}

/// The two trees, and which of their znodes are restored.
private struct Walk {
    let current: DataTree
    let target: DataTree

    static let quota: ZnodePath = "/zookeeper/quota"
    private static let stats = Array("zookeeper_stats".utf8)
    private static let system: [ZnodePath] = ["/aviary", "/zookeeper"]

    /// What has to go below a path, deepest first: what the target lacks, or has in another mode.
    func deletions(below path: ZnodePath) -> [Operation] {
        guard let top = current.find(path) else { return [] }
        var operations: [Operation] = []
        collectDeletions(below: path, top, into: &operations)
        return operations
    }

    private func collectDeletions(
        below path: ZnodePath, _ znode: ZnodeID, into operations: inout [Operation]
    ) {
        current.forEachChild(of: znode) { child in
            let childPath = path.appending(current.name(of: child))
            if Self.system.contains(childPath) { return true }
            if let wanted = wanted(childPath),
                target.mode(of: wanted) == current.mode(of: child)
            {
                collectDeletions(below: childPath, child, into: &operations)
            } else {
                collectAll(childPath, child, into: &operations)
            }
            return true
        }
    }

    /// Everything below a path, deepest first.
    func allBelow(_ path: ZnodePath) -> [Operation] {
        guard let top = current.find(path) else { return [] }
        var operations: [Operation] = []
        current.forEachChild(of: top) { child in
            collectAll(path.appending(current.name(of: child)), child, into: &operations)
            return true
        }
        return operations
    }

    private func collectAll(
        _ path: ZnodePath, _ znode: ZnodeID, into operations: inout [Operation]
    ) {
        current.forEachChild(of: znode) { child in
            collectAll(path.appending(current.name(of: child)), child, into: &operations)
            return true
        }
        operations.append(.delete(path: path, version: -1))
    }

    /// The znode that is to be at a path; nil for an ephemeral.
    private func wanted(_ path: ZnodePath) -> ZnodeID? {
        guard let znode = target.find(path) else { return nil }
        if case .ephemeral = target.mode(of: znode) { return nil }
        return znode
    }

    /// A znode of the target, and whether it is there already and stays. One whose parent is made
    /// anew is made anew too, whatever stood in its place.
    private struct Wanted {
        var path: ZnodePath
        var znode: ZnodeID
        var existing: ZnodeID?
    }

    /// Creations and new values at a path and below it, parents first.
    func changes(from path: ZnodePath) -> [Operation] {
        var operations: [Operation] = []
        forEachWanted(from: path) { wanted in
            if let change = change(of: wanted) { operations.append(change) }
        }
        return operations
    }

    /// Of znodes that stay. Creations bring their own along.
    func accessLists() -> [(path: ZnodePath, acl: [ACL])] {
        var found: [(path: ZnodePath, acl: [ACL])] = []
        forEachWanted(from: .root) { wanted in
            let acl = target.acl(of: wanted.znode)
            if let existing = wanted.existing, current.acl(of: existing) != acl {
                found.append((wanted.path, acl))
            }
        }
        return found
    }

    /// Visits what is restored from a path on, parents first.
    private func forEachWanted(from path: ZnodePath, _ body: (Wanted) -> Void) {
        guard let top = target.find(path), let existing = current.find(path) else { return }
        var pending = [Wanted(path: path, znode: top, existing: existing)]
        while let next = pending.popLast() {
            if case .ephemeral = target.mode(of: next.znode) { continue }
            // The quotas' own root is the system's.
            if next.path != Self.quota { body(next) }
            var children: [Wanted] = []
            target.forEachChild(of: next.znode) { child in
                let childPath = next.path.appending(target.name(of: child))
                if Self.system.contains(childPath) { return true }
                let kept = next.existing.flatMap { _ in current.find(childPath) }
                    .flatMap { current.mode(of: $0) == target.mode(of: child) ? $0 : nil }
                children.append(Wanted(path: childPath, znode: child, existing: kept))
                return true
            }
            pending += children.reversed()
        }
    }

    private func change(of wanted: Wanted) -> Operation? {
        let data = target.data(of: wanted.znode)
        guard let existing = wanted.existing else {
            return .create(
                CreateOperation(
                    path: wanted.path, data: data, acl: target.acl(of: wanted.znode),
                    mode: target.mode(of: wanted.znode).forCreation))
        }
        // What a quota counts is kept by each server itself.
        if wanted.path.name.elementsEqual(Self.stats), wanted.path.isAtOrBelow(Self.quota) {
            return nil
        }
        guard current.data(of: existing) != data else { return nil }
        return .setData(path: wanted.path, data: data, version: -1)
    }
}

extension ZnodeMode {
    fileprivate var forCreation: CreateOperation.Mode {
        switch self {
        case .persistent, .ephemeral: .persistent(sequential: false)
        case .container: .container
        case .ttl(let milliseconds): .ttl(milliseconds: milliseconds, sequential: false)
        }
    }
}
