import Gateway
import HTTPServer
import Jute
import Testing

@Suite struct ProblemTests {
    @Test func `a problem has the members of the contract`() throws {
        var problem = Problem(.preconditionFailed, path: "/a", zxid: Zxid(epoch: 1, counter: 7))
        problem.etag = .raw(mzxid: Zxid(epoch: 1, counter: 6))
        problem.members = [.init(name: "etag", value: .text("x"))]
        let response = problem.response()
        #expect(response.status == 412)
        #expect(response.headers["content-type"] == "application/problem+json")
        #expect(response.headers["etag"] == #""0000000100000006""#)
        guard case .object(let body) = try JSONParser.parse(response.body) else {
            Issue.record("no object")
            return
        }
        #expect(body["type"] == .text("/v1/problems/precondition-failed"))
        #expect(body["title"] == .text("Condition not met"))
        #expect(body["status"] == .integer(412))
        #expect(body["detail"] == .text(ProblemCode.preconditionFailed.explanation))
        #expect(body["code"] == .text("precondition-failed"))
        #expect(body["path"] == .text("/a"))
        #expect(body["zxid"] == .text("0000000100000007"))
        #expect(body["retryable"] == .bool(false))
        #expect(body["outcome"] == .text("not-applied"))
        #expect(body["etag"] == .text("x"))
    }

    @Test(arguments: ProblemCode.allCases)
    func `every code has a page, and a status that fits its header fields`(code: ProblemCode) {
        let response = Problem(code).response()
        #expect((400...599).contains(code.status))
        #expect((response.headers["Retry-After"] != nil) == [429, 503].contains(code.status))
        #expect((response.headers["WWW-Authenticate"] != nil) == (code.status == 401))
        let page = Problem.explanation(of: code.rawValue)
        #expect(page?.status == 200)
        #expect(
            page.map { String(decoding: $0.body, as: UTF8.self).contains(code.explanation) } == true
        )
    }

    @Test func `an unknown code has no page`() {
        #expect(Problem.explanation(of: "no-such-code") == nil)
    }

    @Test(arguments: [
        (ErrorCode.noNode, RefusedAction.delete, ProblemCode.noNode),
        (.noNode, .create, .noParent), (.nodeExists, .create, .nodeExists),
        (.nodeExists, .createOnly, .preconditionFailed),
        (.badVersion, .change, .preconditionFailed),
        (.notEmpty, .delete, .notEmpty), (.noChildrenForEphemerals, .create, .ephemeralParent),
        (.noAuth, .read, .forbidden), (.authFailed, .read, .unauthenticated),
        (.invalidACL, .change, .badACL), (.badArguments, .change, .badRequest),
        (.sessionExpired, .create, .sessionExpired), (.quotaExceeded, .change, .quota),
        (.throttledOp, .change, .throttled), (.unimplemented, .change, .unimplemented),
        (ErrorCode(rawValue: -999), .change, .internalError),
    ])
    func `ZooKeeper's errors have their problems`(
        error: ErrorCode, action: RefusedAction, code: ProblemCode
    ) {
        #expect(Problem(error, action).code == code)
    }

    @Test func `only what may have been applied says so`() {
        for code in ProblemCode.allCases {
            let isUnknown = [.outcomeUnknown, .internalError].contains(code)
            #expect(Problem(code).outcome == (isUnknown ? .unknown : .notApplied))
        }
    }
}
