import Jute
import PeerHTTP

/// What another member says of itself in `/v1/node`.
struct PeerReport: Equatable, Sendable {
    var role: String
    var phase: String
    var zxid: Zxid
    var isSynchronized: Bool
    var version: String
    var alarms: [String]
    /// It has every event behind it.
    var historyFloor: Zxid?
    /// Of its state, by zxid.
    var digests: [Zxid: UInt64] = [:]
    var acceptedEpoch: Epoch?
    var configVersion: Int64?
    var logged: Zxid?
    /// How it finds the others.
    var peers: [PeerID: Peer] = [:]
    /// Its wall clock, since 1970.
    var time: Duration?
    var disk: DiskSpace?

    /// What it says of a third member.
    struct Peer: Equatable, Sendable {
        var isUp: Bool
        var failure: String?
        /// How long ago it heard it.
        var lastContact: Duration?
        /// Whom that one hears, as it says itself, and how long ago it did.
        var hears: [PeerID: Duration] = [:]
    }

    private static let roles: Set<String> = ["leader", "follower", "observer", "looking"]
    private static let phases: Set<String> = [
        "election", "discovery", "synchronization", "broadcast",
    ]

    /// Nil for anything but the answer of the member that was asked: an address may have passed to
    /// another server.
    init?(_ body: [UInt8], of peer: PeerID) {
        let value: JSONValue
        do throws(Problem) {
            value = try JSONParser.parse(body)
        } catch {
            return nil
        }
        guard case .object(let object) = value, object["id"] == .integer(peer),
            let role = object["role"]?.text, PeerReport.roles.contains(role),
            let phase = object["phase"]?.text, PeerReport.phases.contains(phase),
            let zxid = object["zxid"]?.text.flatMap(Zxid.init(parsing:)),
            case .bool(let isSynchronized)? = object["synchronized"],
            let version = object["version"]?.text, case .array(let alarms)? = object["alarms"]
        else { return nil }
        self.role = role
        self.phase = phase
        self.zxid = zxid
        self.isSynchronized = isSynchronized
        self.version = version
        self.alarms = alarms.compactMap(\.text)
        logged = object["logged"]?.text.flatMap(Zxid.init(parsing:))
        if case .integer(let epoch)? = object["acceptedEpoch"] { acceptedEpoch = epoch }
        if case .integer(let version)? = object["configVersion"] { configVersion = version }
        if case .object(let told)? = object["digests"] {
            for member in told.members {
                guard let zxid = Zxid(parsing: String(decoding: member.key, as: UTF8.self)),
                    let digest = member.value.text.flatMap({ UInt64($0, radix: 16) })
                else { continue }
                digests[zxid] = digest
            }
        }
        if case .object(let history)? = object["history"] {
            historyFloor = history["oldest"]?.text.flatMap(Zxid.init(parsing:))
        }
        if case .integer(let milliseconds)? = object["time"] { time = .milliseconds(milliseconds) }
        if case .object(let told)? = object["disk"], case .integer(let total)? = told["totalBytes"],
            case .integer(let free)? = told["freeBytes"]
        {
            disk = DiskSpace(totalBytes: total, freeBytes: free)
        }
        guard case .array(let others)? = object["peers"] else { return }
        for case .object(let other) in others {
            guard case .integer(let id)? = other["id"], case .bool(let isUp)? = other["up"]
            else { continue }
            var told = Peer(isUp: isUp, failure: other["failure"]?.text)
            if case .integer(let ago)? = other["lastContactMs"] {
                told.lastContact = .milliseconds(ago)
            }
            if case .array(let heard)? = other["hears"] {
                for case .object(let one) in heard {
                    guard case .integer(let id)? = one["id"],
                        case .integer(let ago)? = one["lastContactMs"]
                    else { continue }
                    told.hears[id] = .milliseconds(ago)
                }
            }
            peers[id] = told
        }
    }
}

/// What a member publishes of itself as `/aviary/nodes/<id>`.
struct NodeAnnouncement: Equatable, Sendable {
    /// `host:port`.
    var http: String
    var version: String?

    init?(_ data: [UInt8]) {
        do throws(Problem) {
            guard case .object(let object) = try JSONParser.parse(data),
                let http = object["http"]?.text, NodeAnnouncement.isAddress(http)
            else { return nil }
            self.http = http
            version = object["version"]?.text
        } catch {
            return nil
        }
    }

    /// Nothing that would lead a URL elsewhere than to a host and a port.
    private static func isAddress(_ text: String) -> Bool {
        guard let colon = text.utf8.lastIndex(of: UInt8(ascii: ":")),
            let port = UInt16(text[text.index(after: colon)...]), port > 0
        else { return false }
        return text[..<colon].utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"):
                true
            default: ".-_[]:%".utf8.contains(byte)
            }
        }
    }
}
