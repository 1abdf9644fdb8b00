package import Jute
package import ZnodeTree

/// Makes one plain ZooKeeper request of a write, from the committed tree.
///
/// A stale view makes the request fail at the leader, and every failure is definite: compile again
/// and retry. What the client asked is therefore decided by the leader alone; the view only
/// chooses the shape.
///
/// - Source: SOUNDNESS, section 0.
package struct RequestCompiler: Sendable {
    /// The subtree in which the leader evaluates predicates that ZooKeeper lacks.
    static let guardPath: ZnodePath = "/aviary/guard"

    /// A request, and how its results map to what the client named.
    package struct Compiled: Equatable, Sendable {
        var operation: Operation
        /// For each operation the client named, its index in the multi; nil if it is no multi.
        var indices: [Int]?
        var isCreation = false
        var usesVersionCheck = false
        /// Its first operation checks that a znode is there.
        var isFenced = false

        /// The same, applied only if a znode is there.
        func fenced(by znode: ZnodePath?) -> Compiled {
            guard let znode else { return self }
            var fenced = self
            fenced.isFenced = true
            let check = Operation.check(path: znode, version: -1)
            if case .multi(let operations) = operation {
                fenced.operation = .multi([check] + operations)
                fenced.indices = (indices ?? Array(operations.indices)).map { $0 + 1 }
            } else {
                fenced.operation = .multi([check, operation])
                fenced.indices = [1]
            }
            return fenced
        }
    }

    package enum Failure: Error, Equatable, Sendable {
        case refused(WriteOutcome.Reason)
        case tooLarge(bytes: Int)
    }

    package let tree: DataTree
    /// Whether the leader of this epoch is known to evaluate guards.
    package let leaderTakesGuards: Bool

    package init(tree: DataTree, leaderTakesGuards: Bool) {
        self.tree = tree
        self.leaderTakesGuards = leaderTakesGuards
    }

    package func compile(_ write: Write) throws(Failure) -> Compiled {
        let compiled: Compiled
        switch write {
        case .put(let path, let data, let condition, let creation):
            compiled = try put(path, data, condition, creation)
        case .create(let path, let data, let creation):
            compiled = create(path, data, creation)
        case .delete(let path, let condition, let recursive):
            compiled = try delete(path, condition, recursive)
        case .setACL(let path, let acl, let version, let czxid):
            compiled = try setACL(path, acl, version, czxid)
        case .transaction(let steps):
            compiled = try transaction(steps)
        case .createSession(let timeoutMs):
            compiled = Compiled(operation: .createSession(timeoutMs: timeoutMs))
        case .closeSession:
            compiled = Compiled(operation: .closeSession)
        case .barrier:
            compiled = Compiled(operation: .multi([]))
        }
        return compiled
    }

    // MARK: One znode

    private func put(
        _ path: ZnodePath, _ data: [UInt8], _ condition: Condition, _ creation: Creation?
    ) throws(Failure) -> Compiled {
        let existing = tree.find(path)
        if let existing, let creation, condition != .isMissing {
            try checkReplacement(of: existing, by: creation)
        }
        switch condition {
        case .none where existing == nil, .isMissing:
            return create(path, data, creation ?? Creation())
        case .none, .exists:
            return Compiled(operation: .setData(path: path, data: data, version: -1))
        case .version(let version):
            return Compiled(operation: .setData(path: path, data: data, version: version))
        case .mzxid(let tags):
            return try guarded(path, tags) { version in
                .setData(path: path, data: data, version: version)
            }
        }
    }

    /// `mode`, `ttl` and `acl` apply to a creation only.
    private func checkReplacement(
        of znode: ZnodeID, by creation: Creation
    ) throws(Failure) {
        if creation.acl != nil { throw .refused(.creationOfExisting) }
        guard let mode = creation.mode else { return }
        switch (mode, tree.mode(of: znode)) {
        case (.persistent, .persistent), (.ephemeral, .ephemeral), (.container, .container):
            break
        case (.ttl(let wanted, _), .ttl(let actual)):
            if wanted != actual { throw .refused(.creationOfExisting) }
        default:
            throw .refused(.modeMismatch)
        }
    }

    private func create(_ path: ZnodePath, _ data: [UInt8], _ creation: Creation) -> Compiled {
        let operation = Operation.create(
            CreateOperation(
                path: path, data: data, acl: creation.acl ?? ACL.open,
                mode: creation.mode ?? .persistent(sequential: false)))
        let missing = creation.parents ? missingAncestors(of: path) : []
        guard !missing.isEmpty else { return Compiled(operation: operation, isCreation: true) }
        let ancestors = missing.map { ancestor in
            Operation.create(
                CreateOperation(
                    path: ancestor, data: [], mode: .persistent(sequential: false)))
        }
        return Compiled(
            operation: .multi(ancestors + [operation]), indices: [ancestors.count],
            isCreation: true)
    }

    /// Top down.
    private func missingAncestors(of path: ZnodePath) -> [ZnodePath] {
        var missing: [ZnodePath] = []
        var next = path.parent
        while let ancestor = next, tree.find(ancestor) == nil {
            missing.append(ancestor)
            next = ancestor.parent
        }
        return missing.reversed()
    }

    private func delete(
        _ path: ZnodePath, _ condition: Condition, _ recursive: Bool
    ) throws(Failure) -> Compiled {
        if recursive { return try deleteSubtree(path, condition) }
        switch condition {
        case .none, .exists, .isMissing:
            return Compiled(operation: .delete(path: path, version: -1))
        case .version(let version):
            return Compiled(operation: .delete(path: path, version: version))
        case .mzxid(let tags):
            return try guarded(path, tags) { version in .delete(path: path, version: version) }
        }
    }

    private func deleteSubtree(
        _ path: ZnodePath, _ condition: Condition
    ) throws(Failure) -> Compiled {
        guard let root = tree.find(path) else { throw .refused(.code(.noNode)) }
        var operations: [Operation] = []
        var bytes = 0
        collectDescendants(of: root, into: &operations, &bytes)
        var version: Int32 = -1
        var usesVersionCheck = false
        var first: [Operation] = []
        switch condition {
        case .none, .exists, .isMissing:
            break
        case .version(let wanted):
            version = wanted
        case .mzxid(let tags):
            let guarded = try guarded(path, tags) { .delete(path: path, version: $0) }
            usesVersionCheck = guarded.usesVersionCheck
            if case .multi(let steps) = guarded.operation {
                first = Array(steps.dropLast())
            } else if case .delete(_, let wanted) = guarded.operation {
                version = wanted
            }
        }
        operations = first + operations + [.delete(path: path, version: version)]
        return Compiled(
            operation: .multi(operations), indices: [operations.count - 1],
            usesVersionCheck: usesVersionCheck)
    }

    /// Deepest first.
    private func collectDescendants(
        of znode: ZnodeID, into operations: inout [Operation], _ bytes: inout Int
    ) {
        tree.forEachChild(of: znode) { child in
            collectDescendants(of: child, into: &operations, &bytes)
            operations.append(.delete(path: tree.path(of: child), version: -1))
            return true
        }
    }

    private func setACL(
        _ path: ZnodePath, _ acl: [ACL], _ version: Int32, _ czxid: Zxid?
    ) throws(Failure) -> Compiled {
        var target = path
        if let czxid {
            if leaderTakesGuards {
                // A multi cannot hold a setACL, so that the guard is its path.
                target = guardPath("czxid", czxid, path)
            } else if let znode = tree.find(path), tree.stat(of: znode).czxid != czxid {
                // Under a Java leader the tag's czxid is compared here: an older znode of the same
                // name has gone for good once this node has applied its deletion.
                throw .refused(.conditionFailed)
            }
        }
        return Compiled(operation: .setACL(path: target, acl: acl, version: version))
    }

    // MARK: Guards

    /// A write under `If-Match`: the leader compares the mzxid at the moment of the write.
    private func guarded(
        _ path: ZnodePath, _ tags: [Zxid], _ operation: (Int32) -> Operation
    ) throws(Failure) -> Compiled {
        let stat = tree.stat(of: path)
        guard let tag = tags.first(where: { $0 == stat?.mzxid }) ?? tags.first else {
            throw .refused(.conditionFailed)
        }
        if leaderTakesGuards {
            return Compiled(
                operation: .multi([mzxidGuard(path, tag), operation(-1)]), indices: [1])
        }
        // Under a Java leader: the version that the tag stands for here.
        guard let stat, stat.mzxid == tag else { throw .refused(.conditionFailed) }
        return Compiled(operation: operation(stat.version), usesVersionCheck: true)
    }

    private func mzxidGuard(_ path: ZnodePath, _ zxid: Zxid) -> Operation {
        .check(path: guardPath("mzxid", zxid, path), version: -1)
    }

    private func guardPath(_ field: String, _ zxid: Zxid, _ path: ZnodePath) -> ZnodePath {
        var bytes = Self.guardPath.bytes
        bytes += "/\(field)/\(zxid)".utf8
        bytes += path.isRoot ? Array("/".utf8) : path.bytes
        return ZnodePath(bytes: bytes)
    }

    private func unchanged(
        _ path: ZnodePath, _ condition: TransactionStep.Unchanged
    ) throws(Failure) -> Operation {
        guard leaderTakesGuards else { throw .refused(.needsAviaryLeader) }
        guard !condition.exists, let parent = path.parent else {
            return .check(path: guardPath("unchanged", condition.since, path), version: -1)
        }
        guard let stat = tree.stat(of: parent) else { throw .refused(.code(.noNode)) }
        return .check(path: guardPath("czxid", stat.czxid, parent), version: -1)
    }

    private func transaction(_ steps: [TransactionStep]) throws(Failure) -> Compiled {
        var operations: [Operation] = []
        var indices: [Int] = []
        var usesVersionCheck = false
        for step in steps {
            var operation = step.operation
            if let unchanged = step.unchanged, let path = operation.path {
                operation = try self.unchanged(path, unchanged)
            }
            if let mzxid = step.mzxid, let path = operation.path {
                if leaderTakesGuards {
                    operations.append(mzxidGuard(path, mzxid))
                } else {
                    guard let stat = tree.stat(of: path), stat.mzxid == mzxid else {
                        throw .refused(.conditionFailed)
                    }
                    operation.setVersion(stat.version)
                    usesVersionCheck = true
                }
            }
            indices.append(operations.count)
            operations.append(operation)
        }
        return Compiled(
            operation: .multi(operations), indices: indices, usesVersionCheck: usesVersionCheck)
    }
}

extension Operation {
    /// The znode that the operation is about; nil for sessions and multis.
    package var path: ZnodePath? {
        switch self {
        case .create(let create): create.path
        case .delete(let path, _), .setData(let path, _, _), .setACL(let path, _, _),
            .check(let path, _), .deleteContainer(let path):
            path
        case .multi, .createSession, .closeSession: nil
        }
    }

    fileprivate mutating func setVersion(_ version: Int32) {
        switch self {
        case .delete(let path, _): self = .delete(path: path, version: version)
        case .setData(let path, let data, _):
            self = .setData(path: path, data: data, version: version)
        case .check(let path, _): self = .check(path: path, version: version)
        case .create, .setACL, .multi, .createSession, .closeSession, .deleteContainer: break
        }
    }
}
