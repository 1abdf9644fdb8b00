import Jute
import Node
import PeerHTTP
import Replica
import Storage
import Synchronization
import Zab
import ZnodeTree

// A flag that is not raised over HTTP on the node itself: as a file in its data directory, or as a
// znode in the healthy ensemble, where the others' administrators can reach it.

extension Gateway {
    /// `/aviary/recovery/<node>/force`.
    func flagPath(of id: PeerID) -> ZnodePath {
        ZnodePath("/aviary/recovery/\(id)/force")
    }

    /// Looks for both kinds of flags. Whatever is found is taken away: used or refused.
    func lookForFlags() async {
        do throws(StorageError) {
            if let digest = try node.recovery.fileFlag() {
                try node.recovery.removeFileFlag()
                raise(digest, "the file flags/force_recovery")
            }
        } catch {
            node.recovery.warn("the flag cannot be read: \(error)")
        }
        if node.status.protocolStatus.hold != nil {
            if let digest = await remoteFlag() { raise(digest, "\(flagPath(of: node.id))") }
        } else if node.standing.role != .looking {
            removeOwnFlag()
        }
    }

    private func raise(_ digest: String, _ source: String) {
        guard let document = reportDocument() else {
            return node.recovery.warn(
                "the flag in \(source) is refused: this node is not held")
        }
        guard document.digest == digest else {
            return flagRefusals.once(digest) {
                node.recovery.warn(
                    "the flag in \(source) is refused: it is for another report than \(document.digest)"
                )
            }
        }
        do throws(Problem) {
            try adoptQuorum(document, because: source)
        } catch {
            node.recovery.warn("the flag in \(source) is not obeyed: \(error.detail)")
        }
    }

    /// What the members of the quorum have at its flag's path.
    private func remoteFlag() async -> String? {
        var request = PeerRequest("/v1/znodes\(flagPath(of: node.id))?raw")
        request.largestBody = 1_024
        for (_, address) in quorumAddresses().sorted(by: { $0.key < $1.key }) {
            guard let body = await request.get(from: address) else { continue }
            return String(decoding: body.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
        }
        return nil
    }

    /// A node in the quorum has nothing to be forced to: the flag was used, or is refused.
    private func removeOwnFlag() {
        let path = flagPath(of: node.id)
        guard node.served.read({ $0.find(path) != nil }) else { return }
        node.submit(
            .delete(path, .none, recursive: false), Caller(identities: []), timeout: .seconds(5)
        ) { outcome in
            guard case .committed = outcome else { return }
            self.node.recovery.warn("took the flag in \(path) away: this node is not held")
        }
    }
}

/// Says the same thing once.
final class Once: Sendable {
    private let said = Mutex<String?>(nil)

    func once(_ key: String, _ say: () -> Void) {
        let isNew = said.withLock { said in
            defer { said = key }
            return said != key
        }
        if isNew { say() }
    }
}

/// The last report, with its digest: making one costs a walk through all of it.
final class ReportDocuments: Sendable {
    private let last = Mutex<ReportDocument?>(nil)

    func document(_ report: RecoveryReport, of node: PeerID) -> ReportDocument {
        last.withLock { last in
            if let last, last.report.number == report.number { return last }
            let document = ReportDocument(report, of: node)
            last = document
            return document
        }
    }
}
