import HTTPServer
import Jute
import Replica
import ZnodeTree

/// `Aviary-Fence`: a write that is applied only while its client holds a lock.
struct Fence: Equatable, Sendable {
    var lock: ZnodePath
    /// The name of the contender's znode.
    var contender: [UInt8]

    /// Checked in the same transaction: while it is there, the client holds.
    var path: ZnodePath { lock.appending(contender) }

    /// - Returns: Nil without the header.
    /// - Throws: `bad-request` for what is no fence, `bad-path`.
    static func parse(_ headers: HTTPHeaders) throws(Problem) -> Fence? {
        let values = headers.values("Aviary-Fence")
        guard let value = values.first else { return nil }
        let malformed = Problem(
            .badRequest, "Aviary-Fence is a percent-encoded lock path, a semicolon and a token.")
        let semicolon = UInt8(ascii: ";")
        guard values.count == 1, let split = value.lastIndex(of: semicolon),
            let lock = PercentEncoding.decode(trimmed(value[..<split]), plusIsSpace: false)
        else { throw malformed }
        let token = Array(trimmed(value[(split + 1)...]))
        guard Contention.isShared(token) != nil, ZnodePath.isValidName(token) else {
            throw malformed
        }
        return Fence(lock: try ZnodePath.checked(lock), contender: token)
    }
}

extension Gateway {
    /// Goes on with a write once it is certain that its client holds the lock that it names.
    ///
    /// Holding is stable until the contender's znode goes, so it is enough to have seen it once
    /// and to check the znode in the transaction.
    ///
    /// - Parameters:
    ///   - call: With or without a fence.
    ///   - proceed: Sends the write.
    /// - Returns: The answer, or nil when it comes later.
    /// - Throws: What the header's form deserves.
    func fenced(
        _ call: Call, _ proceed: @escaping @Sendable () throws(Problem) -> HTTPResponse?
    ) throws(Problem) -> HTTPResponse? {
        guard let fence = call.fence else { return try proceed() }
        if holds(fence) { return try proceed() }
        // This node may not have applied yet what another has answered.
        node.linearize(timeout: options.requestTimeout) { outcome in
            self.complete(call) { () throws(Problem) in
                guard outcome == .ready else { throw self.unconfirmed(outcome) }
                guard self.holds(fence) else { throw self.fenceLost(fence) }
                return try proceed()
            }
        }
        return nil
    }

    private func holds(_ fence: Fence) -> Bool {
        node.served.read { tree in
            Contention(at: fence.lock, in: tree)?.isHeld(by: fence.contender) ?? false
        }
    }

    func fenceLost(_ fence: Fence?) -> Problem {
        Problem(.fenceLost, path: fence?.lock)
    }
}
