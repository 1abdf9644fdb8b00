import HTTPServer
import Node
import Zab

extension Gateway {
    /// `GET /livez`: the process serves HTTP, whatever the ensemble does.
    func live(_ call: Call) throws(Problem) -> HTTPResponse {
        guard try call.query.flag("verbose") else {
            return text(call, zxid: servedZxid, Array("ok\n".utf8))
        }
        return text(call, zxid: servedZxid, checks([("http", true)]))
    }

    /// `GET /readyz`: in the quorum and in line with it.
    func ready(_ call: Call) throws(Problem) -> HTTPResponse {
        let status = node.status
        let isReady = status.isSynchronized
        guard try call.query.flag("verbose") else {
            guard isReady else {
                let phase = status.protocolStatus.phase.rawValue
                throw Problem(.electing, "The node is \(status.role.contractName), in \(phase).")
            }
            return text(call, zxid: servedZxid, Array("ok\n".utf8))
        }
        let body = checks([
            ("leader", status.protocolStatus.leader != nil),
            ("synchronized", isReady),
            ("serving", status.hasServed),
        ])
        return text(call, status: isReady ? 200 : 503, zxid: servedZxid, body)
    }

    private func checks(_ results: [(name: String, holds: Bool)]) -> [UInt8] {
        let lines = results.map { "[\($0.holds ? "+" : "-")] \($0.name)\n" }
        return Array(lines.joined().utf8)
    }
}
