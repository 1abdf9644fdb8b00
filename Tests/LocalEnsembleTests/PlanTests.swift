import Configuration
import Foundation
import Testing

@testable import LocalEnsemble

@Suite struct `A local ensemble is planned` {
    @Test func `each member with the ports and the folder of its number`() throws {
        let ensemble = try LocalEnsemble(nodes: 3)
        #expect(ensemble.members.map(\.httpPort) == [7181, 7182, 7183])
        #expect(ensemble.members.map(\.quorumPort) == [2888, 2889, 2890])
        #expect(ensemble.members.map(\.electionPort) == [3888, 3889, 3890])
        #expect(ensemble.members.map(\.folder).last == "aviary-data/local/3")
    }

    @Test(arguments: [-1, 0, 10]) func `of one to nine members`(nodes: Int) {
        #expect(throws: LocalEnsembleError.badCount(nodes)) { try LocalEnsemble(nodes: nodes) }
    }

    @Test(arguments: [1, 2, 3, 5])
    func `and tells where it is and three lines to try`(nodes: Int) throws {
        let welcome = try LocalEnsemble(nodes: nodes).welcome
        for node in 1...nodes {
            #expect(welcome.contains("node \(node)  http://127.0.0.1:\(7180 + node)\n"))
        }
        #expect(welcome.split(separator: "\n").count { $0.hasPrefix("  curl ") } == 3)
        #expect(!welcome.contains(":\(7181 + nodes)"))
    }
}

@Suite struct `A local ensemble is prepared` {
    @Test func `with a configuration that each member understands`() throws {
        let place = try Place()
        let ensemble = try place.ensemble(nodes: 3, settings: ["tickTime": "100"])
        try ensemble.prepare()
        for member in ensemble.members {
            let (configuration, warnings) = try Configuration.load(file: member.configurationFile)
            #expect(warnings.isEmpty)
            #expect(configuration.myID == Int64(member.id))
            #expect(configuration.http.address.description == "127.0.0.1:\(member.httpPort)")
            #expect(configuration.dataDirectory == member.folder)
            #expect(configuration.timing.tick == .milliseconds(100))
            #expect(configuration.ensemble.voters.map(\.id) == [1, 2, 3])
            #expect(configuration.me?.quorumPort == member.quorumPort)
            #expect(configuration.me?.electionPort == member.electionPort)
        }
    }

    @Test func `again over what an earlier run left`() throws {
        let place = try Place()
        try place.ensemble(nodes: 2).prepare()
        let marker = place.root + "/1/version-2"
        try "data".write(toFile: marker, atomically: true, encoding: .utf8)
        try place.ensemble(nodes: 2).prepare()
        #expect(try String(contentsOfFile: marker, encoding: .utf8) == "data")
    }

    @Test(arguments: [1, 3]) func `but not over an ensemble of another size`(nodes: Int) throws {
        let place = try Place()
        try place.ensemble(nodes: 2).prepare()
        let ensemble = try place.ensemble(nodes: nodes)
        #expect(throws: LocalEnsembleError.otherSize(place.root, present: 2)) {
            try ensemble.prepare()
        }
    }

    @Test func `and writes nothing when a port is in use`() throws {
        let place = try Place()
        let ensemble = try place.ensemble(nodes: 2)
        let taken = ensemble.members[1].quorumPort
        let listener = try Listener(port: taken)
        withExtendedLifetime(listener) {
            let error = #expect(throws: LocalEnsembleError.self) { try ensemble.prepare() }
            #expect(error == .portInUse(taken, purpose: "quorum", member: 2))
            #expect(
                error?.description
                    == "port \(taken) (quorum, node 2) is in use: is an ensemble running already?")
        }
        #expect(!FileManager.default.fileExists(atPath: place.root))
    }

    @Test func `and says where it cannot write`() throws {
        let place = try Place()
        try "a file, not a folder".write(toFile: place.root, atomically: true, encoding: .utf8)
        let ensemble = try place.ensemble(nodes: 1)
        let error = #expect(throws: LocalEnsembleError.self) { try ensemble.prepare() }
        #expect(error?.description.hasPrefix(place.root) == true)
    }
}
