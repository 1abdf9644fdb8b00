import Foundation
import Testing

@testable import Configuration

@Suite struct `An ensemble is its server lines` {
    @Test(arguments: [
        ("h:1:2", "h:1:2:participant"),
        ("h:1:2:observer", "h:1:2:observer"),
        ("h:1:2:PARTICIPANT", "h:1:2:participant"),
        ("h:1:2;2181", "h:1:2:participant;0.0.0.0:2181"),
        ("h:1:2:observer;c:2181", "h:1:2:observer;c:2181"),
        ("[::1]:1:2;[fe80::2]:3", "[::1]:1:2:participant;[fe80::2]:3"),
        ("10.0.0.1:65535:2", "10.0.0.1:65535:2:participant"),
    ])
    func `which are printed as the original prints them`(line: String, printed: String) throws {
        let member = try Configuration.Member(id: 1, parsing: line)
        #expect(member.description == printed)
        #expect(try Configuration.Member(id: 1, parsing: printed) == member)
    }

    @Test(arguments: [
        "", "h", "h:1", "h:1:2:3", "h:1:2:learner", "h:0:2", "h:1:65536", "h:1:-2", "h:1:+2",
        "h:1:2;", "h:1:2;x", "h:1:2;c:0", "h:1:2;3;4", "::1:1:2", "[::1]1:2", "[h]:1:2", "h:1:1",
        "a:1:2|b:1:2", " :1:2", "h h:1:2", "h:1:2:", "h:१:2",
    ])
    func `and refused when malformed`(line: String) {
        #expect(throws: BadValue.self) { try Configuration.Member(id: 1, parsing: line) }
    }

    @Test func `in the order of their numbers, wherever they stand`() throws {
        let configuration = try load(
            "server.10=c:1:2:observer", "server.2=b:1:2", "server.1=a:1:2;5", "myid=2"
        ).configuration
        #expect(configuration.ensemble.members.map(\.id) == [1, 2, 10])
        #expect(configuration.ensemble.voters.map(\.id) == [1, 2])
        #expect(configuration.ensemble.observers.map(\.id) == [10])
        #expect(configuration.me?.host == "b")
        #expect(configuration.me?.quorumAddress.description == "b:1")
        #expect(configuration.me?.electionAddress.description == "b:2")
    }

    @Test func `and its text is the one that servers exchange`() {
        let ensemble = Configuration.Ensemble(members: [
            .init(id: 2, host: "127.0.0.1", quorumPort: 12882, electionPort: 13882),
            .init(id: 1, host: "127.0.0.1", quorumPort: 12881, electionPort: 13881),
        ])
        #expect(
            ensemble.text() == """
                server.1=127.0.0.1:12881:13881:participant
                server.2=127.0.0.1:12882:13882:participant
                version=0
                """)
        #expect(ensemble.text(version: 0x1_0000_00ab).hasSuffix("\nversion=1000000ab"))
    }

    @Test func `groups and weights make a hierarchy`() throws {
        let ensemble = try load(
            "server.1=a:1:2", "server.2=b:1:2", "server.3=c:1:2", "server.4=d:1:2:observer",
            "group.1=1:2", "group.2=3", "weight.2=0", "myid=1"
        ).configuration.ensemble
        #expect(ensemble.hierarchy?.groups == [1: 1, 2: 1, 3: 2])
        #expect(ensemble.hierarchy?.weights == [1: 1, 2: 0, 3: 1])
        #expect(
            ensemble.text().hasSuffix(
                """
                server.4=d:1:2:observer
                group.1=1:2
                group.2=3
                weight.1=1
                weight.2=0
                weight.3=1
                version=0
                """))
    }

    @Test func `an even number of participants is worth a warning`() throws {
        #expect(try load("server.1=a:1:2", "server.2=b:1:2", "myid=1").warnings.count == 1)
        #expect(try load("server.1=a:1:2", "myid=1").warnings.isEmpty)
    }
}

@Suite struct `A server knows its number` {
    private func identity(
        myid: String?, _ lines: String..., arguments: [String] = []
    ) throws -> Int64 {
        let scratch = try Scratch()
        if let myid { _ = try scratch.write(myid, to: "myid") }
        let text = (["dataDir=\(scratch.path)"] + lines).joined(separator: "\n")
        let file = try scratch.write(text, to: "n1.cfg")
        return try withExtendedLifetime(scratch) {
            try Configuration.load(file: file, arguments: arguments).configuration.myID
        }
    }

    @Test func `from the file myid, blanks and newline left out`() throws {
        #expect(try identity(myid: " 3\n", "server.3=a:1:2") == 3)
        #expect(try identity(myid: "0", "server.0=a:1:2") == 0)
    }

    @Test func `or from the key`() throws {
        #expect(try identity(myid: nil, "server.3=a:1:2", arguments: ["--myid", "3"]) == 3)
        #expect(try identity(myid: "3", "server.3=a:1:2", arguments: ["--myid", "3"]) == 3)
    }

    @Test func `alone it is 1 unless it is told`() throws {
        #expect(try identity(myid: nil) == 1)
        #expect(try identity(myid: "7") == 7)
    }

    @Test(arguments: [
        ("x", "takes a whole number from 0 to 254"),
        ("255", "takes a whole number from 0 to 254"),
        ("", "takes a whole number from 0 to 254"),
        ("2", "there is no server.2, only server.1"),
        (nil, "is missing: it holds the number of this server's server line"),
    ])
    func `or it does not start`(myid: String?, problem: String) {
        let error = #expect(throws: ConfigurationError.self) {
            try identity(myid: myid, "server.1=a:1:2")
        }
        #expect(error?.problem == problem)
        #expect(error?.description.contains("/myid") == true)
    }

    @Test func `a key that contradicts the file is refused`() {
        let error = #expect(throws: ConfigurationError.self) {
            try identity(myid: "1", "server.1=a:1:2", "server.2=b:1:2", arguments: ["--myid=2"])
        }
        #expect(error?.description.hasPrefix("--myid: myid: is 2, but ") == true)
    }
}
