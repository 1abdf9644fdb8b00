import ArgumentParser
import Foundation

@main
struct Aviary: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "aviary",
        abstract: "ZooKeeper you can curl.",
        version: Build.version,
        subcommands: [Serve.self, Local.self, DataCommand.self])
}

/// What this executable is.
enum Build {
    static let version = "0.1.0"
}

/// Ends the program after one clear line.
func fail(_ reason: any Error, status: Int32 = 1) -> Never {
    FileHandle.standardError.write(Data("aviary: \(reason)\n".utf8))
    exit(status)
}
