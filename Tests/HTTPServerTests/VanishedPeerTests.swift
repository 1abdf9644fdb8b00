import Glibc
import HTTPServer
import Testing

/// A client behind a cable that is pulled: a network namespace whose link goes down.
@Suite(.serialized) struct VanishedPeerTests {
    @Test(
        .enabled(if: Namespace.isPossible, "needs root, iproute2 and network namespaces"),
        arguments: [true, false])
    func `a client whose machine vanishes is let go within seconds`(atItsEnd: Bool) throws {
        let namespace = try #require(Namespace())
        defer { namespace.remove() }
        let configure: (inout HTTPServerConfiguration) -> Void = {
            $0.address = namespace.serverAddress
            $0.stallTimeout = .seconds(5)
        }
        try withServer(configure) { server, handler in
            let waiting = try namespace.connect(to: server.port)
            let reading = try namespace.connect(to: server.port)
            let unread = try namespace.connect(to: server.port)
            try waiting.send("GET /park HTTP/1.1\r\nHost: x\r\n\r\n")
            try eventually { handler.parkedCount == 1 }
            for client in [reading, unread] {
                try client.send("GET /stream HTTP/1.1\r\nHost: x\r\n\r\n")
                #expect(try client.head()?.status == 200)
            }
            // Longer than a silent peer is trusted: it is asked, and answers.
            for _ in 0..<6 {
                #expect(handler.exchanges[0].peerAnswers)
                #expect(handler.streams.allSatisfy { $0.body.peerAnswers })
                sleep(1)
            }
            #expect(handler.gone == 0)
            #expect(handler.streams.allSatisfy { $0.closed == 0 })

            namespace.pullCable(atItsEnd: atItsEnd)
            let clock = ContinuousClock()
            let start = clock.now
            // One stream has something under way when the peer vanishes, the other has not.
            handler.streams[1].write("never arrives")
            try eventually { server.statistics.connections == 0 }
            #expect(clock.now - start < .seconds(60))
            #expect(handler.gone == 1)
            #expect(handler.streams.allSatisfy { $0.closed == 1 })
            #expect(!handler.exchanges[0].peerAnswers)
            #expect(server.statistics.waiting == 0)
        }
    }
}

/// A network namespace with a link to ours.
private struct Namespace {
    let serverAddress: String
    private let name: String

    static let isPossible: Bool = {
        guard let namespace = Namespace() else { return false }
        namespace.remove()
        return true
    }()

    init?() {
        let number = Int(getpid()) % 250
        name = "aviary\(number)"
        serverAddress = "10.213.\(number).1"
        let made = run(
            """
            ip netns add \(name) && ip link add \(name)a type veth peer name \(name)b \
            && ip link set \(name)b netns \(name) && ip addr add \(serverAddress)/24 dev \(name)a \
            && ip link set \(name)a up \
            && ip -n \(name) addr add 10.213.\(number).2/24 dev \(name)b \
            && ip -n \(name) link set \(name)b up
            """)
        guard made else {
            remove()
            return nil
        }
    }

    func remove() {
        _ = run("ip link del \(name)a")
        _ = run("ip netns del \(name)")
    }

    func pullCable(atItsEnd: Bool) {
        _ = run(
            atItsEnd
                ? "ip -n \(name) link set \(name)b down" : "ip link set \(name)a down")
    }

    /// A client whose socket belongs to the namespace.
    func connect(to port: Int) throws -> Client {
        let home = open("/proc/thread-self/ns/net", O_RDONLY)
        let away = open("/run/netns/\(name)", O_RDONLY)
        defer {
            _ = setns(home)
            close(home)
            close(away)
        }
        guard setns(away) == 0 else { throw ClientError.system(errno) }
        return try Client(address: serverAddress, port: port)
    }
}

/// - Returns: Whether a shell command succeeded.
private func run(_ command: String) -> Bool {
    system("(\(command)) >/dev/null 2>&1") == 0
}

/// Moves this thread to a network namespace. Swift's Glibc module leaves the function out.
private func setns(_ descriptor: Int32) -> Int32 {
    guard let symbol = dlsym(nil, "setns") else { return -1 }
    typealias Function = @convention(c) (Int32, Int32) -> Int32
    return unsafeBitCast(symbol, to: Function.self)(descriptor, 0)
}
