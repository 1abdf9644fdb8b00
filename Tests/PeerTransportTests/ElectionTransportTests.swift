import Jute
import NIOCore
import NIOPosix
import PeerTransport
import Testing

@Suite(.serialized) struct ElectionTransportTests {
    /// The server under test.
    let loop = NIOSingletons.posixEventLoopGroup.next()
    /// Everybody else.
    let others = NIOSingletons.posixEventLoopGroup.next()

    // MARK: The challenge

    @Test func `a smaller server is closed and called back at the address in its hello`()
        async throws
    {
        let (listener, address) = try await RawListener.listen(on: others)
        let server = ElectionServer(5, on: loop)
        let serverAddress = try await server.start()

        let caller = try await RawSocket.connect(to: serverAddress, on: others)
        try await caller.write(ElectionHello.bytes(sender: 2, address: address))
        try await eventually("the caller is closed") { await caller.isClosed }
        #expect(await caller.received.isEmpty, "an acceptor says nothing")

        let back = try await listener.first()
        let hello = ElectionHello.bytes(sender: 5, address: serverAddress)
        try await eventually("the hello comes") { await back.received == hello }
        #expect(await back.reads.count == 1, "in one piece")
        try await back.write(framed([1, 2, 3]))
        try await eventually("the call back is the connection") {
            await server.messages == [.init(sender: 2, bytes: [1, 2, 3])]
        }
        await server.stop()
        await listener.close()
    }

    @Test
    func
        `a smaller server with a wildcard in its hello is called at its configured address (ZOOKEEPER-2164)`()
        async throws
    {
        let (listener, address) = try await RawListener.listen(on: others)
        let server = ElectionServer(5, on: loop, peers: [2: address])
        let caller = try await RawSocket.connect(to: server.start(), on: others)
        try await caller.write(
            ElectionHello.bytes(sender: 2, address: PeerAddress(host: "0.0.0.0", port: 1)))
        try await eventually("it is called back") { await listener.accepted.count == 1 }
        await server.stop()
        await listener.close()
    }

    @Test func `a larger server is asked to call back, by a hello and nothing else`() async throws {
        let (listener, address) = try await RawListener.listen(on: others)
        let server = ElectionServer(2, on: loop, peers: [5: address])
        let serverAddress = try await server.start()
        await server.send([1], to: 5)
        let asked = try await listener.first()
        try await eventually("it closes") { await asked.isClosed }
        #expect(
            await asked.received == ElectionHello.bytes(sender: 2, address: serverAddress))
        #expect(await server.connectedPeers.isEmpty)

        let caller = try await RawSocket.connect(to: serverAddress, on: others)
        try await caller.write(ElectionHello.bytes(sender: 5, address: address))
        try await eventually("the message that waited comes") {
            await caller.received == framed([1])
        }
        #expect(await server.connectedPeers == [5])
        await server.stop()
        await listener.close()
    }

    @Test func `a newer connection of a larger server replaces the older one`() async throws {
        let server = ElectionServer(2, on: loop)
        let address = try await server.start()
        let first = try await Self.connect(to: address, as: 5, on: others)
        try await eventually("it is connected") { await server.connectedPeers == [5] }
        let second = try await Self.connect(to: address, as: 5, on: others)
        try await eventually("the first is closed") { await first.isClosed }
        await server.send([7], to: 5)
        try await eventually("the second is used") { await second.received == framed([7]) }
        #expect(await server.changes == [5], "the peer was there all the time")
        await server.stop()
    }

    @Test func `an older connection whose hello comes later does not replace a newer one`()
        async throws
    {
        let server = ElectionServer(2, on: loop)
        let address = try await server.start()
        let first = try await RawSocket.connect(to: address, on: others)
        let second = try await Self.connect(to: address, as: 5, on: others)
        try await eventually("it is connected") { await server.connectedPeers == [5] }
        try await first.write(
            ElectionHello.bytes(sender: 5, address: Self.nobody))
        try await eventually("the first is closed") { await first.isClosed }
        await server.send([7], to: 5)
        try await eventually("the second is used") { await second.received == framed([7]) }
        await server.stop()
    }

    @Test(arguments: 0..<10)
    func `two servers that dial each other at once end with one connection, of the larger`(
        _: Int
    ) async throws {
        let one = ElectionServer(1, on: loop)
        let two = ElectionServer(2, on: others)
        let (address1, address2) = try await (one.start(), two.start())
        await one.setPeers([1: address1, 2: address2])
        await two.setPeers([1: address1, 2: address2])
        async let first: Void = one.send([1], to: 2)
        async let second: Void = two.send([2], to: 1)
        _ = await (first, second)
        try await eventually("both hear each other") {
            let atOne = await one.messages(from: 2)
            let atTwo = await two.messages(from: 1)
            return atOne.contains([2]) && atTwo.contains([1])
        }
        try await eventually("one connection is left, accepted by the smaller") {
            establishedConnections(acceptedOn: address1.port) == 1
                && establishedConnections(acceptedOn: address2.port) == 0
        }
        await one.send([3], to: 2)
        await two.send([4], to: 1)
        try await eventually("both still hear each other") {
            let atOne = await one.messages(from: 2)
            let atTwo = await two.messages(from: 1)
            return atOne.last == [4] && atTwo.last == [3]
        }
        await one.stop()
        await two.stop()
    }

    @Test func `a server with the same id is refused`() async throws {
        let server = ElectionServer(2, on: loop)
        let twin = try await Self.connect(to: server.start(), as: 2, on: others)
        try await eventually("it is closed") { await twin.isClosed }
        #expect(await server.connectedPeers.isEmpty)
        await server.stop()
    }

    @Test func `observers without an id get negative ones and keep their connections`()
        async throws
    {
        let server = ElectionServer(2, on: loop)
        let address = try await server.start()
        for id in [-1, -2] as [PeerID] {
            let observer = try await Self.connect(to: address, as: .max, on: others)
            try await eventually("it is known") { await server.connectedPeers.contains(id) }
            await server.send([9], to: id)
            try await eventually("it is answered") { await observer.received == framed([9]) }
        }
        await server.stop()
    }

    // MARK: Messages

    @Test func `a hello and messages in pieces are read as if they were whole`() async throws {
        let server = ElectionServer(2, on: loop)
        let caller = try await RawSocket.connect(to: server.start(), on: others)
        let hello = ElectionHello.bytes(sender: 5, address: Self.nobody)
        try await caller.write(eachOf: hello + framed([1, 2]) + framed([3]))
        try await eventually("both messages come") {
            await server.messages(from: 5) == [[1, 2], [3]]
        }
        await server.stop()
    }

    @Test func `the last message is sent again on a new connection`() async throws {
        let server = ElectionServer(2, on: loop)
        let address = try await server.start()
        let first = try await Self.connect(to: address, as: 5, on: others)
        try await eventually("it is connected") { await server.connectedPeers == [5] }
        await server.setPeers([5: Self.nobody])
        await server.send([1], to: 5)
        await server.send([2], to: 5)
        try await eventually("both come") { await first.received == framed([1]) + framed([2]) }
        await first.close()
        try await eventually("it is lost") { await server.changes == [5, -5] }
        let second = try await Self.connect(to: address, as: 5, on: others)
        try await eventually("the last one comes again") {
            await second.received == framed([2])
        }
        await server.stop()
    }

    @Test func `of messages that wait only the newest is sent`() async throws {
        // Nobody answers at this address, and the larger server comes by itself.
        let server = ElectionServer(2, on: loop, peers: [5: Self.nobody])
        let address = try await server.start()
        for message in 1...3 {
            await server.send([UInt8(message)], to: 5)
        }
        #expect(await !server.haveDelivered)
        let caller = try await Self.connect(to: address, as: 5, on: others)
        try await eventually("the newest comes") { await caller.received == framed([3]) }
        #expect(await server.haveDelivered)
        await server.stop()
    }

    @Test func `of messages to a peer that does not read only the newest waits`() async throws {
        let server = ElectionServer(2, on: loop)
        let caller = try await Self.connect(to: server.start(), as: 5, on: others)
        try await eventually("it is connected") { await server.connectedPeers == [5] }
        try await caller.stopReading()
        await server.setPeers([5: Self.nobody])
        var sent = 0
        repeat {
            sent += 1
            await server.send(Array(repeating: UInt8(sent), count: 524_288), to: 5)
        } while await server.haveDelivered
        let stuck = sent
        for _ in 0..<3 {
            sent += 1
            await server.send([UInt8(sent)], to: 5)
        }
        try await caller.startReading()
        try await eventually("the newest comes") {
            await caller.received.suffix(5) == framed([UInt8(sent)])
        }
        #expect(await caller.received.count == (stuck - 1) * 524_292 + 5)
        await server.stop()
    }

    @Test func `messages of 1 to 524,288 bytes are taken`() async throws {
        let server = ElectionServer(2, on: loop)
        let caller = try await Self.connect(to: server.start(), as: 5, on: others)
        let largest = Array(repeating: 3, count: 524_288) as [UInt8]
        try await caller.write(framed([1]) + framed(largest))
        try await eventually("both come") { await server.messages(from: 5) == [[1], largest] }
        await server.stop()
    }

    @Test(arguments: ["00000000", "ffffffff", "80000000", "00080001"])
    func `a message of another length closes the connection`(length: String) async throws {
        let server = ElectionServer(2, on: loop)
        let caller = try await Self.connect(to: server.start(), as: 5, on: others)
        try await caller.write(framed([1]) + hex(length) + [0])
        try await eventually("it is closed") { await caller.isClosed }
        try await eventually("it is lost") { await server.changes == [5, -5] }
        #expect(await server.messages(from: 5) == [[1]])
        await server.stop()
    }

    // MARK: Trouble

    @Test func `garbage and silence disturb nobody else`() async throws {
        // No hello has a smaller id, so nobody is called back at an address made of garbage.
        let server = ElectionServer(0, on: loop) { $0.helloTimeout = .milliseconds(50) }
        let address = try await server.start()
        let caller = try await Self.connect(to: address, as: 5, on: others)
        try await eventually("it is connected") { await server.connectedPeers == [5] }

        let silent = try await RawSocket.connect(to: address, on: others)
        var random = SplitMix64(seed: 1)
        for _ in 0..<100 {
            let stranger = try await RawSocket.connect(to: address, on: others)
            var bytes = ElectionHello.bytes(sender: 7, address: address) + framed([1, 2, 3])
            for _ in 0..<3 {
                let index = Int.random(in: 0..<bytes.count, using: &random)
                bytes[index] = UInt8.random(in: 0...255, using: &random)
            }
            await stranger.tryToWrite(bytes)
            await stranger.close()
        }
        let wrong = try await RawSocket.connect(to: address, on: others)
        await wrong.tryToWrite(Array("GET / HTTP/1.1\r\n\r\n".utf8))
        let worse = try await RawSocket.connect(to: address, on: others)
        await worse.tryToWrite(Array(repeating: 0xFF, count: 1000))
        try await eventually("an unknown version is closed") { await worse.isClosed }
        try await eventually("silence is closed") { await silent.isClosed }

        try await caller.write(framed([42]))
        try await eventually("the first is still heard") {
            await server.messages(from: 5) == [[42]]
        }
        let later = try await Self.connect(to: address, as: 6, on: others)
        try await later.write(framed([43]))
        try await eventually("others are heard") { await server.messages(from: 6) == [[43]] }
        await server.stop()
        await wrong.close()
    }

    @Test func `a peer that is not configured any more is forgotten (ZOOKEEPER-4220)`() async throws
    {
        let server = ElectionServer(2, on: loop, peers: [5: Self.nobody])
        let caller = try await Self.connect(to: server.start(), as: 5, on: others)
        try await eventually("it is connected") { await server.connectedPeers == [5] }
        await server.setPeers([:])
        try await eventually("it is closed") { await caller.isClosed }
        try await eventually("its loss is told") { await server.changes == [5, -5] }
        #expect(await !server.haveDelivered)
        await server.stop()
    }

    @Test func `connectAll dials whom there is no connection to`() async throws {
        let (listener, address) = try await RawListener.listen(on: others)
        let server = ElectionServer(5, on: loop, peers: [1: address, 5: address])
        try await server.start()
        await server.connectAll()
        try await eventually("it is connected") { await server.connectedPeers == [1] }
        await server.connectAll()
        await server.send([1], to: 1)
        let socket = try await listener.first()
        try await eventually("the message comes on the same connection") {
            await socket.received.suffix(5) == framed([1])
        }
        #expect(await listener.accepted.count == 1)
        await server.stop()
        await listener.close()
    }

    @Test func `a peer that does not answer holds up no other (ZOOKEEPER-2930, -3756)`()
        async throws
    {
        let (listener, address) = try await RawListener.listen(on: others)
        // An address of documentation (RFC 5737): nobody answers there, not even with a refusal.
        let server = ElectionServer(
            5, on: loop, peers: [1: PeerAddress(host: "192.0.2.1", port: 9), 2: address]
        ) { $0.connectTimeout = .seconds(60) }
        try await server.start()
        await server.send([1], to: 1)
        await server.send([2], to: 2)
        let socket = try await listener.first()
        try await eventually("the other one hears") {
            await socket.received.suffix(5) == framed([2])
        }
        #expect(await server.connectedPeers == [2])
        await server.stop()
        await listener.close()
    }

    @Test func `a port in use is an error after the last try`() async throws {
        let (listener, address) = try await RawListener.listen(on: others)
        let server = ElectionServer(2, on: loop) {
            $0.listenAddress = address
            $0.bindRetryDelay = .milliseconds(1)
        }
        await #expect(throws: BindError.self) { try await server.start() }
        await server.stop()
        await listener.close()
    }

    @Test func `a port that becomes free between the tries is taken`() async throws {
        let (listener, address) = try await RawListener.listen(on: others)
        let server = ElectionServer(2, on: loop) {
            $0.listenAddress = address
            $0.bindAttempts = 10_000
            $0.bindRetryDelay = .milliseconds(1)
        }
        async let bound = server.start()
        await listener.close()
        #expect(try await bound == address)
        await server.stop()
    }

    @Test func `stop closes everything and is heard no more`() async throws {
        let (silentPeer, silentAddress) = try await RawListener.listen(on: others)
        let server = ElectionServer(5, on: loop, peers: [1: silentAddress])
        let address = try await server.start()
        let larger = try await Self.connect(to: address, as: 6, on: others)
        let stranger = try await RawSocket.connect(to: address, on: others)
        await server.connectAll()
        try await eventually("both are connected") { await server.connectedPeers == [1, 6] }
        let dialed = try await silentPeer.first()
        let changes = await server.changes
        await server.stop()
        for socket in [larger, stranger, dialed] {
            try await eventually("it is closed") { await socket.isClosed }
        }
        await #expect(throws: (any Error).self) {
            try await RawSocket.connect(to: address, on: others)
        }
        #expect(await server.changes == changes)
        #expect(await server.connectedPeers.isEmpty)
        await silentPeer.close()
    }

    // MARK: Helpers

    /// A port below 1024 that nothing listens on.
    static let nobody = PeerAddress(host: "127.0.0.1", port: 1)

    static func connect(
        to address: PeerAddress, as id: PeerID, on loop: any EventLoop
    ) async throws -> RawSocket {
        let socket = try await RawSocket.connect(to: address, on: loop)
        try await socket.write(
            ElectionHello.bytes(sender: id, address: nobody))
        return socket
    }
}

private func framed(_ message: [UInt8]) -> [UInt8] {
    var writer = JuteWriter()
    writer.write(buffer: message)
    return writer.bytes
}
