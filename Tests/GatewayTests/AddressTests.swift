import Gateway
import Jute
import Testing

@Suite struct AddressTests {
    @Test(arguments: [
        ("", "/"), ("/", "/"), ("/app", "/app"), ("/app/config", "/app/config"),
        ("/a%20b", "/a b"), ("/a+b", "/a+b"), ("/a%2Bb", "/a+b"), ("/%C3%A4", "/ä"),
        ("/a%25b", "/a%b"), ("/%2525", "/%25"), ("/A", "/A"), ("/...", "/..."),
        ("/e%CC%81", "/e\u{301}"), ("/a;b=c,d@e:f", "/a;b=c,d@e:f"),
    ])
    func `each segment is decoded once`(address: String, path: String) throws {
        #expect(try ZnodePath(percentEncoded: slice(address)) == ZnodePath(path))
    }

    @Test(arguments: [
        "//", "/a/", "/a//b", "/.", "/..", "/a/../b", "/%2E", "/%2e%2E", "/a%2Fb", "/%2f",
        "/a%00b", "/%01", "/%7F", "/%C2%80", "/%FF", "/%C3", "/%C0%80", "/%C0%AE", "/%ED%A0%80",
        "/%EE%80%80", "/%EF%BF%BF", "/%F0%9F%A6%9C", "app",
    ])
    func `what no znode can be called is refused`(address: String) {
        #expect(problem { try ZnodePath(percentEncoded: slice(address)) } == .badPath)
    }

    @Test func `names that look alike stay two names`() throws {
        let composed = try ZnodePath(percentEncoded: slice("/%C3%A9"))
        let decomposed = try ZnodePath(percentEncoded: slice("/e%CC%81"))
        #expect(composed != decomposed)
    }

    @Test(arguments: ["/", "/app/a b", "/ä+%/?#\"", "/~a.b_c-d"])
    func `an address leads back to its path`(path: String) throws {
        let address = ZnodePath(path).address(below: "/v1/znodes")
        #expect(address.allSatisfy { (0x21...0x7E).contains($0) })
        #expect(
            try ZnodePath(percentEncoded: address.dropFirst("/v1/znodes".utf8.count))
                == ZnodePath(path))
    }

    @Test func `a path in JSON is checked as strictly`() throws {
        #expect(try ZnodePath.checked(Array("/a b/c".utf8)) == "/a b/c")
        for path in ["", "a", "/a/", "//a", "/./a", "/a\u{0}"] {
            #expect(problem { try ZnodePath.checked(Array(path.utf8)) } == .badPath)
        }
    }
}

@Suite struct QueryTests {
    @Test func `values are form-encoded`() throws {
        let query = try query("name=a+b%2Fc%2B&x=%C3%A4=&flag")
        #expect(try query.text("name") == "a b/c+")
        #expect(try query.text("x") == "ä=")
        #expect(try query.text("missing") == nil)
        #expect(query.contains("flag"))
    }

    @Test(arguments: ["a=%FF", "%C3=1", "a=%C0%80", "a=%4", "a=%zz"])
    func `what is not percent-encoded UTF-8 is refused`(text: String) {
        #expect(problem { try query(text) } == .badParameter)
    }

    @Test(arguments: ["raw", "raw=true", "raw=1"])
    func `a flag is set`(text: String) throws {
        #expect(try query(text).flag("raw"))
    }

    @Test func `a flag is unset, missing or malformed`() throws {
        #expect(try !query("raw=false").flag("raw"))
        #expect(try !query("").flag("raw"))
        #expect(try query("").flag("atomic", default: true))
        #expect(problem { try query("raw=yes").flag("raw") } == .badParameter)
        #expect(problem { try query("raw=").flag("raw") } == .badParameter)
    }

    @Test func `unknown, repeated and unbuilt parameters are refused`() throws {
        try query("a=1&b").check(known: ["a", "b"])
        #expect(problem { try query("A=1").check(known: ["a"]) } == .badParameter)
        #expect(problem { try query("a=1&a=1").check(known: ["a"]) } == .badParameter)
        #expect(problem { try query("a=1&%61=2").check(known: ["a"]) } == .badParameter)
        #expect(
            problem { try query("wait=1").check(known: ["a"], unbuilt: ["wait"]) }
                == .unimplemented)
    }

    @Test func `numbers have no spelling but one`() throws {
        #expect(try query("limit=10").integer("limit", in: 1...10) == 10)
        for text in ["0", "11", "+5", "5.0", "0x5", "", " 5", "99999999999999999999"] {
            #expect(problem { try query("n=\(text)").integer("n", in: 1...10) } == .badParameter)
        }
        #expect(try query("version=3").version() == 3)
        #expect(try query("version=-1").version() == nil)
        #expect(try query("version=-2").version() == -2)
        #expect(problem { try query("version=4294967296").version() } == .badParameter)
    }

    @Test(arguments: [
        ("30s", 30_000), ("500ms", 500), ("5m", 300_000), ("2h", 7_200_000), ("7d", 604_800_000),
        ("30", 30_000), ("0", 0),
    ])
    func `durations`(text: String, milliseconds: Int64) throws {
        #expect(try query("ttl=\(text)").duration("ttl")?.milliseconds == milliseconds)
    }

    @Test(arguments: ["", "s", "-1", "1.5s", "5 s", "5S", "5w", "٣s", "9999999999999", "1e3"])
    func `what is no duration`(text: String) {
        #expect(Duration(parsing: text) == nil)
    }

    @Test func `zxids and points`() {
        let zxid = Zxid(epoch: 1, counter: 7)
        #expect(Zxid(parsing: "0000000100000007") == zxid)
        #expect(Zxid(parsing: "0x100000007") == zxid)
        #expect(Zxid(parsing: "ffffffffffffffff") == .untrusted)
        for text in ["", "100000007", "0x", "0x00000000100000007", "000000010000000g", "+x1"] {
            #expect(Zxid(parsing: text) == nil)
        }
        #expect(Point(parsing: "0x100000007") == .zxid(zxid))
        #expect(Point(parsing: "1700000000000") == .milliseconds(1_700_000_000_000))
        #expect(Point(parsing: "1700000000000000") == .zxid(Zxid(rawValue: 0x1700_0000_0000_0000)))
        #expect(Point(parsing: "-5") == nil)
        #expect(Point(parsing: "now") == nil)
    }
}
