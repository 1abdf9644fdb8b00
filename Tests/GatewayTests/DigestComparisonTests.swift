import Jute
import Testing
import Zab

@testable import Gateway

/// Who is wrong is decided by majority, not by rank.
@Suite struct DigestComparisonTests {
    static let quorum = QuorumVerifier.majority(voters: [1, 2, 3])
    static let one = Zxid(epoch: 1, counter: 128)
    static let two = Zxid(epoch: 1, counter: 256)

    private func verdict(
        _ own: [Zxid: UInt64], _ others: [PeerID: [Zxid: UInt64]]
    ) -> DigestVerdict {
        DigestVerdict(own: own, others: others, id: 1, quorum: Self.quorum)
    }

    @Test func `equal states, and states of different moments, are no difference`() {
        #expect(verdict([Self.one: 7], [2: [Self.one: 7], 3: [Self.one: 7]]) == .same)
        #expect(verdict([Self.one: 7], [2: [Self.two: 8]]) == .same)
        #expect(verdict([:], [2: [Self.two: 8], 3: [Self.two: 8]]) == .same)
    }

    @Test func `a quorum that agrees on another state is right`() {
        #expect(
            verdict([Self.one: 7], [2: [Self.one: 8], 3: [Self.one: 8]])
                == .outvoted(at: Self.one, by: [2, 3]))
        #expect(
            verdict(
                [Self.one: 7, Self.two: 9],
                [2: [Self.one: 7, Self.two: 8], 3: [Self.one: 7, Self.two: 8]])
                == .outvoted(at: Self.two, by: [2, 3]))
    }

    @Test func `of several other states only the quorum's is right`() {
        let verdict = DigestVerdict(
            own: [Self.one: 7],
            others: [
                2: [Self.one: 9], 3: [Self.one: 8], 4: [Self.one: 8], 5: [Self.one: 8],
                6: [Self.one: 9],
            ], id: 1, quorum: .majority(voters: [1, 2, 3, 4, 5]))
        #expect(verdict == .outvoted(at: Self.one, by: [3, 4, 5]))
    }

    @Test func `so is one that this member belongs to`() {
        #expect(verdict([Self.one: 7], [2: [Self.one: 7], 3: [Self.one: 8]]) == .outvotes([3]))
    }

    @Test func `with too few known nobody is right`() {
        #expect(verdict([Self.one: 7], [2: [Self.one: 8]]) == .undecided(at: Self.one))
        #expect(
            verdict([Self.one: 7], [2: [Self.one: 8], 3: [Self.one: 9]])
                == .undecided(at: Self.one))
        // Who does not vote does not count.
        #expect(
            verdict([Self.one: 7], [4: [Self.one: 8], 5: [Self.one: 8]])
                == .undecided(at: Self.one))
    }
}
