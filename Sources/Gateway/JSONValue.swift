/// A JSON value as a request body holds it.
package enum JSONValue: Equatable, Sendable {
    case null
    case bool(Bool)
    /// A number without fraction and exponent that fits exactly.
    case integer(Int64)
    /// Any other number, as written.
    case number(String)
    /// Valid UTF-8. Bytes, because znode names are compared as bytes.
    case string([UInt8])
    case array([JSONValue])
    case object(JSONObject)
    /// Written already; never the result of parsing.
    case verbatim([UInt8])

    package static func text(_ string: String) -> JSONValue { .string(Array(string.utf8)) }

    package var text: String? {
        if case .string(let utf8) = self { String(decoding: utf8, as: UTF8.self) } else { nil }
    }
}

/// The members of a JSON object in their order, each name once.
package struct JSONObject: Equatable, Sendable {
    package struct Member: Equatable, Sendable {
        package var key: [UInt8]
        package var value: JSONValue

        package init(key: [UInt8], value: JSONValue) {
            self.key = key
            self.value = value
        }
    }

    package var members: [Member]

    package init(_ members: [Member] = []) {
        self.members = members
    }

    package subscript(_ name: StaticString) -> JSONValue? {
        name.withUTF8Buffer { wanted in
            members.first { $0.key.elementsEqual(wanted) }?.value
        }
    }

    /// Refuses members that the request does not have: a misspelt condition must not be ignored.
    package func checkNames(_ known: Set<String>) throws(Problem) {
        for member in members {
            let name = String(decoding: member.key, as: UTF8.self)
            guard known.contains(name) else {
                throw Problem(
                    .badRequest,
                    "The body has a member that this request does not know; "
                        + "known are \(known.sorted().joined(separator: ", ")).")
            }
        }
    }
}
