package import Jute

/// The replicated state: znodes, their ACLs and the sessions, changed by transactions alone.
///
/// A value: a copy costs a few reference counts and stays exactly as it was while the original
/// goes on (copy-on-write by page), which is how snapshots are taken without stopping writes.
/// Only committed transactions may be applied.
///
/// - Source: semantics reference; storage format reference, sections 4 to 6.
package struct DataTree: Sendable {
    package struct Options: Equatable, Sendable {
        /// Whether owners that encode a TTL are TTLs (ZooKeeper's `extendedTypesEnabled`).
        package var extendedTypes: Bool
        /// Of the path index: random in production, fixed where runs have to repeat.
        package var hashSeed: UInt64

        package init(extendedTypes: Bool = true, hashSeed: UInt64 = 0x5EED) {
            self.extendedTypes = extendedTypes
            self.hashSeed = hashSeed
        }
    }

    package let options: Options
    /// The zxid of the last transaction whose effects are in the tree.
    package internal(set) var lastApplied = Zxid.zero
    /// The sum of the znodes' digests (version 2).
    package internal(set) var digest: UInt64 = 0

    var store: ZnodeStore
    var acls = ACLTable()
    var sessionTable = SessionTable()
    /// Containers and znodes with a TTL.
    var sweepable = NumberSet()
    var quotas = Quotas()

    /// The tree of an ensemble that has not done anything yet.
    package init(options: Options = Options()) {
        self.init(bareRootWith: options)
        insertBuiltIn("/zookeeper", acl: ACLTable.open)
        insertBuiltIn("/zookeeper/quota", acl: ACLTable.open)
        insertConfig()
    }

    /// Nothing but a root, to be filled from a snapshot.
    init(bareRootWith options: Options) {
        self.options = options
        store = ZnodeStore(seed: options.hashSeed)
        store[ZnodeStore.root].acl = ACLTable.open
        digest = store[ZnodeStore.root].digest
    }

    /// Moves `lastApplied` without a transaction: to the zxid with which an epoch begins, or to
    /// the one that a snapshot stands for.
    package mutating func setLastApplied(_ zxid: Zxid) {
        lastApplied = zxid
    }

    /// Writes the running configuration into `/zookeeper/config`.
    ///
    /// Each server does so for itself, outside the log and the digest.
    ///
    /// - Parameters:
    ///   - text: The configuration as ZooKeeper prints it.
    ///   - version: The zxid of the configuration.
    ///   - mtime: The wall clock, in milliseconds since 1970.
    /// - Source: semantics reference, section 16.
    package mutating func setConfig(text: [UInt8], version: Int64, mtime: Int64) {
        if store.find(Self.configPath[...]) == nil { insertConfig() }
        guard let number = store.find(Self.configPath[...]) else { return }
        replaceData(of: number, path: Self.configPath, with: text)
        store[number].stat.version = -1
        store[number].stat.mzxid = version
        store[number].stat.mtime = mtime
    }

    static let configPath = Array("/zookeeper/config".utf8)

    private mutating func insertConfig() {
        guard let number = insertBuiltIn("/zookeeper/config", acl: ACLTable.config) else { return }
        acls.retain(number: ACLTable.config)
        store[number].stat.aversion = -1
    }

    @discardableResult
    private mutating func insertBuiltIn(_ path: ZnodePath, acl: UInt32) -> UInt32? {
        path.bytes.withUnsafeBytes { path in
            guard let (slash, parent) = parent(ofPath: path) else { return nil }
            let empty = UnsafeRawBufferPointer(start: nil, count: 0)
            return insert(
                path, slash: slash, parent: parent, data: empty, acl: acl, stat: StoredStat())
        }
    }

    /// Where the last slash of a path is, and the znode that what stands before it names.
    func parent(ofPath path: UnsafeRawBufferPointer) -> (slash: Int, parent: UInt32)? {
        guard let slash = path.lastIndex(of: ZnodeStore.slash),
            let parent = store.find(UnsafeRawBufferPointer(rebasing: path[..<slash])),
            // `//a` is no child of the root, though `/` is one of the root's names.
            slash == 0 || parent != ZnodeStore.root
        else { return nil }
        return (slash, parent)
    }

    // MARK: Changing znodes with everything that hangs on them

    /// Adds a znode. The parent's stat is left alone, the ACL's use is the caller's.
    @discardableResult
    mutating func insert(
        _ path: UnsafeRawBufferPointer, slash: Int, parent: UInt32, data: UnsafeRawBufferPointer?,
        acl: UInt32, stat: StoredStat, isLast: Bool = false
    ) -> UInt32 {
        let isEphemeral = Self.isEphemeral(owner: stat.ephemeralOwner)
        let number = store.insert(
            path: path, nameStart: slash + 1, parent: parent, data: data, stat: stat,
            isEphemeral: isEphemeral, isLast: isLast)
        store[number].acl = acl
        digest &+= store[number].digest
        if isEphemeral {
            sessionTable.link(number, pathLength: path.count, in: &store)
        } else if stat.ephemeralOwner != 0 {
            sweepable.insert(number)
        }
        return number
    }

    /// Gives the root what a snapshot says of it; the ACL's use is the caller's.
    mutating func becomeRoot(data: UnsafeRawBufferPointer?, acl: UInt32, stat: StoredStat) {
        digest &-= store[ZnodeStore.root].digest
        store.replaceData(
            of: ZnodeStore.root, path: UnsafeRawBufferPointer(start: nil, count: 0), with: data)
        store[ZnodeStore.root].stat = stat
        store[ZnodeStore.root].acl = acl
        digest &+= store[ZnodeStore.root].digest
    }

    /// Removes a znode without children. The parent's stat is left alone.
    mutating func removeLeaf(_ number: UInt32) {
        let record = store[number]
        digest &-= record.digest
        if record.flags.contains(.ephemeral) {
            sessionTable.unlink(
                number, pathLength: store.pathLength(of: number), in: &store)
            // The list's links are in the place of the children's.
            store[number].flags.remove(.ephemeral)
            store[number].children = ZnodeRecord.none
            store[number].childCount = 0
        }
        acls.release(record.acl)
        sweepable.remove(number)
        if !quotas.isEmpty { accountForRemoval(of: number) }
        store.remove(number)
    }

    mutating func replaceData(of number: UInt32, path: [UInt8], with data: [UInt8]?) {
        digest &-= store[number].digest
        let canonical = number == ZnodeStore.root ? [] : path
        canonical.withUnsafeBytes { path in
            data.withUnsafeBytes { data in
                store.replaceData(of: number, path: path, with: data)
            }
        }
        digest &+= store[number].digest
    }

    /// Changes a record and keeps the digest right.
    mutating func change(_ number: UInt32, _ body: (inout ZnodeRecord) -> Void) {
        digest &-= store[number].digest
        body(&store[number])
        digest &+= store[number].digest
    }

    /// Whether an owner is a session. TTLs are none, whether or not they are understood.
    static func isEphemeral(owner: Int64) -> Bool {
        owner != 0 && owner != ZnodeMode.containerOwner && ZnodeMode.ttl(ofOwner: owner) == nil
    }
}

extension Optional where Wrapped == [UInt8] {
    func withUnsafeBytes<Result>(_ body: (UnsafeRawBufferPointer?) -> Result) -> Result {
        guard let bytes = self else { return body(nil) }
        return bytes.withUnsafeBytes { body($0) }
    }
}
