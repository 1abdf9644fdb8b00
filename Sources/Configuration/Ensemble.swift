package import Jute

extension Configuration {
    /// One `server.N` line.
    package struct Member: Equatable, Sendable {
        package enum Role: String, Equatable, Sendable {
            case participant
            case observer
        }

        package var id: PeerID
        package var host: String
        /// Where learners reach it while it leads.
        package var quorumPort: Int
        /// Where election messages reach it, always.
        package var electionPort: Int
        package var role: Role
        /// Where ZooKeeper's clients reach it; nil unless it stands on the server line.
        package var clientAddress: HostPort?

        package init(
            id: PeerID, host: String, quorumPort: Int, electionPort: Int,
            role: Role = .participant, clientAddress: HostPort? = nil
        ) {
            self.id = id
            self.host = host
            self.quorumPort = quorumPort
            self.electionPort = electionPort
            self.role = role
            self.clientAddress = clientAddress
        }

        package var quorumAddress: HostPort { HostPort(host: host, port: quorumPort) }
        package var electionAddress: HostPort { HostPort(host: host, port: electionPort) }
    }

    /// The servers that replicate one tree, and which of them make a quorum.
    package struct Ensemble: Equatable, Sendable {
        /// Ascending by id; empty for a node that stands alone.
        package var members: [Member] = []
        /// Groups of a hierarchical quorum (`group.G`, `weight.N`); nil: a majority decides.
        package var hierarchy: Hierarchy?
        /// Listen on every address of the machine instead of the own member's
        /// (`quorumListenOnAllIPs`).
        package var listensOnAllAddresses = false
        /// Attempts to bind the election port, a second apart (`electionPortBindRetry`);
        /// nil: for ever.
        package var bindAttempts: Int? = 3
        /// Of the members: above 0 once some were taken out by order.
        package var version: Int64 = 0

        package init(members: [Member] = [], hierarchy: Hierarchy? = nil) {
            self.members = members.sorted { $0.id < $1.id }
            self.hierarchy = hierarchy
        }

        package subscript(id: PeerID) -> Member? { members.first { $0.id == id } }

        package var voters: [Member] { members.filter { $0.role == .participant } }
        package var observers: [Member] { members.filter { $0.role == .observer } }

        /// Every voter is in exactly one group. A quorum is more than half of the weight in more
        /// than half of the groups that weigh anything.
        package struct Hierarchy: Equatable, Sendable {
            /// Group of each voter.
            package var groups: [PeerID: Int]
            /// Weight of each voter, 0 or more.
            package var weights: [PeerID: Int]

            package init(groups: [PeerID: Int], weights: [PeerID: Int]) {
                self.groups = groups
                self.weights = weights
            }
        }
    }
}

extension Configuration.Ensemble {
    /// The configuration in ZooKeeper's words, as in NEWLEADER, in notifications and in
    /// `/zookeeper/config`: one line a member, in the order of ids; no newline after the version.
    ///
    /// - Parameter version: The zxid of the reconfiguration that made it; nil for `self.version`.
    /// - Returns: An empty text for a node that stands alone, as the original has it.
    /// - Source: `zk-quorum-protocol.md` 7.1.
    package func text(version: Int64? = nil) -> String {
        guard !members.isEmpty else { return "" }
        var lines = members.map { "server.\($0.id)=\($0)" }
        if let hierarchy {
            let groups = Dictionary(grouping: hierarchy.groups.keys) { hierarchy.groups[$0] ?? 0 }
            lines += groups.sorted { $0.key < $1.key }.map { group, ids in
                "group.\(group)=" + ids.sorted().map(String.init).joined(separator: ":")
            }
            lines += hierarchy.weights.sorted { $0.key < $1.key }.map { "weight.\($0)=\($1)" }
        }
        lines.append("version=" + String(UInt64(bitPattern: version ?? self.version), radix: 16))
        return lines.joined(separator: "\n")
    }
}

extension Configuration.Ensemble {
    /// The configuration without members that are dead for good.
    ///
    /// - Parameters:
    ///   - dead: Their ids.
    ///   - version: Of the result, above this one's.
    /// - Returns: The others, with what a quorum of them is.
    package func removing(_ dead: Set<PeerID>, version: Int64) -> Self {
        var rest = self
        rest.members.removeAll { dead.contains($0.id) }
        rest.hierarchy?.groups = hierarchy?.groups.filter { !dead.contains($0.key) } ?? [:]
        rest.hierarchy?.weights = hierarchy?.weights.filter { !dead.contains($0.key) } ?? [:]
        rest.version = version
        return rest
    }
}

extension Configuration.Member: CustomStringConvertible {
    /// What stands after `server.N=`: the role always, the client address if there is one.
    package var description: String {
        let address = "\(quorumAddress):\(electionPort):\(role.rawValue)"
        return clientAddress.map { "\(address);\($0)" } ?? address
    }
}

extension Configuration.Member {
    static let form = "host:quorumPort:electionPort[:participant|observer][;[host:]clientPort]"

    /// Reads what stands after `server.N=`.
    init(id: PeerID, parsing text: String) throws(BadValue) {
        guard !text.contains("|") else {
            throw BadValue("several addresses of one server (`|`) are not supported yet")
        }
        let halves = text.split(separator: ";", omittingEmptySubsequences: false)
        guard halves.count <= 2, let address = HostPort.split(halves[0]) else {
            throw BadValue("takes \(Self.form)")
        }
        guard 2...3 ~= address.rest.count, let quorumPort = HostPort.port(address.rest[0]),
            let electionPort = HostPort.port(address.rest[1])
        else { throw BadValue("takes \(Self.form), with ports from 1 to 65535") }
        guard quorumPort != electionPort else {
            throw BadValue("takes two different ports for quorum and election")
        }
        var role = Role.participant
        if address.rest.count == 3 {
            guard let named = Role(rawValue: address.rest[2].lowercased()) else {
                throw BadValue("takes the role participant or observer, not \(address.rest[2])")
            }
            role = named
        }
        self.init(
            id: id, host: address.host, quorumPort: quorumPort, electionPort: electionPort,
            role: role, clientAddress: halves.count == 2 ? try Self.client(halves[1]) : nil)
    }

    /// Reads what stands after the semicolon. A port alone means every address, as in the original.
    private static func client(_ text: Substring) throws(BadValue) -> HostPort {
        if let port = HostPort.port(text) { return HostPort(host: "0.0.0.0", port: port) }
        guard let address = HostPort.split(text), address.rest.count == 1,
            let port = HostPort.port(address.rest[0])
        else { throw BadValue("takes [host:]clientPort after the semicolon") }
        return HostPort(host: address.host, port: port)
    }
}
