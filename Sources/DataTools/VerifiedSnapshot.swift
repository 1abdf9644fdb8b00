package import Jute
package import Storage
package import ZnodeTree

/// A snapshot file that a running ensemble can be restored from: whole, of one moment, and with
/// nothing in it that ordinary requests could not make.
package struct VerifiedSnapshot: Sendable {
    package let tree: DataTree
    package let zxid: Zxid
    package let sizeBytes: Int

    /// Reads and checks a file.
    ///
    /// - Parameters:
    ///   - path: Of the file, whatever its name.
    ///   - access: By whose rules its access control lists have to stand.
    ///   - extendedTypes: Whether znodes may have a time to live.
    ///   - disk: Where it is.
    /// - Throws: `.refused` with what is wrong with it, `.unreadable`.
    package init(
        _ path: String, access: AccessPolicy, extendedTypes: Bool, on disk: any Disk
    ) throws(DataToolError) {
        let slash = path.lastIndex(of: "/")
        let store = SnapshotStore(on: disk, in: slash.map { String(path[..<$0]) } ?? ".")
        var name = SnapshotName(.zero)
        name.fileName = slash.map { String(path[path.index(after: $0)...]) } ?? path
        var loaded: LoadedSnapshot
        do throws(StorageError) {
            sizeBytes = try disk.open(path, .read).size()
            // The name says nothing, and the digest says which moment it is of.
            let summary = try store.verify(name)
            if let digest = summary.digest { name.zxid = digest.zxid }
            loaded = try store.load(name)
        } catch {
            if case .damagedSnapshot(_, let problem) = error {
                throw .refused("it is no whole snapshot: \(problem)")
            }
            throw DataToolError(error)
        }
        guard let digest = loaded.summary.digest else {
            throw .refused("it has no digest that would tell which moment it is of")
        }
        guard loaded.tree.recomputedDigest() == digest.digest else {
            throw .refused(
                """
                its znodes are not those of its digest: it was written while transactions went \
                on, and needs the log beside it; aviary data restore makes a whole one of them
                """)
        }
        tree = loaded.tree
        zxid = digest.zxid
        try Self.check(tree, access: access, extendedTypes: extendedTypes)
    }

    private static func check(
        _ tree: DataTree, access: AccessPolicy, extendedTypes: Bool
    ) throws(DataToolError) {
        for batch in RestorePlan(from: DataTree(), to: tree).batches {
            for operation in batch {
                guard case .create(let create) = operation else { continue }
                let path = String(decoding: create.path.bytes, as: UTF8.self)
                guard operation.body.count + 256 <= juteMaximumLength else {
                    throw .refused("\(path) is too large for a transaction")
                }
                guard create.path.isValid else {
                    throw .refused("\(path) is no path that can be created")
                }
                if case .ttl = create.mode, !extendedTypes {
                    throw .refused("\(path) has a time to live, and extendedTypesEnabled is off")
                }
                do throws(ErrorCode) {
                    guard try access.resolve(create.acl, for: []) == create.acl else {
                        throw .invalidACL
                    }
                } catch {
                    throw .refused("the access control list of \(path) cannot be made")
                }
            }
        }
    }
}
