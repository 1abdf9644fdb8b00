package import Jute
package import Logging
package import NIOCore

/// Carries election notifications between the servers of an ensemble: at most one connection to
/// each peer, used in both directions.
///
/// Of two servers the one with the larger id dials. The smaller one that wants to talk announces
/// itself: it dials, says hello and closes, and is called back. Messages to a peer replace each
/// other until one can be written, and the last one is sent again on every new connection, so
/// receivers see duplicates and stale messages. It dials only when there is something to send.
///
/// Belongs to one event loop: made, called and dropped there, and all callbacks come there, from
/// socket events and later turns, never from inside a call. After `stop` none comes.
///
/// - Source: quorum protocol reference, section 2.
package final class ElectionTransport {
    package struct Configuration: Sendable {
        package var myID: PeerID
        package var listenAddress: PeerAddress
        /// What the hello tells others to call back; nil for the address listened on.
        package var advertisedAddress: PeerAddress?
        /// The election addresses of the ensemble; one's own is not used.
        package var peers: [PeerID: PeerAddress]
        package var connectTimeout: Duration
        /// How long an accepted connection has to say hello: `tickTime` times `syncLimit`.
        package var helloTimeout: Duration
        package var bindAttempts: Int
        package var bindRetryDelay: Duration

        package init(
            myID: PeerID, listenAddress: PeerAddress, advertisedAddress: PeerAddress? = nil,
            peers: [PeerID: PeerAddress], connectTimeout: Duration = .seconds(5),
            helloTimeout: Duration = .seconds(10), bindAttempts: Int = 3,
            bindRetryDelay: Duration = .seconds(1)
        ) {
            self.myID = myID
            self.listenAddress = listenAddress
            self.advertisedAddress = advertisedAddress
            self.peers = peers
            self.connectTimeout = connectTimeout
            self.helloTimeout = helloTimeout
            self.bindAttempts = bindAttempts
            self.bindRetryDelay = bindRetryDelay
        }
    }

    /// What is known of one peer. Stays when its connection ends.
    private struct Link {
        var connection: ElectionConnection?
        var dial: Dial?
        /// The message that waits; a newer one replaces it.
        var queued: [UInt8]?
        var lastSent: [UInt8]?
        /// When this server, having the smaller id, last asked to be called back.
        var announcedAt: NIODeadline?
        var lastDialFailed = false
    }

    /// How long a larger server is given to call back before it is asked again.
    private static let callBackTime = TimeAmount.milliseconds(500)

    package var onMessage: (PeerID, [UInt8]) -> Void = { _, _ in }
    package var onPeerConnected: (PeerID) -> Void = { _ in }
    package var onPeerLost: (PeerID) -> Void = { _ in }

    private let configuration: Configuration
    private let eventLoop: any EventLoop
    private let logger: Logger
    private var addresses: [PeerID: PeerAddress]
    private var links: [PeerID: Link] = [:]
    /// Accepted and not yet known whose they are.
    private var strangers: [ObjectIdentifier: ElectionConnection] = [:]
    private var listener: ListeningSocket?
    private var isStopped = false
    private var nextAnonymousID: PeerID = -1
    private var connectionCount = 0

    package init(_ configuration: Configuration, eventLoop: any EventLoop, logger: Logger) {
        self.configuration = configuration
        self.eventLoop = eventLoop
        self.logger = logger
        addresses = configuration.peers
    }

    /// Listens on the election address until `stop`.
    ///
    /// - Parameter whenBound: Called once, with the address listened on, or the error after the
    ///   last try.
    package func start(_ whenBound: @escaping (Result<PeerAddress, BindError>) -> Void) {
        eventLoop.preconditionInEventLoop()
        precondition(listener == nil, "started twice")
        let listener = ListeningSocket(eventLoop: eventLoop) { [weak self] channel in
            guard let self else { throw ChannelError.ioOnClosedChannel }
            try accept(channel)
        }
        self.listener = listener
        listener.open(
            on: configuration.listenAddress, attempts: configuration.bindAttempts,
            retryDelay: configuration.bindRetryDelay, whenBound)
    }

    package var listeningAddress: PeerAddress? { listener?.address }

    /// The peers that a connection is open to, configured or not.
    package var connectedPeers: Set<PeerID> {
        Set(links.lazy.filter { $0.value.connection != nil }.map(\.key))
    }

    /// Whether some peer has nothing queued, which an election takes for "somebody got it": when
    /// it has waited in vain, it sends again if so, and calls `connectAll` if not.
    package var haveDelivered: Bool {
        links.contains { $0.value.queued == nil && addresses[$0.key] != nil }
    }

    /// Sends a message, or keeps it until there is a connection, which it asks for. A message that
    /// still waits is replaced. Nothing happens for a peer that is neither configured nor
    /// connected.
    ///
    /// - Precondition: The peer is another server, and the message has 1 to 524,288 bytes.
    package func send(_ message: [UInt8], to peer: PeerID) {
        eventLoop.preconditionInEventLoop()
        precondition(peer != configuration.myID, "one's own notifications do not travel")
        precondition(!message.isEmpty && message.count <= ElectionConnection.longestMessage)
        guard !isStopped else { return }
        guard addresses[peer] != nil || links[peer]?.connection != nil else {
            logger.debug("no address to send a notification to", metadata: ["peer": "\(peer)"])
            return
        }
        links[peer, default: Link()].queued = message
        deliver(to: peer)
        dial(peer)
    }

    /// Dials every configured peer that there is no connection to.
    package func connectAll() {
        eventLoop.preconditionInEventLoop()
        for peer in addresses.keys.sorted() {
            dial(peer)
        }
    }

    /// Takes over the addresses of a new configuration. Of a peer that is in it no more, the
    /// connection is closed and the queue dropped (ZOOKEEPER-4220: or it is dialed for ever).
    package func setPeers(_ peers: [PeerID: PeerAddress]) {
        eventLoop.preconditionInEventLoop()
        let removed = addresses.keys.filter { peers[$0] == nil }
        addresses = peers
        for peer in removed {
            guard let link = links.removeValue(forKey: peer) else { continue }
            link.dial?.cancel()
            guard let connection = link.connection else { continue }
            connection.close()
            report(lost: peer)
        }
    }

    /// Closes every socket and forgets the callbacks. The transport cannot be started again.
    package func stop() {
        eventLoop.preconditionInEventLoop()
        isStopped = true
        listener?.close()
        for stranger in strangers.values {
            stranger.close()
        }
        for link in links.values {
            link.dial?.cancel()
            link.connection?.close()
        }
        strangers = [:]
        links = [:]
        onMessage = { _, _ in }
        onPeerConnected = { _ in }
        onPeerLost = { _ in }
    }
}

// MARK: - Sending

extension ElectionTransport {
    /// The socket takes bytes again.
    func canSend(to peer: PeerID) {
        deliver(to: peer)
    }

    private func deliver(to peer: PeerID) {
        guard let link = links[peer], let connection = link.connection, connection.isWritable,
            let message = link.queued
        else { return }
        links[peer]?.queued = nil
        links[peer]?.lastSent = message
        connection.send(message)
    }

    func received(_ message: [UInt8], from peer: PeerID) {
        onMessage(peer, message)
    }
}

// MARK: - Dialing

extension ElectionTransport {
    private func dial(_ peer: PeerID) {
        guard let address = addresses[peer] else { return }
        dial(peer, at: [address])
    }

    /// Dials the first of the addresses that answers, unless there is a connection, a dial on the
    /// way, or a call back to be waited for.
    private func dial(_ peer: PeerID, at candidates: [PeerAddress]) {
        guard !isStopped, peer != configuration.myID, let address = candidates.first else { return }
        let link = links[peer, default: Link()]
        guard link.connection == nil, link.dial == nil else { return }
        if let announcedAt = link.announcedAt,
            NIODeadline.now() < announcedAt + ElectionTransport.callBackTime
        {
            return
        }
        let dial = Dial(eventLoop: eventLoop)
        links[peer, default: Link()].dial = dial
        dial.start(to: address, timeout: configuration.connectTimeout) { [self] result in
            links[peer]?.dial = nil
            switch result {
            case .success(let channel):
                connected(channel, to: peer)
            case .failure(let error):
                failedDial(to: peer, at: address, error)
                self.dial(peer, at: Array(candidates.dropFirst()))
            }
        }
    }

    private func connected(_ channel: any Channel, to peer: PeerID) {
        links[peer]?.lastDialFailed = false
        let connection = makeConnection(channel, helloTimeout: nil)
        do {
            try prepare(channel, connection)
        } catch {
            logger.warning("cannot use an election connection: \(error)")
            channel.close(promise: nil)
            return
        }
        let address =
            configuration.advertisedAddress ?? listener?.address ?? configuration.listenAddress
        let hello = ElectionHello.bytes(sender: configuration.myID, address: address)
        if peer > configuration.myID {
            links[peer]?.announcedAt = .now()
            connection.send(hello: hello, thenClose: true)
        } else {
            connection.send(hello: hello, thenClose: false)
            establish(connection, with: peer)
        }
    }

    private func failedDial(to peer: PeerID, at address: PeerAddress, _ error: any Error) {
        // A peer that is down is dialed again and again: one line for each time it goes.
        let level: Logger.Level = links[peer]?.lastDialFailed == true ? .debug : .warning
        logger.log(
            level: level, "cannot reach the election port of a peer",
            metadata: ["peer": "\(peer)", "address": "\(address)", "error": "\(error)"])
        links[peer]?.lastDialFailed = true
        forgetIfUnlisted(peer)
    }

    private func makeConnection(
        _ channel: any Channel, helloTimeout: Duration?
    ) -> ElectionConnection {
        connectionCount += 1
        return ElectionConnection(
            channel: channel, number: connectionCount, transport: self, helloTimeout: helloTimeout)
    }

    /// Handlers and options that both kinds of connections share.
    private func prepare(_ channel: any Channel, _ connection: ElectionConnection) throws {
        // Whatever does not fit into the socket waits in the queue, where it can be replaced.
        try channel.syncOptions?.setOption(
            .writeBufferWaterMark, value: .init(low: 1, high: 1))
        try channel.pipeline.syncOperations.addHandler(connection)
    }
}

// MARK: - Accepting

extension ElectionTransport {
    private func accept(_ channel: any Channel) throws {
        let connection = makeConnection(channel, helloTimeout: configuration.helloTimeout)
        try prepare(channel, connection)
        strangers[ObjectIdentifier(connection)] = connection
    }

    /// The challenge: only a connection that the larger of the two ids opened stays.
    func received(_ hello: ElectionHello, on connection: ElectionConnection) {
        strangers[ObjectIdentifier(connection)] = nil
        let sender = hello.sender
        if sender == ElectionHello.anonymousObserver {
            establish(connection, with: nextAnonymousID)
            nextAnonymousID -= 1
        } else if sender == configuration.myID {
            logger.error(
                "another server uses the id of this one; its connection is refused",
                metadata: ["id": "\(sender)", "addresses": "\(hello.addresses)"])
            connection.close()
        } else if sender > configuration.myID {
            // Hellos can be read in another order than the connections came in. The sender keeps
            // the last one that it opened.
            if let current = links[sender]?.connection, current.number > connection.number {
                connection.close()
            } else {
                establish(connection, with: sender)
            }
        } else {
            connection.close()
            drop(sender)
            var candidates = hello.addresses.filter { !$0.isWildcard && $0.port != 0 }
            if let configured = addresses[sender], !candidates.contains(configured) {
                candidates.append(configured)
            }
            dial(sender, at: candidates)
        }
    }

    private func establish(_ connection: ElectionConnection, with peer: PeerID) {
        var link = links[peer, default: Link()]
        let previous = link.connection
        link.dial?.cancel()
        link.dial = nil
        link.announcedAt = nil
        link.connection = connection
        if link.queued == nil { link.queued = link.lastSent }
        links[peer] = link
        connection.assign(to: peer)
        previous?.close()
        logger.debug("election connection is open", metadata: ["peer": "\(peer)"])
        if previous == nil {
            eventLoop.assumeIsolated().execute { [self] in onPeerConnected(peer) }
        }
        deliver(to: peer)
    }

    /// A connection has ended that was not closed here.
    func ended(_ connection: ElectionConnection, _ end: ElectionConnection.End) {
        if strangers.removeValue(forKey: ObjectIdentifier(connection)) != nil {
            // A port probe, or a smaller peer that was called back meanwhile, says nothing.
            let level: Logger.Level = end == .closedByPeer ? .debug : .warning
            logger.log(
                level: level, "refused an election connection",
                metadata: ["from": "\(connection.remoteAddress)", "reason": "\(end)"])
            return
        }
        guard let peer = connection.peer, links[peer]?.connection === connection else { return }
        let level: Logger.Level = end == .closedByPeer ? .info : .warning
        logger.log(
            level: level, "lost an election connection",
            metadata: ["peer": "\(peer)", "reason": "\(end)"])
        drop(peer)
    }

    private func drop(_ peer: PeerID) {
        guard let connection = links[peer]?.connection else { return }
        links[peer]?.connection = nil
        connection.close()
        forgetIfUnlisted(peer)
        report(lost: peer)
    }

    /// Anybody may say hello under any id: what is kept for strangers ends with their connection.
    private func forgetIfUnlisted(_ peer: PeerID) {
        guard addresses[peer] == nil, let link = links[peer] else { return }
        if link.connection == nil, link.dial == nil { links[peer] = nil }
    }

    private func report(lost peer: PeerID) {
        eventLoop.assumeIsolated().execute { [self] in onPeerLost(peer) }
    }
}
