import Foundation

/// One key of a configuration file, which is an environment variable and a flag at the same time.
package struct ConfigurationKey: Sendable {
    /// As it stands in a file: `tickTime`, `http.port`, `server.N`.
    package let name: String
    /// What it is without being configured; nil: nothing.
    package let defaultText: String?
    /// One line for the operator.
    package let summary: String
    /// Its value is never shown.
    package let isSecret: Bool
    /// Its flag may stand alone, and then means true.
    package let isFlag: Bool
    let apply: @Sendable (String, inout Draft) throws(BadValue) -> Void

    /// `--http-tls-client-ca` of `http.tls.clientCA`.
    package var flag: String { Self.flag(of: name) }
    /// `AVIARY_HTTP_TLS_CLIENT_CA` of `http.tls.clientCA`.
    package var environmentVariable: String { Self.environmentVariable(of: name) }

    static func flag(of name: String) -> String {
        "--" + words(of: name).joined(separator: "-")
    }

    static func environmentVariable(of name: String) -> String {
        environmentPrefix + words(of: name).joined(separator: "_").uppercased()
    }

    static let environmentPrefix = "AVIARY_"

    /// Prefixes that the original ignores: whatever stands below them is ours, or a mistake.
    static let ownPrefixes = ["http.", "history.", "recovery.", "backup.", "cluster."]

    /// Lower-case words of a key: parted by dots, and where a capital follows a small letter.
    private static func words(of name: String) -> [String] {
        var words = [""]
        var previous: Character = "."
        for character in name {
            if character == "." {
                words.append("")
            } else {
                if character.isUppercase, previous.isLowercase { words.append("") }
                words[words.count - 1].append(character)
            }
            previous = character
        }
        return words.map { $0.lowercased() }
    }
}

extension ConfigurationKey {
    /// A key whose value goes straight to its place.
    init<Value>(
        _ name: String, _ format: ValueFormat<Value>,
        _ place: WritableKeyPath<Draft, Value> & Sendable, default defaultText: String?,
        secret isSecret: Bool = false, _ summary: String
    ) {
        self.init(
            name: name, defaultText: defaultText, summary: summary, isSecret: isSecret,
            isFlag: Value.self == Bool.self
        ) { text, draft throws(BadValue) in draft[keyPath: place] = try format(text) }
    }

    /// The same for a place that may stay empty.
    init<Value>(
        _ name: String, _ format: ValueFormat<Value>,
        _ place: WritableKeyPath<Draft, Value?> & Sendable, default defaultText: String? = nil,
        secret isSecret: Bool = false, _ summary: String
    ) {
        self.init(
            name, format.map(Optional.some), place, default: defaultText, secret: isSecret, summary)
    }

    /// A key of the original whose other values would change what Aviary promises.
    ///
    /// Ignoring them in silence would be worse than refusing to start.
    init(_ name: String, onlySupporting supported: String?, _ summary: String) {
        self.init(
            name: name, defaultText: supported, summary: summary, isSecret: false, isFlag: false
        ) { text, _ throws(BadValue) in
            guard let supported else { throw BadValue("is not supported yet") }
            guard text.lowercased() == supported else {
                throw BadValue("is not supported yet with a value other than \(supported)")
            }
        }
    }
}
