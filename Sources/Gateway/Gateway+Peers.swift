import Jute
import Node
import PeerHTTP
import Zab

extension Gateway {
    /// One look at how the others are, of which the log is told what is new.
    func watchPeers() {
        let status = node.status
        let reports = self.reports
        let addresses = lastKnown.addresses
        let others = Set(options.members.map(\.id)).union(reports.keys).subtracting([node.id])
        var evidence: [PeerID: PeerEvidence] = [:]
        for peer in others {
            evidence[peer] = self.evidence(
                of: peer, status, reports, hasAddress: addresses[peer] != nil)
        }
        let (lines, lost) = peerWatch.look(
            evidence, status, offsets: reports.values.compactMap(\.clockOffset))
        for line in lines { node.recovery.warn(line) }
        for peer in lost { peers.hurry(peer) }
    }

    private func evidence(
        of peer: PeerID, _ status: NodeStatus, _ reports: [PeerID: DatedReport], hasAddress: Bool
    ) -> PeerEvidence {
        var evidence = PeerEvidence()
        let report = peers.reports[peer]
        evidence.hasAddress = hasAddress
        evidence.isRefused = report?.isRefused ?? false
        evidence.isConnected = status.connected.contains(peer)
        // Connections between followers are silent, and HTTP may reach nobody: then all that can be
        // noticed is that a connection ends.
        if reports[peer] == nil, evidence.isConnected { evidence.heardAt = .now }
        evidence.heardAt = [evidence.heardAt, reports[peer]?.receivedAt, status.heardAt[peer]]
            .compactMap { $0 }.max()
        for (witness, dated) in reports where witness != peer && dated.isFresh {
            guard let told = dated.report.peers[peer], told.isUp, let ago = told.lastContact
            else { continue }
            let heard = dated.receivedAt - ago
            evidence.heardByOthersAt = max(evidence.heardByOthersAt ?? heard, heard)
            if let ago = told.hears[node.id] {
                let heardUs = dated.receivedAt - ago
                evidence.heardUsAt = max(evidence.heardUsAt ?? heardUs, heardUs)
            }
        }
        if let own = reports[peer], own.isFresh, let told = own.report.peers[node.id] {
            // One that was never heard, or is thought to be gone, has only just begun.
            evidence.isDeaf =
                !told.isUp && told.failure != nil && told.failure != PeerFailure.gone.rawValue
        }
        return evidence
    }

    /// What the others have said last.
    private var reports: [PeerID: DatedReport] {
        let limit = options.quorumPatience
        var found: [PeerID: DatedReport] = [:]
        for (peer, report) in peers.reports {
            guard let receivedAt = report.receivedAt, let body = report.body,
                let told = PeerReport(body, of: peer)
            else { continue }
            found[peer] = DatedReport(
                report: told, receivedAt: receivedAt, isFresh: .now - receivedAt < limit,
                asked: report.askedAtWallClock, answered: report.receivedAtWallClock)
        }
        return found
    }

    /// How the others are, in `/v1/node`: whoever cannot hear one of them learns it from here.
    func writePeers(to json: inout JSONWriter) {
        let reports = self.reports
        let now = ContinuousClock.now
        json.array { json in
            for peer in options.members.map(\.id) where peer != node.id {
                let health = peerWatch.health(of: peer)
                json.object { json in
                    json.key("id")
                    json.integer(peer)
                    json.key("up")
                    json.bool(health.isUp)
                    json.key("failure")
                    json.optional(health.failure?.rawValue)
                    json.key("lastContactMs")
                    json.optional(health.heardAt.map { max(0, (now - $0).milliseconds) })
                    json.key("hears")
                    json.array { json in
                        guard let told = reports[peer], told.isFresh else { return }
                        let age = now - told.receivedAt
                        for (other, state) in told.report.peers.sorted(by: { $0.key < $1.key }) {
                            guard state.isUp, let ago = state.lastContact else { continue }
                            json.object { json in
                                json.key("id")
                                json.integer(other)
                                json.key("lastContactMs")
                                json.integer((ago + age).milliseconds)
                            }
                        }
                    }
                }
            }
        }
    }

    /// What an operator has to look at on this node.
    func ownAlarms(_ status: NodeStatus, _ disk: DiskSpace?) -> [Alarm] {
        let clock = peerWatch.clock
        var alarms = Alarm.current(
            status, disk, digestWatch.verdict, backups,
            isRestoring: node.restoreGeneration & 1 == 1)
        if clock.hasJumped(now: .now) { alarms.append(.clockJump) }
        if clock.isSkewed { alarms.append(.clockSkew) }
        return alarms
    }
}

/// What a member has said, and when.
private struct DatedReport {
    var report: PeerReport
    var receivedAt: ContinuousClock.Instant
    var isFresh: Bool
    /// When it was asked and had answered, since 1970 by this node's clock.
    var asked: Duration?
    var answered: Duration?

    /// How far its clock is ahead of this node's: the least that fits to what was measured, since
    /// nobody knows at which moment in between it looked at it.
    var clockOffset: Duration? {
        guard isFresh, let time = report.time, let asked, let answered, answered >= asked
        else { return nil }
        if time > answered { return time - answered }
        return time < asked ? time - asked : .zero
    }
}
