import Gateway
import Jute
import Testing

@Suite struct JSONWriterTests {
    private func written(_ body: (inout JSONWriter) -> Void) -> String {
        var json = JSONWriter()
        body(&json)
        return String(decoding: json.bytes, as: UTF8.self)
    }

    @Test func `objects, arrays and everything in them`() {
        let text = written { json in
            json.object { json in
                json.key("a")
                json.array { json in
                    json.integer(Int64.min)
                    json.integer(0)
                    json.integer(UInt8(200))
                    json.array { _ in }
                    json.object { _ in }
                }
                json.key("zxid")
                json.zxid(Zxid(epoch: 1, counter: 7))
                json.key("none")
                json.null()
                json.key("yes")
                json.bool(true)
                json.key("data")
                json.base64([0xFF, 0xFE])
            }
        }
        #expect(
            text == #"{"a":[-9223372036854775808,0,200,[],{}],"zxid":"0000000100000007","#
                + #""none":null,"yes":true,"data":"//4="}"#)
    }

    @Test func `strings are escaped where they must be`() {
        #expect(
            written { $0.string("a\"b\\c\n\r\t\u{0}\u{1F}/ä🦜") }
                == #""a\"b\\c\n\r\t\u0000\u001f/ä🦜""#)
        #expect(written { $0.string("") } == "\"\"")
    }

    @Test func `what is written reads back`() throws {
        let value = JSONValue.object(
            JSONObject([
                .init(key: Array("a\u{0}\"".utf8), value: .array([.null, .bool(false)])),
                .init(key: Array("b".utf8), value: .integer(.max)),
                .init(key: Array("c".utf8), value: .number("1.5e3")),
                .init(key: [], value: .text("\u{7F}\u{2028}")),
            ]))
        var json = JSONWriter()
        json.value(value)
        #expect(try JSONParser.parse(json.bytes) == value)
    }
}

@Suite struct JSONParserTests {
    private func parse(_ text: String) throws -> JSONValue {
        try JSONParser.parse(Array(text.utf8))
    }

    @Test func `values`() throws {
        #expect(try parse(" null ") == .null)
        #expect(try parse("[true,false]") == .array([.bool(true), .bool(false)]))
        #expect(try parse("9223372036854775807") == .integer(.max))
        #expect(try parse("-9223372036854775808") == .integer(.min))
        #expect(try parse("9223372036854775808") == .number("9223372036854775808"))
        #expect(try parse("-0.5E+2") == .number("-0.5E+2"))
        #expect(
            try parse(#""\u00e4\ud83e\udd9c\"\\\/\b\f\n\r\t""#) == .text("ä🦜\"\\/\u{8}\u{C}\n\r\t"))
        #expect(try parse("{ }") == .object(JSONObject()))
        #expect(try parse("\t[ ]\r\n") == .array([]))
    }

    @Test(arguments: [
        "", " ", "nul", "truex", "[1,]", "[,1]", "[1 2]", "{", "{\"a\"}", "{\"a\":}", "{\"a\":1,}",
        "{a:1}", "{'a':1}", "[1]]", "1 2", "01", "-", "1.", ".5", "1e", "+1", "0x1", "NaN",
        "Infinity", "\"", "\"\\\"", "\"\\x\"", "\"\\u12\"", "\"\\ud800\"", "\"\\ud800x\"",
        "\"\\ud800\\u0041\"", "\"\\udc00\"", "\"\n\"", "\"\u{1}\"", "\u{FEFF}1", "//1", "[1]\u{0}",
    ])
    func `what is not JSON is refused`(text: String) {
        #expect(problem { try parse(text) } == .badRequest)
    }

    @Test(arguments: [
        [0xFF], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xC3],
    ])
    func `invalid UTF-8 is refused`(bytes: [UInt8]) {
        let text = [UInt8(ascii: "\"")] + bytes + [UInt8(ascii: "\"")]
        #expect(problem { try JSONParser.parse(text) } == .badRequest)
    }

    @Test func `a name is there once, however it is spelt and however many there are`() throws {
        #expect(problem { try parse(#"{"a":1,"\u0061":2}"#) } == .badRequest)
        let members = (0..<100).map { "\"m\($0)\":\($0)" }
        #expect(throws: Never.self) { try parse("{\(members.joined(separator: ","))}") }
        for twice in [3, 15, 16, 17, 99] {
            let text = "{\(members.joined(separator: ",")),\"m\(twice)\":0}"
            #expect(problem { try parse(text) } == .badRequest)
        }
        // Equal to Swift's String, two names to everybody else.
        #expect(throws: Never.self) { try parse(#"{"\u00e9":1,"e\u0301":2}"#) }
    }

    @Test func `nesting has an end`() {
        func nested(_ depth: Int) -> String {
            String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
        }
        #expect(problem { try parse(nested(33)) } == nil)
        #expect(problem { try parse(nested(34)) } == .badRequest)
        #expect(problem { try parse(String(repeating: "[", count: 1_000_000)) } == .badRequest)
    }
}

@Suite struct Base64Tests {
    @Test(arguments: [
        ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="),
        ("fooba", "Zm9vYmE="), ("foobar", "Zm9vYmFy"),
    ])
    func `the examples of RFC 4648`(data: String, text: String) {
        #expect(Base64.encode(Array(data.utf8)) == text)
        #expect(Base64.decode(Array(text.utf8)) == Array(data.utf8))
    }

    @Test func `every byte survives`() {
        let data = (0..<1_000).map { UInt8(truncatingIfNeeded: $0 &* 37) }
        for count in [1, 2, 3, 255, 256, 1_000] {
            let part = Array(data.prefix(count))
            #expect(Base64.decode(Array(Base64.encode(part).utf8)) == part)
        }
    }

    @Test(arguments: [
        "Z", "Zg", "Zg=", "Zg===", "Zh==", "Zm9=", "=", "====", "Zg==Zg==", "Zm 9v", "Zm9v\n",
        "Zm9-", "Zm9_", "Z=g=", "Zm9v====",
    ])
    func `another spelling of data is refused`(text: String) {
        #expect(Base64.decode(Array(text.utf8)) == nil)
    }
}
