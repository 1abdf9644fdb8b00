import Node
import Replica

/// What an operator has to look at.
enum Alarm: String, Sendable {
    /// A transaction led elsewhere than the leader, or the log, had said.
    case digestMismatch = "digest-mismatch"
    case diskLow = "disk-low"

    static func current(_ status: NodeStatus, _ disk: DiskSpace?) -> [Alarm] {
        var alarms: [Alarm] = []
        if status.counters.digestMismatches > 0 { alarms.append(.digestMismatch) }
        if disk?.isLow == true { alarms.append(.diskLow) }
        return alarms
    }
}
