/// The header fields of a request, in the order sent.
///
/// Names and values are slices of one block of bytes, which the head of the request shares;
/// values have no blanks at their ends and no control characters but the tab.
package struct HTTPHeaders: Sendable {
    struct Field: Sendable {
        var name: Range<Int32>
        var value: Range<Int32>
    }

    private let bytes: [UInt8]
    private let fields: [Field]

    init(bytes: [UInt8], fields: [Field]) {
        self.bytes = bytes
        self.fields = fields
    }

    /// Header fields from text, for tests of what reads them.
    package init(_ pairs: [(name: String, value: String)]) {
        var bytes: [UInt8] = []
        var fields: [Field] = []
        for pair in pairs {
            let start = Int32(bytes.count)
            bytes.append(contentsOf: pair.name.utf8)
            let middle = Int32(bytes.count)
            bytes.append(contentsOf: pair.value.utf8)
            fields.append(Field(name: start..<middle, value: middle..<Int32(bytes.count)))
        }
        self.init(bytes: bytes, fields: fields)
    }

    package var count: Int { fields.count }

    /// The value of the first field of that name, without regard to ASCII case.
    package subscript(_ name: StaticString) -> ArraySlice<UInt8>? {
        for field in fields where matches(field, name) {
            return slice(field.value)
        }
        return nil
    }

    /// The values of all fields of that name.
    package func values(_ name: StaticString) -> [ArraySlice<UInt8>] {
        var found: [ArraySlice<UInt8>] = []
        for field in fields where matches(field, name) {
            found.append(slice(field.value))
        }
        return found
    }

    package func contains(_ name: StaticString) -> Bool {
        fields.contains { matches($0, name) }
    }

    /// The first value as text; nil when the field is missing or is not valid UTF-8.
    package func text(_ name: StaticString) -> String? {
        guard let value = self[name] else { return nil }
        return String(validating: value, as: UTF8.self)
    }

    package func forEach(_ body: (_ name: ArraySlice<UInt8>, _ value: ArraySlice<UInt8>) -> Void) {
        for field in fields {
            body(slice(field.name), slice(field.value))
        }
    }

    private func slice(_ range: Range<Int32>) -> ArraySlice<UInt8> {
        bytes[Int(range.lowerBound)..<Int(range.upperBound)]
    }

    private func matches(_ field: Field, _ name: StaticString) -> Bool {
        guard field.name.count == name.utf8CodeUnitCount else { return false }
        let start = Int(field.name.lowerBound)
        return name.withUTF8Buffer { wanted in
            for index in 0..<wanted.count
            where lowercased(bytes[start + index]) != lowercased(wanted[index]) {
                return false
            }
            return true
        }
    }
}

/// ASCII letters in lower case, every other byte as it is.
func lowercased(_ byte: UInt8) -> UInt8 {
    (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte | 0x20 : byte
}
