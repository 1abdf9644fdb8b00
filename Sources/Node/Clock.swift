import Foundation

/// Milliseconds since 1970.
func currentTimeMillis() -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
}

extension Duration {
    /// The time since 1970.
    static func sinceEpoch() -> Duration { .milliseconds(currentTimeMillis()) }
}

/// Ends the process at once, after one line for its operator.
func exitProcess(_ reason: String) -> Never {
    FileHandle.standardError.write(Data("aviary: \(reason)\n".utf8))
    _exit(1)
}
