import HTTPServer
import Jute
import Node
import PeerHTTP
import Replica
import Storage
import Zab
import ZnodeTree

// When members that are dead for good have taken the quorum with them, the survivors can go on
// without them: by a person's order, which whoever gets it passes on to all.

extension Gateway {
    /// By how much the survivors' promise is above every known one: whatever the dead may agree on
    /// among themselves, should they live, stays below it.
    private static let epochStep: Epoch = 1 << 20
    /// What a survivor answers that obeys.
    private static let taken = Array("{}".utf8)

    /// What this node knows of the others.
    func strandedReport() -> StrandedReport {
        let status = node.status
        let reports = peers.reports
        return StrandedReport(
            node: node.id, logged: status.logged, acceptedEpoch: status.acceptedEpoch,
            lack: status.standing.lack,
            members: options.members.map(\.id).filter { $0 != node.id }.map { id in
                let report = reports[id]
                let told = report?.body.flatMap { PeerReport($0, of: id) }
                return StrandedReport.Member(
                    id: id, answers: report?.isReachable == true, logged: told?.logged)
            })
    }

    /// `PUT /v1/recovery/flag` with `adopt-local`.
    func adoptLocal(
        dead: Set<PeerID>, because reason: String, ifMatch tags: [EntityTag], _ call: Call
    ) throws(Problem) {
        guard recoveryView().state == .stranded else {
            throw Problem(.notHeld, "The node is not stranded: it has a quorum, or looks for one.")
        }
        try check(tags, strandedReport().tag)
        let members = Set(options.members.map(\.id))
        guard dead.isSubset(of: members), !dead.contains(node.id) else {
            throw Problem(.badRequest, "The dead are members of the ensemble, and not this one.")
        }
        Task {
            let result: Result<Void, Problem>
            do throws(Problem) {
                try await self.goOn(without: dead, survivors: members.subtracting(dead), reason)
                result = .success(())
            } catch {
                result = .failure(error)
            }
            self.node.waits.perform {
                self.complete(call) { () throws(Problem) in
                    try result.get()
                    var json = JSONWriter()
                    json.object { json in
                        json.key("state")
                        json.string("repairing")
                        json.key("action")
                        json.string("adopt-local")
                    }
                    return self.json(call, status: 202, zxid: self.servedZxid, json.bytes)
                }
            }
        }
    }

    private func goOn(
        without dead: Set<PeerID>, survivors: Set<PeerID>, _ reason: String
    ) async throws(Problem) {
        let addresses = lastKnown.merge(memberAddresses())
        for id in dead.sorted() {
            guard await !isAlive(id, at: addresses[id]) else {
                throw Problem(.quorumReachable, "Member \(id) answers.")
            }
        }
        var epoch = node.status.acceptedEpoch
        var version = options.configVersion
        var isGoingOn: PeerID?
        let others = survivors.sorted().filter { $0 != node.id }
        for id in others {
            guard let address = addresses[id],
                let body = await PeerRequest("/v1/node").get(from: address),
                let told = PeerReport(body, of: id), let accepted = told.acceptedEpoch
            else { throw Problem(.survivorUnreachable, "Member \(id) does not answer over HTTP.") }
            if told.isSynchronized { isGoingOn = id }
            epoch = max(epoch, accepted)
            version = max(version, told.configVersion ?? 0)
        }
        let adoption = Adoption(
            dead: dead.union(node.recovery.formerMembers), version: version + 1,
            epoch: epoch + Self.epochStep,
            history: .random(in: .min ... .max))
        if let isGoingOn {
            let obeyed = try await orderObeyed(
                by: isGoingOn, addresses[isGoingOn], adoption, reason)
            return try obey(obeyed, reason)
        }
        var taken: [PeerID] = []
        do throws(Problem) {
            for id in others {
                guard try await pass(adoption, reason, on: id, addresses[id]) == nil else {
                    throw Problem(.quorumReachable, "Member \(id) is in a quorum.")
                }
                taken.append(id)
            }
            try obey(adoption, reason)
        } catch {
            guard !taken.isEmpty else { throw error }
            var told = error
            let names = taken.map { "\($0)" }.joined(separator: ", ")
            told.detail += " The order has been taken by members \(names); give it here once more."
            throw told
        }
    }

    /// The order that brought a member its quorum while this one was not reached: it is for this
    /// one as well.
    ///
    /// - Throws: `quorum-reachable` where that is another quorum, which needs nobody's order.
    private func orderObeyed(
        by id: PeerID, _ address: String?, _ wanted: Adoption, _ reason: String
    ) async throws(Problem) -> Adoption {
        guard let obeyed = try await pass(wanted, reason, on: id, address),
            obeyed.dead.isSuperset(of: wanted.dead), !obeyed.dead.contains(node.id)
        else { throw Problem(.quorumReachable, "Member \(id) is in a quorum.") }
        return obeyed
    }

    private func isAlive(_ id: PeerID, at http: String?) async -> Bool {
        let member = options.members.first { $0.id == id }
        for address in [member?.electionAddress, member?.quorumAddress, http] {
            if let address, await PeerRequest.isListening(at: address) { return true }
        }
        return false
    }

    /// - Returns: The order by which the member already has a quorum; nil if it took this one.
    private func pass(
        _ adoption: Adoption, _ reason: String, on id: PeerID, _ address: String?
    ) async throws(Problem) -> Adoption? {
        var json = JSONWriter()
        json.adoption(adoption, reason)
        var request = PeerRequest("/v1/peer/adoption")
        request.posted = json.bytes
        request.timeout = .seconds(5)
        guard let proof = proofHeader(of: json.bytes, for: .adoption) else {
            throw Problem(.noQuorum, "The ensemble has no secret that members could prove.")
        }
        request.headers = [proof]
        guard let address, let answer = await request.get(from: address) else {
            throw Problem(.survivorUnreachable, "Member \(id) has not confirmed the order.")
        }
        return answer == Self.taken ? nil : try Adoption.parse(answer).adoption
    }

    /// Writes the order down and starts anew.
    private func obey(_ adoption: Adoption, _ reason: String) throws(Problem) {
        let isFirst = try storing { () throws(StorageError) in
            try node.recovery.order(adoption, because: reason)
        }
        guard isFirst else {
            throw Problem(.notHeld, "An order was given before, and is being obeyed.")
        }
        restartSoon()
    }

    // MARK: A survivor's side

    /// `POST /v1/peer/adoption`: for other members only. Who already goes on by an order tells
    /// which, so that whoever was not reached by it can still obey it.
    func takeAdoption(_ call: Call) throws(Problem) -> HTTPResponse {
        try checkMember(call, call.request.body, for: .adoption)
        if node.status.isSynchronized {
            guard let obeyed = node.recovery.adoption else { throw Problem(.quorumReachable) }
            var json = JSONWriter()
            json.adoption(obeyed, "")
            return self.json(call, zxid: servedZxid, json.bytes)
        }
        var (adoption, reason) = try Adoption.parse(call.request.body)
        adoption.dead.formUnion(node.recovery.formerMembers)
        guard !adoption.dead.contains(node.id), adoption.epoch > node.status.acceptedEpoch else {
            throw Problem(.badRequest, "The order does not fit this member.")
        }
        try obey(adoption, reason)
        return json(call, zxid: servedZxid, Self.taken)
    }
}

extension JSONWriter {
    fileprivate mutating func adoption(_ adoption: Adoption, _ reason: String) {
        object { json in
            json.key("dead")
            json.array { json in
                for id in adoption.dead.sorted() { json.integer(id) }
            }
            json.key("version")
            json.integer(adoption.version)
            json.key("epoch")
            json.integer(adoption.epoch)
            json.key("history")
            json.zxid(Zxid(rawValue: Int64(bitPattern: adoption.history)))
            json.key("reason")
            json.string(reason)
        }
    }
}

extension Adoption {
    fileprivate static func parse(
        _ body: [UInt8]
    ) throws(Problem) -> (adoption: Adoption, reason: String) {
        guard case .object(let object) = try JSONParser.parse(body),
            case .array(let dead)? = object["dead"],
            case .integer(let version)? = object["version"],
            case .integer(let epoch)? = object["epoch"],
            let history = object["history"]?.text.flatMap({ UInt64($0, radix: 16) }),
            let reason = object["reason"]?.text
        else { throw Problem(.badRequest) }
        var ids: Set<PeerID> = []
        for value in dead {
            guard case .integer(let id) = value else { throw Problem(.badRequest) }
            ids.insert(id)
        }
        return (Adoption(dead: ids, version: version, epoch: epoch, history: history), reason)
    }
}
