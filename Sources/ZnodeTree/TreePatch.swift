package import Jute

// Two states of the same zxid that differ in little are brought in line by moving only what
// differs: sums of digests over buckets of paths find where, digests find what.

/// One znode with everything that makes it what it is.
package struct ZnodePiece: Equatable, Sendable {
    package var path: ZnodePath
    package var stat: StoredStat
    package var acl: [ACL]
    package var data: [UInt8]?
}

extension ZnodePiece {
    package init(from reader: inout JuteReader) throws(JuteError) {
        path = try reader.readPath()
        let bytes = try reader.readBuffer() ?? []
        guard bytes.count == StoredStat.persistedSize else { throw .truncated }
        stat = bytes.withUnsafeBytes { StoredStat(persisted: $0) }
        acl = try reader.readACL()
        data = try reader.readBuffer()
    }

    package func write(to writer: inout JuteWriter) {
        writer.write(path: path)
        var persisted = JuteWriter(reserving: StoredStat.persistedSize)
        stat.writePersisted(to: &persisted)
        writer.write(buffer: persisted.bytes)
        writer.write(acl: acl)
        writer.write(buffer: data)
    }
}

extension DataTree {
    /// How many buckets paths fall into.
    package static let patchBuckets = 4096

    /// A znode's digest with its ACL, which the tree's own digest leaves out; computed from every
    /// byte, so that rot in memory shows.
    private func wholeDigest(of number: UInt32, path: [UInt8]) -> UInt64 {
        var record = store[number]
        guard !record.flags.contains(.system) else { return 0 }
        record.contentCRC = path.withUnsafeBytes {
            ZnodeStore.contentCRC(path: $0, data: store.data(of: number))
        }
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for entry in acls[record.acl] {
            Self.mix(Array("\(entry.permissions.rawValue)".utf8), into: &hash)
            Self.mix(Array(entry.identity.scheme.utf8), into: &hash)
            Self.mix(Array(entry.identity.id.utf8), into: &hash)
        }
        return record.digest &+ hash
    }

    /// FNV-1a, with an end mark.
    private static func mix(_ bytes: [UInt8], into hash: inout UInt64) {
        for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        hash = (hash ^ 0xFF) &* 0x100_0000_01B3
    }

    private static func bucket(of path: [UInt8]) -> Int {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        mix(path, into: &hash)
        return Int((hash ^ hash >> 32) % UInt64(patchBuckets))
    }

    private func forEachPath(_ body: (UInt32, [UInt8]) -> Void) {
        forEachDescendant(of: ZnodeStore.root) { number in
            body(number, number == ZnodeStore.root ? [ZnodeStore.slash] : store.path(of: number))
        }
    }

    /// The sum of the znodes' digests in each bucket. Walks the whole tree.
    package func bucketSums() -> [UInt64] {
        var sums = [UInt64](repeating: 0, count: Self.patchBuckets)
        forEachPath { number, path in
            sums[Self.bucket(of: path)] &+= wholeDigest(of: number, path: path)
        }
        return sums
    }

    /// What is in some buckets. Walks the whole tree.
    package func entries(inBuckets buckets: Set<Int>) -> [ZnodePath: UInt64] {
        var found: [ZnodePath: UInt64] = [:]
        forEachPath { number, path in
            guard buckets.contains(Self.bucket(of: path)) else { return }
            found[ZnodePath(bytes: path)] = wholeDigest(of: number, path: path)
        }
        return found
    }

    package func piece(at path: ZnodePath) -> ZnodePiece? {
        guard let znode = find(path) else { return nil }
        return ZnodePiece(
            path: path, stat: storedStat(of: znode), acl: acl(of: znode), data: data(of: znode))
    }

    /// Makes the digest, and what each znode adds to it, that of the bytes that are there.
    ///
    /// Where the two disagree, a change would take another share out of the digest than the znode
    /// has put in, and the digest would stay wrong.
    package mutating func adoptContent() {
        var wrong: [(number: UInt32, crc: UInt32)] = []
        forEachDescendant(of: ZnodeStore.root) { number in
            let crc = recomputedContentCRC(of: number)
            if store[number].contentCRC != crc { wrong.append((number, crc)) }
        }
        for (number, crc) in wrong { store[number].contentCRC = crc }
        digest = recomputedDigest()
    }

    /// Makes single znodes what they are elsewhere.
    ///
    /// - Parameters:
    ///   - pieces: What they are.
    ///   - surplus: What is not there elsewhere.
    /// - Returns: False if it cannot be done so: then the tree is not to be used any more. A leader's
    ///   whole state helps.
    package mutating func patch(_ pieces: [ZnodePiece], removing surplus: [ZnodePath]) -> Bool {
        // The numbers of quotas follow every change, and would be counted twice.
        guard quotas.isEmpty else { return false }
        for path in surplus.sorted(by: { $0.bytes.count > $1.bytes.count }) {
            guard let number = store.find(path.bytes[...]), number != ZnodeStore.root,
                store[number].childCount == 0
            else { return false }
            removeLeaf(number)
        }
        for piece in pieces.sorted(by: { $0.path.bytes.count < $1.path.bytes.count }) {
            guard put(piece) else { return false }
        }
        return true
    }

    private mutating func put(_ piece: ZnodePiece) -> Bool {
        guard let number = store.find(piece.path.bytes[...]) else { return add(piece) }
        guard !store[number].flags.contains(.system) else { return true }
        let isEphemeral = Self.isEphemeral(owner: piece.stat.ephemeralOwner)
        // Another owner means another list: a session's, or that of what is swept.
        guard store[number].stat.ephemeralOwner == piece.stat.ephemeralOwner,
            store[number].flags.contains(.ephemeral) == isEphemeral
        else { return false }
        replaceData(of: number, path: piece.path.bytes, with: piece.data)
        change(number) { $0.stat = piece.stat }
        let acl = acls.retain(piece.acl)
        acls.release(store[number].acl)
        store[number].acl = acl
        return true
    }

    private mutating func add(_ piece: ZnodePiece) -> Bool {
        piece.path.bytes.withUnsafeBytes { path in
            guard let (slash, parent) = parent(ofPath: path), slash + 1 < path.count,
                !store[parent].flags.contains(.ephemeral)
            else { return false }
            let acl = acls.retain(piece.acl)
            piece.data.withUnsafeBytes { data in
                _ = insert(
                    path, slash: slash, parent: parent, data: data, acl: acl, stat: piece.stat)
            }
            return true
        }
    }
}
