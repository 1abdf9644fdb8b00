import Backup
import Node
import Replica

/// What an operator has to look at.
enum Alarm: String, Sendable {
    /// A transaction led elsewhere than the leader, or the log, had said.
    case digestMismatch = "digest-mismatch"
    case diskLow = "disk-low"
    /// The last scheduled backup failed.
    case backupFailed = "backup-failed"
    /// Reads and writes are refused until the state is that of a snapshot.
    case restoring

    static func current(
        _ status: NodeStatus, _ disk: DiskSpace?, _ backups: BackupSchedule?, isRestoring: Bool
    ) -> [Alarm] {
        var alarms: [Alarm] = []
        if isRestoring { alarms.append(.restoring) }
        if backups?.status.isFailing == true { alarms.append(.backupFailed) }
        if status.counters.digestMismatches > 0 { alarms.append(.digestMismatch) }
        if disk?.isLow == true { alarms.append(.diskLow) }
        return alarms
    }
}
