import Foundation
import Glibc
import Synchronization

@testable import LocalEnsemble

/// A folder and ports of one test's own.
final class Place {
    private let folder: String
    private let ports: LocalEnsemble.Ports

    init() throws {
        folder =
            FileManager.default.temporaryDirectory
            .appendingPathComponent("aviary-local-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        ports = Self.freePorts()
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    var root: String { folder + "/local" }

    func ensemble(nodes: Int, settings: [String: String] = [:]) throws -> LocalEnsemble {
        try LocalEnsemble(nodes: nodes, root: root, ports: ports, settings: settings)
    }

    /// Something that is started as `aviary serve --config FILE` would be: lines of sh, where
    /// `$3` is the file, `$id` the member's number and `$port` its HTTP port.
    func executable(_ script: String) throws -> String {
        let path = folder + "/member"
        let lines = """
            #!/bin/sh
            test "$1 $2" = 'serve --config' || exit 64
            id=$(cat "$(dirname "$3")/myid")
            port=$(sed -n s/^http.port=//p "$3")
            \(script)
            """
        try lines.write(toFile: path, atomically: true, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: path)
        return path
    }

    /// Three runs of five ports, below those that the system takes for outgoing connections.
    private static func freePorts() -> LocalEnsemble.Ports {
        var ports = LocalEnsemble.Ports()
        repeat {
            let start = Int.random(in: 1200..<3000) * 10
            guard (start..<start + 15).allSatisfy(Loopback.isFree) else { continue }
            ports.http = start
            ports.quorum = start + 5
            ports.election = start + 10
            return ports
        } while true
    }
}

/// Somebody else on a port.
final class Listener {
    private let descriptor: Int32

    init(port: Int) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = in_addr_t(0x7f00_0001).bigEndian
        let bound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard bound == 0, listen(descriptor, 1) == 0 else {
            throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO)
        }
    }

    deinit { close(descriptor) }
}

/// What the user was shown, and a way to wait for a part of it.
final class Shown: Sendable {
    private let lines = Mutex<[String]>([])

    var text: String { lines.withLock { $0.joined(separator: "\n") } }

    func show(_ line: String) { lines.withLock { $0.append(line) } }

    /// Returns once this was shown, or when the task is cancelled.
    func wait(for text: String) async {
        while !self.text.contains(text) {
            do { try await Task.sleep(for: .milliseconds(5)) } catch { return }
        }
    }
}
