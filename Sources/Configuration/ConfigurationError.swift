/// Why a configuration is refused: one line for the operator.
package struct ConfigurationError: Error, Equatable, Sendable {
    /// Where the offending value stands.
    package var origin: Origin?
    /// Nil where no single key is to blame.
    package var key: String?
    package var value: String?
    /// What is wrong, and what is allowed.
    package var problem: String

    package enum Origin: Equatable, Sendable {
        case file(String, line: Int?)
        /// The variable's name.
        case environment(String)
        /// With its dashes.
        case flag(String)
    }

    package init(
        origin: Origin? = nil, key: String? = nil, value: String? = nil, problem: String
    ) {
        self.origin = origin
        self.key = key
        self.value = value
        self.problem = problem
    }
}

extension ConfigurationError: CustomStringConvertible {
    package var description: String {
        var parts: [String] = []
        switch origin {
        case .file(let file, let line):
            parts.append(line.map { "\(file):\($0)" } ?? file)
        case .environment(let name):
            parts.append("environment variable \(name)")
        case .flag(let name):
            parts.append(name)
        case nil:
            break
        }
        if let key { parts.append(value.map { "\(key)=\($0)" } ?? key) }
        parts.append(problem)
        return parts.joined(separator: ": ")
    }
}

/// What one value got wrong, before it is known where it stands.
struct BadValue: Error {
    let problem: String

    init(_ problem: String) { self.problem = problem }
}
