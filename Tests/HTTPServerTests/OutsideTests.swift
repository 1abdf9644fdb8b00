import Glibc
import HTTPServer
import Testing

/// Requests that have waited so long that they left the library.
@Suite struct OutsideTests {
    static let park = "GET /park HTTP/1.1\r\nHost: x\r\n\r\n"
    private static let get = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"

    /// Clients whose requests wait outside.
    private func parked(
        _ count: Int, _ server: HTTPServer, _ handler: TestHandler,
        request: String = OutsideTests.park
    ) throws -> [Client] {
        let before = (handler.parkedCount, server.statistics.outside)
        let clients = try (0..<count).map { _ in try Client(port: server.port) }
        for client in clients { try client.send(request) }
        try eventually { handler.parkedCount == before.0 + count }
        try eventually { server.statistics.outside == before.1 + count }
        return clients
    }

    /// A client whose stream has begun and waits outside.
    private func streaming(
        _ server: HTTPServer, _ handler: TestHandler
    ) throws -> (Client, TestStream) {
        let before = (handler.streams.count, server.statistics.outside)
        let client = try Client(port: server.port)
        try client.send("GET /stream HTTP/1.1\r\nHost: x\r\n\r\n")
        #expect(try client.head()?["transfer-encoding"] == "chunked")
        try eventually { server.statistics.outside == before.1 + 1 }
        return (client, handler.streams[before.0])
    }

    @Test func `a connection goes out and back as often as it waits`() throws {
        try withServer { server, handler in
            let client = try Client(port: server.port)
            for round in 0..<3 {
                for _ in 0..<3 {
                    try client.send(OutsideTests.get)
                    #expect(try client.response()?.text == "ok")
                }
                try client.send(OutsideTests.park)
                try eventually { server.statistics.outside == 1 }
                #expect(server.statistics.waiting == 1)
                #expect(server.statistics.connections == 1)
                #expect(handler.release("round \(round)") == 1)
                let response = try #require(try client.response())
                #expect(response.status == 200)
                #expect(response.text == "round \(round)")
                #expect(response["connection"] == nil)
                try eventually { server.statistics.outside == 0 }
                #expect(server.statistics.waiting == 0)
            }
            #expect(server.statistics.connections == 1)
        }
    }

    @Test func `both ways of answering look alike`() throws {
        try withServer { server, handler in
            var headers = HTTPResponseHeaders()
            headers.add("ETag", "\"1\"")
            headers.add("Aviary-Zxid", "0000000100000028")
            let body = Array("value".utf8)
            for (method, status) in [
                ("GET", 200), ("HEAD", 200), ("GET", 204), ("GET", 304), ("PUT", 404),
            ] {
                var seen: [[String: String]] = []
                for isOutside in [false, true] {
                    let client = try Client(port: server.port)
                    try client.send("\(method) /park HTTP/1.1\r\nHost: x\r\n\r\n")
                    try eventually { handler.parkedCount == 1 }
                    if isOutside { try eventually { server.statistics.outside == 1 } }
                    let response = HTTPResponse(
                        status: status, headers: headers, body: status == 204 ? [] : body)
                    #expect(handler.releaseAll(with: response) == 1)
                    let got = try #require(try client.response(toHead: method == "HEAD"))
                    #expect(got.status == status)
                    #expect(
                        got.text
                            == (method == "HEAD" || status < 400 && status > 200 ? "" : "value"))
                    var fields = got.allFields
                    #expect(fields.removeValue(forKey: "date")?.hasSuffix(" GMT") == true)
                    seen.append(fields)
                    // Nothing is left in between.
                    try client.send(OutsideTests.get)
                    #expect(try client.response()?.text == "ok")
                }
                #expect(seen[0] == seen[1])
            }
        }
    }

    @Test func `what is sent behind a waiting request is answered behind it`() throws {
        try withServer { server, handler in
            let client = try parked(1, server, handler)[0]
            let echoes = (0..<5).map { "GET /echo?\($0) HTTP/1.1\r\nHost: x\r\n\r\n" }
            try client.send(echoes.joined() + OutsideTests.park)
            handler.release()
            #expect(try client.response()?.text == "released")
            for number in 0..<5 {
                #expect(try client.response()?["x-request"] == "GET /echo?\(number)")
            }
            try eventually { server.statistics.outside == 1 }
            handler.release("again")
            #expect(try client.response()?.text == "again")
        }
    }

    @Test func `what the library has read of the next request keeps a connection in it`() throws {
        try withServer { server, handler in
            let clients = try (0..<20).map { _ in try Client(port: server.port) }
            for (number, client) in clients.enumerated() {
                // In one go: the library reads both, or a part of the second.
                let next = "GET /echo?\(number) HTTP/1.1\r\nHost: x\r\n\r\n"
                try client.send(OutsideTests.park + next.prefix(1 + number))
            }
            try eventually { handler.parkedCount == 20 }
            let witness = try parked(1, server, handler)[0]
            #expect(server.statistics.outside == 1)
            for (number, client) in clients.enumerated() {
                let next = "GET /echo?\(number) HTTP/1.1\r\nHost: x\r\n\r\n"
                try client.send(String(next.dropFirst(1 + number)))
            }
            #expect(handler.release() == 21)
            for (number, client) in clients.enumerated() {
                #expect(try client.response()?.text == "released")
                #expect(try client.response()?["x-request"] == "GET /echo?\(number)")
            }
            #expect(try witness.response()?.text == "released")
        }
    }

    @Test func `a body is no next request, and chunks stay in the library`() throws {
        try withServer { server, handler in
            let head = "PUT /park HTTP/1.1\r\nHost: x\r\n"
            let stated = try parked(
                1, server, handler, request: head + "Content-Length: 5\r\n\r\nhello")[0]
            let chunked = try Client(port: server.port)
            try chunked.send(head + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")
            try eventually { handler.parkedCount == 2 }
            // When one that came later has left, this one has been looked at as well.
            let later = try parked(1, server, handler)[0]
            #expect(server.statistics.outside == 2)
            #expect(handler.release() == 3)
            for client in [stated, chunked, later] {
                #expect(try client.response()?.text == "released")
                try client.send(OutsideTests.get)
                #expect(try client.response()?.text == "ok")
            }
        }
    }

    @Test func `a client that wants to end the connection gets its end`() throws {
        try withServer { server, handler in
            let request = "GET /park HTTP/1.1\r\nHost: x\r\nConnection: x, Close\r\n\r\n"
            let client = try parked(1, server, handler, request: request)[0]
            let old = try Client(port: server.port)
            try old.send("GET /park HTTP/1.0\r\n\r\n")
            try eventually { handler.parkedCount == 2 }
            #expect(handler.release() == 2)
            for client in [client, old] {
                let response = try #require(try client.response())
                #expect(response["connection"] == "close")
                #expect(try client.isClosed())
            }
            try eventually { server.statistics.connections == 0 }
            #expect(server.statistics.outside == 0)
        }
    }

    @Test func `many are answered at once, and wait again`() throws {
        try withServer { server, handler in
            let clients = try parked(700, server, handler)
            for round in 0..<2 {
                #expect(handler.release("\(round)", flush: false) == 700)
                server.flush()
                for client in clients { #expect(try client.response()?.text == "\(round)") }
                for client in clients { try client.send(OutsideTests.park) }
                try eventually { server.statistics.outside == 700 }
            }
            #expect(server.statistics.connections == 700)
        }
    }

    @Test func `a slow reader gets all of a long answer and holds nobody up`() throws {
        try withServer { server, handler in
            let clients = try parked(3, server, handler)
            // More than the buffers of both systems take.
            let body = [UInt8](repeating: UInt8(ascii: "x"), count: 30 << 20)
            #expect(handler.releaseAll(with: HTTPResponse(status: 200, body: body)) == 3)
            let other = try Client(port: server.port)
            for _ in 0..<100 {
                try other.send(OutsideTests.get)
                #expect(try other.response()?.text == "ok")
            }
            #expect(server.statistics.outside == 3)
            for client in clients.dropLast() {
                #expect(try client.bodyLength(of: body.count) == body.count)
                try client.send(OutsideTests.get)
                #expect(try client.response()?.text == "ok")
            }
            // One leaves in the middle of its answer.
            clients[2].disconnect()
            try eventually { server.statistics.outside == 0 }
            try eventually { server.statistics.connections == 3 }
        }
    }

    @Test func `a client that never reads its answer is dropped`() throws {
        try withServer({ $0.idleTimeout = .seconds(2) }) { server, handler in
            let client = try parked(1, server, handler)[0]
            let body = [UInt8](repeating: UInt8(ascii: "x"), count: 30 << 20)
            #expect(handler.releaseAll(with: HTTPResponse(status: 200, body: body)) == 1)
            try eventually { server.statistics.connections == 0 }
            #expect(server.statistics.outside == 0)
            client.disconnect()
        }
    }

    @Test(arguments: [false, true])
    func `a client that leaves is noticed`(isHard: Bool) throws {
        try withServer { server, handler in
            let clients = try parked(100, server, handler)
            #expect(handler.exchanges.allSatisfy { $0.peerAnswers })
            for client in clients {
                if isHard { client.disconnectHard() } else { client.disconnect() }
            }
            try eventually { handler.gone == 100 }
            if !isHard { #expect(handler.release() == 100) }
            try eventually { server.statistics.connections == 0 }
            #expect(server.statistics.waiting == 0)
            #expect(server.statistics.outside == 0)
            #expect(handler.release() == 0)
        }
    }

    @Test func `a client that only stopped sending gets its answer`() throws {
        try withServer { server, handler in
            let client = try parked(1, server, handler)[0]
            client.finishSending()
            try eventually { handler.gone == 1 }
            #expect(handler.release() == 1)
            let response = try #require(try client.response())
            #expect(response.text == "released")
            #expect(response["connection"] == "close")
            #expect(try client.isClosed())
            try eventually { server.statistics.connections == 0 }
        }
    }

    @Test func `the limit counts those outside`() throws {
        try withServer({ $0.connectionLimit = 10 }) { server, handler in
            let clients = try parked(10, server, handler)
            for _ in 0..<3 {
                let surplus = try Client(port: server.port)
                try surplus.send(OutsideTests.get)
                #expect(try surplus.response()?.status == 429)
            }
            // More than are told so, all silent: nobody who is in loses his place by them.
            let silent = try (0..<300).map { _ in try Client(port: server.port) }
            try eventually { server.statistics.connections >= 10 + 64 }
            #expect(handler.release() == 10)
            for client in clients {
                #expect(try client.response()?.text == "released")
                try client.send(OutsideTests.get)
                #expect(try client.response()?.text == "ok")
            }
            #expect(server.statistics.connections <= 10 + 2 * 64 + 1)
            for client in silent { client.disconnect() }
            try eventually { server.statistics.connections == 10 }
        }
    }

    @Test func `stopping answers those outside`() throws {
        try withServer { server, handler in
            let clients = try parked(100, server, handler)
            let (client, stream) = try streaming(server, handler)
            server.stop()
            for client in clients {
                let response = try #require(try client.response())
                #expect(response.status == 503)
                #expect(response["x-code"] == "stopping")
                #expect(response["connection"] == "close")
                #expect(try client.isClosed())
            }
            #expect(try client.chunk() == "bye")
            #expect(try client.chunk() == "")
            #expect(try client.isClosed())
            #expect(stream.closed == 0)
            #expect(handler.gone == 100)
            #expect(handler.release() == 0)
        }
    }

    @Test func `a stop is not held up by a client that does not read`() throws {
        try withServer({ $0.stopGrace = .milliseconds(200) }) { server, handler in
            _ = try parked(1, server, handler).map { client in
                let body = [UInt8](repeating: 1, count: 30 << 20)
                #expect(handler.releaseAll(with: HTTPResponse(status: 200, body: body)) == 1)
                let time = ContinuousClock().measure { server.stop() }
                #expect(time < .seconds(10))
                return client
            }
        }
    }

    @Test func `a stream goes on outside, and its connection after it`() throws {
        try withServer { server, handler in
            let (client, stream) = try streaming(server, handler)
            #expect(stream.body.peerAnswers)
            for number in 0..<50 {
                let drained = stream.drained
                #expect(stream.write("piece \(number)"))
                #expect(try client.chunk() == "piece \(number)")
                try eventually { stream.drained > drained }
            }
            let long = String(repeating: "long", count: 500_000)
            stream.write(long)
            #expect(try client.chunks(upTo: long.utf8.count) == long)
            #expect(server.statistics.streams == 1)
            stream.write("end")
            stream.body.finish()
            #expect(try client.chunk() == "end")
            #expect(try client.chunk() == "")
            try eventually { server.statistics.outside == 0 }
            #expect(server.statistics.streams == 0)
            try client.send(OutsideTests.get)
            #expect(try client.response()?.text == "ok")
            #expect(stream.closed == 0)
            // Once more, on a connection that has been outside.
            try client.send("GET /stream HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(try client.head()?.status == 200)
            try eventually { server.statistics.outside == 1 }
            handler.streams[1].write("second")
            #expect(try client.chunk() == "second")
        }
    }

    @Test(arguments: [false, true])
    func `a client that leaves its stream is noticed`(isHard: Bool) throws {
        try withServer { server, handler in
            let (client, stream) = try streaming(server, handler)
            let (other, otherStream) = try streaming(server, handler)
            if isHard { client.disconnectHard() } else { client.disconnect() }
            try eventually { stream.closed == 1 }
            try eventually { server.statistics.connections == 1 }
            #expect(!stream.write("nobody"))
            #expect(server.statistics.streams == 1)
            #expect(server.statistics.outside == 1)
            otherStream.write("one")
            #expect(try other.chunk() == "one")
            #expect(otherStream.closed == 0)
        }
    }

    @Test func `a request outside may be answered with a stream that never runs dry`() throws {
        try withServer { server, handler in
            let client = try parked(1, server, handler)[0]
            let stream = TestStream()
            stream.produce(pieceBytes: 1_000)
            #expect(handler.exchanges[0].respond(stream.response))
            #expect(try client.head()?["transfer-encoding"] == "chunked")
            #expect(try client.chunks(upTo: 1_000_000).utf8.count >= 1_000_000)
            // It does not read any more: the producer stands still, the others go on.
            var last = 0
            try eventually {
                defer { last = stream.drained }
                usleep(200_000)
                return stream.drained == last
            }
            let other = try Client(port: server.port)
            try other.send(OutsideTests.get)
            #expect(try other.response()?.text == "ok")
            client.disconnect()
            try eventually { stream.closed == 1 }
            try eventually { server.statistics.connections == 1 }
            #expect(server.statistics.outside == 0)
            #expect(server.statistics.streams == 0)
        }
    }

    @Test func `HEAD gets the head only, also of a stream`() throws {
        try withServer { server, handler in
            let client = try parked(
                1, server, handler, request: "HEAD /park HTTP/1.1\r\nHost: x\r\n\r\n")[0]
            let stream = TestStream()
            #expect(handler.exchanges[0].respond(stream.response))
            let head = try #require(try client.head())
            #expect(head.status == 200)
            #expect(head["content-length"] == nil)
            #expect(try client.isClosed())
            #expect(stream.closed == 1)
        }
    }

    @Test func `answers and leaving may meet at any moment`() throws {
        try withServer { server, handler in
            let clients = try (0..<50).map { _ in try Client(port: server.port) }
            // The looks come once a second; these rounds drift over them.
            for round in 0..<12 {
                for client in clients { try client.send(OutsideTests.park) }
                try eventually { handler.parkedCount == 50 }
                usleep(900_000 + UInt32(round) * 100_000)
                #expect(handler.release("\(round)") == 50)
                for client in clients { #expect(try client.response()?.text == "\(round)") }
            }
            #expect(server.statistics.connections == 50)
            #expect(server.statistics.waiting == 0)
        }
    }
}
