private import CMicroHTTPD
private import Glibc

/// One libmicrohttpd daemon in external mode: no thread of its own, driven by an event loop.
///
/// This file is the only one that touches the library. What calls back from it goes to
/// `DaemonDelegate` and `Connection`, on the thread that called `run` or `stop`.
struct Daemon {
    private let daemon: OpaquePointer

    /// - Parameters:
    ///   - socket: A listening socket, which the daemon takes over.
    ///   - connectionLimit: Over it, new connections wait in the socket's backlog.
    ///   - idleTimeoutSeconds: Without traffic on a connection that is not suspended.
    ///   - loop: Gets the callbacks; must outlive the daemon.
    init?(
        socket: Int32, connectionLimit: Int, idleTimeoutSeconds: Int, loop: EventLoop
    ) {
        var settings = CMicroHTTPDSettings()
        settings.listenSocket = socket
        settings.connectionLimit = UInt32(clamping: connectionLimit)
        settings.timeoutSeconds = UInt32(clamping: idleTimeoutSeconds)
        settings.memoryLimitBytes = Daemon.memoryBytesPerConnection
        settings.access = access
        settings.completed = completed
        settings.connection = connectionChanged
        settings.target = targetSeen
        settings.unescape = unescape
        settings.context = Unmanaged.passUnretained(loop).toOpaque()
        guard let daemon = CMicroHTTPDStart(&settings) else { return nil }
        self.daemon = daemon
    }

    /// Holds the head (16 + 16 KiB at most by our limits), the library's list of 100 fields
    /// (7 KiB), and the head of the answer, which may repeat the target in `Location`. Past it the
    /// library answers in its own words, or not at all. All of it is cleared after each request.
    fileprivate static let memoryBytesPerConnection = 64 * 1024

    static var libraryVersion: String { String(cString: MHD_get_version()) }

    /// See `FramingGate.keepsLayout`. Asked of the library that runs, not of the header.
    static var keepsLayout: Bool { libraryVersion.hasPrefix("0.9.") }

    /// Readable when `run` has something to do.
    var pollDescriptor: Int32 { CMicroHTTPDEpollDescriptor(daemon) }

    /// Milliseconds until `run` must be called even if nothing happens; nil for ever.
    var timeoutMilliseconds: Int? {
        var timeout: UInt64 = 0
        return MHD_get_timeout(daemon, &timeout) == .YES ? Int(clamping: timeout) : nil
    }

    func run() {
        // Fails only when the daemon is shut down or its epoll descriptor is broken; then nothing
        // is served and the next call says the same.
        _ = MHD_run(daemon)
    }

    /// Hands over the socket of a client that is connected.
    ///
    /// - Returns: False when the library does not take it; it is closed then.
    func add(_ socket: Int32) -> Bool {
        withPeerAddress(of: socket) { MHD_add_connection(daemon, socket, $0, $1) == .YES }
    }

    /// Stops accepting.
    ///
    /// - Returns: The listening socket, to be closed after `stop`; negative if it is closed.
    func quiesce() -> Int32 {
        MHD_quiesce_daemon(daemon)
    }

    /// Closes every connection and frees the daemon.
    ///
    /// - Precondition: No connection is suspended; the library would abort the process.
    func stop() {
        MHD_stop_daemon(daemon)
    }
}

/// The library's side of a connection, valid from its opening to its close.
struct ConnectionHandle: Equatable {
    fileprivate let connection: OpaquePointer

    var socket: Int32 { CMicroHTTPDSocket(connection) }

    var peerAddress: String {
        guard let address = CMicroHTTPDPeer(connection) else { return "" }
        return numericAddress(UnsafeRawPointer(address))
    }

    /// - Precondition: Called within the access callback of this connection.
    func suspend() {
        MHD_suspend_connection(connection)
    }

    /// - Precondition: The connection is suspended, and this is the one resume of that suspend.
    func resume() {
        MHD_resume_connection(connection)
    }

    /// Hands an answer to the library.
    ///
    /// - Returns: False when it was not taken; the connection can only be closed then.
    func queue(_ response: HTTPResponse) -> Bool {
        queue(makeReply(response.body), response)
    }

    /// Hands an answer to the library that asks `connection` for its body, piece by piece.
    func queue(_ response: HTTPResponse, bodyFrom connection: Connection) -> Bool {
        queue(
            makeReply(connection, self, lengthBytes: response.stream?.lengthBytes), response)
    }

    /// Hands over the head of an answer whose body would have come in pieces.
    func queueHead(_ response: HTTPResponse) -> Bool {
        let length = response.stream?.lengthBytes
        let reply = MHD_create_response_from_callback(
            length.map(UInt64.init) ?? .max, 1, refuseBody, nil, nil)
        // The library ends a chunked body also where there is none, and a client takes that for
        // the next answer. It has no other way to leave the length open than to close.
        if length == nil, let reply { CMicroHTTPDEndByClosing(reply) }
        return queue(reply, response)
    }

    private func queue(_ reply: OpaquePointer?, _ response: HTTPResponse) -> Bool {
        guard let reply else { return false }
        defer { MHD_destroy_response(reply) }
        response.headers.forEachField { name, value in
            MHD_add_response_header(reply, name.baseAddress, value.baseAddress)
        }
        if response.closesConnection {
            MHD_add_response_header(reply, "Connection", "close")
        }
        return MHD_queue_response(connection, UInt32(response.status), reply) == .YES
    }

    /// Gives the pages of the connection's memory pool that hold only zeros back to the system,
    /// which has zeros again for whoever uses them next.
    ///
    /// - Parameter address: Where the pool begins; nothing happens if that is no page's beginning.
    /// - Precondition: The connection is suspended, so that nobody uses the pool meanwhile.
    func releaseZeroPages(ofPoolAt address: UInt) {
        CMicroHTTPDReleaseZeroPages(address, Daemon.memoryBytesPerConnection)
    }

    /// The head of the request that is being handled.
    func head(
        method: UnsafePointer<CChar>, version: UnsafePointer<CChar>, target: [UInt8],
        targetAddress: UInt
    ) -> RawHead {
        var head = RawHead(
            method: buffer(method), target: target, targetAddress: targetAddress,
            version: buffer(version), fields: [], sizeBytes: CMicroHTTPDHeadSize(connection))
        head.fields.reserveCapacity(16)
        withUnsafeMutablePointer(to: &head.fields) { fields in
            _ = MHD_get_connection_values_n(
                connection, .HEADER_KIND, collectField, UnsafeMutableRawPointer(fields))
        }
        return head
    }
}

/// A descriptor that becomes readable when another thread writes to it; negative on failure.
func makeWakeDescriptor() -> Int32 {
    CMicroHTTPDWakeDescriptor()
}

/// Tells which sockets' peers have left, without looking at any that has not.
struct PeerWatch: ~Copyable {
    /// Readable when there is something to tell; negative on failure.
    let descriptor = CMicroHTTPDWatchDescriptor()

    deinit {
        if descriptor >= 0 { close(descriptor) }
    }

    /// Watches a socket until it is closed.
    ///
    /// - Returns: False when the system has no room for it.
    func add(_ socket: Int32) -> Bool {
        CMicroHTTPDWatch(descriptor, socket) == 0
    }

    func remove(_ socket: Int32) {
        CMicroHTTPDUnwatch(descriptor, socket)
    }

    /// Tells from now on, or no more, when there is room to send; at once if there is.
    func awaitRoom(_ socket: Int32, _ isWanted: Bool) {
        CMicroHTTPDAwaitRoom(descriptor, socket, isWanted ? 1 : 0)
    }

    struct Event {
        let socket: Int32
        /// The peer has closed its sending side, or the connection is broken.
        let isHangUp: Bool
        let isBroken: Bool
        let hasRoom: Bool
    }

    /// Tells of each socket once that its peer has closed its sending side, and once that the
    /// connection is broken, and of room where it is awaited.
    func forEachEvent(_ body: (Event) -> Void) {
        var found = [CMicroHTTPDPeerEvent](repeating: CMicroHTTPDPeerEvent(), count: 64)
        var count: Int32
        repeat {
            count = CMicroHTTPDPeerEvents(descriptor, &found)
            for event in found.prefix(max(0, Int(count))) {
                body(
                    Event(
                        socket: event.socket, isHangUp: event.isHangUp != 0,
                        isBroken: event.isBroken != 0, hasRoom: event.hasRoom != 0))
            }
        } while count == 64
    }
}

/// Makes `descriptor` another one of what `other` is one of.
///
/// - Returns: False on failure; nothing has changed then.
func replaceDescriptor(_ descriptor: Int32, by other: Int32) -> Bool {
    CMicroHTTPDReplaceDescriptor(descriptor, other) == descriptor
}

/// How many bytes have come in on a socket and are not read yet; nil when the system does not say.
func unreadByteCount(_ socket: Int32) -> Int? {
    let count = CMicroHTTPDUnreadBytes(socket)
    return count < 0 ? nil : Int(count)
}

func nameThisThread(_ name: String) {
    CMicroHTTPDNameThread(name)
}

/// The status line's words for a status.
func reasonPhrase(_ status: Int) -> String {
    guard let phrase = MHD_get_reason_phrase_for(UInt32(status)) else { return "" }
    return String(cString: phrase)
}

/// Up to this size a body is copied: cheaper than to hand over an object.
private let copiedBodyLimit = 2048

private func makeReply(_ body: [UInt8]) -> OpaquePointer? {
    if body.count <= copiedBodyLimit {
        return body.withUnsafeBytes { bytes in
            // The library copies at once and never writes, whatever the parameter's type says.
            MHD_create_response_from_buffer(
                bytes.count, UnsafeMutableRawPointer(mutating: bytes.baseAddress),
                .RESPMEM_MUST_COPY)
        }
    }
    // An array's storage stays where it is while somebody retains it and nobody writes to it.
    // `ResponseBody` retains it and cannot be written to; `releaseBody` lets go of it.
    let owner = ResponseBody(body)
    let context = Unmanaged.passRetained(owner)
    let reply = owner.bytes.withUnsafeBytes { bytes in
        MHD_create_response_from_buffer_with_free_callback_cls(
            bytes.count, UnsafeMutableRawPointer(mutating: bytes.baseAddress), releaseBody,
            context.toOpaque())
    }
    if reply == nil { context.release() }
    return reply
}

/// The library's own buffer for a body of unknown length that is not chunked: for HTTP/1.0 only.
private let streamBlockBytes = 1024

/// How much of a stream is handed over at once: what it touches of the connection's memory pool
/// stays in use.
private let pieceLimitBytes = 8 * 1024

/// Whose body the library asks for, as whom it knows him.
private final class BodyReader {
    let connection: Connection
    let handle: ConnectionHandle

    init(_ connection: Connection, _ handle: ConnectionHandle) {
        self.connection = connection
        self.handle = handle
    }
}

private func makeReply(
    _ connection: Connection, _ handle: ConnectionHandle, lengthBytes: Int?
) -> OpaquePointer? {
    // `releaseReader` lets go of it.
    let context = Unmanaged.passRetained(BodyReader(connection, handle))
    let reply = MHD_create_response_from_callback(
        lengthBytes.map(UInt64.init) ?? .max,
        lengthBytes == nil ? streamBlockBytes : pieceLimitBytes, readBody, context.toOpaque(),
        releaseReader)
    if reply == nil { context.release() }
    return reply
}

private func readBody(
    _ context: UnsafeMutableRawPointer?, _ position: UInt64, _ buffer: UnsafeMutablePointer<CChar>?,
    _ size: Int
) -> Int {
    guard let context, let buffer else { return -2 }
    let reader = Unmanaged<BodyReader>.fromOpaque(context).takeUnretainedValue()
    guard reader.connection.isServed(by: reader.handle) else { return -2 }
    let room = UnsafeMutableRawBufferPointer(start: buffer, count: min(size, pieceLimitBytes))
    switch reader.connection.readBody(into: room) {
    case .bytes(let count): return count
    // Without a suspended connection this would ask again and again.
    case .drained: return 0
    // MHD_CONTENT_READER_END_OF_STREAM and MHD_CONTENT_READER_END_WITH_ERROR, which Swift cannot
    // import.
    case .end: return -1
    case .closed: return -2
    }
}

private func refuseBody(
    _ context: UnsafeMutableRawPointer?, _ position: UInt64, _ buffer: UnsafeMutablePointer<CChar>?,
    _ size: Int
) -> Int { -2 }

private func releaseReader(_ context: UnsafeMutableRawPointer?) {
    guard let context else { return }
    Unmanaged<BodyReader>.fromOpaque(context).release()
}

private final class ResponseBody {
    let bytes: [UInt8]

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }
}

private func releaseBody(_ context: UnsafeMutableRawPointer?) {
    guard let context else { return }
    Unmanaged<ResponseBody>.fromOpaque(context).release()
}

private func buffer(_ string: UnsafePointer<CChar>) -> UnsafeBufferPointer<UInt8> {
    let start = UnsafeRawPointer(string).assumingMemoryBound(to: UInt8.self)
    return UnsafeBufferPointer(start: start, count: strlen(string))
}

private func collectField(
    _ context: UnsafeMutableRawPointer?, _ kind: MHD_ValueKind, _ name: UnsafePointer<CChar>?,
    _ nameSize: Int, _ value: UnsafePointer<CChar>?, _ valueSize: Int
) -> MHD_Result {
    guard let context, let name, let value else { return .YES }
    let fields = context.assumingMemoryBound(to: [RawHead.Field].self)
    fields.pointee.append(
        RawHead.Field(
            name: UnsafeBufferPointer(
                start: UnsafeRawPointer(name).assumingMemoryBound(to: UInt8.self),
                count: nameSize),
            value: UnsafeBufferPointer(
                start: UnsafeRawPointer(value).assumingMemoryBound(to: UInt8.self),
                count: valueSize)))
    return .YES
}

/// Called when a socket was accepted and when it is closed. The connection object lives in
/// between: retained here, released here.
private func connectionChanged(
    _ context: UnsafeMutableRawPointer?, _ connection: OpaquePointer?,
    _ socketContext: UnsafeMutablePointer<UnsafeMutableRawPointer?>?,
    _ code: MHD_ConnectionNotificationCode
) {
    guard let context, let connection, let socketContext else { return }
    let loop = Unmanaged<EventLoop>.fromOpaque(context).takeUnretainedValue()
    switch code {
    case .CONNECTION_NOTIFY_STARTED:
        let opened = loop.opened(ConnectionHandle(connection: connection))
        socketContext.pointee = Unmanaged.passRetained(opened).toOpaque()
    case .CONNECTION_NOTIFY_CLOSED:
        guard let pointer = socketContext.pointee else { return }
        socketContext.pointee = nil
        let closed = Unmanaged<Connection>.fromOpaque(pointer).takeRetainedValue()
        if closed.isServed(by: ConnectionHandle(connection: connection)) { loop.closed(closed) }
    @unknown default:
        break
    }
}

/// Called with the untouched target when a request line is complete. What it returns is the first
/// `request` of the other callbacks.
private func targetSeen(
    _ context: UnsafeMutableRawPointer?, _ target: UnsafePointer<CChar>?,
    _ connection: OpaquePointer?
) -> UnsafeMutableRawPointer? {
    guard let connection, let pointer = CMicroHTTPDSocketContext(connection) else { return nil }
    let current = Unmanaged<Connection>.fromOpaque(pointer).takeUnretainedValue()
    if let target {
        let bytes = buffer(target)
        current.requestLineRead(target: bytes)
        hideQuery(in: bytes)
    }
    return pointer
}

/// Keeps the library from taking the query apart: it would need more memory for a thousand
/// parameters than it has for a connection, and nobody reads its work.
private func hideQuery(in target: UnsafeBufferPointer<UInt8>) {
    guard let mark = target.firstIndex(of: UInt8(ascii: "?")), mark + 1 < target.count else {
        return
    }
    // The library has found the question mark already; it sees an empty query behind it. The
    // buffer is its own, and it is about to write into it at this very place.
    UnsafeMutablePointer(mutating: target.baseAddress)?[mark + 1] = 0
}

/// Leaves everything as it is: we decode, and only what is ours to decode.
private func unescape(
    _ context: UnsafeMutableRawPointer?, _ connection: OpaquePointer?,
    _ text: UnsafeMutablePointer<CChar>?
) -> Int {
    guard let text else { return 0 }
    return strlen(text)
}

private func access(
    _ context: UnsafeMutableRawPointer?, _ connection: OpaquePointer?,
    _ url: UnsafePointer<CChar>?, _ method: UnsafePointer<CChar>?,
    _ version: UnsafePointer<CChar>?, _ upload: UnsafePointer<CChar>?,
    _ uploadSize: UnsafeMutablePointer<Int>?,
    _ request: UnsafeMutablePointer<UnsafeMutableRawPointer?>?
) -> MHD_Result {
    guard let pointer = request?.pointee, let connection, let method, let version, let uploadSize
    else { return .NO }
    let current = Unmanaged<Connection>.fromOpaque(pointer).takeUnretainedValue()
    guard current.isServed(by: ConnectionHandle(connection: connection)) else { return .NO }
    if uploadSize.pointee > 0, let upload {
        let bytes = UnsafeRawBufferPointer(start: upload, count: uploadSize.pointee)
        uploadSize.pointee = 0
        return current.receive(bytes) ? .YES : .NO
    }
    return current.proceed(method: method, version: version) ? .YES : .NO
}

private func completed(
    _ context: UnsafeMutableRawPointer?, _ connection: OpaquePointer?,
    _ request: UnsafeMutablePointer<UnsafeMutableRawPointer?>?,
    _ code: MHD_RequestTerminationCode
) {
    guard let pointer = request?.pointee, let connection else { return }
    request?.pointee = nil
    let current = Unmanaged<Connection>.fromOpaque(pointer).takeUnretainedValue()
    if current.isServed(by: ConnectionHandle(connection: connection)) { current.requestEnded() }
}
