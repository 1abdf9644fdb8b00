import Jute
import Logging
import NIOCore
import PeerTransport

private var silent: Logger {
    var logger = Logger(label: "quorum")
    logger.logLevel = .critical
    return logger
}

/// A leader as far as sockets need one: a listener on an event loop, and what it heard.
actor TestLeader {
    private let loop: any EventLoop
    private let listener: QuorumListener
    private(set) var packets: [ConnectionID: [QuorumPacket]] = [:]
    private(set) var connected: [ConnectionID] = []
    private(set) var closed: [ConnectionID: CloseReason] = [:]
    private(set) var readsCompleted = 0
    private var isCalling = false
    private var echoes = false
    private var closesOn: QuorumPacket?

    nonisolated var unownedExecutor: UnownedSerialExecutor {
        loop.executor.asUnownedSerialExecutor()
    }

    init(on loop: any EventLoop, outboundLimit: Int = 64 << 20) {
        self.loop = loop
        listener = QuorumListener(eventLoop: loop, logger: silent, outboundLimit: outboundLimit)
    }

    @discardableResult
    func start(
        on address: PeerAddress = PeerAddress(host: "127.0.0.1", port: 0),
        readTimeout: Duration = .seconds(60)
    ) async throws -> PeerAddress {
        listener.onConnected = { [self] id, _ in
            precondition(!isCalling)
            connected.append(id)
        }
        listener.onPacket = { [self] id, packet in
            precondition(!isCalling && connected.contains(id))
            packets[id, default: []].append(packet)
            if echoes { listener.send(packet, to: id) }
            if packet == closesOn { listener.close(id) }
        }
        listener.onReadComplete = { [self] in
            precondition(!isCalling)
            readsCompleted += 1
            listener.flush()
        }
        listener.onClosed = { [self] id, reason in
            precondition(!isCalling && closed[id] == nil)
            closed[id] = reason
        }
        return try await withCheckedThrowingContinuation { continuation in
            call {
                $0.start(on: address, readTimeout: readTimeout) { continuation.resume(with: $0) }
            }
        }
    }

    func echo() {
        echoes = true
    }

    func close(on packet: QuorumPacket) {
        closesOn = packet
    }

    func send(_ packets: [QuorumPacket], to id: ConnectionID) {
        call {
            for packet in packets { $0.send(packet, to: id) }
            $0.flush()
        }
    }

    /// Sends a snapshot and packets behind it in one batch.
    func send(
        snapshot header: QuorumPacket, _ chunks: @escaping @Sendable () throws -> [UInt8]?,
        then packets: [QuorumPacket] = [], to id: ConnectionID
    ) {
        call {
            $0.send(snapshot: header, chunks: chunks, to: id)
            for packet in packets { $0.send(packet, to: id) }
            $0.flush()
        }
    }

    func setReadTimeout(_ timeout: Duration, of id: ConnectionID) {
        call { $0.setReadTimeout(timeout, of: id) }
    }

    func close(_ id: ConnectionID) {
        call { $0.close(id) }
    }

    func suspend() {
        call { $0.suspend() }
    }

    func stop() {
        call { $0.stop() }
    }

    var address: PeerAddress? { listener.listeningAddress }
    var connectionIDs: [ConnectionID] { listener.connectionIDs }

    private func call(_ body: (QuorumListener) -> Void) {
        isCalling = true
        body(listener)
        isCalling = false
    }
}

/// A learner as far as sockets need one.
actor TestLearner {
    private let loop: any EventLoop
    private let connection: LeaderConnection
    private(set) var isConnected = false
    private(set) var packets: [QuorumPacket] = []
    private(set) var closed: CloseReason?
    private(set) var snapshot: [UInt8] = []
    /// How many packets had come when the snapshot ended.
    private(set) var packetsBeforeSnapshotEnd: Int?

    nonisolated var unownedExecutor: UnownedSerialExecutor {
        loop.executor.asUnownedSerialExecutor()
    }

    init(on loop: any EventLoop) {
        self.loop = loop
        connection = LeaderConnection(eventLoop: loop, logger: silent)
    }

    func connect(
        to address: PeerAddress, timeout: Duration = .seconds(20),
        readTimeout: Duration = .seconds(60), attempts: Int = 5
    ) {
        connection.onConnected = { [self] in isConnected = true }
        connection.onPacket = { [self] in packets.append($0) }
        connection.onSnapshotChunk = { [self] in snapshot += $0 }
        connection.onSnapshotEnd = { [self] in packetsBeforeSnapshotEnd = packets.count }
        connection.onClosed = { [self] in closed = $0 }
        connection.connect(
            to: address, timeout: timeout, readTimeout: readTimeout, attempts: attempts,
            pause: .milliseconds(1))
    }

    func send(_ packets: [QuorumPacket]) {
        for packet in packets { connection.send(packet) }
        connection.flush()
    }

    func pauseReading() { connection.pauseReading() }
    func resumeReading() { connection.resumeReading() }
    func close() { connection.close() }
}
