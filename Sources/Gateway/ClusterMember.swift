import Jute
import Node
import PeerHTTP
import Zab

/// One line of `/v1/cluster`.
struct ClusterMember: Equatable, Sendable {
    let id: PeerID
    let isVoter: Bool
    var role = "down"
    var phase: String?
    var zxid: Zxid?
    /// Nil for what was never heard of.
    var lastContactMs: Int64?
    var version: String?
    var httpAddress: String?
    var quorumAddress: String?
    var electionAddress: String?
    var alarms: [String] = []
    /// Room on the disk of its data.
    var disk: DiskSpace?
    /// Whether it is heard.
    var isUp = false
    var failure: PeerFailure?
    /// Whether it ever said something over HTTP.
    private var wasHeard = false

    init(id: PeerID, isVoter: Bool) {
        self.id = id
        self.isVoter = isVoter
    }

    /// Whether it counts for a quorum now.
    var takesPart: Bool { role == "leader" || role == "follower" }

    /// Transactions behind a state; nil where numbers of two epochs cannot be compared.
    func lag(behind leader: Zxid?) -> Int64? {
        guard let leader, let zxid, leader.epoch == zxid.epoch else { return nil }
        return max(0, Int64(leader.counter) - Int64(zxid.counter))
    }

    /// Takes what the member said of itself over HTTP.
    ///
    /// - Parameters:
    ///   - report: Its last answer.
    ///   - now: The time.
    ///   - longestSilence: How old that may be before it says nothing any more.
    mutating func take(
        _ report: PeerPoller.Report, now: ContinuousClock.Instant, longestSilence: Duration
    ) {
        guard let receivedAt = report.receivedAt, let body = report.body,
            let told = PeerReport(body, of: id)
        else { return }
        let age = now - receivedAt
        lastContactMs = max(0, age.milliseconds)
        version = told.version
        wasHeard = true
        guard age < longestSilence else { return }
        role = told.role
        phase = told.phase
        zxid = told.zxid
        alarms = told.alarms
        disk = told.disk
    }

    /// Takes what was found out of its health, which wins over what it said last.
    mutating func take(_ health: PeerHealth, now: ContinuousClock.Instant) {
        isUp = health.isUp
        failure = health.failure
        if let heardAt = health.heardAt { lastContactMs = max(0, (now - heardAt).milliseconds) }
        guard failure != nil, !isUp else { return }
        role = "down"
        phase = nil
    }

    /// Takes what this node knows of it from the protocol itself. A member without HTTP, as a
    /// ZooKeeper server is, is known by nothing else.
    mutating func take(_ status: NodeStatus) {
        if let learner = status.learners.first(where: { $0.id == id }), learner.isActive {
            role = isVoter ? "follower" : "observer"
            phase = Status.Phase.broadcast.rawValue
            if zxid == nil { zxid = learner.acknowledged }
            lastContactMs = lastContactMs ?? 0
        } else if status.isSynchronized, status.protocolStatus.leader == id {
            role = "leader"
            phase = Status.Phase.broadcast.rawValue
            lastContactMs = lastContactMs ?? 0
        } else if status.isSynchronized, !wasHeard, status.connected.contains(id) {
            // Its election connection is open. It may be too new to have been asked.
            role = isVoter ? "follower" : "observer"
        }
    }
}
