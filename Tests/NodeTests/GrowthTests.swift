import Jute
import Node
import Replica
import Testing
import Zab

/// What a full disk refuses, and on whose behalf.
@Suite struct GrowthTests {
    private let gate = GrowthGate(1, of: .majority(voters: [1, 2, 3]), room: nil)

    @Test func `with room everywhere everything passes`() {
        #expect(!gate.refuses(leader: 1))
        #expect(!gate.refuses(leader: nil))
        #expect(!gate.isFullHere)
    }

    @Test func `one voter of three without room does not stop the others`() {
        gate.note(full: [3])
        #expect(!gate.refuses(leader: 2))
        #expect(!gate.refuses(leader: 1))
    }

    @Test func `a leader without room is spared by everybody`() {
        gate.note(full: [3])
        #expect(gate.refuses(leader: 3))
    }

    @Test func `growth stops while those with room are no quorum, and goes on afterwards`() {
        gate.note(full: [2, 3])
        #expect(gate.refuses(leader: 1))
        #expect(!gate.isFullHere)
        gate.note(full: [2])
        #expect(!gate.refuses(leader: 1))
    }

    @Test func `observers without room stop nobody`() {
        gate.note(full: [4, 5])
        #expect(!gate.refuses(leader: 1))
    }

    @Test func `what others tell of this node itself does not count`() {
        gate.note(full: [1])
        #expect(!gate.refuses(leader: 1))
    }

    private static let growing: [Write] = [
        .put("/a", data: [], .none, nil),
        .create("/a", data: [], Creation()),
        .setACL("/a", [], version: -1, czxid: nil),
        .createSession(timeoutMs: 1),
        .transaction([
            TransactionStep(.delete(path: "/a", version: -1)),
            TransactionStep(.setData(path: "/b", data: [], version: -1)),
        ]),
    ]
    private static let passing: [Write] = [
        .delete("/a", .none, recursive: true),
        .closeSession(SessionID(rawValue: 1)),
        .barrier,
        .transaction([
            TransactionStep(.check(path: "/a", version: 1)),
            TransactionStep(.delete(path: "/a", version: -1)),
        ]),
    ]

    @Test(arguments: growing.indices)
    func `what adds something grows`(index: Int) {
        #expect(Self.growing[index].grows)
    }

    @Test(arguments: passing.indices)
    func `what takes away or only looks does not`(index: Int) {
        #expect(!Self.passing[index].grows)
    }
}
