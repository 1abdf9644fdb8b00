import Jute
import Storage
import StorageTesting
import Testing

@Suite struct DataDirectoryTests {
    @Test func `an empty folder is fresh, and made`() throws {
        let member = Member()
        let directory = try member.open()
        #expect(directory.isFresh)
        #expect(directory.identity == nil && directory.myID == nil)
        #expect(try member.names() == ["aviary.lock"])
        let found = try Recovered(directory)
        #expect(found.state.lastLogged == .zero && found.state.snapshot == nil)
        #expect(found.state.loss == nil)
    }

    @Test(arguments: [("3\n", 3), ("17", 17), (" 5 \r\nrest\n", 5)])
    func `the server's number is the first line of myid`(text: String, id: PeerID) throws {
        let member = Member()
        try member.disk.makeDirectory("data")
        try member.disk.replaceContent(of: "data/myid", with: Array(text.utf8))
        #expect(try member.open().myID == id)
    }

    @Test func `a myid that is no number stops the start`() throws {
        let member = Member()
        try member.disk.makeDirectory("data")
        try member.disk.replaceContent(of: "data/myid", with: Array("one".utf8))
        #expect(throws: StorageError.self) { try member.open() }
    }

    @Test func `logs and snapshots each have their folder when there are two`() throws {
        for (file, folder) in [("snapshot.5", "logs"), ("log.5", "data")] {
            var member = Member()
            member.configuration.logDirectory = "logs"
            try member.disk.makeDirectory(folder + "/version-2")
            try member.disk.replaceContent(of: folder + "/version-2/" + file, with: [1])
            let error = #expect(throws: StorageError.self) { try member.open() }
            guard case .layout(let text)? = error else {
                Issue.record("\(String(describing: error))")
                continue
            }
            #expect(text.contains(folder + "/version-2/" + file))
        }
    }

    @Test func `two folders work like one`() throws {
        var member = Member()
        member.configuration.logDirectory = "logs"
        let first = try member.recover()
        try first.directory.establish(StorageIdentity(history: 1, node: 2, disk: 3))
        try first.directory.snapshots.write(exact: .zero)
        var log = first.log()
        try log.write(records(1, 1...3))
        member.disk.restart()
        let found = try member.recover()
        #expect(found.zxids == zxids(1, 1...3))
        #expect(found.directory.identity == StorageIdentity(history: 1, node: 2, disk: 3))
        #expect(try member.disk.names(in: "logs/version-2").contains("log.100000001"))
    }

    @Test func `an emptied log folder is an unknown loss`() throws {
        var member = Member()
        member.configuration.logDirectory = "logs"
        let first = try member.recover()
        try first.directory.establish(StorageIdentity(history: 1, node: 2, disk: 3))
        try first.directory.snapshots.write(exact: .zero)
        var log = first.log()
        try log.write(records(1, 1...3))
        for name in try member.disk.names(in: "logs/version-2") {
            try member.disk.remove("logs/version-2/" + name)
        }
        member.disk.restart()
        #expect(try member.recover().state.loss == .unknown)
    }

    @Test func `a spoilt identity is an unknown loss, and can be written anew`() throws {
        let member = Member()
        let identity = StorageIdentity(history: 1, node: 2, disk: 3)
        let first = try member.open()
        _ = try first.epochs(lastZxid: .zero)
        try first.establish(identity)
        member.disk.flip(bit: 1, at: 10, of: Member.folder + "/aviary.identity")
        member.disk.restart()
        let directory = try member.open()
        #expect(directory.identity == nil && !directory.isFresh)
        #expect(try Recovered(directory).state.loss == .unknown)
        try directory.establish(identity)
        try directory.lossHealed()
        member.disk.restart()
        #expect(try member.recover().state.loss == nil)
    }

    @Test func `a damaged newest snapshot is set aside, and the log makes good for it`() throws {
        let member = Member()
        let first = try member.recover()
        try first.directory.snapshots.write(exact: .zero)
        var log = first.log()
        try log.write(records(1, 1...9))
        try first.directory.snapshots.write(exact: zxid(1, 5))
        member.disk.flip(bit: 3, at: 50, of: Member.folder + "/snapshot.100000005")
        member.disk.restart()

        let found = try member.recover()
        #expect(found.state.snapshot?.name.zxid == .zero)
        #expect(found.zxids == zxids(1, 1...9))
        #expect(found.state.damage.count == 1)
        #expect(found.state.loss == nil)
        #expect(
            try member.disk.names(in: Member.folder + "/aviary-detached/0001")
                == ["snapshot.100000005"])
    }

    @Test func `a damaged snapshot that no log makes good for is a known loss`() throws {
        let member = Member()
        let first = try member.recover()
        try first.directory.snapshots.write(exact: .zero)
        try first.directory.snapshots.write(exact: zxid(1, 5))
        // Also where the quick test would only say that it is no snapshot.
        let size = try member.content(of: "snapshot.100000005").count
        member.disk.flip(bit: 3, at: size - 1, of: Member.folder + "/snapshot.100000005")
        member.disk.restart()
        let found = try member.recover()
        #expect(found.state.lastLogged == .zero)
        #expect(found.state.loss == .through(zxid(1, 5)))
    }

    @Test func `each attempt at a snapshot begins with an empty state`() throws {
        let member = Member()
        let first = try member.recover()
        let good = FakeBody.nodes(1)
        try first.directory.snapshots.write(
            zxid(1, 3), body: good, digest: SnapshotDigest(zxid: zxid(1, 3), digest: 1))
        try first.directory.snapshots.write(exact: zxid(1, 5))
        let size = try member.content(of: "snapshot.100000005").count
        // In the digest: the whole body was taken before that is noticed.
        member.disk.flip(bit: 3, at: size - 20, of: Member.folder + "/snapshot.100000005")
        member.disk.restart()
        let body = try member.recover().body.bytes
        #expect(body == good)
    }

    @Test func `reading only changes nothing and needs no lock`() throws {
        let member = Member()
        let writing = try member.recover()
        try writing.directory.snapshots.write(exact: .zero)
        var log = writing.log()
        try log.write(records(1, 1...3))
        let before = member.disk.changes
        let reading = try DataDirectory(member.configuration, on: member.disk, readOnly: true)
        #expect(try Recovered(reading).zxids == zxids(1, 1...3))
        #expect(member.disk.changes == before)
        withExtendedLifetime(writing.directory) {}
    }

    @Test func `the log's contiguous part reaches back over files of ours`() throws {
        let member = Member()
        let first = try member.recover()
        try first.directory.snapshots.write(exact: .zero)
        var log = first.log()
        for start in [UInt32(1), 4, 7] {
            try log.write(records(1, start...start + 2))
            try log.roll()
        }
        try log.write(records(1, 10...12))
        try first.directory.snapshots.write(exact: zxid(1, 8))
        member.disk.restart()
        #expect(try member.recover().state.contiguousFrom == .zero)
        member.disk.restart()
        try member.disk.remove(Member.folder + "/log.100000004")
        let found = try member.recover()
        #expect(found.state.contiguousFrom == zxid(1, 6))
        #expect(found.state.loss == nil)
    }

    @Test func `the marker that allows an empty database is seen and removed`() throws {
        let member = Member()
        try member.disk.makeDirectory("data")
        try member.disk.replaceContent(of: "data/initialize", with: [])
        let directory = try member.open()
        #expect(directory.hasInitializeMarker)
        try directory.removeInitializeMarker()
        member.disk.restart()
        #expect(try !member.open().hasInitializeMarker)
    }

    @Test func `rot below the snapshot is reported, and shortens what learners can be sent`()
        throws
    {
        let member = Member()
        let first = try member.recover()
        try first.directory.snapshots.write(exact: .zero)
        var log = first.log()
        try log.write(records(1, 1...8))
        try log.flushWatermark()
        try first.directory.snapshots.write(exact: zxid(1, 8))
        member.disk.flip(bit: 0, at: 16 + 4 * 73 + 20, of: Member.folder + "/log.100000001")
        member.disk.restart()

        let found = try member.recover()
        #expect(found.state.lastLogged == zxid(1, 8))
        #expect(found.state.damage.count == 1)
        // The snapshot has it all.
        #expect(found.state.loss == nil)
        #expect(found.state.contiguousFrom == zxid(1, 8))
        var next = found.log()
        try next.write(records(2, 1...2))
        member.disk.restart()
        let again = try member.recover()
        #expect(again.zxids == zxids(2, 1...2))
        #expect(again.state.contiguousFrom == zxid(1, 8))
        #expect(again.state.damage == [] && again.state.loss == nil)
    }
}
