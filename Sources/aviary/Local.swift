import ArgumentParser
import Foundation
import LocalEnsemble

/// An ensemble of real processes on loopback.
struct Local: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run an ensemble on loopback, for trying it out.",
        discussion: "Data stays in ./aviary-data/local; the next run goes on with it.")

    @Option(help: "How many nodes, 1 to 9.")
    var nodes = 3

    @Option(help: "The folder of their folders.")
    var data = "aviary-data/local"

    @Option(help: "First HTTP port; node N takes the one N - 1 above it.")
    var httpPort = 7181

    @Option(help: "First port for learners.")
    var quorumPort = 2888

    @Option(help: "First port for elections.")
    var electionPort = 3888

    func run() async throws {
        let signals = TerminationSignals()
        var ports = LocalEnsemble.Ports()
        ports.http = httpPort
        ports.quorum = quorumPort
        ports.election = electionPort
        guard let executable = Bundle.main.executablePath else {
            throw ValidationError("cannot find out where this program is")
        }
        let stoppedAsAsked: Bool
        do throws(LocalEnsembleError) {
            let ensemble = try LocalEnsemble(nodes: nodes, root: data, ports: ports)
            try ensemble.prepare()
            stoppedAsAsked = try await ensemble.run(
                executable: executable, until: { await signals.wait() },
                show: { line in FileHandle.standardOutput.write(Data((line + "\n").utf8)) })
        } catch {
            fail(error)
        }
        if !stoppedAsAsked { throw ExitCode.failure }
    }
}
