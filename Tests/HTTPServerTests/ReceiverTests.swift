import Glibc
import HTTPServer
import Testing

@Suite struct ReceiverTests {
    private static let body = (0..<200_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }

    @Test func `a receiver gets the body, with a length and in chunks`() throws {
        try withServer { server, handler in
            let client = try Client(port: server.port)
            try client.send(
                "POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: \(Self.body.count)\r\n\r\n")
            try client.send(Self.body)
            #expect(try client.response()?.text == "200000")
            try client.send(
                "POST /upload HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
            for start in stride(from: 0, to: Self.body.count, by: 50_000) {
                try client.send("\(String(50_000, radix: 16))\r\n")
                try client.send(Array(Self.body[start..<start + 50_000]))
                try client.send("\r\n")
            }
            try client.send("0\r\n\r\n")
            #expect(try client.response()?.text == "200000")
            #expect(handler.receivers.map(\.bytes) == [Self.body, Self.body])
            #expect(handler.receivers.map(\.abandoned) == [0, 0])
        }
    }

    /// A client whose receiver has no room for more of its body.
    private func paused(_ server: HTTPServer, _ handler: TestHandler) throws -> Client {
        let client = try Client(port: server.port)
        try client.send(
            "POST /upload HTTP/1.1\r\nHost: a\r\nX-Pause: 1\r\n"
                + "Content-Length: \(Self.body.count)\r\n\r\n")
        try client.send(Self.body)
        try eventually { handler.receivers.first?.isPaused == true }
        return client
    }

    @Test func `one without room is not given more until it has some`() throws {
        try withServer { server, handler in
            let client = try paused(server, handler)
            let held = handler.receivers[0].bytes.count
            #expect(held >= 20_000 && held < Self.body.count)
            // Others are served meanwhile.
            let other = try Client(port: server.port)
            try other.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(try other.response()?.status == 200)
            #expect(handler.receivers[0].bytes.count == held)
            handler.receivers[0].resume()
            #expect(try client.response()?.text == "200000")
            #expect(handler.receivers[0].bytes == Self.body)
            // The connection is as good as new.
            try client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(try client.response()?.text == "ok")
        }
    }

    @Test func `too much is refused, and the receiver knows that nothing comes of it`() throws {
        try withServer { server, handler in
            let client = try Client(port: server.port)
            try client.send(
                "POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: \(11 << 20)\r\n\r\n")
            try client.send([UInt8](repeating: 1, count: 11 << 20))
            #expect(try client.response()?.status == 413)
            try client.send(
                "POST /upload HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
            let chunk = [UInt8](repeating: 1, count: 1 << 20)
            for _ in 0..<11 {
                try client.send("\(String(chunk.count, radix: 16))\r\n")
                try client.send(chunk)
                try client.send("\r\n")
            }
            try client.send("0\r\n\r\n")
            #expect(try client.response()?.status == 413)
            #expect(handler.receivers.map(\.abandoned) == [1, 1])
            #expect(handler.handledCount == 0)
        }
    }

    @Test(arguments: [false, true])
    func `a client that leaves takes its body along`(isPaused: Bool) throws {
        try withServer { server, handler in
            let client = try Client(port: server.port)
            try client.send(
                "POST /upload HTTP/1.1\r\nHost: a\r\n\(isPaused ? "X-Pause: 1\r\n" : "")"
                    + "Content-Length: \(Self.body.count)\r\n\r\n")
            try client.send(Array(Self.body[..<50_000]))
            try eventually { (handler.receivers.first?.bytes.count ?? 0) >= 20_000 }
            client.disconnect()
            if isPaused { handler.receivers[0].resume() }
            try eventually { handler.receivers[0].abandoned == 1 }
            #expect(handler.handledCount == 0)
        }
    }

    @Test func `a server that stops waits for no receiver`() throws {
        var receiver: TestReceiver?
        try withServer { server, handler in
            let client = try paused(server, handler)
            defer { withExtendedLifetime(client) {} }
            receiver = handler.receivers[0]
            server.stop()
        }
        #expect(receiver?.abandoned == 1)
        // It may still say that it has room: nobody listens.
        receiver?.resume()
    }

    @Test func `a stream of known length tells it, and is complete or broken off`() throws {
        try withServer { server, _ in
            let client = try Client(port: server.port)
            try client.send("GET /measured HTTP/1.1\r\nHost: a\r\n\r\n")
            let whole = try #require(try client.response())
            #expect(whole["content-length"] == "100000")
            #expect(whole["transfer-encoding"] == nil)
            #expect(whole.text.utf8.count == 100_000 && whole.text.hasSuffix("m!"))
            // Kept alive, also behind a HEAD that tells the same.
            try client.send("HEAD /measured HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(try client.response(toHead: true)?["content-length"] == "100000")
            try client.send("GET /measured?short HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(try client.response() == nil)
        }
    }

    @Test func `it is the same for a request that has waited for long`() throws {
        try withServer { server, handler in
            let client = try Client(port: server.port)
            for method in ["GET", "HEAD", "GET"] {
                try client.send("\(method) /park HTTP/1.1\r\nHost: a\r\n\r\n")
                try eventually { server.statistics.outside == 1 }
                handler.releaseMeasured()
                let answer = try #require(try client.response(toHead: method == "HEAD"))
                #expect(answer["content-length"] == "100000")
                #expect(answer["transfer-encoding"] == nil)
                if method == "GET" {
                    #expect(answer.text.utf8.count == 100_000 && answer.text.hasSuffix("m!"))
                }
                try eventually { server.statistics.outside == 0 }
            }
            try client.send("GET /park HTTP/1.1\r\nHost: a\r\n\r\n")
            try eventually { server.statistics.outside == 1 }
            handler.releaseMeasured(isShort: true)
            #expect(try client.response() == nil)
        }
    }

    @Test func `a body that is held up for long stays where it is`() throws {
        try withServer { server, handler in
            let client = try paused(server, handler)
            // When a request that came later has left, this one has been looked at as well.
            let later = try Client(port: server.port)
            try later.send(OutsideTests.park)
            try eventually { server.statistics.outside > 0 }
            #expect(server.statistics.outside == 1)
            #expect(handler.release() == 1)
            #expect(try later.response()?.text == "released")
            handler.receivers[0].resume()
            #expect(try client.response()?.text == "200000")
            #expect(handler.receivers[0].bytes == Self.body)
        }
    }
}
