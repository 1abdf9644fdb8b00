/// The parameters of a query: form encoding, decoded once, each name at most once unless the
/// resource takes lists.
package struct Query: Sendable {
    private struct Parameter {
        var name: String
        /// Nil without an equals sign.
        var value: String?
    }

    private let parameters: [Parameter]

    package static let empty = Query(parameters: [])

    private init(parameters: [Parameter]) {
        self.parameters = parameters
    }

    package var isEmpty: Bool { parameters.isEmpty }

    /// - Parameter raw: What follows the question mark, as sent.
    /// - Throws: `bad-parameter` for bad escapes and invalid UTF-8.
    package init(_ raw: ArraySlice<UInt8>?) throws(Problem) {
        guard let raw else {
            self = .empty
            return
        }
        var parameters: [Parameter] = []
        for part in raw.split(separator: UInt8(ascii: "&")) {
            let equals = part.firstIndex(of: UInt8(ascii: "="))
            let name = try Query.decode(part[..<(equals ?? part.endIndex)])
            var value: String?
            if let equals { value = try Query.decode(part[(equals + 1)...]) }
            parameters.append(Parameter(name: name, value: value))
        }
        self.init(parameters: parameters)
    }

    private static func decode(_ text: ArraySlice<UInt8>) throws(Problem) -> String {
        guard let bytes = PercentEncoding.decode(text, plusIsSpace: true),
            let string = String(validating: bytes, as: UTF8.self)
        else { throw Problem(.badParameter, "The query is not percent-encoded UTF-8.") }
        return string
    }

    /// Refuses what the resource does not know, and what it knows but this version lacks.
    ///
    /// - Parameters:
    ///   - known: The resource's parameters.
    ///   - unbuilt: Those of the contract that are not built.
    ///   - lists: Those that may be there several times.
    /// - Throws: `unimplemented` or `bad-parameter`.
    package func check(
        known: [String], unbuilt: [String] = [], lists: [String] = []
    ) throws(Problem) {
        for (index, parameter) in parameters.enumerated() {
            let name = parameter.name
            if unbuilt.contains(name) {
                throw Problem(.unimplemented, "The parameter \(name) is not built yet.")
            }
            guard known.contains(name) else {
                let list = known.isEmpty ? "none" : known.joined(separator: ", ")
                throw Problem(
                    .badParameter, "A parameter is not known here. Known are: \(list).")
            }
            if !lists.contains(name), parameters[..<index].contains(where: { $0.name == name }) {
                throw Problem(.badParameter, "The parameter \(name) is there twice.")
            }
        }
    }

    package func contains(_ name: String) -> Bool {
        parameters.contains { $0.name == name }
    }

    /// All values of a parameter that may be there several times.
    ///
    /// - Throws: `bad-parameter` for one without a value.
    package func texts(_ name: String) throws(Problem) -> [String] {
        try parameters.filter { $0.name == name }.map { parameter throws(Problem) in
            guard let value = parameter.value, !value.isEmpty else {
                throw Problem(.badParameter, "The parameter \(name) needs a value.")
            }
            return value
        }
    }

    /// The value; nil when the parameter is missing.
    ///
    /// - Throws: `bad-parameter` for a parameter without a value.
    package func text(_ name: String) throws(Problem) -> String? {
        guard let parameter = parameters.first(where: { $0.name == name }) else { return nil }
        guard let value = parameter.value, !value.isEmpty else {
            throw Problem(.badParameter, "The parameter \(name) needs a value.")
        }
        return value
    }

    /// Set by `?name`, `?name=true` and `?name=1`; unset by `false` and `0`.
    package func flag(_ name: String, default missing: Bool = false) throws(Problem) -> Bool {
        guard let parameter = parameters.first(where: { $0.name == name }) else { return missing }
        switch parameter.value {
        case nil, "true", "1": return true
        case "false", "0": return false
        default: throw Problem(.badParameter, "The parameter \(name) is true or false.")
        }
    }

    package func integer(
        _ name: String, in range: ClosedRange<Int64>
    ) throws(Problem) -> Int64? {
        guard let text = try text(name) else { return nil }
        guard let value = Int64(text), range.contains(value), text.first != "+" else {
            throw Problem(
                .badParameter,
                "The parameter \(name) is a number from \(range.lowerBound) to \(range.upperBound)."
            )
        }
        return value
    }

    /// ZooKeeper's version number; -1 is no condition and gives nil, as a missing one does.
    package func version() throws(Problem) -> Int32? {
        let range = Int64(Int32.min)...Int64(Int32.max)
        guard let version = try integer("version", in: range), version != -1 else { return nil }
        return Int32(version)
    }

    package func duration(_ name: String) throws(Problem) -> Duration? {
        guard let text = try text(name) else { return nil }
        guard let duration = Duration(parsing: text) else {
            throw Problem(
                .badParameter, "The parameter \(name) is a duration: 30s, 500ms, 5m, 2h, 7d or 30.")
        }
        return duration
    }

    /// One of the raw values of an enumeration.
    package func choice<Choice: RawRepresentable & CaseIterable>(
        _ name: String, _ type: Choice.Type
    ) throws(Problem) -> Choice? where Choice.RawValue == String {
        guard let text = try text(name) else { return nil }
        guard let choice = Choice(rawValue: text) else {
            let list = Choice.allCases.map(\.rawValue).joined(separator: ", ")
            throw Problem(.badParameter, "The parameter \(name) is one of \(list).")
        }
        return choice
    }
}
