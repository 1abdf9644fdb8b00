import Glibc
import HTTPServer
import Testing

@Suite struct ParkingTests {
    private static let park = "GET /park HTTP/1.1\r\nHost: x\r\n\r\n"

    @Test func `a request may be answered later, from another thread`() throws {
        try withServer { server, handler in
            let client = try Client(port: server.port)
            for round in 0..<20 {
                try client.send(ParkingTests.park)
                try eventually { handler.parkedCount == 1 }
                #expect(server.statistics.waiting <= 1)
                #expect(handler.release("round \(round)") == 1)
                #expect(try client.response()?.text == "round \(round)")
            }
            #expect(server.statistics.waiting == 0)
        }
    }

    @Test func `many answers go out with one wake-up`() throws {
        try withServer { server, handler in
            let clients = try (0..<200).map { _ in try Client(port: server.port) }
            for client in clients { try client.send(ParkingTests.park) }
            try eventually { handler.parkedCount == 200 }
            #expect(handler.release(flush: false) == 200)
            server.flush()
            for client in clients { #expect(try client.response()?.text == "released") }
        }
    }

    @Test func `an answer before the handler returns needs no waiting`() throws {
        try withServer { server, _ in
            let client = try Client(port: server.port)
            for _ in 0..<3 {
                try client.send("GET /early HTTP/1.1\r\nHost: x\r\n\r\n")
                #expect(try client.response()?.status == 202)
            }
        }
    }

    @Test func `only the first answer counts, and none reaches a later request`() throws {
        try withServer { server, handler in
            let client = try Client(port: server.port)
            try client.send(ParkingTests.park)
            try eventually { handler.parkedCount == 1 }
            let first = handler.exchanges
            #expect(first[0].respond(HTTPResponse(status: 201)))
            #expect(!first[0].respond(HTTPResponse(status: 500)))
            #expect(try client.response()?.status == 201)
            try client.send(ParkingTests.park)
            try eventually { handler.parkedCount == 2 }
            #expect(!first[0].respond(HTTPResponse(status: 500)))
            #expect(handler.release() == 1)
            #expect(try client.response()?.text == "released")
        }
    }

    @Test func `a client that leaves is noticed while its request waits`() throws {
        try withServer { server, handler in
            let leaving = try Client(port: server.port)
            let staying = try Client(port: server.port)
            try leaving.send(ParkingTests.park)
            try staying.send(ParkingTests.park)
            try eventually { handler.parkedCount == 2 }
            leaving.disconnect()
            try eventually { handler.gone == 1 }
            handler.release()
            #expect(try staying.response()?.text == "released")
            #expect(handler.gone == 1)
            try eventually { server.statistics.connections == 1 }
            // One that is still counted would keep the server from stopping.
            try eventually { server.statistics.waiting == 0 }
        }
    }

    @Test func `a connection that breaks is let go although nobody answers`() throws {
        try withServer { server, handler in
            let clients = try (0..<100).map { _ in try Client(port: server.port) }
            for client in clients { try client.send(ParkingTests.park) }
            try eventually { handler.parkedCount == 100 }
            #expect(handler.exchanges.allSatisfy { $0.peerAnswers })
            for client in clients { client.disconnectHard() }
            try eventually { server.statistics.connections == 0 }
            #expect(server.statistics.waiting == 0)
            #expect(handler.gone == 100)
            #expect(!handler.exchanges.contains { $0.peerAnswers })
            #expect(handler.release() == 0)
        }
    }

    @Test func `requests that wait for long stay answerable`() throws {
        try withServer { server, handler in
            // Every other one has been served before.
            let clients = try (0..<100).map { _ in try Client(port: server.port) }
            for (number, client) in clients.enumerated() {
                if number % 2 == 0 {
                    try client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                    #expect(try client.response()?.text == "ok")
                }
                // With something behind it, which must not be lost with the memory given back.
                try client.send(
                    ParkingTests.park + "GET /echo?\(number) HTTP/1.1\r\nHost: x\r\n\r\n")
            }
            try eventually { handler.parkedCount == 100 }
            sleep(3)
            #expect(handler.release() == 100)
            for (number, client) in clients.enumerated() {
                #expect(try client.response()?.text == "released")
                #expect(try client.response()?["x-request"] == "GET /echo?\(number)")
            }
        }
    }

    @Test func `a client that only stopped sending gets its answer`() throws {
        try withServer { server, handler in
            let client = try Client(port: server.port)
            try client.send(ParkingTests.park)
            try eventually { handler.parkedCount == 1 }
            client.finishSending()
            try eventually { handler.gone == 1 }
            handler.release()
            #expect(try client.response()?.text == "released")
        }
    }

    @Test func `also one that stopped sending right behind its request`() throws {
        try withServer { server, handler in
            let client = try Client(port: server.port)
            try client.send(ParkingTests.park)
            client.finishSending()
            try eventually { handler.gone == 1 }
            handler.release()
            #expect(try client.response()?.text == "released")
            #expect(try client.isClosed())
            try eventually { server.statistics.connections == 0 }
            #expect(server.statistics.waiting == 0)
        }
    }

    @Test func `stopping answers all that wait`() throws {
        try withServer { server, handler in
            let clients = try (0..<100).map { _ in try Client(port: server.port) }
            let idle = try Client(port: server.port)
            for client in clients { try client.send(ParkingTests.park) }
            try eventually { handler.parkedCount == 100 }
            server.stop()
            for client in clients {
                let response = try #require(try client.response())
                #expect(response.status == 503)
                #expect(response["x-code"] == "stopping")
                #expect(response["connection"] == "close")
            }
            #expect(try idle.isClosed())
            #expect(handler.gone == 100)
            #expect(handler.release() == 0)
            #expect(throws: ClientError.self) { try Client(port: server.port) }
        }
    }

    @Test func `a server can be started again on its port`() throws {
        try withServer { server, handler in
            var configuration = HTTPServerConfiguration()
            configuration.port = server.port
            let client = try Client(port: server.port)
            try client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(try client.response()?.status == 200)
            server.stop()
            let second = HTTPServer(configuration, handler: handler)
            try second.start()
            second.stop()
        }
    }
}
