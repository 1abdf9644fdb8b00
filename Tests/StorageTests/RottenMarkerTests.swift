import Jute
import Storage
import StorageTesting
import Testing

/// A bit rots in one of the small files that tell a start what to go on with. It is never obeyed
/// otherwise than it was written: the start says what is wrong, or does what is safe.
@Suite struct RottenMarkerTests {
    private static func flips(
        of name: String, in member: Member, _ body: (Member, Comment) throws -> Void
    ) throws {
        for offset in try member.content(of: name).indices {
            for bit in 0..<8 {
                let rotten = Member(on: member.disk.copy())
                rotten.disk.flip(bit: bit, at: offset, of: Member.folder + "/" + name)
                try body(rotten, "bit \(bit) of byte \(offset) of \(name)")
            }
        }
    }

    /// Starts; a refusal has to name the file, and to leave everything as it is.
    private static func refuses(
        _ member: Member, _ name: String, _ place: Comment
    ) throws {
        let before = try member.names().filter { $0 != "aviary.lock" }
        let error = #expect(throws: StorageError.self, place) { try member.open() }
        guard case .damagedFile(let path, _)? = error else {
            Issue.record("\(place): \(String(describing: error))")
            return
        }
        #expect(path == Member.folder + "/" + name)
        #expect(try member.names().filter { $0 != "aviary.lock" } == before, place)
    }

    @Test func `a loss of which something rots is one without a bound`() throws {
        let member = try TornTailTests.member(synced: 6)
        try member.open().noteLoss(.through(zxid(1, 6)))
        member.disk.restart()
        try Self.flips(of: "aviary.loss", in: member) { rotten, place in
            let loss = try rotten.recover().state.loss
            #expect(loss == .unknown, place)
        }
    }

    @Test func `a rotten order to rebuild is not obeyed`() throws {
        let (member, directory) = try RebuildTests.member()
        try directory.order(.fromQuorum(keepingPromises: true))
        member.disk.restart()
        try Self.flips(of: "aviary.rebuild", in: member) { rotten, place in
            try Self.refuses(rotten, "aviary.rebuild", place)
        }
    }

    @Test func `a rotten order to go on without the dead is not obeyed`() throws {
        let (member, directory) = try RebuildTests.member()
        try directory.adopt(Adoption(dead: [2, 3], version: 4, epoch: 1 << 20, history: 7))
        member.disk.restart()
        let name = "aviary.adoption"
        try Self.flips(of: name, in: member) { rotten, place in
            let error = #expect(throws: StorageError.self, place) {
                try DataDirectory.adoption(in: "data", on: rotten.disk)
            }
            guard case .damagedFile(let path, _)? = error else {
                Issue.record("\(place): \(String(describing: error))")
                return
            }
            #expect(path == Member.folder + "/" + name)
        }
    }

    /// Power fails between the new snapshot's name and the end of the installation.
    @Test func `a rotten marker of a state being installed is not obeyed`() throws {
        for changes in 1... {
            let (member, directory, state) = try InstallTests.member()
            var log = directory.openLog(after: state)
            member.disk.changesUntilPowerLoss = changes
            do throws(StorageError) {
                try InstallTests.install(zxid(3, 3), directory, &log)
                Issue.record("the marker was never seen")
                return
            } catch {
                try #require(isPowerLoss(error))
            }
            member.disk.restart()
            let names = try member.names()
            guard names.contains("aviary.install"), names.contains("snapshot.300000003") else {
                continue
            }
            try Self.flips(of: "aviary.install", in: member) { rotten, place in
                try Self.refuses(rotten, "aviary.install", place)
            }
            return
        }
    }

    @Test func `the name of the ensemble does not become another one`() throws {
        let (member, directory) = try RebuildTests.member()
        #expect(try directory.clusterName() == "blue")
        member.disk.restart()
        try Self.flips(of: "aviary.cluster", in: member) { rotten, place in
            let name = try rotten.open().clusterName()
            #expect(name == nil, place)
        }
    }
}
