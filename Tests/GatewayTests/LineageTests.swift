import Jute
import Replica
import Testing
import ZnodeTree

@Suite struct LineageTests {
    @Test func `a restore leaves behind what was seen before it, and discards nothing`() throws {
        var lineage = Lineage(ensemble: 7)
        let seen = Zxid(epoch: 1, counter: 40)
        #expect(lineage.isCurrent(seen))
        lineage.restore(after: seen, history: 8)
        #expect(lineage.history == 8 && lineage.ensemble == 7)
        #expect(!lineage.isCurrent(seen) && lineage.isCurrent(seen.next))
        // A member that has missed the restore has nothing that the ensemble never had.
        #expect(lineage.has(seen))
        #expect(Lineage(lineage.data) == lineage)
        // An aborted one, and one after it.
        lineage.restore(after: seen.next, history: 9)
        #expect(!lineage.isCurrent(seen.next))
        lineage.fork(
            after: Zxid(epoch: 2, counter: 1), base: Zxid(epoch: 9, counter: 0), history: 10)
        #expect(!lineage.isCurrent(Zxid(epoch: 3, counter: 1)))
        #expect(lineage.isCurrent(Zxid(epoch: 9, counter: 1)))
        #expect(Lineage(lineage.data) == lineage)
    }

    @Test func `what was given up is known by its epoch, whatever the history is called`() {
        var lineage = Lineage(ensemble: 7)
        #expect(!lineage.hasForked(since: 1))
        lineage.fork(
            after: Zxid(epoch: 2, counter: 5), base: Zxid(epoch: 12, counter: 1), history: 8)
        lineage.restore(after: Zxid(epoch: 12, counter: 9), history: 9)
        #expect(lineage.hasForked(since: 11) && !lineage.hasForked(since: 13))
    }

    /// A tree with these znodes.
    private static func tree(_ znodes: [(ZnodePath, [UInt8])]) -> DataTree {
        var tree = DataTree()
        for (index, (path, data)) in znodes.enumerated() {
            let txn = Txn.create(
                CreateTxn(
                    path: path, data: data, acl: ACL.open,
                    mode: .ordinary(ephemeral: false, create2: true), parentCVersion: -1))
            _ = tree.apply(
                TxnRecord(
                    header: TxnHeader(
                        session: .none, cxid: 0, zxid: Zxid(rawValue: Int64(index + 1)), time: 1,
                        type: txn.type), txn: txn, digest: nil))
        }
        return tree
    }

    @Test func `a state is of another ensemble by its name, or for want of one`() {
        let own = Lineage(ensemble: 7)
        func named(_ data: [UInt8]) -> DataTree {
            Self.tree([("/aviary", []), (Lineage.path, data)])
        }
        #expect(own.fits(named(own.data)))
        #expect(!own.fits(named(Lineage(ensemble: 8).data)))
        #expect(!own.fits(DataTree()))
        // Of a later version.
        #expect(own.fits(named(own.data + Array("pruned 00\n".utf8))))
    }

    @Test func `one from before there were restores is read as ever`() throws {
        let lineage = Lineage(ensemble: 7)
        #expect(Lineage(lineage.data) == lineage && lineage.restored == nil)
        #expect(!String(decoding: lineage.data, as: UTF8.self).contains("restored"))
    }
}
