import Jute
import Testing

@testable import Zab

/// DIFF, TRUNC or SNAP (quorum protocol reference, section 5.2), case by case.
@Suite struct SyncPlanTests {
    private let history = History(
        floor: zxid(1, 2), proposals: log(1, 3...5) + log(2, 1...3), lastCommitted: zxid(2, 3))

    private func plan(_ last: Zxid, committed: Zxid = zxid(2, 3)) -> SyncPlan {
        SyncPlan.choose(last: last, history: history, committed: committed)
    }

    @Test func `case 2: in line already`() {
        #expect(plan(zxid(2, 3)) == .diff(zxid: zxid(2, 3), after: zxid(2, 3)))
    }

    @Test func `case 3: ahead, so cut to what is committed`() {
        #expect(plan(zxid(2, 9)) == .trunc(zxid(2, 3)))
        #expect(plan(zxid(3, 1)) == .trunc(zxid(2, 3)))
    }

    @Test func `case 3 not for the beginning of an epoch: nothing says what such a state holds`() {
        #expect(plan(zxid(3, 0)) == .snap)
    }

    @Test func `case 4: in the window`() {
        #expect(plan(zxid(1, 4)) == .diff(zxid: zxid(2, 3), after: zxid(1, 4)))
        #expect(plan(zxid(2, 1)) == .diff(zxid: zxid(2, 3), after: zxid(2, 1)))
    }

    @Test func `case 4: at the floor of the window`() {
        #expect(plan(zxid(1, 2)) == .diff(zxid: zxid(2, 3), after: zxid(1, 2)))
    }

    @Test func `case 4: a state at the beginning of an epoch lacks only what came in it`() {
        #expect(plan(zxid(2, 0)) == .diff(zxid: zxid(2, 3), after: zxid(2, 0)))
        #expect(
            history.entries(after: zxid(2, 0), through: zxid(2, 3)).map(\.zxid)
                == log(2, 1...3).map(\.zxid))
    }

    @Test func `case 4: a tail that this history never had and that is followed by a later epoch`()
    {
        // No TRUNC: a Java learner would keep a hole in its window (ZOOKEEPER-4925).
        #expect(plan(zxid(1, 8)) == .snap)
    }

    @Test
    func `case 5 does not exist: older log files are not proven gap-free (ZOOKEEPER-2846, -2418)`()
    {
        #expect(plan(zxid(1, 1)) == .snap)
        #expect(plan(.zero) == .snap)
    }

    @Test func `case 6: a learner that does not trust its own state`() {
        #expect(plan(.untrusted) == .snap)
    }

    @Test func `a leader that is not established holds its whole log, committed or not`() {
        #expect(
            plan(zxid(2, 3), committed: zxid(2, 3)) == .diff(zxid: zxid(2, 3), after: zxid(2, 3)))
        let elected = History(floor: .zero, proposals: log(1, 1...3), lastCommitted: .zero)
        #expect(
            SyncPlan.choose(last: zxid(1, 2), history: elected, committed: zxid(1, 3))
                == .diff(zxid: zxid(1, 3), after: zxid(1, 2)))
    }

    @Test func `an established leader lets a follower cut what is not committed yet`() {
        #expect(plan(zxid(2, 3), committed: zxid(2, 1)) == .trunc(zxid(2, 1)))
    }

    @Test func `a leader whose state is the beginning of an epoch sends it whole`() {
        let taken = History(floor: zxid(2, 0), lastCommitted: zxid(2, 0))
        #expect(SyncPlan.choose(last: zxid(1, 4), history: taken, committed: zxid(2, 0)) == .snap)
        #expect(SyncPlan.choose(last: zxid(2, 1), history: taken, committed: zxid(2, 0)) == .snap)
    }

    @Test func `an empty ensemble is in line`() {
        let empty = History(floor: .zero, lastCommitted: .zero)
        #expect(
            SyncPlan.choose(last: .zero, history: empty, committed: .zero)
                == .diff(zxid: .zero, after: .zero))
    }
}
