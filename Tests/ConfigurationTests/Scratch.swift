import Foundation

@testable import Configuration

/// A folder of its own for one test, gone with it.
final class Scratch {
    let path: String

    init() throws {
        path =
            FileManager.default.temporaryDirectory
            .appendingPathComponent("aviary-configuration-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func write(_ text: String, to name: String) throws -> String {
        let file = path + "/" + name
        try text.write(toFile: file, atomically: true, encoding: .utf8)
        return file
    }
}

/// The configuration of these lines, with the data in an empty folder.
func load(
    _ lines: String..., environment: [String: String] = [:], arguments: [String] = []
) throws -> (configuration: Configuration, warnings: [String]) {
    let scratch = try Scratch()
    let text = (lines + ["dataDir=\(scratch.path)"]).joined(separator: "\n")
    let file = try scratch.write(text, to: "n1.cfg")
    return try withExtendedLifetime(scratch) {
        try Configuration.load(file: file, environment: environment, arguments: arguments)
    }
}

/// What the operator is told of these lines, the folder's name left out.
func refusal(
    of lines: String..., environment: [String: String] = [:], arguments: [String] = []
) -> String? {
    do {
        let scratch = try Scratch()
        let text = (lines + ["dataDir=\(scratch.path)"]).joined(separator: "\n")
        let file = try scratch.write(text, to: "n1.cfg")
        do {
            _ = try Configuration.load(
                file: file, environment: environment, arguments: arguments)
            return nil
        } catch {
            return error.description.replacingOccurrences(of: scratch.path + "/", with: "")
        }
    } catch {
        return "the test could not write its files: \(error)"
    }
}
