import ArgumentParser
import DataTools
import Foundation
import Gateway
import Storage

/// Looks into data directories and snapshot files, without a node.
struct DataCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "data",
        abstract: "Look into, check, restore and compare data directories.",
        discussion: """
            All of it reads only; restore writes a directory of its own. A data directory is \
            what dataDir names, of Aviary or of ZooKeeper; a snapshot file will do as well.
            """,
        subcommands: [Inspect.self, CheckData.self, Restore.self, Diff.self])
}

/// Where to look.
struct SourceOptions: ParsableArguments {
    @Argument(help: "A data directory, or a snapshot file.")
    var directory: String

    @Option(help: "Its dataLogDir, if that is another one.")
    var dataLogDir: String?

    func open() throws(DataToolError) -> DataSource {
        try DataSource(directory, logDirectory: dataLogDir, on: PosixDisk())
    }
}

extension DataCommand {
    struct Inspect: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show what lies in a data directory.")

        @OptionGroup var source: SourceOptions

        @Flag(help: "As JSON.")
        var json = false

        func run() throws {
            let inspection = answer { () throws(DataToolError) in
                try Inspection(of: source.open())
            }
            try show(inspection, inspection.lines, asJSON: json)
        }
    }

    struct CheckData: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "check",
            abstract: "Verify every log record and snapshot, and replay them.",
            discussion: """
                Ends with 0 if nothing is wrong, with 1 if something is, each a line, and with 2 \
                if the directory cannot be read.
                """)

        @OptionGroup var source: SourceOptions

        @Flag(help: "As JSON.")
        var json = false

        func run() throws {
            let check = answer(failingWith: 2) { () throws(DataToolError) in
                try Check(of: source.open())
            }
            try show(check, check.lines, asJSON: json)
            if !check.problems.isEmpty { throw ExitCode(1) }
        }
    }

    struct Restore: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Write a new data directory with a state of the past.",
            discussion: """
                The result has no log and no identity: a node that opens it begins a history of \
                its own. For an ensemble give every member a copy of it.
                """)

        @OptionGroup var source: SourceOptions

        @Option(
            help: """
                A zxid (16 hex digits, or 0x and fewer), milliseconds since 1970, or a time such \
                as 2026-11-24T18:15:26Z. Without it: the newest state.
                """)
        var to: String?

        @Option(help: "The new data directory: missing, or empty.")
        var output: String

        func run() throws {
            let point = try point()
            let lines = answer { () throws(DataToolError) in
                let restoration = try Restoration(to: point, from: source.open())
                try restoration.write(to: output)
                return restoration.lines(output: output)
            }
            for line in lines { print(line) }
        }

        private func point() throws -> Restoration.Point {
            guard let to else { return .newest }
            switch Point(parsing: to) {
            case .zxid(let zxid)?: return .zxid(zxid)
            case .milliseconds(let milliseconds)?: return .milliseconds(milliseconds)
            case nil: break
            }
            do {
                let date = try Date(to, strategy: .iso8601)
                return .milliseconds(Int64((date.timeIntervalSince1970 * 1_000).rounded()))
            } catch {
                throw ValidationError("--to takes a zxid, milliseconds since 1970 or a time")
            }
        }
    }

    struct Diff: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Compare the newest states of two data directories or snapshot files.",
            discussion: "Ends with 0 if they are equal, with 1 if not, and with 2 on an error.")

        @Argument(help: "What should be: a data directory, or a snapshot file.")
        var first: String

        @Argument(help: "What is compared with it.")
        var second: String

        @Flag(help: "As JSON.")
        var json = false

        func run() throws {
            let difference = answer(failingWith: 2) { () throws(DataToolError) in
                let disk = PosixDisk()
                return try Difference(
                    DataSource(first, on: disk), DataSource(second, on: disk))
            }
            try show(difference, difference.lines, asJSON: json)
            if !difference.isEmpty { throw ExitCode(1) }
        }
    }
}

/// Does the work, or ends the program after one clear line.
private func answer<Answer>(
    failingWith status: Int32 = 1, _ body: () throws(DataToolError) -> Answer
) -> Answer {
    do throws(DataToolError) {
        return try body()
    } catch {
        fail(error, status: status)
    }
}

private func show(_ value: some Encodable, _ lines: [String], asJSON: Bool) throws {
    guard asJSON else {
        for line in lines { print(line) }
        return
    }
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    print(String(decoding: try encoder.encode(value), as: UTF8.self))
}
