import Foundation
import Logging
import Synchronization

/// One line an event, for people: time of day, level, text, and what else is known.
struct ReadableLogHandler: LogHandler {
    var metadata = Logger.Metadata()
    var logLevel = Logger.Level.info

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let all = metadata.merging(event.metadata ?? [:]) { _, new in new }
        let details = all.sorted { $0.key < $1.key }.map { " \($0.key)=\($0.value)" }.joined()
        let level = "\(event.level)".padding(toLength: 8, withPad: " ", startingAt: 0)
        let line = "\(Self.timeOfDay()) \(level) \(event.message)\(details)\n"
        FileHandle.standardOutput.write(Data(line.utf8))
    }

    private static func timeOfDay() -> String {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        var parts = tm()
        localtime_r(&now.tv_sec, &parts)
        func digits(_ number: some BinaryInteger, _ count: Int) -> String {
            let text = String(number)
            return String(repeating: "0", count: max(0, count - text.count)) + text
        }
        return [
            digits(parts.tm_hour, 2), digits(parts.tm_min, 2), digits(parts.tm_sec, 2),
        ].joined(separator: ":") + "." + digits(now.tv_nsec / 1_000_000, 3)
    }
}
