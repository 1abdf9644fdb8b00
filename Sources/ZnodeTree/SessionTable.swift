import Jute

/// The sessions of the ensemble and, linked through the records, the ephemerals of each.
struct SessionTable: Sendable {
    struct Session: Sendable {
        /// Nil for an owner of ephemerals that is not in ZooKeeper's session table.
        var timeoutMs: Int32?
        var firstEphemeral = ZnodeRecord.none
        var ephemeralCount = 0
        /// What the paths take in the body of the session's closeSession: 4 bytes and the path.
        var pathBytes = 0
    }

    private var sessions = ShardedDictionary<SessionID, Session>()
    private(set) var openCount = 0
    private(set) var ephemeralCount = 0

    subscript(session: SessionID) -> Session? { sessions[session] }

    mutating func open(_ session: SessionID, timeoutMs: Int32) {
        var entry = sessions[session] ?? Session()
        if entry.timeoutMs == nil { openCount += 1 }
        entry.timeoutMs = timeoutMs
        sessions[session] = entry
    }

    /// Takes the session out of the table; its ephemerals stay listed until they are unlinked.
    mutating func close(_ session: SessionID) {
        guard var entry = sessions[session], entry.timeoutMs != nil else { return }
        openCount -= 1
        entry.timeoutMs = nil
        sessions[session] = entry.ephemeralCount == 0 ? nil : entry
    }

    var open: [(id: SessionID, timeoutMs: Int32)] {
        var list: [(id: SessionID, timeoutMs: Int32)] = []
        list.reserveCapacity(openCount)
        sessions.forEach { id, entry in
            if let timeout = entry.timeoutMs { list.append((id, timeout)) }
        }
        return list.sorted { $0.id < $1.id }
    }

    var owners: [SessionID] {
        var list: [SessionID] = []
        sessions.forEach { id, entry in
            if entry.ephemeralCount > 0 { list.append(id) }
        }
        return list.sorted()
    }

    // MARK: Ephemerals

    /// Adds a fresh ephemeral in front of the others of its session.
    mutating func link(_ number: UInt32, pathLength: Int, in store: inout ZnodeStore) {
        let session = SessionID(rawValue: store[number].stat.ephemeralOwner)
        var entry = sessions[session] ?? Session()
        store[number].previousOfSession = ZnodeRecord.none
        store[number].nextOfSession = entry.firstEphemeral
        if entry.firstEphemeral != ZnodeRecord.none {
            store[entry.firstEphemeral].previousOfSession = number
        }
        entry.firstEphemeral = number
        entry.ephemeralCount += 1
        entry.pathBytes += pathLength + 4
        ephemeralCount += 1
        sessions[session] = entry
    }

    mutating func unlink(_ number: UInt32, pathLength: Int, in store: inout ZnodeStore) {
        let session = SessionID(rawValue: store[number].stat.ephemeralOwner)
        guard var entry = sessions[session] else {
            preconditionFailure("an ephemeral's owner is not in the table")
        }
        let previous = store[number].previousOfSession
        let next = store[number].nextOfSession
        if previous == ZnodeRecord.none {
            entry.firstEphemeral = next
        } else {
            store[previous].nextOfSession = next
        }
        if next != ZnodeRecord.none { store[next].previousOfSession = previous }
        entry.ephemeralCount -= 1
        entry.pathBytes -= pathLength + 4
        ephemeralCount -= 1
        let isGone = entry.ephemeralCount == 0 && entry.timeoutMs == nil
        sessions[session] = isGone ? nil : entry
    }

    /// The ephemerals of a session, the oldest first.
    func ephemerals(of session: SessionID, in store: ZnodeStore) -> [UInt32] {
        guard let entry = sessions[session] else { return [] }
        var list: [UInt32] = []
        list.reserveCapacity(entry.ephemeralCount)
        var number = entry.firstEphemeral
        while number != ZnodeRecord.none {
            list.append(number)
            number = store[number].nextOfSession
        }
        return list.reversed()
    }
}
