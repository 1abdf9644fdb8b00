import Checksum
import Jute
import Storage
import StorageTesting
import Testing

@Suite struct SnapshotTests {
    static let digest = SnapshotDigest(zxid: zxid(1, 9), digest: 0x1234_5678_9ABC)

    static func read(
        _ store: SnapshotStore, _ name: SnapshotName
    ) throws(StorageError) -> (SnapshotSummary, [UInt8]) {
        var body = FakeBody()
        let summary = try store.read(name) { try body.consume($0) }
        return (summary, body.bytes)
    }

    @Test func `a snapshot is header, body, seal, digest and seal`() throws {
        let member = Member()
        let store = try member.open().snapshots
        let body = FakeBody.nodes(2)
        try store.write(zxid(1, 9), body: body, digest: SnapshotTests.digest)

        let file = try member.content(of: "snapshot.100000009")
        let header = hex("5a4b534e 00000002 ffffffffffffffff")
        #expect(Array(file.prefix(16 + body.count)) == header + body)
        let seal1 = Adler32.checksum(of: header + body)
        let head = file[(16 + body.count)...]
        #expect(Array(head.prefix(13)) == hex("00000000") + bigEndian(seal1) + hex("00000001 2f"))
        #expect(
            Array(head.dropFirst(13).prefix(20))
                == hex("0000000100000009 00000002 0000123456789abc"))
        let seal2 = Adler32.checksum(of: file.dropLast(13))
        #expect(
            Array(file.suffix(13)) == hex("00000000") + bigEndian(seal2) + hex("00000001 2f"))
    }

    @Test func `what was written is read again, in one piece or many`() throws {
        let member = Member()
        let store = try member.open().snapshots
        // Several times what is read at once.
        let body = FakeBody.nodes(30, data: 30_000)
        var writer = try store.begin(zxid(1, 9))
        for start in stride(from: 0, to: body.count, by: 77_777) {
            try writer.append(Array(body[start..<min(start + 77_777, body.count)]))
        }
        let name = try writer.finish(digest: SnapshotTests.digest)
        let (summary, read) = try SnapshotTests.read(store, name)
        #expect(read == body)
        #expect(summary.digest == SnapshotTests.digest)
        #expect(summary.upperBound == zxid(1, 9))
        #expect(try store.verify(name) == summary)
    }

    @Test func `a digest is optional, and a third block is passed over`() throws {
        let member = Member()
        let store = try member.open().snapshots
        let name = try store.write(zxid(1, 9), digest: nil)
        #expect(try SnapshotTests.read(store, name).0.digest == nil)
        #expect(try store.verify(name).upperBound == nil)

        // As ZooKeeper 3.9 writes it.
        try store.write(zxid(1, 9), digest: SnapshotTests.digest)
        var file = try member.content(of: "snapshot.100000009") + hex("0000000100000009")
        file += hex("00000000") + bigEndian(Adler32.checksum(of: file)) + hex("00000001 2f")
        try member.replace("snapshot.100000009", with: file)
        #expect(try SnapshotTests.read(store, name).0.digest == SnapshotTests.digest)
        #expect(try store.verify(name).digest == SnapshotTests.digest)
    }

    @Test func `the digest of an older rule is passed over`() throws {
        let member = Member()
        let store = try member.open().snapshots
        let name = try store.write(zxid(1, 9), digest: nil)
        var file = try member.content(of: name.fileName)
        file += hex("0000000100000009 00000001 00000003 616263")
        file += hex("00000000") + bigEndian(Adler32.checksum(of: file)) + hex("00000001 2f")
        try member.replace(name.fileName, with: file)
        #expect(try SnapshotTests.read(store, name).0.digest == nil)
    }

    @Test func `a digest below the snapshot's own zxid says nothing of its content`() throws {
        let member = Member()
        let store = try member.open().snapshots
        let name = try store.write(
            zxid(2, 0), digest: SnapshotDigest(zxid: zxid(1, 7), digest: 5))
        #expect(try store.verify(name).upperBound == nil)
    }

    @Test func `a bit that flips at any byte is found`() throws {
        let member = Member()
        let store = try member.open().snapshots
        let name = try store.write(zxid(1, 9), digest: SnapshotTests.digest)
        let size = try member.content(of: name.fileName).count
        for offset in 0..<size {
            let path = Member.folder + "/" + name.fileName
            member.disk.flip(bit: offset % 8, at: offset, of: path)
            #expect(throws: StorageError.self, "at \(offset)") {
                try SnapshotTests.read(store, name)
            }
            #expect(throws: StorageError.self, "verify at \(offset)") {
                try store.verify(name)
            }
            member.disk.flip(bit: offset % 8, at: offset, of: path)
        }
        _ = try SnapshotTests.read(store, name)
    }

    @Test func `a snapshot cut at any byte is refused, except behind its first seal`() throws {
        let member = Member()
        let store = try member.open().snapshots
        let name = try store.write(zxid(1, 9), digest: SnapshotTests.digest)
        let whole = try member.content(of: name.fileName)
        for size in 0..<whole.count where size != whole.count - 33 {
            try member.replace(name.fileName, with: Array(whole.prefix(size)))
            #expect(throws: StorageError.self, "cut at \(size)") {
                try SnapshotTests.read(store, name)
            }
        }
    }

    @Test func `compressed snapshots are recognised and refused by name`() throws {
        let member = Member()
        try member.replace("snapshot.5.gz", with: [0x1F, 0x8B, 8, 0])
        try member.replace(
            "snapshot.6.snappy", with: [0x82, 0x53, 0x4E, 0x41, 0x50, 0x50, 0x59, 0])
        let store = try member.open().snapshots
        let names = try store.list()
        #expect(names.map(\.compression) == [.snappy, .gzip])
        #expect(
            throws: StorageError.compressedSnapshot(path: Member.folder + "/snapshot.6.snappy")
        ) {
            try member.open().recover(
                beginSnapshot: { _ in }, body: { _ in nil }, record: { _ in })
        }
    }

    @Test func `a snapshot that is being written is none yet`() throws {
        let member = Member()
        let store = try member.open().snapshots
        do {
            var writer = try store.begin(zxid(1, 9))
            try writer.append(FakeBody.nodes(1))
            #expect(try member.names().contains("snapshot.100000009.tmp"))
            #expect(try store.list() == [])
        }
        // Dropped: nothing is left of it.
        #expect(try !member.names().contains("snapshot.100000009.tmp"))
        _ = try store.begin(zxid(1, 9))
    }

    @Test func `a full disk leaves no snapshot`() throws {
        let member = Member()
        let store = try member.open().snapshots
        member.disk.freeBytes = 100
        #expect(throws: StorageError.self) {
            try store.write(zxid(1, 9), digest: SnapshotTests.digest)
        }
        #expect(try store.list() == [])
    }

    @Test(arguments: 0..<40)
    func `a crash while one is written leaves all of it or nothing (etcd 13766, 14685)`(
        changes: Int
    ) throws {
        for seed in 0..<4 {
            var generator = SeededGenerator(UInt64(changes * 100 + seed))
            let member = Member()
            let body = FakeBody.nodes(5, data: 5000)
            member.disk.changesUntilPowerLoss = nil
            let store = try member.open().snapshots
            try store.write(exact: zxid(1, 3))
            member.disk.changesUntilPowerLoss = changes
            var isFinished = false
            do throws(StorageError) {
                try store.write(zxid(1, 9), body: body, digest: SnapshotTests.digest)
                isFinished = true
            } catch {
                try #require(isPowerLoss(error))
            }
            member.disk.crash(using: &generator)
            let found = try member.recover()
            let state = found.state
            let read = found.body.bytes
            if state.snapshot?.name.zxid == zxid(1, 9) {
                #expect(read == body)
            } else {
                #expect(state.snapshot?.name.zxid == zxid(1, 3))
                #expect(!isFinished)
            }
            #expect(state.damage == [] && state.loss == nil)
        }
    }
}

func bigEndian(_ value: UInt32) -> [UInt8] {
    withUnsafeBytes(of: value.bigEndian) { Array($0) }
}
