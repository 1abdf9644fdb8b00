import Jute

extension RequestPreparer {
    /// Refuses an id that is in use: ids come from clocks, and two clients with one session would
    /// own each other's ephemerals.
    func createSession(
        timeoutMs: Int32, _ request: Request, _ tree: DataTree
    ) throws(ErrorCode) -> Txn {
        let session = request.input.session
        guard session != .none, !isLive(session, in: tree) else { throw .badArguments }
        return .createSession(timeoutMs: timeoutMs)
    }

    /// Closes a session and deletes its ephemerals in one transaction; a session that is not known
    /// is closed all the same.
    ///
    /// - Source: semantics reference, section 6.
    mutating func closeSession(_ request: Request, _ tree: DataTree) -> Txn {
        let paths = outstanding.ephemerals(of: request.input.session, over: tree)
        for path in paths {
            guard let slash = path.lastSlash,
                let znode = outstanding.znode(at: path.bytes[...], over: tree)
            else { continue }
            let parentPath = path.bytes[..<slash]
            if let old = outstanding.znode(at: parentPath, over: tree) {
                var parent = old
                parent.numChildren -= 1
                parent.stat.pzxid = max(parent.stat.pzxid, request.zxid.rawValue)
                outstanding.set(parentPath, from: old, to: parent, by: request.zxid)
            }
            outstanding.set(path.bytes[...], from: znode, to: nil, by: request.zxid)
        }
        return .closeSession(paths: paths)
    }
}
