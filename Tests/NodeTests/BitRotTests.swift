import Jute
import Logging
import Node
import Replica
import Storage
import StorageTesting
import Testing
import Zab
import ZnodeTree

/// A bit rots anywhere on the disk of a node that is down. The start that follows never serves
/// anything that was not: it finds the very same state, or a clean prefix of it with the loss
/// written down.
///
/// - Source: SOUNDNESS, section 6.
@Suite struct BitRotTests {
    /// A node's disk, and what is true of it.
    struct Truth {
        var disk = MemoryDisk()
        /// Of the state once the transaction is applied.
        var digests: [Zxid: UInt64] = [:]
        var payloads: [Zxid: [UInt8]] = [:]
        /// The last one below the synced watermark.
        var acknowledged = Zxid.zero
        var acceptedEpoch: Epoch = 0
        var currentEpoch: Epoch = 0
        private var tree = DataTree()

        static let folder = "data/version-2"

        /// Two epochs: the first one in a file that is finished, with a snapshot in its middle,
        /// the second one with records that were never synced at its end.
        init() throws {
            var opened = try BitRotTests.open(disk)
            digests[.zero] = opened.tree.digest
            tree = opened.tree
            var log = opened.log.take()
            try opened.epochs.setAccepted(1)
            try opened.epochs.setCurrent(1)
            try append(1, 1...3, &log)
            try log.sync()
            var writer = try opened.directory.snapshots.begin(tree.lastApplied)
            var serializer = SnapshotSerializer(view: tree)
            while let chunk = serializer.next() { try writer.append(chunk) }
            try writer.finish(
                digest: SnapshotDigest(zxid: tree.lastApplied, digest: tree.digest))
            try append(1, 4...6, &log)
            try log.sync()
            log.noteCommitted(tree.lastApplied)
            try log.roll()
            try opened.epochs.setAccepted(2)
            try opened.epochs.setCurrent(2)
            try append(2, 1...4, &log)
            try log.sync()
            log.noteCommitted(Zxid(epoch: 2, counter: 2))
            try log.flushWatermark()
            acknowledged = tree.lastApplied
            try opened.epochs.setAccepted(5)
            (acceptedEpoch, currentEpoch) = (5, 2)
            try append(2, 5...6, &log)
            try disk.replaceContent(of: "data/myid", with: Array("1\n".utf8))
            disk.restart()
        }

        private mutating func append(
            _ epoch: Epoch, _ counters: ClosedRange<UInt32>, _ log: inout TransactionLog
        ) throws {
            for counter in counters {
                let zxid = Zxid(epoch: epoch, counter: counter)
                let create = CreateTxn(
                    path: ZnodePath("/\(epoch)-\(counter)"),
                    data: [UInt8](repeating: UInt8(counter), count: 5), acl: ACL.open,
                    mode: .ordinary(ephemeral: false, create2: false), parentCVersion: -1)
                let header = TxnHeader(
                    session: SessionID(rawValue: 9), cxid: 1, zxid: zxid, time: 1_700_000_000_000,
                    type: .create)
                let record = TxnRecord(header: header, txn: .create(create), digest: nil)
                _ = tree.apply(record)
                digests[zxid] = tree.digest
                payloads[zxid] = record.payload
                try log.append([LogRecord(zxid: zxid, payload: record.payload)])
            }
        }
    }

    static func open(_ disk: MemoryDisk) throws(NodeError) -> OpenedNode {
        var directory = DataDirectory.Configuration(dataDirectory: "data")
        directory.preallocationBytes = 0
        let settings = NodeSettings(
            id: 1, ensemble: Ensemble(quorum: .majority(voters: [1, 2, 3])), timing: Timing(),
            directory: directory, retention: RetentionPolicy(), replica: Replica.Options(),
            election: nil, quorumListenAddress: nil, quorumAddresses: [:], announcement: [],
            bootstraps: true)
        return try OpenedNode.open(
            settings, on: disk, now: 0, logger: Logger(label: "") { _ in SwiftLogNoOpLogHandler() })
    }

    /// Everything in `version-2` that holds a byte.
    static let names = [
        "acceptedEpoch", "currentEpoch", "aviary.epochs.1", "aviary.epochs.2", "aviary.identity",
        "snapshot.0", "snapshot.100000003", "log.100000001", "aviary.log.100000001",
        "log.200000001", "aviary.log.200000001",
    ]

    @Test func `those are all the files there are`() throws {
        let truth = try Truth()
        let found = try truth.disk.names(in: Truth.folder)
        #expect(Set(found) == Set(Self.names + ["aviary.lock"]))
    }

    @Test(arguments: names)
    func `a bit that flips at any byte is harmless, or a loss that is written down`(
        name: String
    ) throws {
        let truth = try Truth()
        let path = Truth.folder + "/" + name
        let content = try #require(try truth.disk.content(of: path))
        for offset in content.indices {
            // All of them where a digit becomes another one.
            for bit in content.count < 4 ? Array(0..<8) : [offset % 8] {
                let disk = truth.disk.copy()
                disk.flip(bit: bit, at: offset, of: path)
                let first = try Self.check(disk, truth, "bit \(bit) of byte \(offset) of \(name)")
                disk.restart()
                // What was mended stays mended, and what was lost is not forgotten.
                let second = try Self.check(disk, truth, "the start after \(offset) of \(name)")
                #expect(first == second, "byte \(offset) of \(name)")
            }
        }
    }

    @Test func `without its epochs a node takes no part until it has a leader's state`() throws {
        let truth = try Truth()
        for name in ["acceptedEpoch", "currentEpoch", "aviary.epochs.1", "aviary.epochs.2"] {
            try truth.disk.remove(Truth.folder + "/" + name)
        }
        for _ in 0..<2 {
            let opened = try Self.open(truth.disk)
            #expect(opened.peer.state.standing == .mayHaveLost(bound: nil))
            #expect(opened.tree.lastApplied == Zxid(epoch: 2, counter: 2))
            truth.disk.restart()
        }
    }

    /// Starts, and compares what is found with the truth.
    ///
    /// - Returns: The standing.
    private static func check(
        _ disk: MemoryDisk, _ truth: Truth, _ place: String
    ) throws -> Standing {
        let opened: OpenedNode
        do throws(NodeError) {
            opened = try open(disk)
        } catch {
            Issue.record("\(place): it does not start: \(error)")
            return .trusted
        }
        let state = opened.peer.state
        let tree = opened.tree
        #expect(truth.digests[tree.lastApplied] == tree.digest, "\(place): another state")
        let last = state.history.lastLogged
        try checkLog(disk, through: last, truth, place)
        #expect(state.acceptedEpoch >= truth.acceptedEpoch, "\(place): a promise is forgotten")
        switch state.standing {
        case .empty:
            Issue.record("\(place): it passes for new")
        case .mayHaveLost(bound: nil):
            break
        case .mayHaveLost(let bound?):
            let least = Bound(epoch: truth.currentEpoch, zxid: truth.acknowledged)
            #expect(bound >= least, "\(place): the bound is too low")
            #expect(state.currentEpoch == truth.currentEpoch, "\(place)")
        case .trusted:
            // Nobody may win an election by an epoch that it never was in.
            #expect(state.currentEpoch == truth.currentEpoch, "\(place): another epoch")
            #expect(last >= truth.acknowledged, "\(place): a loss that nobody knows of")
        }
        return state.standing
    }

    /// What a start reads back, and a leader would send.
    private static func checkLog(
        _ disk: MemoryDisk, through last: Zxid, _ truth: Truth, _ place: String
    ) throws {
        let directory = try DataDirectory(
            DataDirectory.Configuration(dataDirectory: "data"), on: disk, readOnly: true)
        var loader = SnapshotLoader()
        var records: [LoggedRecord] = []
        let state = try directory.recover(
            beginSnapshot: { _ in loader = SnapshotLoader() },
            body: { bytes in
                guard case .complete(let unused) = try loader.consume(bytes) else { return nil }
                return bytes.count - unused
            },
            record: { record throws(StorageError) in records.append(record) })
        #expect(state.lastLogged == last, "\(place)")
        #expect(state.damage == [], "\(place): it is not mended")
        var before = state.snapshot?.name.zxid ?? .zero
        for record in records {
            #expect(record.zxid.directlyFollows(before), "\(place): a hole")
            #expect(truth.payloads[record.zxid] == record.payload, "\(place): another record")
            before = record.zxid
        }
    }
}
