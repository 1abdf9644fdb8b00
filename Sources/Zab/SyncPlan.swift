import Jute

/// How a leader brings a learner's history in line with its own.
enum SyncPlan: Equatable {
    /// Send what follows the learner's last zxid. `zxid` is what the DIFF packet says.
    case diff(zxid: Zxid, after: Zxid)
    /// Let the learner cut its log after `zxid`, which is then all that this history holds.
    case trunc(Zxid)
    /// Send the whole state.
    case snap

    /// Chooses, in the order of the original's cases.
    ///
    /// Its case 5, reading old log files for the DIFF, is left out on purpose: those files are not
    /// always a gap-free committed history (ZOOKEEPER-2846). The window in memory is larger
    /// instead.
    ///
    /// - Parameters:
    ///   - last: The learner's last logged zxid, from ACKEPOCH.
    ///   - history: The leader's.
    ///   - committed: Up to where the leader's history holds: its whole log while it is being
    ///     established, its last committed zxid afterwards.
    /// - Returns: The plan.
    /// - Source: quorum protocol reference, section 5.2.
    static func choose(last: Zxid, history: History, committed: Zxid) -> SyncPlan {
        if last == committed { return .diff(zxid: last, after: last) }
        guard last >= .zero else { return .snap }
        // `committed` is `e|0` only when this server itself began with a snapshot of that name:
        // nothing says which transactions such a state holds.
        if committed.beginsEpoch { return .snap }
        if last > committed { return last.beginsEpoch ? .snap : .trunc(committed) }
        guard last >= history.floor else { return .snap }
        if history.reaches(last) || last.beginsEpoch {
            return .diff(zxid: committed, after: last)
        }
        // The learner logged something that this history never had. Within an epoch there are no
        // gaps, so what follows here is of a later epoch, and the original sends its state then.
        // A TRUNC that more follows would also leave a hole in the window of a Java learner,
        // which it hands on as a leader (ZOOKEEPER-4925).
        return .snap
    }
}
