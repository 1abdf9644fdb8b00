/// Where a connection is in its loop's lists.
struct ConnectionPlace {
    enum List {
        /// Looked at once a second.
        case active
        /// Suspended for a while: nothing to look at.
        case settled
    }

    var list = List.active
    /// Index in that list.
    var slot = 0
}

/// Connections in no order, with removal at once.
struct ConnectionList {
    private(set) var connections: [Connection] = []

    mutating func insert(_ connection: Connection) {
        connection.place.slot = connections.count
        connections.append(connection)
    }

    mutating func remove(_ connection: Connection) {
        let last = connections.removeLast()
        if last !== connection {
            connections[connection.place.slot] = last
            last.place.slot = connection.place.slot
        }
    }
}
