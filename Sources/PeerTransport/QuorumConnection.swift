internal import Jute
internal import NIOCore

/// What a quorum connection tells the one that it belongs to: from socket events and later turns
/// of the loop only, never from inside a call.
protocol QuorumConnectionOwner: AnyObject {
    func connection(
        _ connection: QuorumConnection, received element: LearnerStreamDecoder.Element)
    /// What had come in is handed over.
    func connectionFinishedReading(_ connection: QuorumConnection)
    /// Comes last, and not after `close`.
    func connection(_ connection: QuorumConnection, endedBy reason: CloseReason)
}

/// One socket between a leader and a learner: packets in both directions, and from the leader a
/// snapshot among them.
///
/// Packets are collected and go out in one write a batch. Belongs to its event loop.
final class QuorumConnection: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    /// A snapshot is pulled while less than the high mark waits to be sent, and again once less
    /// than the low one does.
    private static let waterMarks = ChannelOptions.Types.WriteBufferWaterMark(
        low: 256 << 10, high: 1 << 20)
    /// Bytes of a snapshot sent before others have their turn on the loop.
    private static let snapshotTurn = 1 << 20
    /// A batch's memory is kept for the next one up to this size.
    private static let keptCapacity = 1 << 20

    let id: ConnectionID
    private let channel: any Channel
    private let outboundLimit: Int
    private weak var owner: (any QuorumConnectionOwner)?
    private var isOpen = true
    private var reason: CloseReason?

    private var decoder: LearnerStreamDecoder
    private var isPaused = false
    /// A write that fails reads what is left in the socket before it returns; that has to wait.
    private var isWriting = false

    private var batch: ByteBuffer
    /// The snapshot being sent; what is in `batch` comes behind it.
    private var snapshot: (() throws -> [UInt8]?)?
    private var isPumpScheduled = false

    private var readTimeout: Duration
    private var lastRead = NIODeadline.now()
    private var readTimer: Scheduled<Void>?

    /// Adds itself to the pipeline of a connected or accepted channel.
    ///
    /// - Parameters:
    ///   - channel: The socket.
    ///   - id: How the owner calls it.
    ///   - source: Who is at the other end.
    ///   - readTimeout: After how long a silence it is closed.
    ///   - outboundLimit: How many bytes may wait to be sent, a snapshot not counted.
    ///   - owner: Whom it belongs to; held weakly.
    /// - Throws: What NIO throws when the channel is closed already.
    init(
        channel: any Channel, id: ConnectionID, from source: LearnerStreamDecoder.Source,
        readTimeout: Duration, outboundLimit: Int, owner: any QuorumConnectionOwner
    ) throws {
        self.channel = channel
        self.id = id
        self.outboundLimit = outboundLimit
        self.owner = owner
        self.readTimeout = readTimeout
        decoder = LearnerStreamDecoder(from: source)
        batch = channel.allocator.buffer(capacity: 4096)
        try channel.syncOptions?.setOption(
            .writeBufferWaterMark, value: QuorumConnection.waterMarks)
        try channel.pipeline.syncOperations.addHandler(self)
        armReadTimer()
    }

    /// For logs.
    var remoteAddress: String {
        PeerAddress(channel.remoteAddress)?.description ?? "an unknown address"
    }

    /// Closes; the owner hears nothing more.
    func close() {
        owner = nil
        shut()
    }

    private func fail(_ reason: CloseReason) {
        if self.reason == nil { self.reason = reason }
        shut()
    }

    private func shut() {
        guard isOpen else { return }
        isOpen = false
        readTimer?.cancel()
        snapshot = nil
        batch = ByteBuffer()
        channel.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        readTimer?.cancel()
        snapshot = nil
        channel.eventLoop.assumeIsolated().execute { [self] in
            isOpen = false
            owner?.connection(self, endedBy: reason ?? .endOfStream)
            owner = nil
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        fail(.failed("\(error)"))
    }
}

// MARK: - Sending

extension QuorumConnection {
    /// Adds a packet to the batch.
    func send(_ packet: QuorumPacket) {
        guard isOpen else { return }
        batch.write(packet)
        if batch.readableBytes > outboundLimit {
            fail(.outboundOverflow(bytes: batch.readableBytes))
        }
    }

    /// Sends the batch, or keeps it for the end of the snapshot being sent.
    func flush() {
        guard isOpen, snapshot == nil, batch.readableBytes > 0 else { return }
        writing {
            channel.writeAndFlush(batch, promise: nil)
        }
        if batch.capacity > QuorumConnection.keptCapacity {
            batch = channel.allocator.buffer(capacity: 4096)
        } else {
            batch.clear()
        }
        checkOutboundLimit()
    }

    /// Sends the batch and a snapshot: its header, the chunks until there are no more, and the
    /// signature.
    ///
    /// - Precondition: No other snapshot is being sent.
    func send(snapshot header: QuorumPacket, chunks: @escaping () throws -> [UInt8]?) {
        guard isOpen else { return }
        precondition(snapshot == nil, "one snapshot at a time")
        send(header)
        flush()
        guard isOpen else { return }
        snapshot = chunks
        schedulePump()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if snapshot != nil, channel.isWritable { schedulePump() }
    }

    private func schedulePump() {
        guard !isPumpScheduled else { return }
        isPumpScheduled = true
        channel.eventLoop.assumeIsolated().execute { [self] in
            isPumpScheduled = false
            pump()
        }
    }

    /// Writes chunks while the socket takes them, and for one turn at most.
    private func pump() {
        guard isOpen, let next = snapshot else { return }
        var turn = 0
        do {
            while turn < QuorumConnection.snapshotTurn, channel.isWritable {
                guard let chunk = try next() else { return finishSnapshot() }
                turn += max(1, chunk.count)
                writing { channel.write(ByteBuffer(bytes: chunk), promise: nil) }
            }
        } catch {
            return fail(.snapshotFailed("\(error)"))
        }
        writing { channel.flush() }
        if isOpen, channel.isWritable { schedulePump() }
    }

    private func finishSnapshot() {
        var signature = ByteBuffer()
        signature.writeInteger(Int32(LearnerStreamDecoder.snapshotSignature.count))
        signature.writeBytes(LearnerStreamDecoder.snapshotSignature)
        snapshot = nil
        writing { channel.writeAndFlush(signature, promise: nil) }
        flush()
    }

    private func checkOutboundLimit() {
        do {
            let waiting = try channel.syncOptions?.getOption(.bufferedWritableBytes) ?? 0
            if waiting > outboundLimit { fail(.outboundOverflow(bytes: waiting)) }
        } catch {
            fail(.failed("\(error)"))
        }
    }

    private func writing(_ write: () -> Void) {
        isWriting = true
        write()
        isWriting = false
    }
}

// MARK: - Reading

extension QuorumConnection {
    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard isOpen else { return }
        // An owner that is gone without having closed reads no more.
        guard owner != nil else { return shut() }
        lastRead = .now()
        unwrapInboundIn(data).withUnsafeReadableBytes { decoder.feed($0) }
        if isWriting {
            channel.eventLoop.assumeIsolated().execute { [self] in
                process()
                owner?.connectionFinishedReading(self)
            }
        } else {
            process()
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        if isOpen, !isWriting { owner?.connectionFinishedReading(self) }
    }

    /// Stops handing over what comes, and soon what is sent; the read timeout rests.
    func pauseReading() {
        guard isOpen else { return }
        isPaused = true
        setAutoRead(false)
    }

    func resumeReading() {
        guard isOpen, isPaused else { return }
        isPaused = false
        lastRead = .now()
        setAutoRead(true)
        channel.eventLoop.assumeIsolated().execute { [self] in
            process()
            owner?.connectionFinishedReading(self)
        }
    }

    private func setAutoRead(_ value: Bool) {
        do {
            try channel.syncOptions?.setOption(.autoRead, value: value)
        } catch {
            fail(.failed("\(error)"))
        }
    }

    private func process() {
        do throws(JuteError) {
            // The owner may pause or close in the middle; a failed write closes, but what had come
            // before that is still heard.
            while !isPaused, let owner, let element = try decoder.next() {
                owner.connection(self, received: element)
            }
        } catch {
            fail(.malformed(error))
        }
    }
}

// MARK: - Read timeout

extension QuorumConnection {
    /// Sets how long the other side may be silent; counts from now.
    func setReadTimeout(_ timeout: Duration) {
        guard isOpen else { return }
        readTimeout = timeout
        lastRead = .now()
        armReadTimer()
    }

    private func armReadTimer() {
        readTimer?.cancel()
        readTimer = channel.eventLoop.assumeIsolated().scheduleTask(
            deadline: lastRead + TimeAmount(readTimeout)
        ) { [weak self] in
            self?.checkSilence()
        }
    }

    private func checkSilence() {
        if isPaused { lastRead = .now() }
        let suspicious = lastRead
        guard NIODeadline.now() >= lastRead + TimeAmount(readTimeout) else { return armReadTimer() }
        // After a pause of this whole process bytes may wait unread in the socket: they get a
        // round of the loop to be seen.
        readTimer = channel.eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(10)) {
            [weak self] in
            guard let self, isOpen else { return }
            if lastRead == suspicious {
                fail(.readTimeout(readTimeout))
            } else {
                armReadTimer()
            }
        }
    }
}
