import Jute

extension Configuration {
    /// Puts a configuration together: flags win over environment variables, and these over the
    /// file. Every value is checked, also one that another overrides.
    ///
    /// - Parameters:
    ///   - file: The path of a `zoo.cfg`; nil: none is read.
    ///   - environment: Variables of the process; those that do not start with `AVIARY_` are left
    ///     alone.
    ///   - arguments: `--http-port 7182`, `--http-port=7182`, and `--http-insecure` alone for true.
    /// - Returns: The configuration, and what the operator should know although it is no error.
    /// - Throws: The first thing that is wrong, with its place.
    package static func load(
        file: String? = nil, environment: [String: String] = [:], arguments: [String] = []
    ) throws(ConfigurationError) -> (configuration: Configuration, warnings: [String]) {
        var draft = Draft()
        if let file { try draft.read(PropertiesFile(reading: file), named: file) }
        try draft.read(environment: environment)
        try draft.read(arguments: arguments)
        let configuration = try draft.finished()
        return (configuration, draft.warnings)
    }

    /// Every key with its flag, its default and its meaning.
    package static var help: String {
        let keys = ConfigurationKey.all.map { ($0.flag, $0.summary, $0.defaultText ?? "") }
        let families = [
            ("--server-N", "server N: \(Member.form)", ""),
            ("--group-G", "servers of group G of a hierarchical quorum: N:N…", ""),
            ("--weight-N", "weight of server N in its group", "1"),
        ]
        let width = (keys + families).map(\.0.count).max() ?? 0
        return (keys + families).map { flag, summary, defaultText in
            let gap = String(repeating: " ", count: width - flag.count + 2)
            return "  \(flag)\(gap)\(summary)"
                + (defaultText.isEmpty ? "" : " (default: \(defaultText))")
        }.joined(separator: "\n")
    }
}

extension Draft {
    mutating func read(_ properties: PropertiesFile, named file: String) throws(ConfigurationError)
    {
        var seen: [String: Int] = [:]
        for line in properties.lines {
            let origin = ConfigurationError.Origin.file(file, line: line.number)
            if let earlier = seen.updateValue(line.number, forKey: line.key) {
                warnings.append(
                    "\(file):\(line.number): \(line.key) stands on line \(earlier) too; "
                        + "the last one counts")
            }
            if try !apply(line.key, line.value, from: origin) {
                warnings.append("\(file):\(line.number): \(line.key) is not used by Aviary")
            }
        }
    }

    mutating func read(environment: [String: String]) throws(ConfigurationError) {
        // In order, so that of two mistakes it is always the same one that is told.
        for (variable, value) in environment.sorted(by: { $0.key < $1.key })
        where variable.hasPrefix(ConfigurationKey.environmentPrefix) {
            let origin = ConfigurationError.Origin.environment(variable)
            if let name = Self.keyNames.byVariable[variable]
                ?? Self.familyName(ofVariable: variable)
            {
                _ = try apply(name, value, from: origin)
            } else if let prefix = Self.ownPrefix(ofVariable: variable) {
                throw ConfigurationError(
                    origin: origin, problem: Self.known(below: prefix, \.environmentVariable))
            } else {
                warnings.append("environment variable \(variable) is not used by Aviary")
            }
        }
    }

    mutating func read(arguments: [String]) throws(ConfigurationError) {
        var rest = arguments[...]
        while let argument = rest.popFirst() {
            let parts = argument.split(
                separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let flag = String(parts.first ?? "")
            let origin = ConfigurationError.Origin.flag(flag)
            guard let name = Self.keyNames.byFlag[flag] ?? Self.familyName(ofFlag: flag) else {
                throw ConfigurationError(origin: origin, problem: "is not a flag of Aviary")
            }
            let value: String
            if parts.count == 2 {
                value = String(parts[1])
            } else if Self.keyNames.flags.contains(name),
                rest.first.map({ $0.hasPrefix("--") }) ?? true
            {
                value = "true"
            } else if let next = rest.popFirst() {
                value = next
            } else {
                throw ConfigurationError(origin: origin, problem: "needs a value")
            }
            _ = try apply(name, value, from: origin)
        }
    }

    /// Takes one value in.
    ///
    /// - Returns: False for a key that is none of ours, and need not be.
    private mutating func apply(
        _ name: String, _ value: String, from origin: ConfigurationError.Origin
    ) throws(ConfigurationError) -> Bool {
        let key = Self.keyNames.byName[name]
        do throws(BadValue) {
            if let key {
                try key.apply(value, &self)
            } else if try !applyFamily(name, value) {
                guard let prefix = ConfigurationKey.ownPrefixes.first(where: name.hasPrefix) else {
                    return false
                }
                throw BadValue(Self.known(below: prefix, \.name))
            }
        } catch {
            throw ConfigurationError(
                origin: origin, key: name, value: key?.isSecret == true ? nil : value,
                problem: error.problem)
        }
        origins[name] = origin
        return true
    }

    /// `server.N`, `group.G` and `weight.N`.
    private mutating func applyFamily(_ name: String, _ value: String) throws(BadValue) -> Bool {
        let parts = name.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 2, Self.families.contains(String(parts[0])) else { return false }
        guard let number = Int(decimal: parts[1]), 0...254 ~= number || parts[0] == "group" else {
            throw BadValue("the number in the key must be from 0 to 254")
        }
        switch parts[0] {
        case "server":
            members[PeerID(number)] = try .init(id: PeerID(number), parsing: value)
        case "group":
            let ids = value.split(separator: ":", omittingEmptySubsequences: false).map {
                Int(decimal: $0).map(PeerID.init)
            }
            let known = ids.compactMap { $0 }
            guard known.count == ids.count else {
                throw BadValue("takes numbers of servers with colons between them")
            }
            groups[number] = known
        default:
            weights[PeerID(number)] = try ValueFormat.number(0...1_000_000)(value)
        }
        return true
    }

    private static let families = ["server", "group", "weight"]

    private static func familyName(ofVariable variable: String) -> String? {
        familyName(variable, prefix: ConfigurationKey.environmentPrefix, separator: "_") {
            $0.uppercased()
        }
    }

    private static func familyName(ofFlag flag: String) -> String? {
        familyName(flag, prefix: "--", separator: "-") { $0 }
    }

    /// `server.3` of `AVIARY_SERVER_3` and of `--server-3`.
    private static func familyName(
        _ text: String, prefix: String, separator: String, spelling: (String) -> String
    ) -> String? {
        for family in families {
            let start = prefix + spelling(family) + separator
            if text.hasPrefix(start), let number = Int(decimal: text.dropFirst(start.count)) {
                return "\(family).\(number)"
            }
        }
        return nil
    }

    private static func ownPrefix(ofVariable variable: String) -> String? {
        ConfigurationKey.ownPrefixes.first { prefix in
            variable.hasPrefix(
                ConfigurationKey.environmentVariable(of: String(prefix.dropLast())) + "_")
        }
    }

    private static func known(
        below prefix: String, _ spelling: (ConfigurationKey) -> String
    ) -> String {
        let names = ConfigurationKey.all.filter { $0.name.hasPrefix(prefix) }.map(spelling)
        return "there is no such key; there are " + names.joined(separator: ", ")
    }

    private static let keyNames = KeyNames()

    private struct KeyNames {
        var byName: [String: ConfigurationKey] = [:]
        var byVariable: [String: String] = [:]
        var byFlag: [String: String] = [:]
        var flags: Set<String> = []

        init() {
            for key in ConfigurationKey.all {
                byName[key.name] = key
                byVariable[key.environmentVariable] = key.name
                byFlag[key.flag] = key.name
                if key.isFlag { flags.insert(key.name) }
            }
        }
    }
}
