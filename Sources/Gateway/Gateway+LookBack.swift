import HTTPServer
import History
import Jute
import Node
import Replica

/// Earlier states: what the tree and the history say together.
extension Gateway {
    /// What is needed of one earlier state, and of the present one.
    struct Occurrence<Present: Sendable>: Sendable {
        /// The moment, as a transaction.
        var zxid: Zxid
        /// The transaction that the present state and the history both end with.
        var now: Zxid
        var present: Present
    }

    /// Answers from an earlier state; or elsewhere, if this node does not reach back that far.
    ///
    /// - Parameters:
    ///   - point: The moment; a transaction that is still to come is waited for.
    ///   - call: Is held meanwhile.
    ///   - attempts: How often this is tried while holes are closed.
    ///   - present: Takes what is needed of the served tree, on the node's thread: nothing is
    ///     applied before it returns.
    ///   - past: Looks back, on the history's thread.
    ///   - answer: Makes the answer of what it found; nil holds the request.
    func lookBack<Present: Sendable, Answer: Sendable>(
        to point: Point, _ call: Call, attempts: Int = 3,
        present: @escaping @Sendable () -> Present,
        past:
            @escaping @Sendable (HistoryReader, Occurrence<Present>) throws(HistoryGone) -> Answer,
        answer: @escaping @Sendable (Answer) throws(Problem) -> HTTPResponse?
    ) {
        let minimum = if case .zxid(let zxid) = point { zxid } else { Zxid.zero }
        node.wait(for: minimum, timeout: options.requestTimeout) { outcome in
            guard outcome == .ready else {
                return self.complete(call) { () throws(Problem) in throw Problem(.nodeBehind) }
            }
            guard self.node.standing.hasServed else {
                return self.complete(call) { () throws(Problem) in throw Problem(.electing) }
            }
            // Asked only now: the recovery that gave it up may have come meanwhile.
            guard self.node.served.lineage?.has(minimum) != false else {
                return self.complete(call) { () throws(Problem) in throw Problem(.zxidDiverged) }
            }
            let taken = present()
            let now = self.node.history.last
            self.node.history.lookBack { reader throws(HistoryGone) in
                try past(
                    reader,
                    Occurrence(
                        zxid: try reader.zxid(of: point, now: now), now: now, present: taken))
            } complete: { result in
                // The history's thread ends no batch of answers.
                self.node.waits.perform {
                    switch result {
                    case .success(let found):
                        self.complete(call) { () throws(Problem) in try answer(found) }
                    case .failure where attempts == 0:
                        self.complete(call) { () throws(Problem) in throw self.historyGone() }
                    case .failure(let gone):
                        self.whenReachedBack(to: point, gone, call) {
                            self.lookBack(
                                to: point, call, attempts: attempts - 1, present: present,
                                past: past, answer: answer)
                        }
                    }
                }
            }
        }
    }

    /// Tries again when this node has closed a hole, or sends the client to a member that reaches
    /// back further. Shortly after a start it does not know yet whether there is one.
    func whenReachedBack(
        to point: Point, _ gone: HistoryGone, _ call: Call, again: @escaping @Sendable () -> Void
    ) {
        // Where a time lies is known to whoever reaches back to it: any member with more is asked.
        var target = Zxid(rawValue: gone.floor.rawValue - 1)
        if case .zxid(let zxid) = point { target = min(target, zxid) }
        let wanted = target
        let isHere: @Sendable () -> Bool = { self.node.history.floor <= wanted }
        when(call) {
            isHere() || self.memberReachingBack(to: wanted) != nil || self.haveAllMembersBeenAsked
        } proceed: { () throws(Problem) in
            if isHere() {
                again()
                return nil
            }
            guard let response = self.elsewhere(reachingBackTo: wanted, call) else {
                throw self.historyGone()
            }
            return response
        }
    }

    /// 307 to a member that reaches back further than this one; nil when there is none.
    func elsewhere(reachingBackTo zxid: Zxid, _ call: Call) -> HTTPResponse? {
        guard let address = memberReachingBack(to: zxid) else { return nil }
        var headers = headers(call, zxid: servedZxid)
        var target = String(decoding: call.request.head.rawPath, as: UTF8.self)
        if let query = call.request.head.rawQuery {
            target += "?" + String(decoding: query, as: UTF8.self)
        }
        headers.add("Location", "http://\(address)\(target)")
        return HTTPResponse(status: 307, headers: headers)
    }

    /// 410 with how far this node reaches back.
    private func historyGone() -> Problem {
        var problem = Problem(.historyGone)
        problem.members = [.init(name: "oldest", value: .text("\(node.history.floor)"))]
        return problem
    }
}

extension HistoryReader {
    /// The transaction that a point means.
    fileprivate func zxid(of point: Point, now: Zxid) throws(HistoryGone) -> Zxid {
        switch point {
        case .zxid(let zxid): zxid
        case .milliseconds(let time): min(try zxid(at: time), now)
        }
    }
}

extension Query {
    /// The parameter `at`.
    ///
    /// - Throws: `bad-parameter` for what is neither a zxid nor a time.
    func point(_ name: String) throws(Problem) -> Point? {
        guard let text = try text(name) else { return nil }
        guard let point = Point(parsing: text) else {
            throw Problem(
                .badParameter, "The parameter \(name) is a zxid or a time in milliseconds.")
        }
        return point
    }
}
