import HTTPServer
import Jute
import Replica
import ZnodeTree

/// A deletion of a subtree in several transactions, children first: for what is too large for one.
///
/// Each step looks at the tree anew, so whatever others create or delete meanwhile is taken as it
/// comes. Stops with the first refusal; what is gone stays gone.
struct SubtreeRemoval: Sendable {
    private let path: ZnodePath
    private let call: Call
    private let gateway: Gateway
    private let deadline: ContinuousClock.Instant
    /// Consecutive steps that failed because somebody else changed the subtree.
    private var collisions = 0
    private var hasRemoved = false

    private static let largestStep = 1_000
    private static let largestStepBytes = 512 << 10
    private static let mostCollisions = 16

    init(_ path: ZnodePath, _ call: Call, _ gateway: Gateway) {
        self.path = path
        self.call = call
        self.gateway = gateway
        deadline = .now + gateway.options.requestTimeout
    }

    /// Submits the next transaction.
    func proceed() {
        let steps = nextSteps()
        let isLast = steps.last?.operation.path == path
        gateway.node.submit(
            .transaction(steps), call.caller, timeout: max(.milliseconds(1), deadline - .now)
        ) { outcome in
            self.ended(outcome, isLast: isLast)
        }
    }

    private func ended(_ outcome: WriteOutcome, isLast: Bool) {
        var next = self
        switch outcome {
        case .committed(let committed) where isLast:
            return gateway.complete(call) { () throws(Problem) in
                HTTPResponse(
                    status: 204, headers: gateway.headers(call, zxid: committed.zxid))
            }
        case .committed:
            next.collisions = 0
            next.hasRemoved = true
        case .refused(let refusal) where refusal.isCollision && isThere:
            next.collisions += 1
        default:
            return fail(outcome)
        }
        guard next.collisions < SubtreeRemoval.mostCollisions, .now < deadline else {
            return next.fail(.refused(.init(reason: .contended)))
        }
        next.proceed()
    }

    private var isThere: Bool { gateway.node.served.read { $0.find(path) != nil } }

    private func fail(_ outcome: WriteOutcome) {
        gateway.complete(call) { () throws(Problem) in
            // A refusal is about the whole: the steps are nothing that the client asked for.
            var problem = gateway.problem(outcome, .delete(path, .none, recursive: false), call)
            if hasRemoved, problem.outcome == .notApplied {
                problem.outcome = .applied
                problem.detail += " A part of the subtree is gone already."
            }
            throw problem
        }
    }

    /// Some of the deepest znodes, children before their parents; the root at the very end.
    private func nextSteps() -> [TransactionStep] {
        let tree = gateway.node.served.view()
        var steps: [TransactionStep] = []
        var bytes = 0
        func isFull() -> Bool {
            steps.count >= SubtreeRemoval.largestStep || bytes >= SubtreeRemoval.largestStepBytes
        }
        /// False if the step is full and something below was left.
        func remove(_ znode: ZnodeID) -> Bool {
            var isEmpty = true
            tree.forEachChild(of: znode) { child in
                isEmpty = remove(child)
                return isEmpty
            }
            guard isEmpty, !isFull() else { return false }
            let path = tree.path(of: znode)
            bytes += path.bytes.count
            steps.append(TransactionStep(.delete(path: path, version: -1)))
            return true
        }
        if let root = tree.find(path) {
            _ = remove(root)
        } else {
            steps = [TransactionStep(.delete(path: path, version: -1))]
        }
        return steps
    }
}

extension WriteOutcome.Refusal {
    /// Somebody else created or deleted below the same path.
    fileprivate var isCollision: Bool {
        reason == .code(.noNode) || reason == .code(.notEmpty)
    }
}
