import HTTPServer
import History
import Jute
import Node
import PeerHTTP
import Replica
import ZnodeTree

// A state received whole leaves a hole in the history. Another member that has been there all the
// time has what is missing.

extension Gateway {
    private static let pieceBytes = 64 << 20

    /// `GET /v1/peer/history`: for other members only, since nobody's permissions are looked at.
    func exportHistory(_ call: Call) throws(Problem) -> HTTPResponse? {
        guard let after = try call.query.text("after").flatMap(Zxid.init(parsing:)),
            let through = try call.query.text("through").flatMap(Zxid.init(parsing:))
        else { throw Problem(.badZxid) }
        try checkMember(call, message(after, through), for: .history)
        node.history.export(after: after, through: through) { piece in
            // The history's thread ends no batch of answers.
            self.node.waits.perform {
                self.complete(call) { () throws(Problem) in
                    guard let piece else { throw Problem(.cursorExpired) }
                    var headers = self.headers(call, zxid: self.servedZxid)
                    headers.add("Content-Type", "application/octet-stream")
                    return HTTPResponse(status: 200, headers: headers, body: piece)
                }
            }
        }
        return nil
    }

    private func message(_ after: Zxid, _ through: Zxid) -> [UInt8] {
        Array("\(after) \(through)".utf8)
    }

    /// Fetches what is missing, if a member has it.
    func completeHistory() async {
        guard node.standing.hasServed, let hole = node.history.hole,
            let (address, floor) = bestSource(for: hole)
        else { return }
        var cursor = max(floor, hole.after ?? floor)
        while cursor < hole.through, !Task.isCancelled {
            var request = PeerRequest(
                "/v1/peer/history?after=\(cursor)&through=\(hole.through)")
            guard let proof = proofHeader(of: message(cursor, hole.through), for: .history) else {
                break
            }
            request.headers = [proof]
            request.timeout = .seconds(30)
            request.largestBody = Gateway.pieceBytes
            guard let piece = await request.get(from: address),
                let end = node.history.fill(hole, with: piece, after: cursor)
            else { break }
            cursor = end
        }
        node.history.finishFilling(hole, isComplete: cursor == hole.through)
    }

    /// The member that reaches back furthest, and to where.
    private func bestSource(for hole: ChangeHistory.Hole) -> (address: String, floor: Zxid)? {
        sources(through: hole.through).filter { $0.floor < hole.through }
            .min { $0.floor < $1.floor }
    }

    /// The address of a member that has everything behind `zxid`.
    func memberReachingBack(to zxid: Zxid) -> String? {
        sources(through: zxid).first { $0.floor <= zxid }?.address
    }

    /// Whether every other member has said how far it reaches back, or could not.
    var haveAllMembersBeenAsked: Bool {
        let reports = peers.reports
        return options.members.map(\.id).filter { $0 != node.id }
            .allSatisfy { reports[$0] != nil }
    }

    /// Where the other members' histories begin, of those that have got as far as `zxid`.
    private func sources(through zxid: Zxid) -> [(address: String, floor: Zxid)] {
        let addresses = memberAddresses()
        return peers.reports.sorted { $0.key < $1.key }.compactMap { id, report in
            guard report.isReachable, let address = addresses[id],
                let told = report.body.flatMap({ PeerReport($0, of: id) }),
                let floor = told.historyFloor, told.zxid >= zxid
            else { return nil }
            return (address, floor)
        }
    }
}
