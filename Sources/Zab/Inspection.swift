import Jute

/// A server that is held because of whose data it has looks once at the state that the others
/// have, so that a person can compare the two.
///
/// It does so as an observer: its word and its promises count for nothing, and what comes is
/// looked at and thrown away.
struct Inspection: Sendable {
    private enum Phase {
        /// Asks who leads.
        case searching
        case connecting
        /// OBSERVERINFO sent.
        case discovery
        /// ACKEPOCH sent, or the state is on its way.
        case loading
        case ended
    }

    private var phase = Phase.searching
    /// Nil for any.
    private let ensemble: EnsembleID?
    private let patience: Milliseconds
    private let interval: Milliseconds
    private var repeatAt: Milliseconds
    private var deadline: Milliseconds

    /// - Parameters:
    ///   - ensemble: Whose leader's state is looked at; nil for anybody's.
    ///   - timing: The periods.
    ///   - now: The time.
    init(of ensemble: EnsembleID?, timing: Timing, now: Milliseconds) {
        self.ensemble = ensemble
        patience = timing.initPeriod
        interval = timing.minNotificationInterval
        repeatAt = now + interval
        deadline = now + patience
    }

    var nextDeadline: Milliseconds {
        switch phase {
        case .searching: min(repeatAt, deadline)
        case .connecting, .discovery, .loading: deadline
        case .ended: .max
        }
    }

    /// - Returns: Whether it is time to ask again who leads.
    mutating func tick(_ state: inout PeerState) -> Bool {
        if case .ended = phase { return false }
        if state.now >= deadline {
            end(&state)
            return false
        }
        guard case .searching = phase, state.now >= repeatAt else { return false }
        repeatAt = state.now + 4 * interval
        return true
    }

    mutating func hear(
        _ notification: Notification, from sender: PeerID, _ state: inout PeerState
    ) {
        guard case .searching = phase, state.ensemble.voters.contains(sender),
            notification.state == .leading, notification.leader == sender,
            ensemble == nil || notification.ensemble == nil || notification.ensemble == ensemble
        else { return }
        phase = .connecting
        heard(state)
        state.perform(.connect(to: sender))
    }

    private mutating func heard(_ state: PeerState) { deadline = state.now + patience }

    mutating func connected(_ state: inout PeerState) {
        guard case .connecting = phase else { return }
        phase = .discovery
        heard(state)
        // No leader refuses an older configuration than its own.
        let info = LearnerInfo(id: state.id, configVersion: 0)
        state.perform(.sendToLeader(QuorumPacket(.observerInfo, zxid: .zero, data: info.data)))
    }

    /// There is no such leader any more, perhaps another one.
    mutating func disconnected(_ state: inout PeerState) {
        switch phase {
        case .searching, .ended: return
        case .connecting, .discovery: break
        case .loading: state.perform(.discardSnapshot)
        }
        phase = .searching
        repeatAt = state.now + interval
    }

    mutating func receive(_ packet: QuorumPacket, _ state: inout PeerState) {
        switch (phase, packet.kind) {
        case (.discovery, .leaderInfo):
            phase = .loading
            heard(state)
            // What no leader can continue with anything but its whole state.
            var data = JuteWriter(reserving: 4)
            data.write(int: -1)
            state.perform(
                .sendToLeader(QuorumPacket(.ackEpoch, zxid: .untrusted, data: data.bytes)))
        case (.loading, .snap):
            heard(state)
            state.perform(.beginSnapshot(packet.zxid))
        case (.discovery, _), (.loading, .diff), (.loading, .trunc): end(&state)
        case (.loading, _), (.searching, _), (.connecting, _), (.ended, _): break
        }
    }

    /// A part of the state came.
    mutating func progressed(_ state: PeerState) { heard(state) }

    /// The state came whole, or cannot be read.
    mutating func received(_ state: inout PeerState) {
        guard case .loading = phase else { return }
        phase = .ended
        state.perform(.disconnectFromLeader)
        state.perform(.inspected)
    }

    private mutating func end(_ state: inout PeerState) {
        if case .loading = phase { state.perform(.discardSnapshot) }
        if case .searching = phase {} else { state.perform(.disconnectFromLeader) }
        phase = .ended
        state.perform(.inspected)
    }
}
