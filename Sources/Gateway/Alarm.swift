import Backup
import Node
import Replica
import Zab

/// What an operator has to look at.
enum Alarm: String, CaseIterable, Sendable {
    /// A transaction led elsewhere than the leader, or the log, had said.
    case digestMismatch = "digest-mismatch"
    /// Less than a twentieth is free, and less than a gibibyte.
    case diskLow = "disk-low"
    /// The last scheduled backup failed.
    case backupFailed = "backup-failed"
    /// Reads and writes are refused until the state is that of a snapshot.
    case restoring
    /// Its disk has no room for data to grow.
    case noSpace = "no-space"
    /// A write or sync of its disk has failed: it takes no part any more, and its process ends.
    case diskFailed = "disk-failed"
    /// An `fdatasync` takes longer than is configured, or did a moment ago.
    case slowDisk = "slow-disk"
    /// Its wall clock was set by more than a second less than a minute ago.
    case clockJump = "clock-jump"
    /// Its wall clock differs from half of the members' by more than a second.
    case clockSkew = "clock-skew"
    /// It takes no part until a person has decided.
    case held
    /// It may lack what it has acknowledged, and looks for a leader whose whole state it can get.
    case lostData = "lost-data"
    /// A server of the configuration has another ensemble's data.
    case stranger

    /// Its state differs from another member's at the same zxid, and it is not known to be right.
    case digestDiffers = "digest-differs"

    static func current(
        _ status: NodeStatus, _ disk: DiskSpace?, _ digests: DigestVerdict,
        _ backups: BackupSchedule?, isRestoring: Bool
    ) -> [Alarm] {
        var alarms: [Alarm] = []
        if isRestoring { alarms.append(.restoring) }
        if backups?.status.isFailing == true { alarms.append(.backupFailed) }
        if status.counters.unrepairedMismatches > 0 { alarms.append(.digestMismatch) }
        if status.protocolStatus.hold != nil { alarms.append(.held) }
        if case .mayHaveLost = status.standing { alarms.append(.lostData) }
        if !status.strangers.isEmpty { alarms.append(.stranger) }
        if status.isOutOfSpace { alarms.append(.noSpace) }
        if status.hasDiskFailed { alarms.append(.diskFailed) }
        switch digests {
        case .same, .outvotes: break
        case .outvoted, .undecided: alarms.append(.digestDiffers)
        }
        if disk?.isLow == true { alarms.append(.diskLow) }
        if status.isDiskSlow { alarms.append(.slowDisk) }
        return alarms
    }
}
