import HTTPServer
import Testing

@Suite struct LimitTests {
    private func answer(
        to request: String, _ configure: (inout HTTPServerConfiguration) -> Void = { _ in }
    ) throws -> Response? {
        var response: Response?
        try withServer(configure) { server, _ in
            let client = try Client(port: server.port)
            try client.send(request)
            response = try client.response()
        }
        return response
    }

    @Test func `a target may have 16 KiB`() throws {
        let longest = "/" + String(repeating: "a", count: 16 * 1024 - 1)
        #expect(try answer(to: "GET \(longest) HTTP/1.1\r\nHost: x\r\n\r\n")?.status == 200)
        let response = try answer(to: "GET \(longest)a HTTP/1.1\r\nHost: x\r\n\r\n")
        #expect(response?.status == 414)
        #expect(response?["x-code"] == "uri-too-long")
        #expect(response?["connection"] == "close")
    }

    @Test func `header fields may have 16 KiB together, beside the longest target`() throws {
        let target = "/" + String(repeating: "a", count: 16 * 1024 - 1)
        let rest = 16 * 1024 - "Host: x\r\nA: \r\n".utf8.count
        let value = String(repeating: "v", count: rest)
        let head = "GET \(target) HTTP/1.1\r\nHost: x\r\nA: "
        #expect(try answer(to: head + value + "\r\n\r\n")?.status == 200)
        let response = try answer(to: head + value + "v\r\n\r\n")
        #expect(response?.status == 431)
        #expect(response?["x-code"] == "headers-too-large")
    }

    @Test func `a request may have 100 header fields`() throws {
        let fields = (1...99).map { "h\($0): v\r\n" }.joined()
        #expect(try answer(to: "GET / HTTP/1.1\r\nHost: x\r\n\(fields)\r\n")?.status == 200)
        #expect(try answer(to: "GET / HTTP/1.1\r\nHost: x\r\n\(fields)a: b\r\n\r\n")?.status == 431)
    }

    @Test func `all limits may be reached at once, and the answer still has room`() throws {
        let target = "/echo?" + String(repeating: "a", count: 16 * 1024 - 6)
        let host = "Host: x\r\n"
        // 99 fields that fill the 16 KiB: 165 bytes each, the rest in the first.
        let size = (16 * 1024 - host.utf8.count) / 99
        let rest = (16 * 1024 - host.utf8.count) % 99
        let fields = (1...99).map { number in
            let name = number == 1 ? "X-Copy" : "h\(number)"
            let length = size - name.utf8.count - 4 + (number == 1 ? rest : 0)
            return "\(name): \(String(repeating: "v", count: length))\r\n"
        }
        let response = try answer(to: "GET \(target) HTTP/1.1\r\n\(host)\(fields.joined())\r\n")
        #expect(response?.status == 200)
        #expect(response?["x-request"] == "GET \(target)")
    }

    @Test func `a body over the limit is refused and the connection goes on`() throws {
        try withServer { server, _ in
            let client = try Client(port: server.port)
            let body = String(repeating: "b", count: 1_001)
            for framing in [
                "Content-Length: 1001\r\n\r\n\(body)",
                "Transfer-Encoding: chunked\r\n\r\n3e9\r\n\(body)\r\n0\r\n\r\n",
            ] {
                try client.send("PUT /echo HTTP/1.1\r\nHost: x\r\n\(framing)")
                let response = try #require(try client.response())
                #expect(response.status == 413)
                #expect(response["x-code"] == "too-large")
            }
            try client.send(
                "PUT /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n\(body.dropLast())")
            #expect(try client.response()?.body.count == 1_000)
        }
    }

    @Test(arguments: [1_001, 1 << 62])
    func `a stated length over the limit is refused before the body`(length: Int) throws {
        let response = try answer(
            to:
                "PUT /echo HTTP/1.1\r\nHost: x\r\nContent-Length: \(length)\r\n"
                + "Expect: 100-continue\r\n\r\n")
        #expect(response?.status == 413)
        #expect(response?["connection"] == "close")
    }

    @Test func `a refused body is not read for ever`() throws {
        try withServer({ $0.drainLimitBytes = 100_000 }) { server, _ in
            let stated = try Client(port: server.port)
            try stated.send("PUT /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100001\r\n\r\n")
            #expect(try stated.response()?.status == 413)
            #expect(try stated.isClosed())

            let chunked = try Client(port: server.port)
            try chunked.send("PUT /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
            try chunked.send("186a1\r\n" + String(repeating: "c", count: 100_001))
            #expect(try chunked.response()?.status == 413)
            #expect(try chunked.isClosed())
        }
    }

    @Test func `the handler may refuse before the body`() throws {
        try withServer { server, _ in
            let client = try Client(port: server.port)
            let head = "PUT /echo HTTP/1.1\r\nHost: x\r\nX-Refuse: 1\r\n"
            for rest in ["\r\n", "Content-Length: 5\r\n\r\nhello", "Content-Length: 0\r\n\r\n"] {
                try client.send(head + rest)
                #expect(try client.response()?.status == 403)
            }
            try client.send(head + "Content-Length: 5\r\nExpect: 100-continue\r\n\r\n")
            #expect(try client.response()?.status == 403)
            #expect(try client.isClosed())
        }
    }

    @Test func `a body of megabytes arrives`() throws {
        try withServer { server, _ in
            let client = try Client(port: server.port)
            try client.send("PUT /large HTTP/1.1\r\nHost: x\r\nContent-Length: 4000000\r\n\r\n")
            try client.send([UInt8](repeating: 1, count: 4_000_000))
            #expect(try client.response()?.text == "ok")
        }
    }

    @Test func `a client over the connection limit is told so`() throws {
        try withServer({ $0.connectionLimit = 3 }) { server, _ in
            let get = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"
            let clients = try (0..<3).map { _ in try Client(port: server.port) }
            for client in clients {
                try client.send(get)
                #expect(try client.response()?.status == 200)
            }
            let surplus = try Client(port: server.port)
            try surplus.send(get)
            let response = try #require(try surplus.response())
            #expect(response.status == 429)
            #expect(response["x-code"] == "busy")
            #expect(try surplus.isClosed())
            clients[0].disconnect()
            try eventually { server.statistics.connections == 2 }
            let next = try Client(port: server.port)
            try next.send(get)
            #expect(try next.response()?.status == 200)
        }
    }
}
