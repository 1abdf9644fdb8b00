import HTTPServer
import Jute
import PeerHTTP
import Testing

@Suite struct PeerPollerTests {
    /// Answers every request alike.
    private final class Handler: HTTPHandler {
        private let answer: HTTPResponse

        init(_ answer: HTTPResponse) {
            self.answer = answer
        }

        func bodyPolicy(for head: HTTPRequestHead) -> BodyPolicy { .accept(limit: 0) }
        func handle(_ request: HTTPRequest, _ exchange: HTTPExchange) -> HTTPResponse? {
            request.rawPath.elementsEqual("/v1/node".utf8) ? answer : HTTPResponse(status: 404)
        }
        func response(to refusal: HTTPRefusal, head: HTTPRequestHead?) -> HTTPResponse {
            HTTPResponse(status: refusal.status)
        }
    }

    private func report(
        _ poller: PeerPoller, _ peer: PeerID, _ condition: (PeerPoller.Report) -> Bool
    ) async throws -> PeerPoller.Report {
        let deadline = ContinuousClock.now + .seconds(300)
        while true {
            if let report = poller.reports[peer], condition(report) { return report }
            try #require(ContinuousClock.now < deadline, "nothing is known of member \(peer)")
            try await Task.sleep(for: .milliseconds(5))
        }
    }

    @Test func `what a member says is kept, and that it says no more is noticed`() async throws {
        let answer = HTTPResponse(status: 200, body: Array("hello".utf8))
        let server = HTTPServer(HTTPServerConfiguration(), handler: Handler(answer))
        try server.start()
        let address = "127.0.0.1:\(server.port)"
        let poller = PeerPoller(path: "/v1/node")
        poller.start(addresses: { [2: address] }, isInHurry: { true })
        let good = try await report(poller, 2) { $0.isReachable }
        #expect(good.body == Array("hello".utf8))
        server.stop()
        let gone = try await report(poller, 2) { !$0.isReachable }
        #expect(gone.body == Array("hello".utf8))
        #expect(gone.receivedAt != nil)
        await poller.stop()
    }

    @Test func `an answer other than 200 is none`() async throws {
        let server = HTTPServer(
            HTTPServerConfiguration(), handler: Handler(HTTPResponse(status: 503)))
        try server.start()
        let address = "127.0.0.1:\(server.port)"
        let poller = PeerPoller(path: "/v1/node")
        poller.start(addresses: { [2: address, 3: "nonsense"] }, isInHurry: { true })
        for peer: PeerID in [2, 3] {
            let bad = try await report(poller, peer) { _ in true }
            #expect(bad == PeerPoller.Report())
        }
        await poller.stop()
        server.stop()
    }
}
