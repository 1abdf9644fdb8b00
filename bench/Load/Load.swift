import ArgumentParser
import Glibc

/// Puts load on HTTP and ZooKeeper servers alike, and prints what came of it as one line of JSON.
@main
struct Load: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Puts load on servers; prints answers a second and latencies as JSON.",
        discussion: """
            {} in a path or body stands for eight digits of a key drawn from 0 ..< --keys, a \
            second {} for the next key. With \
            --rate requests come at fixed times (open loop), and latencies count from those; \
            otherwise each answer is followed by the next request.
            """,
        subcommands: [OverHTTP.self, OverZooKeeper.self])

    struct Options: ParsableArguments {
        @Option(help: "Connections in all.") var connections = 64
        @Option(help: "Requests on their way at once on each (closed loop).") var depth = 1
        @Option(help: "How long to measure.") var seconds = 5.0
        @Option(help: "How long to go on before that.") var warmup = 0.5
        @Option(help: "Requests a second, in an open loop.") var rate: Double?
        @Option(help: "How many keys there are.") var keys: UInt32 = 1
        @Flag(help: "Every key once, in order, then end.") var sequential = false

        func plan(_ servers: [String]) throws -> Plan {
            let endpoints = try servers.map { server in
                let parts = server.split(separator: ":")
                var address = in_addr()
                guard parts.count == 2, let port = UInt16(parts[1]),
                    inet_pton(AF_INET, String(parts[0]), &address) == 1
                else { throw ValidationError("\(server) is not ADDRESS:PORT") }
                return (address: address, port: port)
            }
            guard !endpoints.isEmpty, connections > 0, depth > 0, keys > 0 else {
                throw ValidationError("servers, connections, depth and keys are at least one")
            }
            return Plan(
                endpoints: endpoints, connections: connections, depth: depth, seconds: seconds,
                warmup: sequential ? 0 : warmup, rate: rate, keys: keys, isSequential: sequential)
        }
    }

    struct OverHTTP: ParsableCommand {
        static let configuration = CommandConfiguration(commandName: "http")

        @OptionGroup var options: Options
        @Option(help: "Its method.") var method = "GET"
        @Option(help: "Path and query.") var target = "/"
        @Option(name: .customLong("header"), help: "A header field, NAME: VALUE.")
        var headers: [String] = []
        @Option(help: "Its body.") var body = ""
        @Argument(help: "ADDRESS:PORT; connections go to them in turn.") var servers: [String]

        func run() throws {
            let plan = try options.plan(servers)
            let dialect = HTTPDialect(
                method: method, authority: servers[0], target: target, headers: headers, body: body)
            try report(Generator(dialect, plan))
        }
    }

    struct OverZooKeeper: ParsableCommand {
        static let configuration = CommandConfiguration(commandName: "zookeeper")

        @OptionGroup var options: Options
        @Option(help: "get, set or create.") var operation: ZooKeeperDialect.Operation = .get
        @Option(help: "Of the znode.") var path = "/"
        @Option(help: "What is written.") var value = ""
        @Argument(help: "ADDRESS:PORT; connections go to them in turn.") var servers: [String]

        func run() throws {
            let plan = try options.plan(servers)
            let dialect = ZooKeeperDialect(operation, path: path, value: value)
            try report(Generator(dialect, plan))
        }
    }

    private static func report<D>(_ generator: Generator<D>) throws {
        try generator.run()
        let histogram = generator.histogram
        func microseconds(_ share: Double) -> Double { Double(histogram.quantile(share)) / 1e3 }
        let seconds = Double(generator.span) / 1e9
        print(
            """
            {"answers": \(histogram.count), "all": \(generator.answers), "failures": \(generator.failures), \
            "seconds": \(seconds), "rate": \(Double(histogram.count) / max(seconds, 1e-9)), \
            "mean": \(histogram.mean / 1e3), "p50": \(microseconds(0.5)), \
            "p90": \(microseconds(0.9)), "p99": \(microseconds(0.99)), \
            "p99.9": \(microseconds(0.999)), "max": \(Double(histogram.maximum) / 1e3)}
            """)
    }
}

extension ZooKeeperDialect.Operation: ExpressibleByArgument {}
