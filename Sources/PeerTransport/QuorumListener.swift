package import Jute
package import Logging
package import NIOCore

/// Numbers the connections of one listener, upwards; none is used twice.
package typealias ConnectionID = Int

/// The leader's side of the quorum port: accepts learners and carries packets.
///
/// Packets sent are collected for each learner until `flush`. A learner that does not read is
/// closed when more than the limit waits for it.
///
/// Belongs to one event loop: made, called and dropped there, and all callbacks come there, from
/// socket events and later turns, never from inside a call. Nothing is heard of a connection
/// after it was closed from this side.
///
/// - Source: quorum protocol reference, sections 1 and 4.
package final class QuorumListener {
    /// A learner has connected, from this address.
    package var onConnected: (ConnectionID, String) -> Void = { _, _ in }
    package var onPacket: (ConnectionID, QuorumPacket) -> Void = { _, _ in }
    /// The packets that came together have been handed over: the moment to `flush` the answers.
    package var onReadComplete: () -> Void = {}
    package var onClosed: (ConnectionID, CloseReason) -> Void = { _, _ in }

    private let eventLoop: any EventLoop
    private let logger: Logger
    private let outboundLimit: Int
    private var listener: ListeningSocket?
    private var readTimeout = Duration.seconds(20)
    private var connections: [ConnectionID: QuorumConnection] = [:]
    private var lastID: ConnectionID = 0
    /// Connections with packets since the last flush.
    private var unflushed: [QuorumConnection] = []

    /// - Parameters:
    ///   - eventLoop: Where everything happens.
    ///   - logger: Hears of connections that come and go.
    ///   - outboundLimit: How many bytes may wait for one learner, beside a snapshot.
    package init(eventLoop: any EventLoop, logger: Logger, outboundLimit: Int = 64 << 20) {
        self.eventLoop = eventLoop
        self.logger = logger
        self.outboundLimit = outboundLimit
    }

    /// Starts to accept learners.
    ///
    /// - Parameters:
    ///   - address: Where to listen.
    ///   - readTimeout: How long a new connection may be silent, until `setReadTimeout`.
    ///   - whenBound: Called once with the address listened on or the error.
    package func start(
        on address: PeerAddress, readTimeout: Duration,
        _ whenBound: @escaping (Result<PeerAddress, BindError>) -> Void
    ) {
        eventLoop.preconditionInEventLoop()
        precondition(listener == nil, "started twice")
        self.readTimeout = readTimeout
        let listener = ListeningSocket(eventLoop: eventLoop) { [weak self] channel in
            // One that was accepted just before the port was closed is of no use to anybody.
            guard let self, self.listener != nil else { throw ChannelError.ioOnClosedChannel }
            try accept(channel)
        }
        self.listener = listener
        // The port of the time before may take a moment to be free.
        listener.open(on: address, attempts: 5, retryDelay: .milliseconds(100), whenBound)
    }

    package var listeningAddress: PeerAddress? { listener?.address }

    /// The open connections, oldest first.
    package var connectionIDs: [ConnectionID] { connections.keys.sorted() }

    /// Closes the port and every connection. The listener can be started again: a server may lead
    /// more than once in its life.
    package func suspend() {
        eventLoop.preconditionInEventLoop()
        listener?.close()
        listener = nil
        for connection in connections.values {
            connection.close()
        }
        connections = [:]
        unflushed = []
    }

    /// Closes the port and every connection for good, and forgets the callbacks.
    package func stop() {
        suspend()
        onConnected = { _, _ in }
        onPacket = { _, _ in }
        onReadComplete = {}
        onClosed = { _, _ in }
    }

    /// Adds a packet to what the next `flush` sends. Nothing happens when the connection is gone.
    package func send(_ packet: QuorumPacket, to id: ConnectionID) {
        eventLoop.assertInEventLoop()
        guard let connection = connections[id] else { return }
        connection.send(packet)
        // Packets of one batch mostly go to the same few learners in turn.
        if !unflushed.contains(where: { $0 === connection }) { unflushed.append(connection) }
    }

    /// Sends a snapshot: the SNAP packet, the chunks, and the signature that ends it. What is sent
    /// afterwards comes behind it.
    ///
    /// - Parameters:
    ///   - header: The SNAP packet.
    ///   - chunks: Yields the snapshot piece by piece and then nil. Called in later turns, as the
    ///     learner takes the bytes; let go of as soon as it is over, also when the learner is.
    ///     An error that it throws closes the connection.
    ///   - id: Where to.
    /// - Precondition: No other snapshot is on the way there.
    package func send(
        snapshot header: QuorumPacket, chunks: @escaping () throws -> [UInt8]?,
        to id: ConnectionID
    ) {
        eventLoop.preconditionInEventLoop()
        connections[id]?.send(snapshot: header, chunks: chunks)
    }

    /// Sends what was collected, with one write a connection.
    package func flush() {
        eventLoop.assertInEventLoop()
        for connection in unflushed {
            connection.flush()
        }
        unflushed.removeAll(keepingCapacity: true)
    }

    /// Sets how long a learner may be silent from now on.
    package func setReadTimeout(_ timeout: Duration, of id: ConnectionID) {
        eventLoop.preconditionInEventLoop()
        connections[id]?.setReadTimeout(timeout)
    }

    /// Closes a connection. What is not flushed is not sent.
    package func close(_ id: ConnectionID) {
        eventLoop.preconditionInEventLoop()
        connections.removeValue(forKey: id)?.close()
        unflushed.removeAll { $0.id == id }
    }

    private func accept(_ channel: any Channel) throws {
        lastID += 1
        let id = lastID
        let connection = try QuorumConnection(
            channel: channel, id: id, from: .learner, readTimeout: readTimeout,
            outboundLimit: outboundLimit, owner: self)
        connections[id] = connection
        // The address is known once the channel is registered, which it is about to be.
        eventLoop.assumeIsolated().execute { [self] in
            guard connections[id] != nil else { return }
            let address = connection.remoteAddress
            logger.debug("a learner connected", metadata: ["id": "\(id)", "from": "\(address)"])
            onConnected(id, address)
        }
    }
}

extension QuorumListener: QuorumConnectionOwner {
    func connection(
        _ connection: QuorumConnection, received element: LearnerStreamDecoder.Element
    ) {
        // Snapshots come from leaders only, and the decoder knows that these are learners.
        if case .packet(let packet) = element { onPacket(connection.id, packet) }
    }

    func connectionFinishedReading(_ connection: QuorumConnection) {
        onReadComplete()
    }

    func connection(_ connection: QuorumConnection, endedBy reason: CloseReason) {
        guard connections.removeValue(forKey: connection.id) != nil else { return }
        logger.info(
            "a learner's connection ended",
            metadata: ["id": "\(connection.id)", "reason": "\(reason)"])
        onClosed(connection.id, reason)
    }
}
