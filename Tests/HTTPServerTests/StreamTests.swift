import Glibc
import HTTPServer
import Testing

@Suite struct StreamTests {
    private static let open = "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n"
    private static let get = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"

    /// A client whose stream has begun.
    private func streaming(
        _ server: HTTPServer, _ handler: TestHandler
    ) throws -> (Client, TestStream) {
        let before = handler.streams.count
        let client = try Client(port: server.port)
        try client.send(StreamTests.open)
        let head = try #require(try client.head())
        #expect(head.status == 200)
        #expect(head["transfer-encoding"] == "chunked")
        #expect(head["content-type"] == "text/event-stream")
        return (client, handler.streams[before])
    }

    @Test func `pieces arrive as they are written`() throws {
        try withServer { server, handler in
            let (client, stream) = try streaming(server, handler)
            #expect(server.statistics.streams == 1)
            for number in 1...50 {
                try eventually { stream.drained == number }
                #expect(stream.write("piece \(number)"))
                #expect(try client.chunk() == "piece \(number)")
            }
            #expect(stream.closed == 0)
        }
    }

    @Test func `what is written before the answer, or at once, is not lost`() throws {
        try withServer { server, handler in
            let (client, stream) = try streaming(server, handler)
            let pieces = (0..<500).map { "<\($0)>" }
            for piece in pieces { #expect(stream.write(piece)) }
            stream.body.finish()
            #expect(!stream.write("more"))
            let all = pieces.joined()
            #expect(try client.chunks(upTo: all.utf8.count) == all)
            #expect(try client.chunk() == "")
            try eventually { server.statistics.streams == 0 }
            #expect(stream.closed == 0)
        }
    }

    @Test func `a long piece arrives whole`() throws {
        try withServer { server, handler in
            let (client, stream) = try streaming(server, handler)
            let piece = String(repeating: "long", count: 100_000)
            stream.write(piece)
            #expect(try client.chunks(upTo: piece.utf8.count) == piece)
        }
    }

    @Test func `the connection goes on after the end of a stream`() throws {
        try withServer { server, handler in
            let client = try Client(port: server.port)
            for round in 0..<3 {
                try client.send(StreamTests.open)
                #expect(try client.head()?.status == 200)
                handler.streams[round].write("one")
                #expect(try client.chunk() == "one")
                handler.streams[round].body.finish()
                #expect(try client.chunk() == "")
                #expect(!handler.streams[round].write("late"))
                try client.send(StreamTests.get)
                #expect(try client.response()?.text == "ok")
            }
            #expect(handler.streams.allSatisfy { $0.closed == 0 })
        }
    }

    @Test func `a request behind an open stream waits for its end`() throws {
        try withServer { server, handler in
            let client = try Client(port: server.port)
            try client.send(StreamTests.open + StreamTests.get)
            #expect(try client.head()?.status == 200)
            handler.streams[0].write("one")
            #expect(try client.chunk() == "one")
            handler.streams[0].body.finish()
            #expect(try client.chunk() == "")
            #expect(try client.response()?.text == "ok")
        }
    }

    @Test func `a parked request may be answered with a stream`() throws {
        try withServer { server, handler in
            let client = try Client(port: server.port)
            try client.send("GET /park HTTP/1.1\r\nHost: x\r\n\r\n")
            try eventually { handler.parkedCount == 1 }
            let stream = TestStream()
            #expect(handler.exchanges[0].respond(stream.response))
            let second = TestStream()
            #expect(!handler.exchanges[0].respond(second.response))
            #expect(second.closed == 1)
            #expect(!second.write("nobody"))
            #expect(try client.head()?.status == 200)
            stream.write("one")
            #expect(try client.chunk() == "one")
        }
    }

    @Test func `a reader that does not read stops the producer at one piece`() throws {
        try withServer({ $0.peerTimeout = .seconds(60) }) { server, handler in
            let client = try Client(port: server.port)
            try client.send("GET /endless HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(try client.head()?.status == 200)
            let stream = handler.streams[0]
            // The buffers of both systems fill up, then nothing is asked for any more.
            var last = 0
            try eventually {
                let now = stream.drained
                defer { last = now }
                usleep(200_000)
                return now == last
            }
            #expect(stream.closed == 0)
            let pieces = stream.drained
            // It goes on as soon as there is room, and nothing is missing.
            let text = try client.chunks(upTo: 1_000 * (pieces + 100))
            #expect(text.utf8.allSatisfy { $0 == UInt8(ascii: "x") })
            #expect(stream.drained > pieces)
        }
    }

    @Test(arguments: [false, true])
    func `a client that leaves ends its stream without another write`(isHard: Bool) throws {
        try withServer { server, handler in
            let (client, stream) = try streaming(server, handler)
            let (other, otherStream) = try streaming(server, handler)
            try eventually { stream.drained == 1 }
            if isHard { client.disconnectHard() } else { client.disconnect() }
            try eventually { stream.closed == 1 }
            try eventually { server.statistics.connections == 1 }
            #expect(!stream.write("nobody"))
            #expect(stream.body.peerAnswers == false)
            #expect(server.statistics.streams == 1)
            otherStream.write("one")
            #expect(try other.chunk() == "one")
            #expect(stream.closed == 1)
            #expect(otherStream.closed == 0)
        }
    }

    @Test func `many clients may leave their streams at once`() throws {
        try withServer { server, handler in
            let all = try (0..<200).map { _ in try streaming(server, handler) }
            for (client, _) in all { client.disconnect() }
            try eventually { server.statistics.connections == 0 }
            #expect(all.allSatisfy { $0.1.closed == 1 })
        }
    }

    @Test func `a client that leaves ends its stream also while there is more to send`() throws {
        try withServer { server, handler in
            let client = try Client(port: server.port)
            try client.send("GET /endless HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(try client.head()?.status == 200)
            client.disconnect()
            try eventually { handler.streams[0].closed == 1 }
            try eventually { server.statistics.connections == 0 }
        }
    }

    @Test func `stopping lets every stream say good-bye`() throws {
        try withServer { server, handler in
            let all = try (0..<50).map { _ in try streaming(server, handler) }
            let endless = try Client(port: server.port)
            try endless.send("GET /endless HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(try endless.head()?.status == 200)
            server.stop()
            for (client, stream) in all {
                #expect(try client.chunk() == "bye")
                #expect(try client.chunk() == "")
                #expect(try client.isClosed())
                #expect(stream.closed == 0)
                #expect(!stream.write("late"))
            }
        }
    }

    @Test func `a stop is not held up by a reader that does not read`() throws {
        try withServer({ $0.stopGrace = .milliseconds(200) }) { server, handler in
            let client = try Client(port: server.port)
            try client.send("GET /endless HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(try client.head()?.status == 200)
            let stream = handler.streams[0]
            try eventually { stream.drained > 1_000 }
            let time = ContinuousClock().measure { server.stop() }
            #expect(time < .seconds(10))
            #expect(!stream.write("late"))
        }
    }

    @Test func `an HTTP 1_0 client gets a body that ends with the connection`() throws {
        try withServer { server, handler in
            let client = try Client(port: server.port)
            try client.send("GET /stream HTTP/1.0\r\n\r\n")
            let head = try #require(try client.head())
            #expect(head["transfer-encoding"] == nil)
            #expect(head["connection"] == "close")
            for number in 1...3 {
                try eventually { handler.streams[0].drained == number }
                handler.streams[0].write("piece \(number) ")
            }
            handler.streams[0].body.finish()
            #expect(try client.rest() == "piece 1 piece 2 piece 3 ")
            #expect(handler.streams[0].closed == 0)
        }
    }

    @Test func `HEAD gets the head only`() throws {
        try withServer { server, handler in
            let client = try Client(port: server.port)
            try client.send("HEAD /stream HTTP/1.1\r\nHost: x\r\n\r\n")
            let head = try #require(try client.head())
            #expect(head.status == 200)
            #expect(head["content-type"] == "text/event-stream")
            #expect(head["content-length"] == nil)
            #expect(try client.isClosed())
            #expect(handler.streams[0].closed == 1)
            #expect(!handler.streams[0].write("nobody"))
        }
    }

    @Test func `many streams are written with one wake-up`() throws {
        try withServer { server, handler in
            let all = try (0..<200).map { _ in try streaming(server, handler) }
            for round in 0..<3 {
                for (_, stream) in all { #expect(stream.write("\(round)", flush: false)) }
                server.flush()
                for (client, _) in all { #expect(try client.chunk() == "\(round)") }
            }
            for (_, stream) in all { stream.body.finish(flush: false) }
            server.flush()
            for (client, _) in all { #expect(try client.chunk() == "") }
        }
    }

    @Test func `a stream may be written by many threads at once`() async throws {
        let configuration = HTTPServerConfiguration()
        let handler = TestHandler()
        let server = HTTPServer(configuration, handler: handler)
        try server.start()
        let (client, stream) = try streaming(server, handler)
        let bytes = 4 * 2_000 * 4
        await withTaskGroup { group in
            for number in 0..<4 {
                group.addTask {
                    for _ in 0..<2_000 { stream.write("<\(number)>|") }
                }
            }
        }
        let text = try client.chunks(upTo: bytes)
        #expect(text.utf8.count == bytes)
        for number in 0..<4 {
            #expect(text.split(separator: "|").count { $0 == "<\(number)>" } == 2_000)
        }
        server.stop()
    }

    @Test func `the peer of a stream answers while it is there`() throws {
        try withServer { server, handler in
            let (client, stream) = try streaming(server, handler)
            try eventually { stream.drained == 1 }
            #expect(stream.body.peerAnswers)
            stream.body.finish()
            #expect(try client.chunk() == "")
            try eventually { !stream.body.peerAnswers }
        }
    }
}
