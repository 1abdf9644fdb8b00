/// Latencies in buckets whose width is below 1 % of their value, as HdrHistogram has them.
struct Histogram {
    /// Of each power of two.
    private static let steps = 128
    private var counts = [UInt64](repeating: 0, count: (64 - 7 + 1) * steps)
    private(set) var count: UInt64 = 0
    /// Nanoseconds.
    private(set) var maximum: UInt64 = 0
    private var sum: Double = 0

    mutating func record(_ nanoseconds: UInt64) {
        counts[Self.bucket(nanoseconds)] += 1
        count += 1
        sum += Double(nanoseconds)
        maximum = max(maximum, nanoseconds)
    }

    /// Nanoseconds; 0 if nothing was recorded.
    var mean: Double { count == 0 ? 0 : sum / Double(count) }

    /// The value that this share of all values does not exceed, in nanoseconds; 0 if there are none.
    func quantile(_ share: Double) -> UInt64 {
        let wanted = UInt64((share * Double(count)).rounded(.up))
        var seen: UInt64 = 0
        for (bucket, number) in counts.enumerated() where number > 0 {
            seen += number
            if seen >= wanted { return min(Self.upperBound(bucket), maximum) }
        }
        return maximum
    }

    private static func bucket(_ value: UInt64) -> Int {
        let shift = max(0, 64 - value.leadingZeroBitCount - 8)
        return shift * steps + Int(value >> UInt64(shift))
    }

    private static func upperBound(_ bucket: Int) -> UInt64 {
        let shift = max(0, bucket / steps - 1)
        return (UInt64(bucket - shift * steps + 1) << UInt64(shift)) - 1
    }
}
