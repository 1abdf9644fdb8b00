import Jute
import Zab

/// The ensemble as this node knows it at one moment.
struct ClusterView: Equatable, Sendable {
    /// Names the ensemble; nil while it has no name.
    var id: String?
    var epoch: Epoch
    var leader: PeerID?
    var zxid: Zxid
    var members: [ClusterMember]
    var quorum: QuorumVerifier
    var alarms: [String]
    /// This node has every event behind it.
    var historyFloor = Zxid.zero
    /// How the node that was asked stands.
    var recovery: RecoveryView

    /// Whether there is a leader with a quorum: a leader without one steps down.
    var isHealthy: Bool { leader != nil }

    /// How many voters more may fail without the ensemble losing its quorum.
    var failureTolerance: Int {
        let live = Set(members.filter { $0.isVoter && $0.takesPart }.map(\.id))
        guard isHealthy, quorum.isQuorum(live) else { return 0 }
        if case .majority(let voters) = quorum { return live.count - voters.count / 2 - 1 }
        var tolerance = 0
        while tolerance < live.count, survives(losing: tolerance + 1, of: Array(live)) {
            tolerance += 1
        }
        return tolerance
    }

    /// Whether every loss of `count` servers leaves a quorum.
    private func survives(losing count: Int, of live: [PeerID], from start: Int = 0) -> Bool {
        if count == 0 { return quorum.isQuorum(Set(live)) }
        return live.indices.dropFirst(start).allSatisfy { index in
            var rest = live
            rest.remove(at: index)
            return survives(losing: count - 1, of: rest, from: index)
        }
    }

    /// Weak: over what a change of would interest somebody who waits, not over every zxid.
    var tag: EntityTag {
        var text = "\(id ?? "")|\(epoch)|\(leader ?? -1)|\(isHealthy)|\(alarms)|\(recovery)"
        for member in members {
            text += "|\(member.id) \(member.role) \(member.phase ?? "") \(member.alarms)"
            text += " \(member.isUp) \(member.failure?.rawValue ?? "")"
        }
        // FNV-1a.
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in text.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        var opaque: [UInt8] = []
        opaque.append(hexadecimal: hash)
        return EntityTag(opaque: opaque, isWeak: true)
    }

    func write(to json: inout JSONWriter) {
        let leaderZxid = members.first { $0.id == leader }?.zxid ?? (isHealthy ? zxid : nil)
        json.beginObject()
        json.key("id")
        json.optional(id)
        json.key("epoch")
        json.integer(epoch)
        json.key("leader")
        json.optional(leader)
        json.key("zxid")
        json.zxid(zxid)
        json.key("healthy")
        json.bool(isHealthy)
        json.key("failureTolerance")
        json.integer(failureTolerance)
        json.key("members")
        json.array { json in
            for member in members { json.member(member, lag: member.lag(behind: leaderZxid)) }
        }
        json.key("history")
        json.object { json in
            json.key("oldest")
            json.zxid(historyFloor)
        }
        json.key("alarms")
        json.array { json in
            for alarm in alarms { json.string(alarm) }
        }
        json.key("recovery")
        json.recovery(recovery)
        json.endObject()
    }
}

extension JSONWriter {
    mutating func optional(_ text: String?) {
        if let text { string(text) } else { null() }
    }

    fileprivate mutating func member(_ member: ClusterMember, lag: Int64?) {
        object { json in
            json.key("id")
            json.integer(member.id)
            json.key("role")
            json.string(member.role)
            json.key("phase")
            json.optional(member.phase)
            json.key("zxid")
            if let zxid = member.zxid { json.zxid(zxid) } else { json.null() }
            json.key("lag")
            json.optional(lag)
            json.key("lastContactMs")
            json.optional(member.lastContactMs)
            json.key("up")
            json.bool(member.isUp)
            json.key("failure")
            json.optional(member.failure?.rawValue)
            json.key("disk")
            json.disk(member.disk)
            json.key("version")
            json.optional(member.version)
            json.key("addresses")
            json.object { json in
                json.key("http")
                json.optional(member.httpAddress)
                json.key("quorum")
                json.optional(member.quorumAddress)
                json.key("election")
                json.optional(member.electionAddress)
            }
            json.key("alarms")
            json.array { json in
                for alarm in member.alarms { json.string(alarm) }
            }
        }
    }
}
