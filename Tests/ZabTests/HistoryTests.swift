import Jute
import Testing

@testable import Zab

/// What a server's log holds, as the protocol sees it.
@Suite struct HistoryTests {
    @Test func `a start finds everything on disk, and the tail uncommitted`() {
        let history = History(
            floor: zxid(1, 2), proposals: log(1, 3...6), lastCommitted: zxid(1, 4))
        #expect(history.lastLogged == zxid(1, 6))
        #expect(history.durable == zxid(1, 6))
        #expect(history.lastCommitted == zxid(1, 4))
        #expect(history.uncommitted.map(\.zxid) == [zxid(1, 5), zxid(1, 6)])
    }

    @Test func `the window keeps the newest committed transactions and every uncommitted one`() {
        var history = History(
            floor: .zero, proposals: log(1, 1...9), lastCommitted: zxid(1, 5),
            limits: .init(count: 2))
        #expect(history.floor == zxid(1, 3))
        #expect(history.commitNext().zxid == zxid(1, 6))
        #expect(history.floor == zxid(1, 4))
        #expect(history.uncommitted.count == 3)
    }

    @Test func `the window is bounded in bytes too`() {
        let proposals = (1...5).map {
            Proposal(zxid: zxid(1, $0), payload: Array(repeating: 0, count: 10))
        }
        let history = History(
            floor: .zero, proposals: proposals, lastCommitted: zxid(1, 5),
            limits: .init(count: 100, bytes: 25))
        #expect(history.floor == zxid(1, 3))
    }

    @Test func `a truncation forgets the tail and nothing else`() {
        var history = History(
            floor: .zero, proposals: log(1, 1...5), lastCommitted: zxid(1, 2))
        history.truncate(after: zxid(1, 3))
        #expect(history.lastLogged == zxid(1, 3))
        #expect(history.durable == zxid(1, 3))
        history.append(proposal(1, 4))
        #expect(history.durable == zxid(1, 3))
    }

    @Test func `a truncation to the floor leaves an empty window`() {
        var history = History(floor: zxid(1, 2), proposals: log(1, 3...4), lastCommitted: .zero)
        history.truncate(after: zxid(1, 2))
        #expect(history.lastLogged == zxid(1, 2))
        #expect(!history.hasUncommitted)
    }

    @Test func `a state received whole replaces everything (ZOOKEEPER-4352)`() {
        var history = History(floor: .zero, proposals: log(1, 1...5), lastCommitted: .zero)
        history.restart(at: zxid(4, 7))
        #expect(history.floor == zxid(4, 7))
        #expect(history.lastLogged == zxid(4, 7))
        #expect(history.lastCommitted == zxid(4, 7))
        #expect(history.reaches(zxid(4, 7)))
        #expect(!history.reaches(zxid(1, 5)))
    }

    @Test func `entries between two zxids need neither of them in the window`() {
        let history = History(
            floor: .zero, proposals: log(1, 1...3) + log(3, 1...2), lastCommitted: .zero)
        #expect(
            history.entries(after: zxid(1, 2), through: zxid(3, 1)).map(\.zxid)
                == [zxid(1, 3), zxid(3, 1)])
        #expect(history.entries(after: zxid(2, 0), through: zxid(2, 9)).isEmpty)
    }
}
