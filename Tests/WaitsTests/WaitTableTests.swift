import Jute
import Testing
import Waits
import ZnodeTree

/// Changes as a tree reports them.
struct Changes {
    private var tree = DataTree()
    private var zxid = Zxid(epoch: 1, counter: 0)

    mutating func create(_ path: ZnodePath) -> [Change] {
        apply(
            .create(
                CreateTxn(
                    path: path, data: [], acl: ACL.open,
                    mode: .ordinary(ephemeral: false, create2: false), parentCVersion: -1)))
    }

    mutating func set(_ path: ZnodePath) -> [Change] {
        apply(.setData(path: path, data: [1], version: 1))
    }

    mutating func setACL(_ path: ZnodePath) -> [Change] {
        apply(.setACL(path: path, acl: ACL.open, version: 1))
    }

    mutating func delete(_ path: ZnodePath) -> [Change] {
        apply(.delete(path: path, container: false))
    }

    private mutating func apply(_ txn: Txn) -> [Change] {
        zxid = zxid.next
        let header = TxnHeader(session: .none, cxid: 0, zxid: zxid, time: 0, type: txn.type)
        return tree.apply(TxnRecord(header: header, txn: txn, digest: nil)).changes
    }
}

@Suite struct WaitTableTests {
    @Test func `a wait for a znode hears of that znode alone`() {
        var changes = Changes()
        var table = WaitTable()
        let wait = table.insert([Interest("/a")], .persistent)
        #expect(table.take(changes.create("/a")) == [wait])
        #expect(table.take(changes.set("/a")) == [wait])
        #expect(table.take(changes.setACL("/a")) == [wait])
        #expect(table.take(changes.create("/b")) == [])
        #expect(table.take(changes.create("/a/b")) == [wait], "its list of children")
        #expect(table.take(changes.set("/a/b")) == [])
        #expect(table.take(changes.delete("/a/b")) == [wait])
        #expect(table.take(changes.delete("/a")) == [wait], "also while it is not there")
        #expect(table.take(changes.create("/a")) == [wait])
    }

    @Test func `only kinds that were asked for count`() {
        var changes = Changes()
        var table = WaitTable()
        let wait = table.insert([Interest("/a", .node, [.deleted, .dataChanged])], .persistent)
        #expect(table.take(changes.create("/a")) == [])
        #expect(table.take(changes.setACL("/a")) == [])
        #expect(table.take(changes.create("/a/b")) == [])
        #expect(table.take(changes.set("/a")) == [wait])
    }

    @Test func `a wait for children hears of each of them, not of the path or of what is below`() {
        var changes = Changes()
        var table = WaitTable()
        let kinds: Interest.Kinds = [.created, .dataChanged, .deleted, .aclChanged]
        let wait = table.insert([Interest("/a", .children, kinds)], .persistent)
        #expect(table.take(changes.create("/a")) == [])
        #expect(table.take(changes.create("/a/b")) == [wait])
        #expect(table.take(changes.set("/a/b")) == [wait])
        #expect(table.take(changes.create("/a/b/c")) == [])
        #expect(table.take(changes.set("/a")) == [])
        #expect(table.take(changes.delete("/a/b/c")) == [])
        #expect(table.take(changes.delete("/a/b")) == [wait])
    }

    @Test func `a wait for a subtree hears of the path and of everything below`() {
        var changes = Changes()
        var table = WaitTable()
        let everything = table.insert([Interest(.root, .subtree)], .persistent)
        let below = table.insert([Interest("/a", .subtree)], .persistent)
        #expect(table.take(changes.create("/a")) == [everything, below])
        #expect(table.take(changes.create("/ab")) == [everything])
        #expect(table.take(changes.create("/a/b")) == [everything, below])
        #expect(table.take(changes.set("/a/b")) == [everything, below])
        table.remove(everything)
        #expect(table.take(changes.set("/a/b")) == [below])
        table.remove(below)
        #expect(table.take(changes.set("/a/b")) == [])
        #expect(table.count == 0)
    }

    @Test func `a wait of one shot ends with its first match`() {
        var changes = Changes()
        var table = WaitTable()
        let wait = table.insert([Interest("/a"), Interest("/b")], .oneShot)
        #expect(table.take(changes.create("/c")) == [])
        #expect(table.take(changes.create("/b")) == [wait])
        #expect(table.take(changes.create("/a")) == [])
        #expect(table.count == 0)
        table.remove(wait)
    }

    @Test func `several matches in one transaction are told once, in the order of the waits`() {
        var changes = Changes()
        var table = WaitTable()
        let first = table.insert([Interest("/a", .subtree), Interest("/a/b")], .persistent)
        let second = table.insert([Interest("/a")], .persistent)
        let batch = changes.create("/a") + changes.create("/a/b") + changes.set("/a/b")
        #expect(table.take(batch) == [first, second])
    }

    @Test func `waits that are removed leave the others in place`() {
        var changes = Changes()
        var table = WaitTable()
        _ = table.take(changes.create("/a"))
        var waits: [WaitTable.ID] = []
        for _ in 0..<100 { waits.append(table.insert([Interest("/a")], .persistent)) }
        for index in stride(from: 0, to: 100, by: 2) { table.remove(waits[index]) }
        #expect(table.take(changes.set("/a")) == stride(from: 1, to: 100, by: 2).map { waits[$0] })
        for wait in waits { table.remove(wait) }
        #expect(table.take(changes.set("/a")) == [])
    }
}
