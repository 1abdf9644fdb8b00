import Foundation

/// The lines of a `zoo.cfg`: Java's properties, in UTF-8.
///
/// Not swift-configuration: its providers know neither the line a value stands on nor which keys
/// nobody asked for, and this file's form is none of theirs. An operator needs both: a misspelled
/// limit must stop the start and say where it is.
struct PropertiesFile {
    struct Line: Equatable {
        var number: Int
        var key: String
        var value: String
    }

    private(set) var lines: [Line] = []

    init(reading path: String) throws(ConfigurationError) {
        do {
            let bytes = try Data(contentsOf: URL(fileURLWithPath: path))
            guard let text = String(validating: bytes, as: UTF8.self) else {
                throw ConfigurationError(
                    origin: .file(path, line: nil), problem: "is not a text in UTF-8")
            }
            self.init(parsing: text)
        } catch let error as ConfigurationError {
            throw error
        } catch {
            throw ConfigurationError(
                origin: .file(path, line: nil), problem: "cannot be read: \(systemReason(error))")
        }
    }

    /// A comment starts with `#` or `!`; the key ends at the first `=`, `:` or blank; a backslash
    /// at the end of a line continues it.
    init(parsing text: String) {
        var number = 0
        var pending: (number: Int, text: String)?
        let physical = text.split(omittingEmptySubsequences: false) { $0.isNewline }
        for line in physical {
            number += 1
            let content = line.drop { $0.isWhitespace }
            if pending == nil, content.isEmpty || content.first == "#" || content.first == "!" {
                continue
            }
            var logical = (pending?.text ?? "") + content
            let start = pending?.number ?? number
            let backslashes = logical.reversed().prefix { $0 == "\\" }.count
            if backslashes % 2 == 1 {
                logical.removeLast()
                pending = (start, logical)
            } else {
                pending = nil
                lines.append(Self.parse(logical, number: start))
            }
        }
        if let pending { lines.append(Self.parse(pending.text, number: pending.number)) }
    }

    private static func parse(_ line: String, number: Int) -> Line {
        var end = line.startIndex
        while end < line.endIndex, !isSeparator(line[end]) {
            if line[end] == "\\" { line.formIndex(after: &end) }
            if end < line.endIndex { line.formIndex(after: &end) }
        }
        var value = line[end...].drop { $0.isWhitespace }
        if value.first == "=" || value.first == ":" { value = value.dropFirst() }
        return Line(
            number: number, key: unescaped(line[..<end]),
            value: unescaped(value).trimmingCharacters(in: .whitespaces))
    }

    private static func isSeparator(_ character: Character) -> Bool {
        character == "=" || character == ":" || character.isWhitespace
    }

    /// A backslash makes the next character an ordinary one, except in `\t`, `\n`, `\r`, `\f` and
    /// `\uXXXX`.
    private static func unescaped(_ text: Substring) -> String {
        guard text.contains("\\") else { return String(text) }
        var result = ""
        var rest = text
        while let character = rest.popFirst() {
            guard character == "\\", let escaped = rest.popFirst() else {
                result.append(character)
                continue
            }
            switch escaped {
            case "t": result.append("\t")
            case "n": result.append("\n")
            case "r": result.append("\r")
            case "f": result.append("\u{c}")
            case "u":
                if let code = UInt32(rest.prefix(4), radix: 16), let scalar = Unicode.Scalar(code) {
                    result.unicodeScalars.append(scalar)
                    rest = rest.dropFirst(4)
                } else {
                    result.append(escaped)
                }
            default: result.append(escaped)
            }
        }
        return result
    }
}

/// Why a file could not be read, without the path that the message names already.
func systemReason(_ error: any Error) -> String {
    switch (error as? CocoaError)?.code {
    case .fileReadNoSuchFile, .fileNoSuchFile: "no such file"
    case .fileReadNoPermission: "permission denied"
    default: error.localizedDescription
    }
}
