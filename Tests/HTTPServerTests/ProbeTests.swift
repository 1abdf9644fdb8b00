import HTTPServer
import Testing

/// Requests on whose framing two parsers could disagree, and what becomes of them here.
///
/// - Source: engineering rules, sections 4.2 and 4.3.
@Suite struct ProbeTests {
    struct Probe: Sendable, CustomTestStringConvertible {
        var name: String
        var request: [UInt8]
        /// Of the first answer. The connection is closed behind every status but 200.
        var status: Int

        init(_ name: String, _ request: String, _ status: Int) {
            self.init(name, bytes: Array(request.utf8), status)
        }

        init(_ name: String, bytes: [UInt8], _ status: Int) {
            self.name = name
            request = bytes
            self.status = status
        }

        var testDescription: String { name }
    }

    /// Each is followed by a request for `/smuggled`, which nothing may answer when the probe is
    /// refused.
    @Test(arguments: probes)
    func `a doubtful request is refused and ends its connection`(probe: Probe) throws {
        try withServer { server, handler in
            let client = try Client(port: server.port)
            try client.send(probe.request)
            if probe.status == 200 {
                let response = try #require(try client.response())
                #expect(response.status == 200)
                try client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                #expect(try client.response()?.text == "ok")
                return
            }
            // A server that has closed already may refuse these bytes.
            _ = try? client.send("GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n")
            client.finishSending()
            let answer = try client.rest()
            #expect(answer.hasPrefix("HTTP/1.1 \(probe.status) "), "\(answer)")
            #expect(!answer.contains(" 200 "))
            #expect(answer.lowercased().contains("connection: close"))
            #expect(handler.handledCount == 0)
        }
    }

    private static let put = "PUT /echo HTTP/1.1\r\nHost: x\r\n"
    private static let get = "GET / HTTP/1.1\r\nHost: x\r\n"

    static let probes = lengths + codings + lines + hosts + requestLines + targets

    private static let lengths = [
        Probe("one length", put + "Content-Length: 5\r\n\r\nhello", 200),
        Probe("leading zeros", put + "Content-Length: 005\r\n\r\nhello", 200),
        Probe(
            "two equal lengths", put + "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", 400),
        Probe("two lengths", put + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello", 400),
        Probe(
            "two lengths in another case", put + "content-length: 0\r\nCONTENT-LENGTH: 5\r\n\r\n",
            400),
        Probe("list of lengths", put + "Content-Length: 5, 5\r\n\r\nhello", 400),
        Probe("plus sign", put + "Content-Length: +5\r\n\r\nhello", 400),
        Probe("minus sign", put + "Content-Length: -1\r\n\r\nhello", 400),
        Probe("hex length", put + "Content-Length: 0x5\r\n\r\nhello", 400),
        Probe("empty length", put + "Content-Length: \r\n\r\nhello", 400),
        Probe("length with a letter", put + "Content-Length: 5a\r\n\r\nhello", 400),
        Probe("length with a space inside", put + "Content-Length: 1 0\r\n\r\nhello", 400),
        Probe("length of 70 bits", put + "Content-Length: 1180591620717411303424\r\n\r\n", 413),
        Probe("length of 64 bits", put + "Content-Length: 18446744073709551615\r\n\r\n", 413),
        Probe("length of a petabyte", put + "Content-Length: 1000000000000000\r\n\r\n", 413),
        Probe("space before the colon", put + "Content-Length : 5\r\n\r\nhello", 400),
        Probe("tab before the colon", put + "Content-Length\t: 5\r\n\r\nhello", 400),
    ]

    private static let codings = [
        Probe("chunked", put + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 200),
        Probe(
            "chunk extension", put + "Transfer-Encoding: chunked\r\n\r\n1;a=b\r\nx\r\n0\r\n\r\n",
            200),
        Probe(
            "length and chunked",
            put + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        Probe(
            "chunked and length",
            put + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", 400),
        Probe("two codings", put + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 400),
        Probe(
            "chunked not last", put + "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", 400),
        Probe("unknown coding", put + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 400),
        Probe("identity", put + "Transfer-Encoding: identity\r\n\r\n0\r\n\r\n", 400),
        Probe(
            "identity, then chunked",
            put + "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        Probe(
            "chunked twice",
            put + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        Probe("empty coding", put + "Transfer-Encoding:\r\n\r\n", 400),
        Probe(
            "vertical tab in the coding", put + "Transfer-Encoding: \u{0B}chunked\r\n\r\n0\r\n\r\n",
            400),
        Probe(
            "space before the coding's colon", put + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
            400),
        Probe(
            "chunked in HTTP/1.0",
            "PUT /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        Probe("unknown expectation", put + "Expect: 200-ok\r\nContent-Length: 5\r\n\r\nhello", 417),
    ]

    private static let lines = [
        Probe("blanks around a value", get + "A: \t b \t \r\n\r\n", 200),
        Probe("empty value", get + "A:\r\n\r\n", 200),
        Probe("UTF-8 in a value", get + "A: ä\r\n\r\n", 200),
        Probe("empty line before the request", "\r\n" + get + "\r\n", 200),
        Probe("bare line feeds", "GET / HTTP/1.1\nHost: x\n\n", 400),
        Probe("bare line feed after the request line", "GET / HTTP/1.1\nHost: x\r\n\r\n", 400),
        Probe("bare line feed after a header", get + "A: b\nC: d\r\n\r\n", 400),
        Probe("bare line feed after the last header", get + "A: b\n\r\n", 400),
        Probe("bare line feed as the empty line", get + "A: b\r\n\n", 400),
        Probe("bare carriage return in a value", get + "A: b\rC: d\r\n\r\n", 400),
        Probe("folded line", get + "A: b\r\n c\r\n\r\n", 400),
        Probe("folded line hiding a length", get + "A: b\r\n\tContent-Length: 5\r\n\r\n", 400),
        Probe("line that begins with a space", "GET / HTTP/1.1\r\n Host: x\r\n\r\n", 400),
        Probe(
            "NUL in a value", bytes: Array((get + "A: b").utf8) + [0] + Array("c\r\n\r\n".utf8), 400
        ),
        Probe(
            "NUL in a name", bytes: Array((get + "A").utf8) + [0] + Array("B: c\r\n\r\n".utf8), 400),
        Probe("escape character in a value", get + "A: \u{1B}[2J\r\n\r\n", 400),
        Probe("no colon", get + "Abc\r\n\r\n", 400),
        Probe("empty name", get + ": b\r\n\r\n", 400),
        Probe("space in a name", get + "A B: c\r\n\r\n", 400),
        Probe("UTF-8 in a name", get + "Ä: b\r\n\r\n", 400),
    ]

    private static let hosts = [
        Probe("no Host", "GET / HTTP/1.1\r\n\r\n", 400),
        Probe("two equal Hosts", get + "Host: x\r\n\r\n", 400),
        Probe("two Hosts", get + "host: y\r\n\r\n", 400),
        Probe("two Hosts in HTTP/1.0", "GET / HTTP/1.0\r\nHost: x\r\nHost: y\r\n\r\n", 400),
    ]

    private static let requestLines = [
        Probe("HTTP/1.2", "GET / HTTP/1.2\r\nHost: x\r\n\r\n", 505),
        Probe("HTTP/0.9 in words", "GET / HTTP/0.9\r\nHost: x\r\n\r\n", 505),
        Probe("lower-case http", "GET / http/1.1\r\nHost: x\r\n\r\n", 400),
        Probe("HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
        Probe("no version", "GET /\r\nHost: x\r\n\r\n", 400),
        Probe("two spaces", "GET  / HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        Probe("space in the target", "GET /a b HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        Probe("tab for a space", "GET\t/ HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        Probe("method that is no token", "G(T / HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        Probe("unknown method", "BREW / HTTP/1.1\r\nHost: x\r\n\r\n", 200),
    ]

    private static let targets = [
        Probe("absolute target", "GET http://x/ HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        Probe("asterisk", "GET * HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        Probe("OPTIONS with an asterisk", "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", 200),
        Probe("authority", "CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        Probe("fragment", "GET /a#b HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        Probe("backslash", "GET /a\\b HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        Probe("control character", "GET /a\u{01}b HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        Probe("raw UTF-8", "GET /ä HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        Probe(
            "NUL in the target",
            bytes: Array("GET /a".utf8) + [0] + Array("b HTTP/1.1\r\nHost: x\r\n\r\n".utf8), 400),
        Probe("half an escape", "GET /a%2 HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        Probe("escape that is no hex", "GET /a%zz HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        Probe("escaped NUL, for the owner to judge", "GET /a%00b HTTP/1.1\r\nHost: x\r\n\r\n", 200),
    ]

    @Test(arguments: ["zz", "-1", "0x5", "", " 5", "10000000000000000000"])
    func `a chunk with a bad size ends the connection`(size: String) throws {
        try withServer { server, handler in
            let client = try Client(port: server.port)
            try client.send(
                ProbeTests.put + "Transfer-Encoding: chunked\r\n\r\n\(size)\r\nhello\r\n0\r\n\r\n")
            client.finishSending()
            let answer = try client.rest()
            #expect(answer.hasPrefix("HTTP/1.1 4"), "\(answer)")
            #expect(handler.handledCount == 0)
        }
    }

    @Test func `a chunk without its line end ends the connection`() throws {
        try withServer { server, handler in
            let client = try Client(port: server.port)
            try client.send(
                ProbeTests.put + "Transfer-Encoding: chunked\r\n\r\n5\r\nhelloX\r\n0\r\n\r\n")
            client.finishSending()
            #expect(try client.rest().hasPrefix("HTTP/1.1 400 "))
            #expect(handler.handledCount == 0)
        }
    }

    @Test func `random bytes do no harm`() throws {
        try withServer { server, _ in
            var random = SystemRandomNumberGenerator()
            let alphabet = Array("GET / HTTP/1.1\r\nHost: x\r\nContent-Length:5%\0\t\u{FF}".utf8)
            for _ in 0..<300 {
                let client = try Client(port: server.port)
                let bytes = (0..<Int.random(in: 1...400, using: &random)).map { _ in
                    alphabet[Int.random(in: 0..<alphabet.count, using: &random)]
                }
                // The server may have closed before the last byte.
                _ = try? client.send(
                    Bool.random() ? Array("GET / HTTP/1.1\r\n".utf8) + bytes : bytes)
            }
            let client = try Client(port: server.port)
            try client.send(ProbeTests.get + "\r\n")
            #expect(try client.response()?.text == "ok")
        }
    }
}
