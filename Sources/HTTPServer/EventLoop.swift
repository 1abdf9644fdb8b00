internal import Glibc
internal import Synchronization

/// A thread that drives one daemon: waits for sockets and answers, resumes what was answered, and
/// looks after slow and vanished clients.
///
/// Unchecked: the variables belong to the loop's thread, except before `start`; `answered`, the
/// atomics and the descriptor are for every thread.
final class EventLoop: @unchecked Sendable {
    let configuration: HTTPServerConfiguration
    let handler: any HTTPHandler
    let gate: FramingGate
    let counters: Counters

    /// Monotonic nanoseconds, read once a turn.
    private(set) var now = monotonicNanoseconds()
    private(set) var isStopping = false
    /// Requests that wait for their answers.
    var waiting = 0 {
        didSet { counters.waiting.add(waiting - oldValue, ordering: .relaxed) }
    }
    /// Connections that the library has suspended: such requests, and streams that have nothing to
    /// send.
    var suspended = 0
    /// Connections outside the library.
    var outside = 0 {
        didSet { counters.outside.add(outside - oldValue, ordering: .relaxed) }
    }

    private var daemon: Daemon?
    private var thread: pthread_t?
    private var active = ConnectionList()
    private var settled = ConnectionList()
    private var sweep = Sweep()
    private let peerWatch = PeerWatch()
    /// By socket, what `peerWatch` tells of.
    private var watched: [Connection?] = []
    /// What the library gets to close instead of a socket that leaves it.
    private let deadSocket: Int32
    private var hasDeadSockets = false
    /// Connections whose answers are sent, on their way back into the library.
    private var returning: [Connection] = []
    /// The one that is being handed over.
    private var handedOver: Connection?

    /// Counts up when another thread wants something.
    private let wakeDescriptor: Int32
    private let isWakeUpPending = Atomic(false)
    private let isFlushDue = Atomic(false)
    private let isStopRequested = Atomic(false)
    private let answered = Mutex<[Connection]>([])
    /// The other buffer of `answered`, so that neither is allocated anew for each batch.
    private var batch: [Connection] = []
    /// When answers go out even though there are requests to read; see `resumeAnswered`.
    private var resumeDeadline: UInt64 = 0

    init(
        configuration: HTTPServerConfiguration, handler: any HTTPHandler, counters: Counters
    ) throws(HTTPServerError) {
        self.configuration = configuration
        self.handler = handler
        self.counters = counters
        gate = FramingGate(
            targetLimitBytes: configuration.targetLimitBytes,
            headerLimitBytes: configuration.headerLimitBytes,
            headerFieldLimit: configuration.headerFieldLimit,
            keepsLayout: Daemon.keepsLayout)
        wakeDescriptor = makeWakeDescriptor()
        deadSocket = makeDeadSocket()
        guard wakeDescriptor >= 0, deadSocket >= 0, peerWatch.descriptor >= 0 else {
            throw .cannotStart(reason: systemError())
        }
    }

    deinit {
        close(wakeDescriptor)
        close(deadSocket)
    }

    /// Takes over a listening socket and starts the thread.
    func start(socket: Int32) throws(HTTPServerError) {
        let seconds = Int(configuration.idleTimeout.components.seconds)
        guard
            let daemon = Daemon(
                socket: socket, connectionLimit: counters.connectionLimit + 2 * surplusLimit,
                idleTimeoutSeconds: max(1, seconds), loop: self)
        else {
            close(socket)
            throw .cannotStart(reason: "libmicrohttpd \(Daemon.libraryVersion) does not start")
        }
        self.daemon = daemon
        var thread = pthread_t()
        // Released by the thread.
        let context = Unmanaged.passRetained(self)
        let code = pthread_create(&thread, nil, runEventLoop, context.toOpaque())
        guard code == 0 else {
            context.release()
            daemon.stop()
            self.daemon = nil
            throw .cannotStart(reason: String(cString: strerror(code)))
        }
        self.thread = thread
    }

    /// How many clients over the limit are accepted to be told so.
    private var surplusLimit: Int { 64 + counters.connectionLimit / 16 }

    // MARK: From any thread

    func enqueue(_ connection: Connection, flush: Bool) {
        answered.withLock { $0.append(connection) }
        if flush { wake() } else { isFlushDue.store(true, ordering: .releasing) }
    }

    /// Sends what was queued without a flush, if anything was.
    func flush() {
        if isFlushDue.exchange(false, ordering: .acquiringAndReleasing) { wake() }
    }

    /// Makes the loop turn. Costs nothing while an earlier call has not been heard yet.
    func wake() {
        if isWakeUpPending.exchange(true, ordering: .acquiringAndReleasing) { return }
        var one: UInt64 = 1
        write(wakeDescriptor, &one, MemoryLayout<UInt64>.size)
    }

    func requestStop() {
        isStopRequested.store(true, ordering: .releasing)
        wake()
    }

    /// Waits for the thread to end.
    func join() {
        guard let thread else { return }
        pthread_join(thread, nil)
        self.thread = nil
    }

    // MARK: Called by the library, through `Daemon.swift`

    func opened(_ handle: ConnectionHandle) -> Connection {
        if let connection = handedOver {
            handedOver = nil
            connection.move(to: handle)
            return connection
        }
        let count = counters.connections.add(1, ordering: .relaxed).newValue
        // The library does not count those outside, so it may accept more than we have room for.
        if count > counters.connectionLimit + surplusLimit {
            shutdown(handle.socket, Int32(SHUT_RDWR))
        }
        let connection = Connection(
            handle, loop: self, isSurplus: count > counters.connectionLimit)
        active.insert(connection)
        return connection
    }

    /// Comes before the socket is closed.
    func closed(_ connection: Connection) {
        counters.connections.subtract(1, ordering: .relaxed)
        connection.requestEnded()
        remove(connection)
        let socket = Int(connection.socket)
        if watched.indices.contains(socket) { watched[socket] = nil }
    }

    // MARK: Called by connections, on the loop's thread

    func move(_ connection: Connection, to list: ConnectionPlace.List) {
        remove(connection)
        connection.place.list = list
        switch list {
        case .active: active.insert(connection)
        case .settled: settled.insert(connection)
        }
    }

    private func remove(_ connection: Connection) {
        switch connection.place.list {
        case .active: active.remove(connection)
        case .settled: settled.remove(connection)
        }
    }

    /// Tells `connection` from now on when its peer leaves; at once if it has.
    ///
    /// - Returns: False when the system has no room to watch it.
    func watch(_ connection: Connection) -> Bool {
        let socket = Int(connection.socket)
        while watched.count <= socket { watched.append(nil) }
        watched[socket] = connection
        return peerWatch.add(connection.socket)
    }

    func unwatch(_ connection: Connection) {
        watched[Int(connection.socket)] = nil
        peerWatch.remove(connection.socket)
    }

    // MARK: Called by connections outside the library

    /// - Returns: Whether the descriptor has been closed and is now one of a dead socket.
    func replaceByDeadSocket(_ descriptor: Int32) -> Bool {
        guard replaceDescriptor(descriptor, by: deadSocket) else { return false }
        hasDeadSockets = true
        return true
    }

    /// Lets `connection` send on as soon as there is room, or no more.
    func awaitRoom(_ connection: Connection, _ isWanted: Bool) {
        guard connection.isWatched, isWanted || connection.awaitsRoom else { return }
        connection.awaitsRoom = isWanted
        peerWatch.awaitRoom(connection.socket, isWanted)
    }

    /// Closes a connection that is outside.
    func drop(_ connection: Connection) {
        outside -= 1
        closed(connection)
        shutdown(connection.socket, Int32(SHUT_RDWR))
        close(connection.socket)
    }

    /// Gives a connection to the library again, soon.
    func takeBack(_ connection: Connection) {
        returning.append(connection)
    }
}

// MARK: - The loop

extension EventLoop {
    fileprivate func run() {
        guard let daemon else { return }
        let sockets = daemon.pollDescriptor
        var listener: Int32 = -1
        var deadline = UInt64.max
        while true {
            let isIdle = wait(for: sockets, daemon, until: min(deadline, sweep.next))
            now = monotonicNanoseconds()
            if !isStopping, isStopRequested.load(ordering: .acquiring) {
                isStopping = true
                listener = daemon.quiesce()
                deadline = now + nanoseconds(configuration.stopGrace)
                let all = active.connections + settled.connections
                for connection in all { connection.cancel() }
            }
            if isIdle || isStopping || now >= resumeDeadline { resumeAnswered() }
            giveBack(to: daemon)
            daemon.run()
            if now >= sweep.next { inspect(daemon) }
            if isStopping, suspended == 0,
                now >= deadline || outside == 0 && !active.connections.contains(where: \.isBusy)
            {
                break
            }
        }
        for connection in active.connections + settled.connections where connection.isOutside {
            drop(connection)
        }
        daemon.stop()
        self.daemon = nil
        if listener >= 0 { close(listener) }
    }

    /// Sleeps until a socket is ready, somebody calls `wake`, the library wants its turn, or it
    /// is `time`.
    ///
    /// - Returns: Whether the library has nothing to read or write.
    private func wait(for sockets: Int32, _ daemon: Daemon, until time: UInt64) -> Bool {
        let limit = now < time ? Int((time - now) / 1_000_000) + 1 : 0
        let wanted = daemon.timeoutMilliseconds ?? limit
        if wanted == 0 { return false }
        // Answers that were left for later do not wait for a socket.
        let timeout = isWakeUpPending.load(ordering: .acquiring) ? 0 : min(limit, wanted)
        var descriptors = (
            pollfd(fd: sockets, events: Int16(POLLIN), revents: 0),
            pollfd(fd: wakeDescriptor, events: Int16(POLLIN), revents: 0),
            pollfd(fd: peerWatch.descriptor, events: Int16(POLLIN), revents: 0)
        )
        withUnsafeMutablePointer(to: &descriptors) { all in
            _ = all.withMemoryRebound(to: pollfd.self, capacity: 3) {
                poll($0, 3, Int32(clamping: timeout))
            }
        }
        if descriptors.1.revents != 0 {
            var count: UInt64 = 0
            read(wakeDescriptor, &count, MemoryLayout<UInt64>.size)
        }
        if descriptors.2.revents != 0 { notice() }
        return descriptors.0.revents == 0
    }

    private func inspect(_ daemon: Daemon) {
        // Also here, because a busy loop need not come to `poll`.
        notice()
        let range = sweep.take(of: active.connections.count, now: now)
        for connection in Array(active.connections[range]) { connection.inspect() }
        giveBack(to: daemon)
        // The library does not say by itself that it has something to close.
        if hasDeadSockets { daemon.run() }
        hasDeadSockets = false
    }

    private func notice() {
        peerWatch.forEachEvent { event in
            guard let connection = watched[Int(event.socket)] else { return }
            if event.hasRoom, connection.isOutside { connection.sendOn() }
            if event.isHangUp, watched[Int(event.socket)] === connection {
                connection.hungUp(isBroken: event.isBroken)
            }
        }
    }

    private func giveBack(to daemon: Daemon) {
        for connection in returning {
            handedOver = connection
            outside -= 1
            if daemon.add(connection.socket) { continue }
            // The library has closed the socket, and said so if it knew whose it was.
            if handedOver != nil { closed(connection) }
            handedOver = nil
        }
        returning.removeAll(keepingCapacity: true)
    }

    /// Resumes what was answered.
    ///
    /// The library then walks all that is suspended. With thousands of requests that wait for
    /// long, this costs more than answering a few: therefore they go out when there is nothing
    /// else to do, and while there is, so seldom that the walks take a small share of the time.
    private func resumeAnswered() {
        // Cleared before the queue is taken: what is queued later wakes the loop again.
        isWakeUpPending.store(false, ordering: .sequentiallyConsistent)
        answered.withLock { swap(&$0, &batch) }
        if batch.isEmpty { return }
        resumeDeadline = now + UInt64(suspended) * EventLoop.walkNanoseconds * EventLoop.walkShare
        for connection in batch { connection.resume() }
        batch.removeAll(keepingCapacity: true)
    }

    /// Measured: what one suspended connection costs in a walk.
    private static let walkNanoseconds: UInt64 = 8
    /// One part of the time in so many is for walks.
    private static let walkShare: UInt64 = 20
}

/// Which connections are looked at when: each once a second, many of them in several goes so that
/// requests do not wait for the whole round.
private struct Sweep {
    /// When the next go is due.
    private(set) var next: UInt64 = 0
    private var position = 0

    private static let period: UInt64 = 1_000_000_000
    private static let longestGo = 256
    private static let mostGoes = 100

    mutating func take(of count: Int, now: UInt64) -> Range<Int> {
        let goes = min(Sweep.mostGoes, count / Sweep.longestGo + 1)
        next = now + Sweep.period / UInt64(goes)
        if position >= count { position = 0 }
        let range = position..<min(count, position + (count + goes - 1) / goes)
        position = range.upperBound
        return range
    }
}

private func runEventLoop(_ context: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    guard let context else { return nil }
    nameThisThread("aviary-http")
    Unmanaged<EventLoop>.fromOpaque(context).takeRetainedValue().run()
    return nil
}

private func monotonicNanoseconds() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}

func nanoseconds(_ duration: Duration) -> UInt64 {
    let (seconds, attoseconds) = duration.components
    return UInt64(max(0, seconds)) * 1_000_000_000 + UInt64(max(0, attoseconds)) / 1_000_000_000
}
