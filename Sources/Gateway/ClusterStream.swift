import HTTPServer
import Node
import Synchronization

/// The cluster's picture as Server-Sent Events: at every change, and at most once a second
/// otherwise. One connection drives a dashboard.
final class ClusterStream: Sendable {
    private struct State {
        var wait: WaitService.ID?
        var isDrained = false
        var tag: EntityTag?
        var isOver = false
    }

    private static let interval = Duration.seconds(1)

    private let gateway: Gateway
    private let stream = HTTPBodyStream()
    private let state = Mutex(State())

    private init(_ gateway: Gateway) {
        self.gateway = gateway
    }

    /// Opens a stream.
    ///
    /// - Throws: `busy` when as many wait as may.
    static func open(_ gateway: Gateway, _ call: Call) throws(Problem) -> HTTPBodyStream {
        let opened = ClusterStream(gateway)
        let body = opened.stream
        let id = gateway.node.waits.begin(
            WaitService.Description(
                kind: ClusterWatch.kind, interests: [], address: call.request.head.peerAddress,
                session: call.session),
            for: interval, isAlive: { body.peerAnswers }, signal: { opened.take($0) })
        guard let id else { throw Problem(.busy, "As many requests wait as may.") }
        opened.begin(id)
        return body
    }

    private func begin(_ id: WaitService.ID) {
        state.withLock { $0.wait = id }
        stream.onClosed { self.end() }
        stream.onStopping {
            var message = ServerSentEvents()
            message.message("bye", data: Array("{}".utf8))
            self.stream.write(message.bytes, flush: false)
            self.end()
        }
        stream.onDrained {
            self.state.withLock { state in
                state.isDrained = true
                if state.tag == nil { self.send(self.gateway.clusterView(), &state) }
            }
        }
    }

    private func end() {
        let wait = state.withLock { state in
            state.isOver = true
            return state.wait
        }
        if let wait { gateway.node.waits.end(wait) }
    }

    private func take(_ signal: WaitService.Signal) {
        state.withLock { state in
            guard !state.isOver, let wait = state.wait else { return }
            let isTime = if case .deadline = signal { true } else { false }
            // One that does not read gets the picture of when it does.
            if state.isDrained {
                let view = gateway.clusterView()
                if isTime || view.tag != state.tag { send(view, &state) }
            }
            if isTime { gateway.node.waits.postpone(wait, by: ClusterStream.interval) }
        }
    }

    private func send(_ view: ClusterView, _ state: inout State) {
        state.tag = view.tag
        state.isDrained = false
        var json = JSONWriter(reserving: 512 + 384 * view.members.count)
        view.write(to: &json)
        var message = ServerSentEvents(reserving: json.bytes.count + 64)
        message.message("cluster", data: json.bytes)
        stream.write(message.bytes, flush: false)
    }
}
