import Gateway
import HTTPServer
import Jute
import Testing

@Suite struct EntityTagTests {
    private let mzxid = Zxid(epoch: 1, counter: 7)
    private let pzxid = Zxid(epoch: 1, counter: 9)

    private func text(_ tag: EntityTag) -> String { String(decoding: tag.text, as: UTF8.self) }

    @Test func `the forms of the contract`() {
        #expect(text(.raw(mzxid: mzxid)) == #""0000000100000007""#)
        #expect(
            text(.znode(mzxid: mzxid, pzxid: pzxid, aversion: 2))
                == #""0000000100000007.0000000100000009.2""#)
        #expect(
            text(.children(pzxid: pzxid, mzxid: mzxid, aversion: 2))
                == #""c0000000100000009.0000000100000007.2""#)
        #expect(text(.acl(czxid: mzxid, aversion: 0)) == #""a0000000100000007.0""#)
        #expect(text(EntityTag(opaque: [0x61], isWeak: true)) == #"W/"a""#)
    }

    @Test func `the mzxid is in both forms of a znode's tag and in no other`() {
        #expect(EntityTag.raw(mzxid: mzxid).mzxid == mzxid)
        #expect(EntityTag.znode(mzxid: mzxid, pzxid: pzxid, aversion: -1).mzxid == mzxid)
        #expect(EntityTag.children(pzxid: pzxid, mzxid: mzxid, aversion: 2).mzxid == nil)
        #expect(EntityTag.acl(czxid: mzxid, aversion: 2).mzxid == nil)
        for other in [
            "", "0x100000007", "0000000100000007.", "0000000100000007.x.2",
            "0000000100000007.0000000100000009", "0000000100000007.0000000100000009.2.1",
        ] {
            #expect(EntityTag(opaque: Array(other.utf8)).mzxid == nil)
        }
    }

    @Test func `lists of tags`() throws {
        func parse(_ values: String...) throws -> EntityTagCondition? {
            try EntityTagCondition.parse(values.map(slice))
        }
        let a = EntityTag(opaque: [0x61])
        let b = EntityTag(opaque: [0x62], isWeak: true)
        #expect(try parse() == nil)
        #expect(try parse("*") == .any)
        #expect(try parse(#""a""#) == .tags([a]))
        #expect(try parse(#""a" , W/"b""#) == .tags([a, b]))
        #expect(try parse(#""a""#, #"W/"b""#) == .tags([a, b]))
        #expect(try parse(#","a",,"#) == .tags([a]))
        #expect(try parse(#""a,b""#) == .tags([EntityTag(opaque: Array("a,b".utf8))]))
        for malformed in [
            "", ",", "a", "\"a", "*, \"a\"", "\"a\" \"b\"", "w/\"a\"", "W/", "\"a b\"",
        ] {
            #expect(problem { try parse(malformed) } == .badRequest)
        }
    }
}

@Suite struct WriteConditionTests {
    private let current = Zxid(epoch: 1, counter: 7)

    private func condition(
        ifMatch: String? = nil, ifNoneMatch: String? = nil, query text: String = ""
    ) throws -> WriteCondition {
        var pairs: [(name: String, value: String)] = []
        if let ifMatch { pairs.append(("If-Match", ifMatch)) }
        if let ifNoneMatch { pairs.append(("If-None-Match", ifNoneMatch)) }
        return try WriteCondition(headers: .init(pairs), query: query(text))
    }

    @Test func `without conditions everything goes`() throws {
        let condition = try condition(query: "version=-1")
        #expect(condition.isEmpty)
        #expect(condition.refusal(mzxid: nil, version: 0, for: .put) == nil)
        #expect(condition.refusal(mzxid: current, version: 0, for: .put) == nil)
        #expect(condition.refusal(mzxid: current, version: 0, for: .delete) == nil)
        #expect(condition.refusal(mzxid: nil, version: 0, for: .delete) == .noNode)
    }

    @Test func `create only`() throws {
        let condition = try condition(ifNoneMatch: "*")
        #expect(condition.refusal(mzxid: nil, version: 0, for: .put) == nil)
        #expect(condition.refusal(mzxid: current, version: 0, for: .put) == .preconditionFailed)
    }

    @Test func `update only`() throws {
        let condition = try condition(ifMatch: "*")
        #expect(condition.refusal(mzxid: nil, version: 0, for: .put) == .preconditionFailed)
        #expect(condition.refusal(mzxid: nil, version: 0, for: .delete) == .noNode)
        #expect(condition.refusal(mzxid: current, version: 0, for: .put) == nil)
    }

    @Test(arguments: [
        (#""0000000100000007""#, true), (#""0000000100000007.0000000100000001.5""#, true),
        (#""0000000100000006", "0000000100000007""#, true), (#""0000000100000006""#, false),
        (#"W/"0000000100000007""#, false), (#""abc""#, false), (#""a0000000100000007.0""#, false),
    ])
    func `compare-and-set by the mzxid`(tags: String, matches: Bool) throws {
        let condition = try condition(ifMatch: tags)
        #expect(!condition.isEmpty)
        #expect(
            condition.refusal(mzxid: current, version: 3, for: .put)
                == (matches ? nil : .preconditionFailed))
        #expect(condition.refusal(mzxid: nil, version: 0, for: .put) == .preconditionFailed)
        #expect(condition.refusal(mzxid: nil, version: 0, for: .delete) == .noNode)
    }

    @Test func `ZooKeeper's version check`() throws {
        let condition = try condition(query: "version=3")
        #expect(condition.refusal(mzxid: current, version: 3, for: .put) == nil)
        #expect(condition.refusal(mzxid: current, version: 4, for: .put) == .preconditionFailed)
        #expect(condition.refusal(mzxid: nil, version: 0, for: .put) == .noNode)
        #expect(condition.refusal(mzxid: nil, version: 0, for: .delete) == .noNode)
    }

    @Test func `all stated conditions must hold`() throws {
        let condition = try condition(ifMatch: #""0000000100000007""#, query: "version=3")
        #expect(condition.refusal(mzxid: current, version: 3, for: .delete) == nil)
        #expect(condition.refusal(mzxid: current, version: 4, for: .delete) == .preconditionFailed)
        #expect(
            problem { try self.condition(ifMatch: "*", ifNoneMatch: "*") } == .badRequest)
        #expect(
            problem { try self.condition(ifNoneMatch: "*", query: "version=0") } == .badRequest)
        #expect(problem { try self.condition(ifNoneMatch: #""a""#) } == .unimplemented)
    }
}

@Suite struct ReadConditionTests {
    private let tag = EntityTag.znode(
        mzxid: Zxid(epoch: 1, counter: 7), pzxid: Zxid(epoch: 1, counter: 9), aversion: 2)

    private func verdict(_ pairs: (name: String, value: String)...) throws
        -> ReadCondition.Verdict
    {
        try ReadCondition(headers: .init(pairs)).verdict(current: tag)
    }

    @Test func `what the client has is not sent again`() throws {
        #expect(try verdict() == .serve)
        #expect(try verdict(("If-None-Match", "*")) == .notModified)
        #expect(
            try verdict(("If-None-Match", #""x", "0000000100000007.0000000100000009.2""#))
                == .notModified)
        #expect(
            try verdict(("If-None-Match", #"W/"0000000100000007.0000000100000009.2""#))
                == .notModified)
        #expect(try verdict(("If-None-Match", #""0000000100000006""#)) == .serve)
    }

    @Test func `the short form stands for the value, the long form for all of it`() throws {
        #expect(try verdict(("If-None-Match", #""0000000100000007""#)) == .notModified)
        #expect(
            try verdict(("If-None-Match", #""0000000100000007.0000000100000008.2""#)) == .serve)
    }

    @Test func `If-Match comes first`() throws {
        #expect(
            try verdict(("If-Match", #""0000000100000006""#), ("If-None-Match", "*")) == .failed)
        #expect(try verdict(("If-Match", #""0000000100000007""#)) == .serve)
        #expect(try verdict(("If-Match", #"W/"0000000100000007""#)) == .failed)
        #expect(try verdict(("If-Match", "*")) == .serve)
    }
}
