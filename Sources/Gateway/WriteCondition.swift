package import HTTPServer
package import Jute

/// What must hold of a znode for a write to be applied. Everything stated must hold.
///
/// - Source: HTTP contract, "Conditions".
package struct WriteCondition: Equatable, Sendable {
    /// `If-None-Match: *`.
    package var mustBeMissing = false
    /// `If-Match: *` or tags.
    package var mustExist = false
    /// The mzxids of `If-Match`'s tags, of which one must be current; empty when none of them is
    /// a strong tag of a znode, so that none can match.
    package var mzxids: [Zxid]?
    /// `?version=`, never -1.
    package var version: Int32?

    package init() {}

    /// Reads the condition of a `PUT` or `DELETE` of a znode.
    ///
    /// - Throws: `bad-request`, `bad-parameter`; `unimplemented` for `If-None-Match` with tags.
    package init(headers: HTTPHeaders, query: Query) throws(Problem) {
        switch try EntityTagCondition.parse(headers.values("If-None-Match")) {
        case nil: break
        case .any: mustBeMissing = true
        case .tags:
            throw Problem(.unimplemented, "On writes, If-None-Match takes only the asterisk.")
        }
        switch try EntityTagCondition.parse(headers.values("If-Match")) {
        case nil: break
        case .any: mustExist = true
        case .tags(let tags):
            mustExist = true
            mzxids = tags.compactMap { $0.isWeak ? nil : $0.mzxid }
        }
        version = try query.version()
        guard !mustBeMissing || (!mustExist && version == nil) else {
            throw Problem(.badRequest, "The conditions contradict each other.")
        }
    }

    package var isEmpty: Bool { self == WriteCondition() }

    package enum Action: Sendable {
        /// Creates or replaces.
        case put
        case delete
    }

    /// - Parameters:
    ///   - mzxid: Of the znode, nil when it is missing.
    ///   - current: Its version.
    ///   - action: What the condition guards.
    /// - Returns: Why the write must not be applied, or nil.
    package func refusal(
        mzxid: Zxid?, version current: Int32, for action: Action
    ) -> ProblemCode? {
        guard let mzxid else {
            switch action {
            case .delete: return .noNode
            case .put where mustExist: return .preconditionFailed
            case .put: return version == nil ? nil : .noNode
            }
        }
        if mustBeMissing { return .preconditionFailed }
        if let mzxids, !mzxids.contains(mzxid) { return .preconditionFailed }
        if let version, version != current { return .preconditionFailed }
        return nil
    }
}

/// What the client already has, and what it insists on, of something that is read.
package struct ReadCondition: Equatable, Sendable {
    package var ifMatch: EntityTagCondition?
    package var ifNoneMatch: EntityTagCondition?

    package init(headers: HTTPHeaders) throws(Problem) {
        ifMatch = try EntityTagCondition.parse(headers.values("If-Match"))
        ifNoneMatch = try EntityTagCondition.parse(headers.values("If-None-Match"))
    }

    package enum Verdict: Equatable, Sendable {
        case serve
        /// 304.
        case notModified
        /// 412.
        case failed
    }

    /// - Parameter current: The tag of what would be served.
    /// - Returns: What to answer, `If-Match` first (RFC 9110, section 13.2.2).
    package func verdict(current: EntityTag) -> Verdict {
        if case .tags(let tags) = ifMatch,
            !tags.contains(where: { !$0.isWeak && $0.weaklyMatches(current) })
        {
            return .failed
        }
        switch ifNoneMatch {
        case nil: return .serve
        case .any: return .notModified
        case .tags(let tags):
            return tags.contains { $0.weaklyMatches(current) } ? .notModified : .serve
        }
    }
}
