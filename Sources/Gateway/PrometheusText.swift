/// Writes Prometheus' text exposition format, version 0.0.4.
struct PrometheusText: Sendable {
    enum Kind: String, Sendable {
        case counter, gauge, histogram
    }

    private(set) var text = ""
    private var name = ""

    /// Begins a metric; the samples that follow are its own.
    mutating func family(_ name: String, _ kind: Kind, _ help: String) {
        self.name = name
        text += "# HELP \(name) \(help)\n# TYPE \(name) \(kind.rawValue)\n"
    }

    mutating func sample(labels: [(String, String)] = [], _ value: some Numeric) {
        sample(suffix: "", labels, "\(value)")
    }

    /// A metric with one sample.
    mutating func single(
        _ name: String, _ kind: Kind, _ help: String, _ value: some Numeric
    ) {
        family(name, kind, help)
        sample(value)
    }

    mutating func histogram(labels: [(String, String)], _ histogram: Histogram) {
        var cumulative = 0
        for (index, bound) in Histogram.bounds.enumerated() {
            cumulative += histogram.counts[index]
            sample(suffix: "_bucket", labels + [("le", bound.label)], "\(cumulative)")
        }
        sample(suffix: "_bucket", labels + [("le", "+Inf")], "\(histogram.count)")
        sample(suffix: "_sum", labels, "\(Double(histogram.sumNanoseconds) / 1e9)")
        sample(suffix: "_count", labels, "\(histogram.count)")
    }

    private mutating func sample(suffix: String, _ labels: [(String, String)], _ value: String) {
        text += name + suffix
        if !labels.isEmpty {
            let list = labels.map { "\($0.0)=\"\(PrometheusText.escaped($0.1))\"" }
            text += "{" + list.joined(separator: ",") + "}"
        }
        text += " " + value + "\n"
    }

    private static func escaped(_ value: String) -> String {
        var escaped = ""
        for character in value {
            switch character {
            case "\\": escaped += "\\\\"
            case "\"": escaped += "\\\""
            case "\n": escaped += "\\n"
            default: escaped.append(character)
            }
        }
        return escaped
    }
}
