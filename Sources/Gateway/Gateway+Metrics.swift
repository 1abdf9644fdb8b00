import Backup
import HTTPServer
import Jute
import Node
import Replica
import Zab
import ZnodeTree

extension Gateway {
    /// `GET /metrics`.
    func readMetrics(_ call: Call) -> HTTPResponse {
        let status = node.status
        let tree = node.served.view()
        var text = PrometheusText()
        metrics.write(to: &text)
        if let server = serverStatistics { text.write(server) }
        text.write(status)
        text.write(tree)
        text.single(
            "aviary_scrubs_total", .counter, "How often the whole state was read again.",
            digestWatch.scrubs)
        if let disk = DiskSpace(of: options.dataDirectory) {
            text.family("aviary_disk_bytes", .gauge, "The file system of the data directory.")
            text.sample(labels: [("kind", "total")], disk.totalBytes)
            text.sample(labels: [("kind", "free")], disk.freeBytes)
        }
        if let backups { text.write(backups.status) }
        text.single(
            "aviary_uptime_seconds", .gauge, "Since the start of the node.",
            Double((.now - startedAt).milliseconds) / 1_000)
        text.family("aviary_info", .gauge, "Versions; the value is 1.")
        text.sample(
            labels: [("version", options.version)]
                + options.libraryVersions.map { ($0.name, $0.version) }, 1)
        var headers = headers(call, zxid: tree.lastApplied)
        headers.add("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
        return HTTPResponse(status: 200, headers: headers, body: Array(text.text.utf8))
    }
}

extension PrometheusText {
    fileprivate mutating func write(_ server: HTTPServerStatistics) {
        single("aviary_http_connections", .gauge, "Open connections.", server.connections)
        single(
            "aviary_http_connections_limit", .gauge, "Connections beyond this are refused.",
            server.connectionLimit)
        single("aviary_http_waiting", .gauge, "Requests that wait for an answer.", server.waiting)
        single(
            "aviary_http_refused_total", .counter,
            "Requests refused for their framing, size or speed.", server.refused)
    }

    fileprivate mutating func write(_ status: NodeStatus) {
        family("aviary_role", .gauge, "1 for the role that the node has.")
        for role in [Status.Role.looking, .following, .leading, .observing] {
            sample(labels: [("role", "\(role.contractName)")], status.role == role ? 1 : 0)
        }
        single(
            "aviary_synchronized", .gauge, "Whether the node is in the quorum and in line with it.",
            status.isSynchronized ? 1 : 0)
        single("aviary_epoch", .gauge, "The current epoch.", status.currentEpoch)
        family(
            "aviary_zxid_counter", .gauge, "The lower half of a zxid: served, logged, on disk.")
        sample(labels: [("state", "committed")], status.committed.counter)
        sample(labels: [("state", "logged")], status.logged.counter)
        sample(labels: [("state", "durable")], status.durable.counter)
        family("aviary_zxid_epoch", .gauge, "The upper half of a zxid: served, logged, on disk.")
        sample(labels: [("state", "committed")], status.committed.epoch)
        sample(labels: [("state", "logged")], status.logged.epoch)
        sample(labels: [("state", "durable")], status.durable.epoch)
        single(
            "aviary_learners", .gauge, "Servers that follow this one.",
            status.learners.count(where: \.isActive))
        single(
            "aviary_writes_pending", .gauge, "Writes that wait for their transaction.",
            status.pendingWrites)
        single(
            "aviary_writes_parked", .gauge, "Writes that wait for a leader.", status.parkedWrites)
        let counters = status.counters
        single("aviary_proposals_total", .counter, "Proposals made.", counters.proposed)
        single("aviary_commits_total", .counter, "Transactions applied.", counters.committed)
        single(
            "aviary_forwarded_total", .counter, "Writes sent to the leader.", counters.forwarded)
        single(
            "aviary_retries_total", .counter, "Writes compiled again for a stale view.",
            counters.retried)
        single("aviary_elections_total", .counter, "Elections begun.", counters.elections)
        single(
            "aviary_digest_mismatches_total", .counter,
            "Transactions that led elsewhere than foretold.", counters.digestMismatches)
        single(
            "aviary_repairs_total", .counter,
            "States that were found to be another one than the quorum's.", counters.repairs)
        single(
            "aviary_snapshots_received_total", .counter, "Whole states taken from a leader.",
            counters.snapshotsReceived)
    }

    fileprivate mutating func write(_ backups: BackupSchedule.Status) {
        single("aviary_backups_total", .counter, "Scheduled backups taken.", backups.taken)
        single(
            "aviary_backups_failed_total", .counter, "Scheduled backups that failed.",
            backups.failed)
        single(
            "aviary_backup_failing", .gauge, "Whether the last scheduled backup failed.",
            backups.isFailing ? 1 : 0)
        if let time = backups.time {
            single(
                "aviary_backup_time_seconds", .gauge,
                "When the state was last backed up, since 1970.", Double(time) / 1_000)
            single(
                "aviary_backup_bytes", .gauge, "Size of the last scheduled backup.",
                backups.sizeBytes)
        }
    }

    fileprivate mutating func write(_ tree: DataTree) {
        single("aviary_znodes", .gauge, "Znodes.", tree.nodeCount)
        single("aviary_data_bytes", .gauge, "Bytes of all values.", tree.dataBytes)
        single("aviary_ephemerals", .gauge, "Ephemeral znodes.", tree.ephemeralCount)
        single("aviary_sessions", .gauge, "Sessions, the nodes' own included.", tree.sessionCount)
        let memory = tree.memory
        family("aviary_tree_memory_bytes", .gauge, "What the tree takes.")
        sample(labels: [("kind", "records")], memory.recordBytes)
        sample(labels: [("kind", "payload")], memory.payloadBytes)
        sample(labels: [("kind", "index")], memory.indexBytes)
    }
}
