import Dispatch
import Glibc
import HTTPServer
import Synchronization

/// What a node does to its HTTP server, without the node.
///
/// - `/wait` parks until `/release`.
/// - `/stream` opens a stream, which `/event` writes one event to.
/// - `/write` parks until the writing thread has answered all that came before it in one batch.
/// - `/memory` tells the resident bytes of the process and what is open.
final class BenchHandler: HTTPHandler {
    private let waits = Mutex<[HTTPExchange]>([])
    private let streams = Mutex<[HTTPBodyStream]>([])
    private let writes = Mutex<[HTTPExchange]>([])
    /// Counts writes, for the thread that answers them.
    private let queued = DispatchSemaphore(value: 0)

    func bodyPolicy(for head: HTTPRequestHead) -> BodyPolicy { .accept(limit: 1 << 20) }

    func response(to refusal: HTTPRefusal, head: HTTPRequestHead?) -> HTTPResponse {
        HTTPResponse(status: refusal.status)
    }

    func handle(_ request: HTTPRequest, _ exchange: HTTPExchange) -> HTTPResponse? {
        switch String(decoding: request.rawPath, as: UTF8.self) {
        case "/wait":
            exchange.onGone { exchange.respond(HTTPResponse(status: 408)) }
            waits.withLock { $0.append(exchange) }
            return nil
        case "/write":
            let isFirst = writes.withLock { writes in
                writes.append(exchange)
                return writes.count == 1
            }
            if isFirst { queued.signal() }
            return nil
        case "/stream":
            let stream = HTTPBodyStream()
            stream.write(Array(": hello\n\n".utf8))
            streams.withLock { $0.append(stream) }
            return HTTPResponse(status: 200, stream: stream)
        case "/release":
            return text("\(release()) released\n")
        case "/event":
            let event = Array("data: 0123456789\n\n".utf8)
            // The loop that gives this answer turns anyway; others get theirs with a later flush.
            let count = streams.withLock { all in
                all.removeAll { !$0.write(event, flush: false) }
                return all.count
            }
            return text("\(count) written\n")
        case "/memory":
            return text("\(residentBytes()) \(waits.withLock { $0.count }) waits\n")
        default:
            return text("ok\n")
        }
    }

    private func release() -> Int {
        let exchanges = waits.withLock { waits in
            defer { waits = [] }
            return waits
        }
        return exchanges.count { $0.respond(text("released\n"), flush: false) }
    }

    private func text(_ text: String) -> HTTPResponse {
        HTTPResponse(status: 200, body: Array(text.utf8))
    }

    /// Answers what is queued, in batches, on the calling thread; does not return.
    ///
    /// - Parameters:
    ///   - server: Whose loops to wake.
    ///   - pause: Microseconds before each batch, as a disk would take.
    func answerWrites(of server: HTTPServer, pause: Int) -> Never {
        while true {
            queued.wait()
            if pause > 0 { usleep(UInt32(clamping: pause)) }
            let batch = writes.withLock { writes in
                defer { writes = [] }
                return writes
            }
            for exchange in batch { exchange.respond(HTTPResponse(status: 204), flush: false) }
            server.flush()
        }
    }

    private func residentBytes() -> Int {
        guard let file = fopen("/proc/self/statm", "r") else { return 0 }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 128)
        guard fgets(&line, 128, file) != nil else { return 0 }
        let text = line.withUnsafeBufferPointer { bytes in
            String(decoding: bytes.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
        }
        let pages = text.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
        return pages * Int(sysconf(Int32(_SC_PAGESIZE)))
    }
}
