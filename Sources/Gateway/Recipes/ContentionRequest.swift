import HTTPServer
import Jute

/// The body of `POST /v1/locks/{path}` and `POST /v1/elections/{path}`.
struct ContentionRequest: Sendable {
    private enum Mode: String {
        case exclusive
        case shared
    }

    var isShared = false
    /// Whether to wait in the queue if somebody holds.
    var queues = true
    /// What the znode holds: a candidate's value.
    var data: [UInt8] = []

    /// - Throws: `bad-request`.
    init(_ body: [UInt8], _ kind: Contention.Kind) throws(Problem) {
        if body.isEmpty { return }
        guard case .object(let object) = try JSONParser.parse(body) else {
            throw Problem(.badRequest, "The body is a JSON object.")
        }
        switch kind {
        case .lock:
            try object.checkNames(["mode", "queue", "value"])
            if let mode = object["mode"] {
                guard let mode = mode.text.flatMap(Mode.init) else {
                    throw Problem(.badRequest, "mode is exclusive or shared.")
                }
                isShared = mode == .shared
            }
            switch object["queue"] {
            case nil: break
            case .bool(let queue)?: queues = queue
            default: throw Problem(.badRequest, "queue is true or false.")
            }
        case .election:
            try object.checkNames(["value"])
        }
        switch object["value"] {
        case nil: break
        case .string(let value)?: data = value
        default: throw Problem(.badRequest, "value is a string.")
        }
    }
}
