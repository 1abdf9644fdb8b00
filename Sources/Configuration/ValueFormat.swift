import Foundation

/// How the text of one kind of value is read, and what to tell who wrote another.
struct ValueFormat<Value>: Sendable {
    /// Completes "takes …".
    let allowed: String
    let read: @Sendable (String) -> Value?

    func callAsFunction(_ text: String) throws(BadValue) -> Value {
        guard let value = read(text) else { throw BadValue("takes \(allowed)") }
        return value
    }

    func map<Other>(
        _ transform: @escaping @Sendable (Value) -> Other
    ) -> ValueFormat<Other> {
        ValueFormat<Other>(allowed: allowed) { read($0).map(transform) }
    }
}

extension ValueFormat where Value == Bool {
    static var flag: Self {
        ValueFormat(allowed: "true or false") { text in
            switch text.lowercased() {
            case "true", "yes", "on", "1": true
            case "false", "no", "off", "0": false
            default: nil
            }
        }
    }
}

extension ValueFormat where Value == Int {
    static func number(_ range: ClosedRange<Int>, of unit: String? = nil) -> Self {
        let of = unit.map { " of \($0)" } ?? ""
        return ValueFormat(
            allowed: range.upperBound == .max
                ? "a whole number\(of), at least \(range.lowerBound)"
                : "a whole number\(of) from \(range.lowerBound) to \(range.upperBound)"
        ) { text in
            guard let number = Int(decimal: text), range.contains(number) else { return nil }
            return number
        }
    }

    /// A count that may grow as far as it likes.
    static func number(atLeast minimum: Int, of unit: String? = nil) -> Self {
        number(minimum...Int.max, of: unit)
    }

    static var listeningPort: Self { number(0...65_535) }

    static var bytes: Self {
        let units = [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1 << 40)]
        return ValueFormat(allowed: "a size such as 512MiB or 4GiB, or a number of bytes") { text in
            for (suffix, factor) in units where text.hasSuffix(suffix) {
                guard let count = Int(decimal: text.dropLast(suffix.count)) else { return nil }
                let (bytes, overflow) = count.multipliedReportingOverflow(by: factor)
                return overflow ? nil : bytes
            }
            return Int(decimal: text)
        }
    }
}

extension ValueFormat where Value == Double {
    static var ratio: Self {
        ValueFormat(allowed: "a number from 0 to 1") { text in
            guard let number = Double(text), 0...1 ~= number else { return nil }
            return number
        }
    }
}

extension ValueFormat where Value == Duration {
    /// Durations of the HTTP contract: `500ms`, `30s`, `5m`, `2h`, `7d`, or bare seconds; not zero.
    static var duration: Self {
        let units = [
            ("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000),
        ]
        return ValueFormat(allowed: "a duration such as 500ms, 30s, 5m, 2h or 7d") { text in
            let (suffix, factor) = units.first { text.hasSuffix($0.0) } ?? ("", 1000)
            guard let count = Int(decimal: text.dropLast(suffix.count)), count > 0 else {
                return nil
            }
            let (milliseconds, overflow) = count.multipliedReportingOverflow(by: factor)
            return overflow ? nil : .milliseconds(milliseconds)
        }
    }

    static func milliseconds(atLeast minimum: Int) -> Self {
        // Bounded, so that no sum or product of two timeouts can overflow.
        ValueFormat<Int>.number(minimum...Int(Int32.max), of: "milliseconds").map {
            .milliseconds($0)
        }
    }
}

extension ValueFormat where Value == String {
    static var host: Self {
        ValueFormat(allowed: "a host name or an IP address") { text in
            let host =
                text.hasPrefix("[") && text.hasSuffix("]")
                ? String(text.dropFirst().dropLast()) : text
            return HostPort.isHost(host) ? host : nil
        }
    }

    static var path: Self {
        ValueFormat(allowed: "a path") { $0.isEmpty || $0.utf8.contains(0) ? nil : $0 }
    }

    /// What can stand in an `Authorization` header.
    static var token: Self {
        ValueFormat(allowed: "at least 8 visible ASCII characters") { text in
            text.utf8.count >= 8 && text.utf8.allSatisfy { 0x21...0x7e ~= $0 } ? text : nil
        }
    }

    static var name: Self {
        ValueFormat(allowed: "1 to 64 letters, digits, dots, dashes or underscores") { text in
            let allowed = text.utf8.allSatisfy {
                UInt8(ascii: "a") <= $0 | 0x20 && $0 | 0x20 <= UInt8(ascii: "z")
                    || UInt8(ascii: "0") <= $0 && $0 <= UInt8(ascii: "9")
                    || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "-")
                    || $0 == UInt8(ascii: "_")
            }
            return 1...64 ~= text.utf8.count && allowed ? text : nil
        }
    }
}

extension ValueFormat where Value == [String] {
    /// A list with commas between its members, every one lower case.
    static func list(of allowed: String, _ accepts: @escaping @Sendable (String) -> Bool) -> Self {
        ValueFormat(allowed: "\(allowed), with commas between them") { text in
            let members = text.split(separator: ",").map {
                $0.trimmingCharacters(in: .whitespaces).lowercased()
            }
            return members.allSatisfy(accepts) ? members : nil
        }
    }

    static var hosts: Self { list(of: "host names without ports") { HostPort.isHost($0) } }

    static var origins: Self {
        list(of: "origins such as https://example.org:8443") { origin in
            guard let scheme = ["http://", "https://"].first(where: origin.hasPrefix),
                let address = HostPort.split(origin.dropFirst(scheme.count)[...]),
                address.rest.count <= 1
            else { return false }
            return address.rest.allSatisfy { HostPort.port($0) != nil }
        }
    }
}
