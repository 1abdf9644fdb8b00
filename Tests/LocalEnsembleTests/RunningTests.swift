import Foundation
import Testing

@testable import LocalEnsemble

@Suite(.timeLimit(.minutes(1))) struct `A local ensemble runs` {
    /// A member that is ready at once and stops when asked to.
    private static let good = """
        exec python3 -c '
        import http.server, signal, sys
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200 if self.path == "/readyz" else 404)
                self.end_headers()
            def log_message(self, *arguments):
                pass
        server = http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler)
        def stop(*arguments):
            print("stopped cleanly", flush=True)
            sys.exit(0)
        signal.signal(signal.SIGTERM, stop)
        print("serving", flush=True)
        server.serve_forever()
        ' "$port"
        """

    @Test func `until it is asked to stop, and then every member has stopped`() async throws {
        let place = try Place()
        let ensemble = try place.ensemble(nodes: 3)
        try ensemble.prepare()
        let shown = Shown()
        let isClean = try await ensemble.run(
            executable: place.executable(Self.good),
            until: { await shown.wait(for: "The ensemble is up") },
            show: { shown.show($0) })
        #expect(isClean)
        for member in ensemble.members {
            #expect(shown.text.contains("[\(member.id)] serving"))
            #expect(shown.text.contains("[\(member.id)] stopped cleanly"))
            #expect(Loopback.isFree(member.httpPort))
        }
        #expect(shown.text.contains(ensemble.welcome))
    }

    @Test func `not at all if a member fails before it serves`() async throws {
        let place = try Place()
        let ensemble = try place.ensemble(nodes: 3)
        try ensemble.prepare()
        let shown = Shown()
        let isClean = try await ensemble.run(
            executable: place.executable(
                """
                test "$id" = 2 && { echo "the last words" >&2; exit 3; }
                \(Self.good)
                """),
            until: { await untilCancelled() },
            show: { shown.show($0) })
        #expect(!isClean)
        #expect(shown.text.contains("[2] the last words\n"))
        #expect(shown.text.contains("[2] ended with status 3"))
    }

    @Test func `on when a member dies later, and tells how to start it again`() async throws {
        let place = try Place()
        let ensemble = try place.ensemble(nodes: 2)
        try ensemble.prepare()
        let shown = Shown()
        let dying = place.root + "/1/die"
        let isClean = try await ensemble.run(
            executable: place.executable(
                """
                test "$id" = 1 && (while ! test -e "$(dirname "$3")/die"; do sleep 0.02; done
                kill -9 $$) &
                \(Self.good)
                """),
            until: {
                await shown.wait(for: "The ensemble is up")
                #expect(FileManager.default.createFile(atPath: dying, contents: nil))
                await shown.wait(for: "Start it again")
                #expect(!Loopback.isFree(ensemble.members[1].httpPort))
            },
            show: { shown.show($0) })
        #expect(!isClean)
        #expect(shown.text.contains("[1] was ended by signal 9"))
        #expect(shown.text.contains("aviary serve --config \(place.root)/1/aviary.cfg"))
        #expect(shown.text.contains("[2] stopped cleanly"))
    }

    @Test func `no longer than its patience with a member that will not stop`() async throws {
        let place = try Place()
        let ensemble = try place.ensemble(nodes: 1)
        try ensemble.prepare()
        let shown = Shown()
        let isClean = try await ensemble.run(
            executable: place.executable(
                """
                trap '' TERM
                echo deaf
                while :; do sleep 0.02; done
                """),
            patience: .milliseconds(100),
            until: { await shown.wait(for: "deaf") },
            show: { shown.show($0) })
        #expect(!isClean)
        #expect(shown.text.contains("[1] was ended by signal 9"))
    }

    @Test func `not at all without its executable`() async throws {
        let place = try Place()
        let ensemble = try place.ensemble(nodes: 2)
        try ensemble.prepare()
        let missing = place.root + "/none"
        let error = await #expect(throws: LocalEnsembleError.self) {
            try await ensemble.run(
                executable: missing, until: { await untilCancelled() }, show: { _ in })
        }
        #expect(error?.description.hasPrefix("\(missing) cannot be started: ") == true)
    }

    /// A stop that nobody asks for.
    private func untilCancelled() async {
        let (never, continuation) = AsyncStream.makeStream(of: Void.self)
        for await _ in never {}
        continuation.finish()
    }
}

@Suite(.serialized) struct `Signals that end a process` {
    @Test(.timeLimit(.minutes(1)), arguments: [SIGINT, SIGTERM])
    func `are waited for instead`(number: Int32) async {
        let signals = TerminationSignals()
        kill(getpid(), number)
        await signals.wait()
    }

    @Test(.timeLimit(.minutes(1))) func `need not come`() async {
        let signals = TerminationSignals()
        let waiting = Task { await signals.wait() }
        waiting.cancel()
        await waiting.value
    }
}
