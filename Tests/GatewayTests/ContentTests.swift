import Gateway
import HTTPServer
import Jute
import Testing

@Suite struct ContentTests {
    private func representation(
        _ accept: String?, _ text: String = ""
    ) throws -> Representation {
        try Representation(
            headers: .init(accept.map { [("Accept", $0)] } ?? []), query: query(text))
    }

    @Test(arguments: [
        nil, "*/*", "application/json", "text/html", "application/octet-stream;q=0",
        "application/json, application/octet-stream",
        "application/octet-stream;q=0.5, application/json", "garbage", "",
    ])
    func `JSON is the default`(accept: String?) throws {
        #expect(try representation(accept) == .json)
    }

    @Test(arguments: [
        "application/octet-stream", "Application/Octet-Stream, */*;q=0.1",
        "application/json;q=0.5, application/octet-stream;q=0.9",
    ])
    func `the bytes alone, where they are named`(accept: String) throws {
        #expect(try representation(accept) == .raw)
    }

    @Test func `parameters decide before Accept`() throws {
        #expect(try representation(nil, "raw") == .raw)
        #expect(try representation("application/octet-stream", "encoding=base64") == .jsonBase64)
        #expect(problem { try representation(nil, "encoding=hex") } == .badParameter)
        #expect(problem { try representation(nil, "raw&encoding=base64") } == .badParameter)
    }

    private func body(_ type: String?, _ text: String, encoding: String? = nil) throws -> ZnodeBody
    {
        var pairs: [(name: String, value: String)] = []
        if let type { pairs.append(("Content-Type", type)) }
        if let encoding { pairs.append(("Content-Encoding", encoding)) }
        let head = HTTPRequestHead(method: .put, target: "/v1/znodes/a", headers: pairs)
        return try ZnodeBody(HTTPRequest(head: head, body: Array(text.utf8)))
    }

    private static let envelope = "application/vnd.aviary.znode+json"

    @Test(arguments: [nil, "application/json", "application/x-www-form-urlencoded", "text/plain"])
    func `a body is data, whatever it is called`(type: String?) throws {
        #expect(try body(type, #"{"text":"x"}"#).data == Array(#"{"text":"x"}"#.utf8))
        #expect(try body(type, "").data == [])
    }

    @Test func `an envelope is opened`() throws {
        let body = try body(
            "Application/vnd.aviary.znode+JSON; charset=utf-8",
            #"""
            {"base64":"//4=","mode":"persistent-with-ttl","ttl":"1m",
             "acl":[{"scheme":"world","id":"anyone","perms":["read","admin"]}]}
            """#)
        #expect(body.data == [0xFF, 0xFE])
        #expect(body.mode == .persistentWithTTL)
        #expect(body.ttl == .seconds(60))
        #expect(body.acl == [ACL([.read, .admin], .anyone)])
        #expect(try self.body(ContentTests.envelope, #"{"text":"ä","ttl":5}"#).ttl == .seconds(5))
        #expect(try self.body(ContentTests.envelope, "{}").data == [])
    }

    @Test(arguments: [
        "", "[]", #"{"text":1}"#, #"{"text":"a","base64":""}"#, #"{"base64":"a"}"#,
        #"{"txt":"a"}"#, #"{"mode":"sequential"}"#, #"{"ttl":-1}"#, #"{"ttl":1.5}"#,
        #"{"base64":null}"#,
    ])
    func `a bad envelope is refused`(text: String) {
        #expect(problem { try body(ContentTests.envelope, text) } == .badRequest)
    }

    @Test(arguments: [
        "[]", "{}", "[1]", #"[{"scheme":"world","id":"anyone"}]"#,
        #"[{"scheme":"world","id":"anyone","perms":["all"]}]"#,
        #"[{"scheme":"world","id":1,"perms":[]}]"#,
        #"[{"scheme":"world","id":"anyone","perms":[],"x":1}]"#,
    ])
    func `a bad ACL is refused`(text: String) {
        #expect(problem { try body(ContentTests.envelope, #"{"acl":\#(text)}"#) } == .badACL)
    }

    @Test func `an encoded body is refused`() {
        #expect(problem { try body(nil, "x", encoding: "gzip") } == .unsupportedEncoding)
    }

    @Test func `an ACL reads back as it is written`() throws {
        let list = [
            ACL(.all, .anyone), ACL([.read, .write], Identity(scheme: "digest", id: "a:b=\"")),
        ]
        var json = JSONWriter()
        json.acl(list)
        #expect(try ACL.list(JSONParser.parse(json.bytes)) == list)
    }
}
