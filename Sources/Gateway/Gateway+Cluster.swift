import HTTPServer
import History
import Jute
import Node
import PeerHTTP
import Replica
import Zab
import ZnodeTree

extension Gateway {
    /// `GET /v1/cluster`, at once and also without a quorum, or held until something changes.
    func readCluster(_ call: Call) throws(Problem) -> HTTPResponse? {
        if Accept(call.headers).names("text/event-stream") {
            return streamed(try ClusterStream.open(self, call), "text/event-stream", call)
        }
        let condition = try ReadCondition(headers: call.headers)
        return try hold(call, ClusterWatch.kind, []) { occasion throws(Problem) in
            let response = try self.cluster(condition, call)
            return response.status == 304 && !occasion.isLast ? nil : response
        }
    }

    private func cluster(
        _ condition: ReadCondition, _ call: Call
    ) throws(Problem) -> HTTPResponse {
        let view = clusterView()
        let tag = view.tag
        var headers = headers(call, zxid: view.zxid)
        headers.add("ETag", bytes: tag.text)
        switch condition.verdict(current: tag) {
        case .notModified: return HTTPResponse(status: 304, headers: headers)
        case .failed: throw Problem(.preconditionFailed)
        case .serve: break
        }
        headers.add("Content-Type", "application/json")
        var json = JSONWriter(reserving: 512 + 384 * view.members.count)
        view.write(to: &json)
        return HTTPResponse(status: 200, headers: headers, body: json.bytes)
    }

    func clusterView() -> ClusterView {
        let status = node.status
        let (zxid, announcements) = node.served.read { tree in
            (tree.lastApplied, Gateway.announcements(in: tree))
        }
        let reports = peers.reports
        let now = ContinuousClock.now
        let longestSilence = min(options.quorumPatience, .seconds(4))
        let configured = options.members
        // What members that were taken out have published goes only with their sessions.
        let published = options.configVersion > 0 ? [] : Set(announcements.keys)
        let ids = published.union(configured.map(\.id)).union([status.id])
        let disk = DiskSpace(of: options.dataDirectory)
        let ownAlarms = self.ownAlarms(status, disk).map(\.rawValue)
        let members = ids.sorted().map { id in
            let entry = configured.first { $0.id == id }
            var member = ClusterMember(
                id: id, isVoter: options.quorum.voters.contains(id))
            member.quorumAddress = entry?.quorumAddress
            member.electionAddress = entry?.electionAddress
            member.httpAddress = announcements[id].map { reachable($0.http, id) }
            member.version = announcements[id]?.version
            if id == status.id {
                member.role = "\(status.role.contractName)"
                member.phase = status.protocolStatus.phase.rawValue
                member.zxid = zxid
                member.lastContactMs = 0
                member.version = options.version
                member.alarms = ownAlarms
                member.disk = disk
                member.isUp = true
            } else {
                if let report = reports[id] {
                    member.take(report, now: now, longestSilence: longestSilence)
                }
                member.take(status)
                member.take(peerWatch.health(of: id), now: now)
            }
            return member
        }
        let leader =
            status.isSynchronized
            ? status.protocolStatus.leader ?? (status.role == .leading ? status.id : nil)
            : members.first { $0.role == "leader" && $0.phase == "broadcast" }?.id
        let alarms = Set(members.flatMap(\.alarms)).sorted()
        var view = ClusterView(
            id: options.clusterID ?? node.served.lineage?.name, epoch: status.protocolStatus.epoch,
            leader: leader, zxid: zxid, members: members, quorum: options.quorum, alarms: alarms,
            recovery: recoveryView())
        view.historyFloor = node.history.floor
        return view
    }

    /// What the members publish of themselves.
    private static func announcements(in tree: borrowing DataTree) -> [PeerID: NodeAnnouncement] {
        var found: [PeerID: NodeAnnouncement] = [:]
        for (id, data) in Announcements.all(in: tree) { found[id] = NodeAnnouncement(data) }
        return found
    }

    /// An address that means the member's machine: `0.0.0.0` means the asker's own.
    private func reachable(_ http: String, _ id: PeerID) -> String {
        for wildcard in ["0.0.0.0:", "[::]:"] where http.hasPrefix(wildcard) {
            guard let quorum = options.members.first(where: { $0.id == id })?.quorumAddress,
                let colon = quorum.lastIndex(of: ":")
            else { return http }
            return quorum[..<colon] + ":" + http.dropFirst(wildcard.count)
        }
        return http
    }

    // MARK: Asking the others

    /// Where the other members publish that they are reached, as `host:port`.
    func memberAddresses() -> [PeerID: String] {
        var addresses: [PeerID: String] = [:]
        let announcements = node.served.read { Gateway.announcements(in: $0) }
        for (id, announcement) in announcements where id != node.id {
            addresses[id] = reachable(announcement.http, id)
        }
        return addresses
    }

    /// Where the members of the quorum that holds this node are reached: of another ensemble's,
    /// this node's own state does not tell.
    func quorumAddresses() -> [PeerID: String] {
        guard let told = node.recovery.report?.announcements, !told.isEmpty else {
            return lastKnown.merge(memberAddresses())
        }
        var addresses: [PeerID: String] = [:]
        for (id, data) in told where id != node.id {
            addresses[id] = NodeAnnouncement(data).map { reachable($0.http, id) }
        }
        return addresses
    }

    /// Begins to ask the other members how they are.
    package func start() {
        clusterWatch.start { [weak self] in
            guard let self else { return nil }
            self.watchPeers()
            let view = self.clusterView()
            self.node.note(
                full: Set(
                    view.members.filter { $0.alarms.contains(Alarm.noSpace.rawValue) }.map(\.id)))
            return view.tag
        }
        historyCompletion.start(pause: .seconds(1)) { [weak self] in
            await self?.completeHistory()
            return self != nil
        }
        restoreResumption.start(pause: .seconds(1)) { [weak self] in
            await self?.restores.resumeIfLeft()
            return self != nil
        }
        flagWatch.start(pause: .seconds(1)) { [weak self] in
            await self?.lookForFlags()
            return self != nil
        }
        digestComparison.start(pause: .seconds(1)) { [weak self] in
            await self?.compareDigests()
            return self != nil
        }
        let pause = options.scrubInterval
        scrubbing.start(pause: pause) { [weak self] in
            await self?.scrub()
            return self != nil
        }
        let known = lastKnown
        peers.start(
            addresses: { [weak self] in
                self.map { known.merge($0.memberAddresses()) } ?? [:]
            },
            isInHurry: { [weak self] in
                self.map {
                    known.isUnsettled($0.node.standing.role) || $0.peerWatch.isWorried
                } ?? false
            })
    }

    package func stop() async {
        await clusterWatch.stop()
        await historyCompletion.stop()
        await restoreResumption.stop()
        await restoreTask.stop()
        await flagWatch.stop()
        await digestComparison.stop()
        await scrubbing.stop()
        await peers.stop()
    }
}
