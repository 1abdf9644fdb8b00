import Jute
import NIOCore
import NIOPosix
import PeerTransport
import Synchronization
import Testing

@Suite(.serialized) struct QuorumConnectionTests {
    let leaderLoop = NIOSingletons.posixEventLoopGroup.next()
    let learnerLoop = NIOSingletons.posixEventLoopGroup.next()

    static let packets = [
        QuorumPacket(
            .followerInfo, zxid: .zero, data: LearnerInfo(id: 1, configVersion: 0).data),
        QuorumPacket(.ping, zxid: Zxid(epoch: 1, counter: 2), data: []),
        QuorumPacket(
            .request, zxid: .untrusted, data: [1, 2, 3],
            identities: [.anyone, Identity(scheme: "ip", id: "\u{e4}")]),
        QuorumPacket(.ack, zxid: Zxid(epoch: 1, counter: 2), identities: []),
        QuorumPacket(
            .proposal, zxid: Zxid(epoch: 1, counter: 3),
            data: Array(repeating: 9, count: juteMaximumLength)),
    ]

    @Test func `packets arrive in both directions as they were sent`() async throws {
        let (leader, learner, _) = try await connected()
        await leader.echo()
        await learner.send(Self.packets)
        try await eventually("the leader hears them") {
            await leader.packets[1] == Self.packets
        }
        try await eventually("the learner hears them again") {
            await learner.packets == Self.packets
        }
        await leader.stop()
    }

    @Test func `what is on the wire is the packets and nothing else`() async throws {
        let leader = TestLeader(on: leaderLoop)
        let socket = try await RawSocket.connect(to: leader.start(), on: learnerLoop)
        try await eventually("it is connected") { await leader.connected == [1] }
        await leader.send(Array(Self.packets[..<4]), to: 1)
        let bytes = Self.packets[..<4].flatMap(\.bytes)
        try await eventually("the bytes come") { await socket.received == bytes }
        #expect(await socket.reads.count == 1, "a batch is one write")
        await leader.stop()
    }

    @Test func `connections are numbered upwards and heard apart`() async throws {
        let leader = TestLeader(on: leaderLoop)
        let address = try await leader.start()
        var learners: [TestLearner] = []
        for id in 1...3 {
            let learner = TestLearner(on: learnerLoop)
            await learner.connect(to: address)
            try await eventually("the leader knows") { await leader.connected.last == id }
            try await eventually("the learner knows") { await learner.isConnected }
            await learner.send([QuorumPacket(.ack, zxid: Zxid(rawValue: Int64(id)))])
            learners.append(learner)
        }
        for id in 1...3 {
            try await eventually("it is heard") {
                await leader.packets[id] == [QuorumPacket(.ack, zxid: Zxid(rawValue: Int64(id)))]
            }
        }
        #expect(await leader.connectionIDs == [1, 2, 3])
        await leader.close(2)
        try await eventually("it is closed") { await learners[1].closed == .endOfStream }
        #expect(await leader.closed.isEmpty, "whoever closes is not told")
        #expect(await leader.connectionIDs == [1, 3])
        await leader.stop()
    }

    // MARK: Snapshots

    @Test func `a snapshot of 50 MB arrives in order, what was sent after it behind it`()
        async throws
    {
        let (leader, learner, id) = try await connected()
        let snapshot = BigSnapshot(znodes: 800, dataBytes: 65_536)
        let header = QuorumPacket(.snap, zxid: Zxid(epoch: 1, counter: 9))
        await leader.send(snapshot: header, snapshot.next, then: Self.packets, to: id)
        await leader.send([QuorumPacket(.upToDate, zxid: .untrusted)], to: id)
        try await eventually("everything comes") {
            await learner.packets.last?.kind == .upToDate
        }
        #expect(
            await learner.packets
                == [header] + Self.packets + [QuorumPacket(.upToDate, zxid: .untrusted)])
        #expect(await learner.packetsBeforeSnapshotEnd == 1)
        let received = await learner.snapshot
        #expect(received.count > 50_000_000)
        let isSame = received == snapshot.produced
        #expect(isSame)
        await leader.stop()
    }

    @Test func `no more of a snapshot is made than the learner takes`() async throws {
        let (leader, learner, id) = try await connected()
        await learner.pauseReading()
        let snapshot = BigSnapshot(znodes: 800, dataBytes: 65_536)
        await leader.send(
            snapshot: QuorumPacket(.snap, zxid: .zero), snapshot.next, then: Self.packets, to: id)
        // The leader is alive meanwhile, and the socket fills up.
        await leader.echo()
        await learner.send([Self.packets[1]])
        try await eventually("the leader hears others") {
            await leader.packets[id] == [Self.packets[1]]
        }
        var before = -1
        try await eventually("it comes to a stop") {
            let now = snapshot.produced.count
            try? await Task.sleep(for: .milliseconds(20))
            defer { before = now }
            return now > 0 && now == before
        }
        #expect(before < 30_000_000, "what sockets hold, and little more")
        await learner.resumeReading()
        try await eventually("everything comes") {
            await learner.packets.count == 2 + Self.packets.count
        }
        let received = await learner.snapshot
        let isSame = received == snapshot.produced
        #expect(isSame)
        await leader.stop()
    }

    @Test func `a snapshot that cannot be made closes the connection`() async throws {
        struct DiskFailed: Error {}
        let (leader, learner, id) = try await connected()
        await leader.send(
            snapshot: QuorumPacket(.snap, zxid: .zero), { throw DiskFailed() }, to: id)
        try await eventually("the leader is told") {
            await leader.closed[id] == .snapshotFailed("DiskFailed()")
        }
        try await eventually("the learner is told") { await learner.closed == .endOfStream }
        #expect(await learner.packetsBeforeSnapshotEnd == nil)
        await leader.stop()
    }

    // MARK: Trouble

    @Test func `a learner that does not read is closed at the limit (ZOOKEEPER-4074)`() async throws
    {
        let (leader, learner, id) = try await connected(outboundLimit: 1 << 20)
        await learner.pauseReading()
        let packet = QuorumPacket(
            .proposal, zxid: .zero, data: Array(repeating: 0, count: 100_000))
        try await eventually("it is closed") {
            await leader.send([packet], to: id)
            return await leader.closed[id] != nil
        }
        guard case .outboundOverflow(let bytes) = await leader.closed[id] else {
            Issue.record("closed for another reason")
            return
        }
        #expect((1 << 20)...(2 << 20) ~= bytes)
        await leader.stop()
    }

    @Test func `silence closes both sides after the time set`() async throws {
        let leader = TestLeader(on: leaderLoop)
        let address = try await leader.start(readTimeout: .seconds(60))
        let patient = TestLearner(on: learnerLoop)
        await patient.connect(to: address)
        let hasty = TestLearner(on: learnerLoop)
        await hasty.connect(to: address, readTimeout: .milliseconds(30))
        try await eventually("the hasty one leaves") {
            await hasty.closed == .readTimeout(.milliseconds(30))
        }
        try await eventually("both were there") { await leader.connected.count == 2 }
        let left = await leader.connectionIDs
        for id in left {
            await leader.setReadTimeout(.milliseconds(40), of: id)
        }
        try await eventually("the leader closes the other one") {
            await leader.closed.values.contains(.readTimeout(.milliseconds(40)))
        }
        try await eventually("it is told") { await patient.closed == .endOfStream }
        await leader.stop()
    }

    @Test func `what nobody sends closes that connection only`() async throws {
        let (leader, learner, id) = try await connected()
        let address = try #require(await leader.address)
        let stranger = try await RawSocket.connect(to: address, on: learnerLoop)
        await stranger.tryToWrite(Array("GET / HTTP/1.1\r\nHost: example.org\r\n\r\n".utf8))
        try await eventually("it is closed") { await stranger.isClosed }
        guard case .malformed = await leader.closed[id + 1] else {
            Issue.record("closed for another reason")
            return
        }
        await learner.send(Self.packets)
        try await eventually("others are heard") { await leader.packets[id] == Self.packets }
        await leader.stop()
    }

    @Test func `random bytes from strangers disturb nobody`() async throws {
        let (leader, learner, id) = try await connected()
        let address = try #require(await leader.address)
        var random = SplitMix64(seed: 7)
        for _ in 0..<50 {
            let stranger = try await RawSocket.connect(to: address, on: learnerLoop)
            var bytes = Self.packets[..<4].flatMap(\.bytes)
            for _ in 0..<3 {
                let index = Int.random(in: 0..<bytes.count, using: &random)
                bytes[index] = UInt8.random(in: 0...255, using: &random)
            }
            await stranger.tryToWrite(bytes)
            await stranger.close()
        }
        try await eventually("they are gone") { await leader.closed.count == 50 }
        await learner.send(Self.packets)
        try await eventually("the learner is heard") { await leader.packets[id] == Self.packets }
        await leader.stop()
    }

    @Test
    func `a connection closed while its packets are handed over is heard no more (ZOOKEEPER-4409)`()
        async throws
    {
        let (leader, learner, id) = try await connected()
        await leader.close(on: Self.packets[1])
        await learner.send(Self.packets)
        try await eventually("the learner is told") { await learner.closed != nil }
        #expect(await leader.packets[id] == Array(Self.packets[..<2]))
        #expect(await leader.closed.isEmpty)
        await leader.stop()
    }

    // MARK: Connecting and closing

    @Test func `a leader that refuses is tried again, and then given up`() async throws {
        let learner = TestLearner(on: learnerLoop)
        await learner.connect(to: ElectionTransportTests.nobody, attempts: 3)
        try await eventually("it is given up") { await learner.closed != nil }
        guard case .connectFailed = await learner.closed else {
            Issue.record("closed for another reason")
            return
        }
        #expect(await !learner.isConnected)
    }

    @Test func `a leader that starts to listen a little later is reached`() async throws {
        let (former, address) = try await RawListener.listen(on: leaderLoop)
        await former.close()
        let learner = TestLearner(on: learnerLoop)
        await learner.connect(to: address, attempts: 10_000)
        let leader = TestLeader(on: leaderLoop)
        try await leader.start(on: address)
        try await eventually("it is reached") { await learner.isConnected }
        await leader.stop()
    }

    @Test func `a learner that closes is heard no more and noticed`() async throws {
        let (leader, learner, id) = try await connected()
        await learner.close()
        try await eventually("the leader is told") {
            await leader.closed[id] == .endOfStream
        }
        #expect(await learner.closed == nil)
        await leader.send(Self.packets, to: id)
        #expect(await leader.connectionIDs.isEmpty)
        await leader.stop()
    }

    @Test func `stop closes everything (ZOOKEEPER-3240)`() async throws {
        let (leader, learner, _) = try await connected()
        let address = try #require(await leader.address)
        await leader.stop()
        try await eventually("the learner is told") { await learner.closed == .endOfStream }
        await #expect(throws: (any Error).self) {
            try await RawSocket.connect(to: address, on: learnerLoop)
        }
        let next = TestLeader(on: leaderLoop)
        #expect(try await next.start(on: address) == address)
        await next.stop()
    }

    @Test func `a listener that was suspended listens again, and numbers go on`() async throws {
        let (leader, learner, id) = try await connected()
        let address = try #require(await leader.address)
        await leader.suspend()
        try await eventually("the learner is told") { await learner.closed == .endOfStream }
        await #expect(throws: (any Error).self) {
            try await RawSocket.connect(to: address, on: learnerLoop)
        }
        #expect(try await leader.start(on: address) == address)
        let next = TestLearner(on: learnerLoop)
        await next.connect(to: address)
        try await eventually("it is connected") { await leader.connectionIDs == [id + 1] }
        #expect(await leader.closed == [:], "nothing is heard of what was closed from this side")
        await leader.stop()
    }

    @Test func `a port in use is an error`() async throws {
        let (listener, address) = try await RawListener.listen(on: learnerLoop)
        let leader = TestLeader(on: leaderLoop)
        await #expect(throws: BindError.self) { try await leader.start(on: address) }
        await leader.stop()
        await listener.close()
    }

    private func connected(
        outboundLimit: Int = 64 << 20
    ) async throws -> (TestLeader, TestLearner, ConnectionID) {
        let leader = TestLeader(on: leaderLoop, outboundLimit: outboundLimit)
        let learner = TestLearner(on: learnerLoop)
        await learner.connect(to: try await leader.start())
        try await eventually("they are connected") {
            let leaderKnows = await leader.connected == [1]
            let learnerKnows = await learner.isConnected
            return leaderKnows && learnerKnows
        }
        return (leader, learner, 1)
    }
}

/// Makes a snapshot of znodes with much data, chunk by chunk, and remembers what it made.
private final class BigSnapshot: Sendable {
    private struct State {
        var chunks = 0
        var produced: [UInt8] = []
    }

    private let znodes: Int
    private let dataBytes: Int
    private let state = Mutex(State())

    init(znodes: Int, dataBytes: Int) {
        self.znodes = znodes
        self.dataBytes = dataBytes
    }

    var produced: [UInt8] { state.withLock { $0.produced } }

    @Sendable func next() -> [UInt8]? {
        state.withLock { state in
            guard state.chunks <= znodes else { return nil }
            var writer = JuteWriter(reserving: dataBytes + 128)
            if state.chunks == 0 {
                writer.write(int: 0)
                writer.write(int: 0)
            }
            if state.chunks == znodes {
                writer.write(string: "/")
            } else {
                writer.write(string: "/znode-\(state.chunks)")
                writer.write(buffer: Array(repeating: UInt8(state.chunks % 251), count: dataBytes))
                writer.write(raw: Array(repeating: 0, count: 68))
            }
            state.chunks += 1
            state.produced += writer.bytes
            return writer.bytes
        }
    }
}
