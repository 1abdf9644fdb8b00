package import Jute

extension DataTree {
    /// Empty containers and outlived TTL znodes, for which a leader asks `deleteContainer`.
    ///
    /// - Parameters:
    ///   - now: The wall clock, in milliseconds since 1970.
    ///   - maxNeverUsedMs: How old a container may get that never had a child; 0 for any age.
    ///   - limit: The largest number of paths.
    /// - Returns: Their paths.
    /// - Source: semantics reference, section 7.
    package func sweepCandidates(
        now: Int64, maxNeverUsedMs: Int64 = 300_000, limit: Int = .max
    ) -> [ZnodePath] {
        var paths: [ZnodePath] = []
        sweepable.forEach { number in
            let record = store[number]
            if record.childCount == 0,
                mode(of: ZnodeID(number)).isOutlived(
                    record.stat, now: now, maxNeverUsedMs: maxNeverUsedMs)
            {
                paths.append(ZnodePath(bytes: store.path(of: number)))
            }
            return paths.count < limit
        }
        return paths
    }
}

extension ZnodeMode {
    /// Whether the sweep may take a childless znode of this mode.
    func isOutlived(_ stat: StoredStat, now: Int64, maxNeverUsedMs: Int64) -> Bool {
        let age = now - stat.mtime
        return switch self {
        case .container: stat.cversion > 0 || (maxNeverUsedMs != 0 && age > maxNeverUsedMs)
        case .ttl(let milliseconds): age > milliseconds
        case .persistent, .ephemeral: false
        }
    }
}
