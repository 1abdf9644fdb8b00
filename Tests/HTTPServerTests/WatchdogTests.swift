import Glibc
import HTTPServer
import Testing

/// libmicrohttpd's own epoll thread stalls when a multiple of 128 connections is ready at once,
/// and later versions lost ready connections while another was suspended.
@Suite(.serialized) struct WatchdogTests {
    @Test(arguments: [1, 64, 127, 128, 129, 255, 256, 257, 384, 512, 1_000])
    func `clients in lock step are all answered within a second`(count: Int) throws {
        try withServer { server, handler in
            let clients = try (0..<count).map { _ in try Client(port: server.port) }
            let waiting = try Client(port: server.port)
            let clock = ContinuousClock()
            var fastest = Duration.seconds(60)
            for round in 0..<5 {
                try waiting.send("GET /park HTTP/1.1\r\nHost: x\r\n\r\n")
                let time = try clock.measure {
                    for client in clients {
                        try client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                    }
                    if round % 2 == 0 {
                        try eventually { handler.parkedCount == 1 }
                        handler.release()
                    }
                    for client in clients {
                        #expect(try client.response()?.status == 200)
                    }
                }
                fastest = min(fastest, time)
                if round % 2 == 1 {
                    try eventually { handler.parkedCount == 1 }
                    handler.release()
                }
                #expect(try waiting.response()?.text == "released")
            }
            // A stall comes with the number of clients, so in every round, and lasts until the
            // loop's next heartbeat a second later. A busy machine is slow in some rounds only.
            #expect(fastest < .milliseconds(1_000))
        }
    }
}
