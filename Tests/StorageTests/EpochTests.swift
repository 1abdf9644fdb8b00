import Jute
import Storage
import StorageTesting
import Testing

@Suite struct EpochTests {
    static func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

    @Test func `a new directory gets the epoch of its last transaction`() throws {
        let member = Member()
        let epochs = try member.open().epochs(lastZxid: zxid(3, 7))
        #expect(epochs.accepted == 3 && epochs.current == 3)
        // Without a newline, as in the original.
        #expect(try EpochTests.text(member.content(of: "acceptedEpoch")) == "3")
        #expect(try EpochTests.text(member.content(of: "currentEpoch")) == "3")
    }

    @Test func `an untrusted database begins with epoch -1`() throws {
        let epochs = try Member().open().epochs(lastZxid: .untrusted)
        #expect(epochs.accepted == -1 && epochs.current == -1)
    }

    @Test func `promises are kept over restarts, and never taken back`() throws {
        let member = Member()
        var epochs = try member.open().epochs(lastZxid: .zero)
        try epochs.setAccepted(5)
        try epochs.setCurrent(4)
        #expect(throws: StorageError.self) { try epochs.setAccepted(4) }
        #expect(throws: StorageError.self) { try epochs.setCurrent(6) }
        #expect(throws: StorageError.self) { try epochs.setCurrent(3) }
        var generator = SeededGenerator(3)
        member.disk.crash(using: &generator)
        let again = try member.open().epochs(lastZxid: zxid(4, 1))
        #expect(again.accepted == 5 && again.current == 4)
    }

    @Test
    func
        `a log one epoch ahead of a promise that was made moves the current epoch (ZOOKEEPER-1653, -582)`()
        throws
    {
        let member = Member()
        try member.replace("acceptedEpoch", with: Array("7".utf8))
        try member.replace("currentEpoch", with: Array("5\n".utf8))
        let epochs = try member.open().epochs(lastZxid: zxid(7, 0))
        #expect(epochs.current == 7)
        #expect(try EpochTests.text(member.content(of: "currentEpoch")) == "7")
    }

    @Test func `a log beyond the promised epoch, or epochs the wrong way round, are refused`()
        throws
    {
        let member = Member()
        try member.replace("acceptedEpoch", with: Array("7".utf8))
        try member.replace("currentEpoch", with: Array("5".utf8))
        #expect(throws: StorageError.self) { try member.open().epochs(lastZxid: zxid(8, 1)) }
        try member.replace("currentEpoch", with: Array("9".utf8))
        #expect(throws: StorageError.self) { try member.open().epochs(lastZxid: zxid(5, 1)) }
    }

    @Test(arguments: ["acceptedEpoch", "currentEpoch", "aviary.epochs.1", "aviary.epochs.2"])
    func `one lost or spoilt file is made good from the others`(name: String) throws {
        for content in [nil, Array("rubbish".utf8)] as [[UInt8]?] {
            let member = Member()
            var epochs = try member.open().epochs(lastZxid: .zero)
            try member.open().establish(StorageIdentity(history: 1, node: 1, disk: 1))
            try epochs.setAccepted(5)
            try epochs.setCurrent(5)
            if let content {
                try member.replace(name, with: content)
            } else {
                try member.disk.remove(Member.folder + "/" + name)
            }
            let again = try member.open().epochs(lastZxid: zxid(4, 1))
            #expect(again.accepted == 5 && again.current == 5)
            #expect(try EpochTests.text(member.content(of: "acceptedEpoch")) == "5")
        }
    }

    @Test func `an epoch that the original has raised counts`() throws {
        let member = Member()
        var epochs = try member.open().epochs(lastZxid: .zero)
        try epochs.setAccepted(5)
        try member.replace("acceptedEpoch", with: Array("9".utf8))
        try member.replace("currentEpoch", with: Array("9".utf8))
        let again = try member.open().epochs(lastZxid: zxid(9, 1))
        #expect(again.accepted == 9 && again.current == 9)
    }

    @Test func `a current epoch that nobody has promised is not believed`() throws {
        let member = Member()
        let directory = try member.open()
        var epochs = try directory.epochs(lastZxid: .zero)
        try directory.establish(StorageIdentity(history: 1, node: 1, disk: 1))
        try epochs.setAccepted(5)
        try epochs.setCurrent(2)
        // A bit: the file of the original has no checksum.
        try member.replace("currentEpoch", with: Array("3".utf8))
        member.disk.restart()
        let again = try member.open()
        #expect(throws: StorageError.self) { try again.epochs(lastZxid: zxid(2, 1)) }
        let found = try again.epochs(lastZxid: zxid(2, 1), afterLoss: true)
        #expect(found.accepted == 5 && found.current == 2 && found.wereLost)
        member.disk.restart()
        #expect(try member.recover().state.loss == .unknown)
    }

    @Test func `promises that the log contradicts are of an earlier time`() throws {
        let member = Member()
        let directory = try member.open()
        var epochs = try directory.epochs(lastZxid: .zero)
        try directory.establish(StorageIdentity(history: 1, node: 1, disk: 1))
        try epochs.setAccepted(5)
        member.disk.restart()
        let found = try member.open().epochs(lastZxid: zxid(6, 1), afterLoss: true)
        #expect(found.accepted == 6 && found.current == 6 && found.wereLost)
        member.disk.restart()
        #expect(try member.recover().state.loss == .unknown)
    }

    @Test func `epochs that are all lost stop a member that had some`() throws {
        let member = Member()
        let directory = try member.open()
        _ = try directory.epochs(lastZxid: .zero)
        try directory.establish(StorageIdentity(history: 1, node: 1, disk: 1))
        for name in ["acceptedEpoch", "currentEpoch", "aviary.epochs.1", "aviary.epochs.2"] {
            try member.disk.remove(Member.folder + "/" + name)
        }
        member.disk.restart()
        let again = try member.open()
        #expect(throws: StorageError.self) { try again.epochs(lastZxid: zxid(1, 1)) }
        let epochs = try again.epochs(lastZxid: .untrusted, afterLoss: true)
        #expect(epochs.accepted == -1 && epochs.wereLost)
    }

    @Test func `with the epochs the bound of a loss is lost, for the next start as well`() throws {
        let member = try TornTailTests.member(synced: 6)
        let directory = try member.open()
        _ = try directory.epochs(lastZxid: .zero)
        try directory.establish(StorageIdentity(history: 1, node: 1, disk: 1))
        for name in ["acceptedEpoch", "currentEpoch", "aviary.epochs.1", "aviary.epochs.2"] {
            try member.disk.remove(Member.folder + "/" + name)
        }
        member.disk.flip(bit: 0, at: 16 + 45 + 20, of: TornTailTests.log)
        member.disk.restart()
        let found = try member.recover()
        #expect(found.state.loss == .through(zxid(1, 6)))
        #expect(
            try found.directory.epochs(lastZxid: found.state.lastLogged, afterLoss: true).wereLost)
        member.disk.restart()
        let again = try member.recover()
        #expect(again.state.loss == .unknown)
        #expect(try !again.directory.epochs(lastZxid: .zero, afterLoss: true).wereLost)
    }

    @Test(arguments: 0..<40)
    func `a crash at any step leaves the old promise or the new one`(changes: Int) throws {
        for seed in 0..<8 {
            var generator = SeededGenerator(UInt64(changes * 100 + seed))
            let member = Member()
            let directory = try member.open()
            var epochs = try directory.epochs(lastZxid: .zero)
            try directory.establish(StorageIdentity(history: 1, node: 1, disk: 1))
            try epochs.setAccepted(2)
            try epochs.setCurrent(2)
            member.disk.changesUntilPowerLoss = changes
            var promised = (accepted: Epoch(2), current: Epoch(2))
            do throws(StorageError) {
                try epochs.setAccepted(3)
                promised.accepted = 3
                try epochs.setCurrent(3)
                promised.current = 3
            } catch {
                try #require(isPowerLoss(error))
            }
            member.disk.crash(using: &generator)
            let again = try member.open().epochs(lastZxid: zxid(2, 1))
            #expect((promised.accepted...3).contains(again.accepted))
            #expect((promised.current...3).contains(again.current))
            #expect(again.current <= again.accepted)
        }
    }
}
