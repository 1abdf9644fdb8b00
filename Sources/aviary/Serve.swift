import ArgumentParser
import Configuration
import Foundation
import Gateway
import HTTPServer
import LocalEnsemble
import Logging
import Node

/// One node: alone with its data in `./aviary-data`, or one member of an ensemble.
struct Serve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run one node.",
        discussion: Configuration.help)

    @Option(help: "The configuration: zoo.cfg's keys and Aviary's own.")
    var config: String?

    @Argument(parsing: .allUnrecognized, help: "Any key as a flag, such as --http-port 7182.")
    var settings: [String] = []

    /// What ends a member's life.
    private enum Ending {
        case stop
        /// The same process starts it again: a person has ordered something that a start does, or
        /// there is room again on a disk that was full.
        case restart
    }

    func run() async throws {
        let signals = TerminationSignals()
        let configuration = load()
        LoggingSystem.bootstrap { _ in ReadableLogHandler() }
        let logger = Logger(label: "aviary")
        Allocator.returnUnusedMemory(logger)
        let (endings, told) = AsyncStream.makeStream(of: Ending.self)
        let watching = Task {
            await signals.wait()
            told.yield(.stop)
        }
        defer { watching.cancel() }
        do {
            var member = try await Member.start(
                configuration, logger: logger, onRestart: { told.yield(.restart) })
            for await ending in endings {
                await member.stop()
                if ending == .stop { break }
                logger.info("starting anew")
                member = try await Member.start(
                    configuration, logger: logger, onRestart: { told.yield(.restart) })
            }
            logger.info("stopped")
        } catch {
            fail(error)
        }
    }

    private func load() -> Configuration {
        do throws(ConfigurationError) {
            let (configuration, warnings) = try Configuration.load(
                file: config, environment: ProcessInfo.processInfo.environment,
                arguments: settings)
            for warning in warnings {
                FileHandle.standardError.write(Data("aviary: warning: \(warning)\n".utf8))
            }
            return configuration
        } catch {
            fail(error)
        }
    }
}
