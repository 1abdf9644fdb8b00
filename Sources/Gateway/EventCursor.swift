package import Jute

/// A place in the history of one ensemble: behind some of a transaction's events, or behind all
/// of them. Opaque to clients, who pass it from node to node.
///
/// As text `<zxid>.<position>.<history>`, 16, 1 to 9 and 8 digits; `z` for the position behind the
/// whole transaction.
package struct EventCursor: Equatable, Sendable {
    package var zxid: Zxid
    /// How many events of that transaction are behind the cursor, counted before any filter; nil
    /// for all of them.
    package var position: Int32?
    /// Names the ensemble's history; 0 when it has no name or the client did not state one.
    package var history: UInt32

    package init(_ zxid: Zxid, position: Int32? = nil, history: UInt32) {
        self.zxid = zxid
        self.position = position
        self.history = history
    }

    /// Reads a cursor, or a bare zxid, which means: behind that whole transaction.
    package init?(parsing text: some StringProtocol) {
        if let zxid = Zxid(parsing: text) {
            self.init(zxid, history: 0)
            return
        }
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 3, parts[0].utf8.count == 16, let zxid = Zxid(parsing: parts[0]),
            parts[2].utf8.count == 8, let history = UInt32(parts[2], radix: 16)
        else { return nil }
        if parts[1] == "z" {
            self.init(zxid, history: history)
        } else {
            guard (1...9).contains(parts[1].utf8.count), let position = Int32(parts[1]),
                position >= 0, "\(position)" == parts[1]
            else { return nil }
            self.init(zxid, position: position, history: history)
        }
    }

    package var text: String {
        let digits = String(history, radix: 16)
        let name = String(repeating: "0", count: 8 - digits.count) + digits
        return "\(zxid).\(position.map { "\($0)" } ?? "z").\(name)"
    }

    /// What the history has to be asked for: everything behind this zxid.
    var after: Zxid { position == nil ? zxid : Zxid(rawValue: zxid.rawValue - 1) }

    /// Moves on over what is known to hold nothing.
    mutating func advance(through zxid: Zxid) {
        guard zxid > self.zxid else { return }
        self.zxid = zxid
        position = nil
    }
}
