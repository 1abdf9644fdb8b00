import Configuration
import Foundation

/// An ensemble of real processes on loopback, for trying it out: `aviary local`.
///
/// Each member has a folder `<id>` below the root, with its configuration and its data. What a
/// second run finds there it goes on with.
package struct LocalEnsemble: Equatable, Sendable {
    /// The first port of each kind: member N takes the one N - 1 above it.
    package struct Ports: Equatable, Sendable {
        package var http = 7181
        package var quorum = 2888
        package var election = 3888

        package init() {}
    }

    /// One member, and where everything of it is.
    package struct Member: Equatable, Sendable {
        package let id: Int
        package let folder: String
        package let httpPort: Int
        package let quorumPort: Int
        package let electionPort: Int

        package var configurationFile: String { folder + "/aviary.cfg" }
        package var url: String { "http://127.0.0.1:\(httpPort)" }
    }

    package let members: [Member]
    private let root: String
    private let settings: [String: String]

    /// Plans an ensemble; nothing is written or started yet.
    ///
    /// - Parameters:
    ///   - nodes: How many members, 1 to 9.
    ///   - root: The folder of their folders.
    ///   - ports: Where their ports begin.
    ///   - settings: Keys of `zoo.cfg` that all of them are given besides, such as `tickTime`.
    /// - Throws: `.badCount` for another number of members.
    package init(
        nodes: Int, root: String = "aviary-data/local", ports: Ports = Ports(),
        settings: [String: String] = [:]
    ) throws(LocalEnsembleError) {
        guard 1...9 ~= nodes else { throw .badCount(nodes) }
        self.root = root
        self.settings = settings
        members = (1...nodes).map { id in
            Member(
                id: id, folder: "\(root)/\(id)", httpPort: ports.http + id - 1,
                quorumPort: ports.quorum + id - 1, electionPort: ports.election + id - 1)
        }
    }
}

extension LocalEnsemble {
    /// Writes what every member needs to start.
    ///
    /// - Throws: `.portInUse` before anything is written; `.otherSize` if the folder belongs to an
    ///   ensemble of more or fewer members; `.cannotWrite`.
    package func prepare() throws(LocalEnsembleError) {
        for member in members {
            let ports = [
                (member.httpPort, "HTTP"), (member.quorumPort, "quorum"),
                (member.electionPort, "election"),
            ]
            for (port, purpose) in ports where !Loopback.isFree(port) {
                throw .portInUse(port, purpose: purpose, member: member.id)
            }
        }
        try refuseOtherSize()
        for member in members {
            do {
                try FileManager.default.createDirectory(
                    atPath: member.folder, withIntermediateDirectories: true)
                try configuration(of: member).write(
                    toFile: member.configurationFile, atomically: true, encoding: .utf8)
                try "\(member.id)\n".write(
                    toFile: member.folder + "/myid", atomically: true, encoding: .utf8)
            } catch {
                throw .cannotWrite(member.folder, reason: error.localizedDescription)
            }
        }
    }

    /// An ensemble cannot grow or shrink by being started with another number of members: those
    /// who know nothing could then outvote those who know something.
    private func refuseOtherSize() throws(LocalEnsembleError) {
        guard FileManager.default.fileExists(atPath: root) else { return }
        let names: [String]
        do {
            names = try FileManager.default.contentsOfDirectory(atPath: root)
        } catch {
            throw .cannotWrite(root, reason: error.localizedDescription)
        }
        let present = names.compactMap(Int.init).filter {
            FileManager.default.fileExists(atPath: "\(root)/\($0)/myid")
        }
        guard present.isEmpty || Set(present) == Set(members.map(\.id)) else {
            throw .otherSize(root, present: present.count)
        }
    }

    /// The lines of a member's `aviary.cfg`.
    package func configuration(of member: Member) -> String {
        var lines = [
            "# Written by `aviary local` at each start.",
            "dataDir=" + member.folder.replacing("\\", with: "\\\\"),
            "http.port=\(member.httpPort)",
        ]
        lines += settings.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
        lines += members.map { "server.\($0.id)=\(serverLine(of: $0))" }
        return lines.joined(separator: "\n") + "\n"
    }

    private func serverLine(of member: Member) -> Configuration.Member {
        Configuration.Member(
            id: Int64(member.id), host: "127.0.0.1", quorumPort: member.quorumPort,
            electionPort: member.electionPort)
    }

    /// What to tell once the ensemble serves: the addresses, and three lines to try.
    package var welcome: String {
        let urls = members.map(\.url)
        let addresses = members.map { "  node \($0.id)  \($0.url)" }.joined(separator: "\n")
        return """
            The ensemble is up:

            \(addresses)

            Write on one node, read on another, and see who leads:

              curl -X PUT -d 'hello, world' '\(urls[0])/v1/znodes/greeting'
              curl \(urls[1 % urls.count])/v1/znodes/greeting
              curl \(urls[2 % urls.count])/v1/cluster

            Ctrl-C stops it. The data stays in \(root).
            """
    }
}

/// Why an ensemble was not started: one line for the user.
package enum LocalEnsembleError: Error, Equatable, Sendable, CustomStringConvertible {
    case badCount(Int)
    case portInUse(Int, purpose: String, member: Int)
    case otherSize(String, present: Int)
    case cannotWrite(String, reason: String)
    case cannotStart(String, reason: String)

    package var description: String {
        switch self {
        case .badCount(let nodes):
            "a local ensemble has 1 to 9 nodes, not \(nodes)"
        case .portInUse(let port, let purpose, let member):
            "port \(port) (\(purpose), node \(member)) is in use: is an ensemble running already?"
        case .otherSize(let root, let present):
            "\(root) holds an ensemble of \(present): start it with --nodes \(present), "
                + "or move the folder away"
        case .cannotWrite(let path, let reason):
            "\(path) cannot be written: \(reason)"
        case .cannotStart(let executable, let reason):
            "\(executable) cannot be started: \(reason)"
        }
    }
}
