import HTTPServer
import Jute
import Node
import PeerHTTP
import Replica
import Storage
import Synchronization
import Zab
import ZnodeTree

// A state that differs from the quorum's in little is mended by moving only what differs. All
// sides look at exactly the same zxid; what was committed since is applied to the result again.

extension Gateway {
    /// Puts right what differs from what a quorum of other members has.
    ///
    /// Neither this member's content nor its digest has a voice: which of them is wrong is what the
    /// others tell.
    ///
    /// - Parameter peers: Whom to ask.
    /// - Returns: False, and nothing changed, if it cannot be done so.
    func mend(from peers: Set<PeerID>) async -> Bool {
        let addresses = memberAddresses().filter { peers.contains($0.key) }
        guard node.standing.role != .leading, options.quorum.isQuorum(Set(addresses.keys)) else {
            return false
        }
        for attempt in 0..<4 {
            if await mend(at: await meetingPoint(attempt), from: addresses) { return true }
        }
        return false
    }

    /// A zxid that all members will be at exactly: the present one while nothing is written, else
    /// one that comes in about a second.
    private func meetingPoint(_ attempt: Int) async -> Zxid {
        let before = servedZxid
        do {
            try await Task.sleep(for: .milliseconds(250))
        } catch {
            return before
        }
        let now = servedZxid
        guard now > before, now.epoch == before.epoch else { return now }
        let pace = now.rawValue - before.rawValue
        return Zxid(rawValue: now.rawValue + pace * Int64(3 + attempt))
    }

    /// Whether a quorum of other members has the same content as this one, ACLs and all.
    ///
    /// - Parameter peers: Whom to ask.
    /// - Returns: nil if there is no such quorum, or none at a zxid that this member was at as well.
    func agrees(with peers: Set<PeerID>) async -> Bool? {
        let addresses = memberAddresses().filter { peers.contains($0.key) }
        guard options.quorum.isQuorum(Set(addresses.keys)),
            let found = await compare(at: await meetingPoint(0), with: addresses)
        else { return nil }
        return found.wrong.isEmpty && found.mine.digest == found.theirs.digest
    }

    /// This member's state and a quorum's, at one zxid.
    private struct Comparison {
        var mine: DataTree
        var theirs: StateSums
        /// Where a member is reached that has what the quorum has.
        var source: String
        /// The buckets in which the two differ.
        var wrong: [Int]
    }

    private func compare(at zxid: Zxid, with addresses: [PeerID: String]) async -> Comparison? {
        let pinned = Mutex<DataTree?>(nil)
        node.pin(at: zxid) { view in pinned.withLock { $0 = view } }
        guard let (theirs, holder) = await quorumSums(at: zxid, of: addresses),
            let source = addresses[holder], let mine = pinned.withLock({ $0 })
        else { return nil }
        let own = await Task.detached(priority: .utility) { mine.bucketSums() }.value
        return Comparison(
            mine: mine, theirs: theirs, source: source,
            wrong: own.indices.filter { own[$0] != theirs.sums[$0] })
    }

    private func mend(at zxid: Zxid, from addresses: [PeerID: String]) async -> Bool {
        guard let found = await compare(at: zxid, with: addresses) else { return false }
        let (view, sums, source, wrong) = (found.mine, found.theirs, found.source, found.wrong)
        guard wrong.count <= StateRequest.mostBuckets,
            let right = await ask(source, StateRequest(zxid, .entries(wrong)))
                .flatMap({ StateRequest.entries(in: $0) })
        else { return false }
        let entries = view.entries(inBuckets: Set(wrong))
        let paths = right.filter { entries[$0.key] != $0.value }.map(\.key)
        let surplus = entries.keys.filter { right[$0] == nil }
        let thresholds = node.recovery.thresholds
        let share = Double(paths.count + surplus.count) / Double(max(1, view.nodeCount))
        guard paths.count + surplus.count <= thresholds.differingNodes,
            share <= thresholds.differingRatio,
            let pieces = await ask(source, StateRequest(zxid, .pieces(paths)))
                .flatMap({ StateRequest.pieces(in: $0) }), pieces.count == paths.count
        else { return false }
        var mended = view
        mended.adoptContent()
        guard mended.patch(pieces, removing: surplus), mended.digest == sums.digest,
            mended.bucketSums() == sums.sums
        else { return false }
        return await serve(mended, insteadOf: view, paths + surplus)
    }

    /// What a quorum has at a zxid, its content read anew and its digest, and a member with it.
    private func quorumSums(
        at zxid: Zxid, of addresses: [PeerID: String]
    ) async -> (sums: StateSums, holder: PeerID)? {
        await withTaskGroup(of: (PeerID, StateSums?).self) { group in
            for (id, address) in addresses {
                group.addTask {
                    let answer = await self.ask(address, StateRequest(zxid, .sums))
                    return (id, answer.flatMap { StateSums($0) })
                }
            }
            var holders: [StateSums: Set<PeerID>] = [:]
            for await (id, sums) in group {
                if let sums { holders[sums, default: []].insert(id) }
            }
            return holders.first { options.quorum.isQuorum($0.value) }
                .flatMap { sums, ids in ids.min().map { (sums, $0) } }
        }
    }

    /// Keeps what is replaced, then serves the new state.
    private func serve(
        _ mended: DataTree, insteadOf view: DataTree, _ paths: [ZnodePath]
    ) async -> Bool {
        var lines: [UInt8] = []
        for path in paths.sorted(by: { $0.bytes.lexicographicallyPrecedes($1.bytes) }) {
            guard let piece = view.piece(at: path) else { continue }
            var json = JSONWriter()
            json.piece(piece)
            lines += json.bytes + [UInt8(ascii: "\n")]
        }
        do throws(StorageError) {
            try node.recovery.keepMended(lines)
        } catch {
            node.recovery.warn("what was to be mended cannot be kept: \(error)")
            return false
        }
        let isDone = await withCheckedContinuation { continuation in
            node.serve(mended: mended) { continuation.resume(returning: $0) }
        }
        if isDone {
            node.recovery.warn("\(paths.count) znodes were mended: a quorum has them so")
        }
        return isDone
    }

    private func ask(_ source: String, _ wanted: StateRequest) async -> [UInt8]? {
        var request = PeerRequest("/v1/peer/state")
        request.posted = wanted.bytes
        request.timeout = .seconds(15)
        request.largestBody = 64 << 20
        guard let proof = proofHeader(of: wanted.bytes, for: .state) else { return nil }
        request.headers = [proof]
        return await request.get(from: source)
    }

    // MARK: The other side

    /// `POST /v1/peer/state`: for other members only, since nobody's permissions are looked at.
    func exportState(_ call: Call) throws(Problem) -> HTTPResponse? {
        try checkMember(call, call.request.body, for: .state)
        guard let wanted = StateRequest(call.request.body) else { throw Problem(.badRequest) }
        if let view = pins.view(at: wanted.zxid) {
            export(view, wanted, call)
            return nil
        }
        guard case .sums = wanted.part, wanted.zxid >= servedZxid else {
            throw Problem(.zxidDiverged, "This node does not have the state of that zxid any more.")
        }
        node.pin(at: wanted.zxid) { view in
            if let view { self.pins.keep(view) }
            guard let view else {
                return self.complete(call) { () throws(Problem) in throw Problem(.zxidDiverged) }
            }
            self.export(view, wanted, call)
        }
        return nil
    }

    private func export(_ view: DataTree, _ wanted: StateRequest, _ call: Call) {
        // A walk through a whole tree is nothing for the node's thread.
        Task.detached(priority: .utility) {
            let body = wanted.answer(from: view)
            self.node.waits.perform {
                self.complete(call) { () throws(Problem) in
                    var headers = self.headers(call, zxid: view.lastApplied)
                    headers.add("Content-Type", "application/octet-stream")
                    return HTTPResponse(status: 200, headers: headers, body: body)
                }
            }
        }
    }
}

/// The states that others compare theirs with, for as long as that may take.
final class StatePins: Sendable {
    private struct Pin: Sendable {
        var view: DataTree
        var until: ContinuousClock.Instant
    }

    private let pins = Mutex<[Zxid: Pin]>([:])
    private static let lifetime = Duration.seconds(60)

    func keep(_ view: DataTree) {
        pins.withLock { pins in
            pins = pins.filter { $0.value.until > .now }
            pins[view.lastApplied] = Pin(view: view, until: .now + StatePins.lifetime)
        }
    }

    func view(at zxid: Zxid) -> DataTree? {
        pins.withLock { pins in
            pins = pins.filter { $0.value.until > .now }
            return pins[zxid]?.view
        }
    }
}

extension JSONWriter {
    fileprivate mutating func piece(_ piece: ZnodePiece) {
        object { json in
            json.key("path")
            json.string(utf8: piece.path.bytes)
            json.key("czxid")
            json.zxid(Zxid(rawValue: piece.stat.czxid))
            json.key("mzxid")
            json.zxid(Zxid(rawValue: piece.stat.mzxid))
            json.key("version")
            json.integer(piece.stat.version)
            json.key("base64")
            if let data = piece.data { json.base64(data) } else { json.null() }
        }
    }
}
