import Testing

@testable import Configuration

@Suite struct `A configuration file has the form of Java's properties` {
    private func pairs(_ text: String) -> [String] {
        PropertiesFile(parsing: text).lines.map { "\($0.number) \($0.key)|\($0.value)" }
    }

    @Test(arguments: [
        ("a=b", ["1 a|b"]),
        ("a = b ", ["1 a|b"]),
        ("  a:b", ["1 a|b"]),
        ("a b", ["1 a|b"]),
        ("a\tb=c", ["1 a|b=c"]),
        ("a==b", ["1 a|=b"]),
        ("a", ["1 a|"]),
        ("a=", ["1 a|"]),
        ("=b", ["1 |b"]),
        ("server.1=h:1:2;3", ["1 server.1|h:1:2;3"]),
        ("# a=b\n! c=d\n\n  \ne=f", ["5 e|f"]),
        ("a=b\r\nc=d\r\n", ["1 a|b", "2 c|d"]),
        ("a=b\\\n   c\nd=e", ["1 a|bc", "3 d|e"]),
        ("a=b\\\n# c\nd=e", ["1 a|b# c", "3 d|e"]),
        ("a=b\\\\\nc=d", ["1 a|b\\", "2 c|d"]),
        ("a=b\\", ["1 a|b"]),
        ("a\\=b=c", ["1 a=b|c"]),
        ("a=x\\t.\\u0041.\\q", ["1 a|x\t.A.q"]),
        ("a=\\uzzzz", ["1 a|uzzzz"]),
        ("a=æ=\"x\" # y", ["1 a|æ=\"x\" # y"]),
    ])
    func `keys and values`(text: String, expected: [String]) {
        #expect(pairs(text) == expected)
    }

    @Test func `an escaped letter after the last backslash does not run past the end`() {
        #expect(pairs("a\\") == ["1 a|"])
    }

    @Test func `a file that is missing or no text is one clear line`() throws {
        let scratch = try Scratch()
        let missing = #expect(throws: ConfigurationError.self) {
            try Configuration.load(file: scratch.path + "/none.cfg")
        }
        #expect(
            missing?.description
                == "\(scratch.path)/none.cfg: cannot be read: no such file")
        let folder = #expect(throws: ConfigurationError.self) {
            try Configuration.load(file: scratch.path)
        }
        #expect(folder?.description.hasPrefix("\(scratch.path): cannot be read: ") == true)
    }
}
