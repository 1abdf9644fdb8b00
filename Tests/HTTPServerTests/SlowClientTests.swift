import HTTPServer
import Testing

@Suite struct SlowClientTests {
    private static let get = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"

    private func withImpatientServer(_ body: (HTTPServer) throws -> Void) throws {
        try withServer({
            $0.headTimeout = .milliseconds(100)
            $0.bodyTimeout = .milliseconds(1_100)
            $0.bodyBytesPerSecond = 1_000_000
        }) { server, _ in try body(server) }
    }

    @Test func `a connection without a request is closed`() throws {
        try withImpatientServer { server in
            let client = try Client(port: server.port)
            #expect(try client.isClosed())
        }
    }

    @Test(arguments: ["GET /slow", "GET / HTTP/1.1\r\nHost: x\r\nA: b"])
    func `half a head gets 408`(start: String) throws {
        try withImpatientServer { server in
            let client = try Client(port: server.port)
            try client.send(start)
            let response = try #require(try client.response())
            #expect(response.status == 408)
            #expect(response["x-code"] == "request-timeout")
            #expect(try client.isClosed())
        }
    }

    @Test func `a later request line that comes byte by byte gets 408`() throws {
        try withImpatientServer { server in
            let client = try Client(port: server.port)
            try client.send(SlowClientTests.get)
            #expect(try client.response()?.status == 200)
            try eventually {
                do { try client.send("G") } catch { return true }
                return server.statistics.refused == 1
            }
            try eventually { server.statistics.connections == 0 }
            #expect(server.statistics.refused == 1)
        }
    }

    @Test func `a connection may be idle between requests`() throws {
        try withImpatientServer { server in
            let client = try Client(port: server.port)
            try client.send(SlowClientTests.get)
            #expect(try client.response()?.status == 200)
            let other = try Client(port: server.port)
            #expect(try other.isClosed())
            try client.send(SlowClientTests.get)
            #expect(try client.response()?.status == 200)
        }
    }

    @Test(arguments: [
        "Content-Length: 10\r\n\r\n12345", "Transfer-Encoding: chunked\r\n\r\n5\r\n12",
    ])
    func `half a body gets 408`(start: String) throws {
        try withImpatientServer { server in
            let client = try Client(port: server.port)
            try client.send("PUT /echo HTTP/1.1\r\nHost: x\r\n\(start)")
            #expect(try client.response()?.status == 408)
            #expect(try client.isClosed())
        }
    }

    @Test func `a body that trickles gets 408`() throws {
        try withImpatientServer { server in
            let client = try Client(port: server.port)
            try client.send("PUT /large HTTP/1.1\r\nHost: x\r\nContent-Length: 10000000\r\n\r\n")
            try eventually {
                do { try client.send("b") } catch { return true }
                return server.statistics.refused == 1
            }
            try eventually { server.statistics.connections == 0 }
            #expect(server.statistics.refused == 1)
        }
    }
}
