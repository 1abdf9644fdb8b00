import Foundation
import Jute

/// A configuration while its values come in: what is derived or checked only at the end.
struct Draft {
    var configuration = Configuration()
    var dataDirectory: String?
    var dataLogDirectory: String?
    var myID: Int?
    var peerType: Configuration.Member.Role?
    var connectToLeaderLimit: Int = 0
    var minimumSessionTimeout: Duration?
    var maximumSessionTimeout: Duration?
    var clientPort: Int?
    var clientPortAddress: String?
    var members: [PeerID: Configuration.Member] = [:]
    var groups: [Int: [PeerID]] = [:]
    var weights: [PeerID: Int] = [:]
    /// Where the value that counts of each key stands.
    var origins: [String: ConfigurationError.Origin] = [:]
    var warnings: [String] = []
}

extension Draft {
    /// The whole, once everything is in.
    ///
    /// - Throws: What two values say against each other, or `dataDir/myid` against them.
    mutating func finished() throws(ConfigurationError) -> Configuration {
        if let dataDirectory { configuration.dataDirectory = dataDirectory }
        configuration.dataLogDirectory = dataLogDirectory ?? configuration.dataDirectory
        if connectToLeaderLimit > 0 {
            configuration.timing.connectToLeaderLimit = connectToLeaderLimit
        }
        try finishSessions()
        try finishEnsemble()
        if let clientPort {
            configuration.clientPort.address = HostPort(
                host: clientPortAddress ?? "0.0.0.0", port: clientPort)
        } else if let address = configuration.me?.clientAddress {
            configuration.clientPort.address = address
        }
        try finishHTTP()
        try checkOwnPorts()
        return configuration
    }

    func error(_ key: String, _ problem: String) -> ConfigurationError {
        ConfigurationError(origin: origins[key], key: key, problem: problem)
    }

    private mutating func finishSessions() throws(ConfigurationError) {
        let tick = configuration.timing.tick
        configuration.sessions.minimumTimeout = minimumSessionTimeout ?? tick * 2
        configuration.sessions.maximumTimeout = maximumSessionTimeout ?? tick * 20
        guard configuration.sessions.minimumTimeout <= configuration.sessions.maximumTimeout else {
            let key = maximumSessionTimeout == nil ? "minSessionTimeout" : "maxSessionTimeout"
            throw error(
                key, "maxSessionTimeout (20 ticks unless set) must not be below minSessionTimeout")
        }
    }

    private mutating func finishEnsemble() throws(ConfigurationError) {
        configuration.ensemble.members = members.values.sorted { $0.id < $1.id }
        try checkMembers()
        configuration.ensemble.hierarchy = try hierarchy()
        configuration.myID = try identity()
        guard let me = configuration.me else { return }
        if let peerType, peerType != me.role {
            throw error(
                "peerType",
                "is \(peerType.rawValue), but server.\(me.id) is a \(me.role.rawValue)")
        }
    }

    private mutating func checkMembers() throws(ConfigurationError) {
        let ensemble = configuration.ensemble
        guard let first = ensemble.members.first else { return }
        guard !ensemble.voters.isEmpty else {
            throw error("server.\(first.id)", "at least one server must be a participant")
        }
        var taken: [HostPort: String] = [:]
        for member in ensemble.members {
            let key = "server.\(member.id)"
            for address in [member.quorumAddress, member.electionAddress] {
                if let other = taken.updateValue(key, forKey: address) {
                    throw error(key, "\(address) belongs to \(other) already")
                }
            }
        }
        let voters = ensemble.voters.count
        if voters.isMultiple(of: 2) {
            warnings.append(
                "\(voters) participants survive no more failures than \(voters - 1) would")
        }
    }

    /// What makes a quorum, if not a majority.
    ///
    /// - Source: `zk-quorum-protocol.md` 3.6.
    private func hierarchy() throws(ConfigurationError) -> Configuration.Ensemble.Hierarchy? {
        guard !groups.isEmpty else {
            if let id = weights.keys.min() {
                throw error("weight.\(id)", "counts only beside group lines")
            }
            return nil
        }
        let voters = configuration.ensemble.voters.map(\.id)
        var groupOf: [PeerID: Int] = [:]
        for (group, ids) in groups.sorted(by: { $0.key < $1.key }) {
            for id in ids {
                guard voters.contains(id) else {
                    throw error("group.\(group)", "server.\(id) is not a participant")
                }
                if let other = groupOf.updateValue(group, forKey: id) {
                    throw error("group.\(group)", "server.\(id) is in group.\(other) already")
                }
            }
        }
        for id in voters where groupOf[id] == nil {
            throw error("server.\(id)", "must be in exactly one group")
        }
        for id in weights.keys.sorted() where groupOf[id] == nil {
            throw error("weight.\(id)", "server.\(id) is not a participant")
        }
        let everyWeight = Dictionary(uniqueKeysWithValues: voters.map { ($0, weights[$0] ?? 1) })
        guard everyWeight.values.contains(where: { $0 > 0 }) else {
            throw error("weight.\(voters[0])", "at least one participant must weigh something")
        }
        return .init(groups: groupOf, weights: everyWeight)
    }

    /// Who this server is.
    private func identity() throws(ConfigurationError) -> PeerID {
        let path = configuration.dataDirectory + "/myid"
        let stored = try Self.storedIdentity(path)
        if let myID, let stored, stored != myID {
            throw error("myid", "is \(myID), but \(path) says \(stored)")
        }
        let members = configuration.ensemble.members
        guard let id = myID ?? stored else {
            guard members.isEmpty else {
                throw ConfigurationError(
                    origin: .file(path, line: nil),
                    problem: "is missing: it holds the number of this server's server line")
            }
            return 1
        }
        guard members.isEmpty || configuration.ensemble[PeerID(id)] != nil else {
            let known = members.map { "server.\($0.id)" }.joined(separator: ", ")
            let problem = "there is no server.\(id), only \(known)"
            guard myID == nil else { throw error("myid", problem) }
            throw ConfigurationError(origin: .file(path, line: 1), problem: problem)
        }
        return PeerID(id)
    }

    private static func storedIdentity(_ path: String) throws(ConfigurationError) -> Int? {
        guard FileManager.default.fileExists(atPath: path) else { return nil }
        let text: String
        do {
            text = try String(contentsOfFile: path, encoding: .utf8)
        } catch {
            throw ConfigurationError(
                origin: .file(path, line: nil), problem: "cannot be read: \(systemReason(error))")
        }
        let trimmed = text.trimmingCharacters(in: .whitespacesAndNewlines)
        guard let id = Int(decimal: trimmed), 0...254 ~= id else {
            throw ConfigurationError(
                origin: .file(path, line: 1), problem: "takes a whole number from 0 to 254")
        }
        return id
    }

    /// What this server listens on, each on a port of its own; port 0 is any free one.
    private func checkOwnPorts() throws(ConfigurationError) {
        var taken: [Int: String] = [:]
        if let me = configuration.me {
            taken = [me.quorumPort: "server.\(me.id)", me.electionPort: "server.\(me.id)"]
        }
        let client = configuration.clientPort.address?.port ?? 0
        for (key, port) in [("http.port", configuration.http.address.port), ("clientPort", client)]
        where port != 0 {
            if let other = taken.updateValue(key, forKey: port) {
                throw error(key, "\(port) belongs to \(other) already")
            }
        }
    }

    /// A port that others reach must not be open to all of them by accident.
    private mutating func finishHTTP() throws(ConfigurationError) {
        let http = configuration.http
        guard !http.address.isLoopback else { return }
        switch (token: http.token != nil, tls: http.tls != nil, insecure: http.isInsecure) {
        case (token: true, tls: true, insecure: _), (token: false, tls: true, insecure: _):
            break
        case (token: true, tls: false, insecure: _):
            warnings.append("http.address is \(http.address.host): tokens travel in clear text")
        case (token: false, tls: false, insecure: true):
            warnings.append(
                "http.insecure: anyone who reaches \(http.address) may read and change everything")
        case (token: false, tls: false, insecure: false):
            throw error(
                "http.address",
                "other machines reach \(http.address.host): this needs http.token, or "
                    + "http.insecure=true if everyone may read and change everything")
        }
    }
}
