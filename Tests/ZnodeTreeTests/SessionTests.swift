import Jute
import Testing
import ZnodeTree

/// Semantics reference, sections 6 and 12.
@Suite struct SessionTests {
    static let other = SessionID(rawValue: 0x200)

    @Test func `closing a session deletes its ephemerals in one transaction`() {
        var leader = Leader(sessions: [Leader.session, Self.other])
        leader.create("/p")
        leader.create("/p/1", mode: .ephemeral)
        leader.create("/p/2", mode: .ephemeral)
        leader.create("/p/3", mode: .ephemeral, session: Self.other)
        #expect(leader.tree.ephemerals(of: Leader.session) == ["/p/1", "/p/2"])
        let result = leader.perform(.closeSession)
        #expect(result.changes.map(\.path) == ["/p/1", "/p/2"])
        #expect(result.changes.map(\.position) == [0, 1])
        #expect(leader.tree.children(of: "/p")?.names == [Array("3".utf8)])
        #expect(leader.tree.stat(of: "/p")?.pzxid == leader.zxid)
        #expect(leader.tree.timeout(of: Leader.session) == nil)
        #expect(leader.tree.timeout(of: Self.other) == 8000)
        #expect(leader.tree.ephemeralCount == 1)
    }

    @Test func `pending creates are closed too, pending deletes are not`() {
        var leader = Leader()
        leader.create("/applied", mode: .ephemeral)
        leader.create("/gone", mode: .ephemeral)
        leader.prepare(.success(.delete(path: "/gone", version: -1)))
        leader.prepare(.success(.create("/pending", mode: .ephemeral)))
        leader.prepare(.success(.create("/fleeting", mode: .ephemeral)))
        leader.prepare(.success(.delete(path: "/fleeting", version: -1)))
        leader.prepare(
            .success(
                .multi([.create("/never", mode: .ephemeral), .delete(path: "/x", version: 0)])))
        leader.prepare(.success(.set("/applied", "changed")))
        let record = leader.prepare(.success(.closeSession))
        #expect(record.txn == .closeSession(paths: ["/applied", "/pending"]))
        leader.applyQueued()
        #expect(leader.tree.ephemeralCount == 0)
        #expect(leader.tree.nodeCount == 4)
    }

    @Test func `a closing session cannot write (ZOOKEEPER-1208)`() {
        var leader = Leader()
        leader.prepare(.success(.closeSession))
        #expect(
            leader.prepare(.success(.create("/a", mode: .ephemeral))).txn
                == .error(.sessionExpired))
        #expect(!leader.preparer.isLive(Leader.session, in: leader.tree))
        leader.applyQueued()
        #expect(leader.code(.create("/a")) == .sessionExpired)
    }

    @Test func `a session can write before its creation is applied`() {
        var leader = Leader(sessions: [])
        leader.prepare(.success(.createSession(timeoutMs: 4000)))
        let record = leader.prepare(.success(.create("/a", mode: .ephemeral)))
        #expect(record.header.type == .create2)
        leader.applyQueued()
        #expect(leader.tree.ephemerals(of: Leader.session) == ["/a"])
    }

    @Test func `an id in use does not become a second session`() {
        var leader = Leader()
        #expect(leader.code(.createSession(timeoutMs: 1)) == .badArguments)
        #expect(leader.tree.timeout(of: Leader.session) == 8000)
    }

    @Test func `an unknown session is closed all the same`() {
        var leader = Leader()
        let digest = leader.tree.digest
        #expect(leader.perform(.closeSession, session: Self.other).error == .ok)
        #expect(leader.tree.digest == digest)
    }

    @Test func `anybody with the permission may delete an ephemeral`() {
        var leader = Leader(sessions: [Leader.session, Self.other])
        leader.create("/e", mode: .ephemeral)
        #expect(leader.code(.delete(path: "/e", version: -1), session: Self.other) == .ok)
        #expect(leader.tree.ephemerals(of: Leader.session) == [])
    }

    @Test func `no session gets more ephemerals than its closeSession can list (ZOOKEEPER-4306)`()
        throws
    {
        var leader = Leader()
        let long = String(repeating: "n", count: 100_000)
        var created = 0
        while leader.code(.create(ZnodePath("/\(created)\(long)"), mode: .ephemeral)) == .ok {
            created += 1
            try #require(created < 30)
        }
        #expect(created == 20)
        #expect(leader.code(.create(ZnodePath("/p\(long)"))) == .ok)
        #expect(leader.code(.create("/short", mode: .ephemeral)) == .ok)
        let record = leader.prepare(.success(.closeSession))
        #expect(record.payload.count <= juteMaximumLength)
        #expect(record.header.type == .closeSession)
        leader.applyQueued()
        #expect(leader.tree.ephemeralCount == 0)
    }

    @Test func `a closeSession without a list deletes what the session owns`() {
        var applied = AppliedTree()
        let session = SessionID(rawValue: 1)
        applied.apply(.createSession(timeoutMs: 1))
        applied.create("/a", mode: .ephemeral)
        applied.create("/b", mode: .ephemeral)
        let result = applied.apply(.closeSession(paths: nil))
        #expect(result.changes.map(\.path) == ["/a", "/b"])
        #expect(applied.tree.ephemerals(of: session) == [])
    }

    @Test func `ephemerals whose session is unknown are reported`() {
        var applied = AppliedTree()
        applied.create("/a", mode: .ephemeral, session: SessionID(rawValue: 9))
        #expect(applied.tree.orphanedOwners == [SessionID(rawValue: 9)])
        applied.apply(.closeSession(paths: nil), session: SessionID(rawValue: 9))
        #expect(applied.tree.orphanedOwners == [])
    }
}

@Suite struct SessionTrackerTests {
    static let session = SessionID(rawValue: 1)

    @Test func `a session expires at the end of the tick in which its timeout has passed`() {
        var tracker = SessionTracker(tickMs: 2000)
        tracker.track(Self.session, timeoutMs: 4000, now: 1000)
        #expect(tracker.nextExpiry == 6000)
        #expect(tracker.expired(now: 5999) == [])
        #expect(tracker.expired(now: 6000) == [Self.session])
        #expect(tracker.isClosing(Self.session))
        #expect(tracker.expired(now: 60_000) == [])
    }

    @Test func `a touch gives a full timeout, but not to a closing session`() {
        var tracker = SessionTracker(tickMs: 2000)
        tracker.track(Self.session, timeoutMs: 4000, now: 0)
        #expect(tracker.touch(Self.session, timeoutMs: 4000, now: 5000) == true)
        #expect(tracker.expired(now: 9999) == [])
        tracker.markClosing(Self.session)
        #expect(tracker.touch(Self.session, timeoutMs: 4000, now: 9999) == false)
        #expect(tracker.expired(now: 100_000) == [])
        tracker.remove(Self.session)
        #expect(!tracker.isTracked(Self.session))
        #expect(tracker.touch(Self.session, timeoutMs: 4000, now: 9999) == false)
        #expect(tracker.nextExpiry == nil)
    }

    @Test func `sessions of many ticks expire together after a long pause, in order`() {
        var tracker = SessionTracker(tickMs: 10)
        for id in (1...100).reversed() {
            tracker.track(SessionID(rawValue: Int64(id)), timeoutMs: Int32(id * 7), now: 0)
        }
        #expect(tracker.expired(now: 10_000).map(\.rawValue) == Array(1...100))
    }

    @Test func `the owner is where the session was used last`() {
        var tracker = SessionTracker(tickMs: 10)
        #expect(tracker.owner(of: Self.session) == nil)
        tracker.track(Self.session, timeoutMs: 7, now: 0)
        tracker.setOwner(3, of: Self.session)
        #expect(tracker.owner(of: Self.session) == 3)
        tracker.setOwner(4, of: SessionID(rawValue: 77))
        #expect(tracker.owner(of: SessionID(rawValue: 77)) == nil)
    }

    @Test func `timeouts are kept between 2 and 20 ticks`() {
        #expect(SessionTracker.negotiated(requestedMs: 1, tickMs: 2000) == 4000)
        #expect(SessionTracker.negotiated(requestedMs: 5000, tickMs: 2000) == 5000)
        #expect(SessionTracker.negotiated(requestedMs: .max, tickMs: 2000) == 40_000)
        #expect(
            SessionTracker.negotiated(requestedMs: 1, tickMs: 2000, minMs: 100, maxMs: 200) == 100)
    }

    /// Quorum protocol reference, section 6.4.
    @Test func `the password of a session of the original`() {
        #expect(
            sessionPassword(of: SessionID(rawValue: 0x0100_0016_9DB4_0000))
                == hex("eebab73de39c29dd7c8af0b064a7c83a"))
    }

    @Test func `ids carry the server and the clock, and none is given out twice`() {
        var generator = SessionIDGenerator(serverID: 1, clockMs: 0x16_9DB4)
        let first = generator.next { _ in false }
        #expect(first.rawValue == 0x0100_0016_9DB4_0000)
        let second = generator.next { $0.rawValue == first.rawValue + 1 }
        #expect(second.rawValue == first.rawValue + 2)
    }
}
