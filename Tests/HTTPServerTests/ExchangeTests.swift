import HTTPServer
import Testing

@Suite struct ExchangeTests {
    @Test func `a request gets its answer, and the connection stays open for the next`() throws {
        try withServer { server, _ in
            let client = try Client(port: server.port)
            for _ in 0..<3 {
                try client.send("GET /echo?a=%2F+b HTTP/1.1\r\nHost: x\r\nx-COPY:  y \r\n\r\n")
                let response = try #require(try client.response())
                #expect(response.status == 200)
                #expect(response["x-request"] == "GET /echo?a=%2F+b")
                #expect(response["x-copy"] == "y")
                #expect(response["connection"] == nil)
            }
        }
    }

    @Test func `the target arrives as it was sent`() throws {
        try withServer { server, _ in
            let client = try Client(port: server.port)
            let query = "%00&%2F=%zz"
            try client.send("GET /echo?a=1+2&b=%41%00%2f? HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(try client.response()?["x-request"] == "GET /echo?a=1+2&b=%41%00%2f?")
            try client.send("GET /echo?\(query) HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(try client.response()?.status == 400)
        }
    }

    @Test func `a body arrives whole`() throws {
        try withServer { server, _ in
            let client = try Client(port: server.port)
            try client.send("PUT /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhe")
            try client.send("llo")
            #expect(try client.response()?.text == "hello")
            try client.send("PUT /echo HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(try client.response()?.text == "")
        }
    }

    @Test func `a chunked body arrives without its framing`() throws {
        try withServer { server, _ in
            let client = try Client(port: server.port)
            let head = "PUT /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: Chunked\r\n\r\n"
            try client.send(head + "5\r\nhello\r\n3;x=y\r\n, w\r\n")
            try client.send("4\r\norld\r\n0\r\nTrailer: z\r\n\r\n" + head + "0\r\n\r\n")
            #expect(try client.response()?.text == "hello, world")
            #expect(try client.response()?.text == "")
        }
    }

    @Test func `a client that expects it is told to continue`() throws {
        try withServer { server, _ in
            let client = try Client(port: server.port)
            try client.send(
                "PUT /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-Continue\r\n\r\n"
            )
            #expect(try client.response()?.status == 100)
            try client.send("hi")
            #expect(try client.response()?.text == "hi")
        }
    }

    @Test func `HEAD gets the head of GET`() throws {
        try withServer { server, _ in
            let client = try Client(port: server.port)
            try client.send("HEAD /long HTTP/1.1\r\nHost: x\r\n\r\n")
            let head = try #require(try client.response(toHead: true))
            #expect(head["content-length"] == "1048576")
            try client.send("GET /long HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(try client.response()?.body == [UInt8](repeating: 0x78, count: 1 << 20))
            try client.send("GET /empty HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(try client.response()?.status == 204)
            try client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(try client.response()?.text == "ok")
        }
    }

    @Test func `pipelined requests are answered in their order`() throws {
        try withServer { server, handler in
            let client = try Client(port: server.port)
            let put = "PUT /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n"
            let get = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"
            try client.send(
                put + "one" + get + put + "two" + "GET /park HTTP/1.1\r\nHost: x\r\n\r\n" + get)
            #expect(try client.response()?.text == "one")
            #expect(try client.response()?.text == "ok")
            #expect(try client.response()?.text == "two")
            try eventually { handler.parkedCount == 1 }
            handler.release()
            #expect(try client.response()?.text == "released")
            #expect(try client.response()?.text == "ok")
        }
    }

    @Test func `HTTP 1_0 is answered and closed`() throws {
        try withServer { server, _ in
            let client = try Client(port: server.port)
            try client.send("GET / HTTP/1.0\r\n\r\n")
            #expect(try client.response()?.text == "ok")
            #expect(try client.isClosed())
        }
    }

    @Test func `the client's address is known`() throws {
        try withServer { server, _ in
            let client = try Client(port: server.port)
            try client.send("GET /peer HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(try client.response()?.text == "127.0.0.1")
        }
        try withServer({ $0.address = "::" }) { server, _ in
            let client = try Client(port: server.port)
            try client.send("GET /peer HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(try client.response()?.text == "127.0.0.1")
        }
    }

    @Test func `several loops share one port`() throws {
        try withServer({ $0.loops = 3 }) { server, _ in
            let clients = try (0..<20).map { _ in try Client(port: server.port) }
            for client in clients { try client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n") }
            for client in clients { #expect(try client.response()?.text == "ok") }
        }
    }

    @Test func `a used port is one clear error`() throws {
        try withServer { server, handler in
            var configuration = HTTPServerConfiguration()
            configuration.port = server.port
            let second = HTTPServer(configuration, handler: handler)
            #expect(
                throws: HTTPServerError.cannotListen(
                    address: "127.0.0.1", port: server.port, reason: "Address already in use")
            ) { try second.start() }
        }
    }
}
