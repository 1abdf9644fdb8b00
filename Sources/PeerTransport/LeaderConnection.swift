package import Jute
package import Logging
package import NIOCore

/// The learner's side of a quorum connection: dials the leader and carries packets and, behind a
/// SNAP, a snapshot. For one time of following; the next leader gets a new one.
///
/// Packets sent are collected until `flush`.
///
/// Belongs to one event loop: made, called and dropped there, and all callbacks come there, from
/// socket events and later turns, never from inside a call. After `close` none comes.
///
/// - Source: quorum protocol reference, sections 1, 4.1 and 5.3.
package final class LeaderConnection {
    package var onConnected: () -> Void = {}
    /// Also SNAP itself, before its chunks.
    package var onPacket: (QuorumPacket) -> Void = { _ in }
    /// The next bytes of the snapshot: sessions, ACLs and nodes, cut anywhere. The last ones end
    /// with the path `/` that ends the nodes.
    package var onSnapshotChunk: ([UInt8]) -> Void = { _ in }
    /// The snapshot was complete, and signed.
    package var onSnapshotEnd: () -> Void = {}
    /// What came together has been handed over: the moment to `flush` the answers.
    package var onReadComplete: () -> Void = {}
    /// The connection has ended or could not be made.
    package var onClosed: (CloseReason) -> Void = { _ in }

    private enum State {
        case idle
        case dialing(Dial)
        /// Waits to dial again.
        case pausing
        case connected(QuorumConnection)
        case closed
    }

    /// What `connect` was told.
    private struct Attempt {
        let address: PeerAddress
        let timeout: Duration
        let readTimeout: Duration
        let pause: Duration
        let deadline: NIODeadline
        var triesLeft: Int
    }

    private let eventLoop: any EventLoop
    private let logger: Logger
    private let outboundLimit: Int
    private var state = State.idle

    /// - Parameters:
    ///   - eventLoop: Where everything happens.
    ///   - logger: Hears of tries that fail.
    ///   - outboundLimit: How many bytes may wait to be sent.
    package init(eventLoop: any EventLoop, logger: Logger, outboundLimit: Int = 64 << 20) {
        self.eventLoop = eventLoop
        self.logger = logger
        self.outboundLimit = outboundLimit
    }

    /// Dials the leader, again when it refuses: it may be about to listen.
    ///
    /// - Parameters:
    ///   - address: The leader's quorum port.
    ///   - timeout: For all tries together: `tickTime` times `initLimit`.
    ///   - readTimeout: How long the leader may then be silent, until `setReadTimeout`.
    ///   - attempts: How often to try.
    ///   - pause: How long to wait between tries.
    package func connect(
        to address: PeerAddress, timeout: Duration, readTimeout: Duration, attempts: Int = 5,
        pause: Duration = .milliseconds(100)
    ) {
        eventLoop.preconditionInEventLoop()
        guard case .idle = state else { preconditionFailure("connect is called once") }
        dial(
            Attempt(
                address: address, timeout: timeout, readTimeout: readTimeout, pause: pause,
                deadline: .now() + TimeAmount(timeout), triesLeft: attempts))
    }

    /// Adds a packet to what the next `flush` sends. Nothing happens while there is no connection.
    package func send(_ packet: QuorumPacket) {
        eventLoop.assertInEventLoop()
        connection?.send(packet)
    }

    /// Sends what was collected, with one write.
    package func flush() {
        eventLoop.assertInEventLoop()
        connection?.flush()
    }

    /// Sets how long the leader may be silent from now on.
    package func setReadTimeout(_ timeout: Duration) {
        eventLoop.preconditionInEventLoop()
        connection?.setReadTimeout(timeout)
    }

    /// Hands over nothing more until `resumeReading`, for instance while a disk catches up. The
    /// read timeout rests meanwhile.
    package func pauseReading() {
        eventLoop.preconditionInEventLoop()
        connection?.pauseReading()
    }

    package func resumeReading() {
        eventLoop.preconditionInEventLoop()
        connection?.resumeReading()
    }

    /// Closes the connection, or gives up dialing, and forgets the callbacks.
    package func close() {
        eventLoop.preconditionInEventLoop()
        if case .dialing(let dial) = state { dial.cancel() }
        connection?.close()
        finish()
    }

    private var connection: QuorumConnection? {
        if case .connected(let connection) = state { connection } else { nil }
    }

    private func finish() {
        state = .closed
        onConnected = {}
        onPacket = { _ in }
        onSnapshotChunk = { _ in }
        onSnapshotEnd = {}
        onReadComplete = {}
        onClosed = { _ in }
    }

    private func end(_ reason: CloseReason) {
        let onClosed = onClosed
        finish()
        onClosed(reason)
    }
}

// MARK: - Dialing

extension LeaderConnection {
    private func dial(_ attempt: Attempt) {
        let left = attempt.deadline - .now()
        let dial = Dial(eventLoop: eventLoop)
        state = .dialing(dial)
        let timeout = Duration.nanoseconds(max(1_000_000, left.nanoseconds))
        dial.start(to: attempt.address, timeout: timeout) { [self] result in
            switch result {
            case .success(let channel): connected(channel, attempt)
            case .failure(let error): failed(attempt, error)
            }
        }
    }

    private func connected(_ channel: any Channel, _ attempt: Attempt) {
        do {
            let connection = try QuorumConnection(
                channel: channel, id: 0, from: .leader, readTimeout: attempt.readTimeout,
                outboundLimit: outboundLimit, owner: self)
            state = .connected(connection)
            onConnected()
        } catch {
            channel.close(promise: nil)
            failed(attempt, error)
        }
    }

    private func failed(_ attempt: Attempt, _ error: any Error) {
        var next = attempt
        next.triesLeft -= 1
        logger.debug(
            "cannot reach the leader's quorum port",
            metadata: ["address": "\(attempt.address)", "error": "\(error)"])
        let resume = NIODeadline.now() + TimeAmount(attempt.pause)
        guard next.triesLeft > 0, resume < attempt.deadline else {
            return end(.connectFailed("\(error)"))
        }
        state = .pausing
        eventLoop.assumeIsolated().scheduleTask(deadline: resume) { [self, next] in
            if case .pausing = state { dial(next) }
        }
    }
}

extension LeaderConnection: QuorumConnectionOwner {
    func connection(
        _ connection: QuorumConnection, received element: LearnerStreamDecoder.Element
    ) {
        switch element {
        case .packet(let packet): onPacket(packet)
        case .snapshotBytes(let bytes): onSnapshotChunk(bytes)
        case .snapshotEnd: onSnapshotEnd()
        }
    }

    func connectionFinishedReading(_ connection: QuorumConnection) {
        onReadComplete()
    }

    func connection(_ connection: QuorumConnection, endedBy reason: CloseReason) {
        end(reason)
    }
}
