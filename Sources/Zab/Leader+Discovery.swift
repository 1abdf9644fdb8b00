import Jute

// A leader finds the epoch that a quorum promises.
extension Leader {
    mutating func introduce(
        _ packet: QuorumPacket, _ connection: LearnerConnection, _ state: inout PeerState
    ) throws(Departure) {
        guard packet.kind == .followerInfo || packet.kind == .observerInfo else {
            return close(connection, "\(packet.kind) instead of FOLLOWERINFO", &state)
        }
        let info: LearnerInfo
        do throws(JuteError) {
            info = try LearnerInfo(data: packet.data)
        } catch {
            return close(connection, "malformed FOLLOWERINFO", &state)
        }
        guard info.protocolVersion >= LearnerInfo.currentProtocolVersion else {
            return close(connection, "protocol \(info.protocolVersion) is too old", &state)
        }
        guard info.configVersion <= state.ensemble.configVersion else {
            return close(connection, "its configuration is newer", &state)
        }
        let id = info.id ?? inventID()
        guard id != state.id else {
            return close(connection, "it has the id of this leader", &state)
        }
        if let older = connections.first(where: { followers[$0]?.id == id }) {
            close(older, "server \(id) connected again", &state)
        }
        followers[connection]?.id = id
        followers[connection]?.observes = packet.kind == .observerInfo
        followers[connection]?.stage = .introduced
        guard state.ensemble.voters.contains(id), packet.kind == .followerInfo else { return }
        let accepted = packet.zxid.epoch
        state.highestPromiseHeard = max(state.highestPromiseHeard, accepted)
        guard let epoch else {
            introduced.insert(id)
            highestAcceptedEpoch = max(highestAcceptedEpoch, accepted)
            return
        }
        // It may never follow this leader, and would stay outside for as long as this one leads.
        guard accepted <= epoch else {
            throw Departure("server \(id) has promised epoch \(accepted)")
        }
    }

    private mutating func inventID() -> PeerID {
        lastInventedID -= 1
        return lastInventedID
    }

    mutating func promise(
        _ packet: QuorumPacket, _ connection: LearnerConnection, _ state: inout PeerState
    ) {
        guard packet.kind == .ackEpoch, let data = packet.data else {
            return close(connection, "\(packet.kind) instead of ACKEPOCH", &state)
        }
        let currentEpoch: Epoch
        do throws(JuteError) {
            var reader = JuteReader(data)
            currentEpoch = Epoch(try reader.readInt())
        } catch {
            return close(connection, "malformed ACKEPOCH", &state)
        }
        if currentEpoch != -1, case .promising = phase {
            guard (currentEpoch, packet.zxid) <= (initialEpoch, initialLast) else {
                return close(connection, "it is ahead of this leader", &state)
            }
            if let follower = followers[connection], let id = follower.id, !follower.observes,
                packet.zxid != .untrusted, state.ensemble.voters.contains(id)
            {
                promised.insert(id)
            }
        }
        followers[connection]?.stage = .promised(last: packet.zxid)
    }
}
