import Jute
import PeerHTTP
import Testing
import Zab

@testable import Gateway

@Suite struct ClusterTests {
    private func view(
        _ roles: [String], _ quorum: QuorumVerifier, zxid: Zxid = .zero
    ) -> ClusterView {
        let members = roles.enumerated().map { index, role in
            var member = ClusterMember(id: PeerID(index + 1), isVoter: role != "observer")
            member.role = role
            return member
        }
        return ClusterView(
            id: "x", epoch: 3, leader: members.first { $0.role == "leader" }?.id, zxid: zxid,
            members: members, quorum: quorum, alarms: [],
            recovery: RecoveryView(state: .healthy))
    }

    @Test(
        arguments: [
            (["leader"], 0), (["leader", "follower", "follower"], 1),
            (["leader", "follower", "down"], 0), (["looking", "looking", "down"], 0),
            (["leader", "follower", "follower", "follower", "follower"], 2),
            (["leader", "follower", "follower", "down", "follower"], 1),
        ] as [([String], Int)])
    func `how many voters more may fail`(roles: [String], tolerance: Int) {
        let voters = Set((1...roles.count).map(PeerID.init))
        #expect(view(roles, .majority(voters: voters)).failureTolerance == tolerance)
    }

    @Test func `observers do not count`() {
        let roles = ["leader", "follower", "follower", "observer", "observer"]
        #expect(view(roles, .majority(voters: [1, 2, 3])).failureTolerance == 1)
    }

    @Test func `in groups, the unluckiest loss counts`() {
        // Group 1 hangs on one server that has all its weight.
        let quorum = QuorumVerifier.hierarchical(
            groups: [1: [1, 2, 3], 2: [4, 5, 6], 3: [7, 8, 9]],
            weights: [1: 5, 2: 1, 3: 1, 4: 1, 5: 1, 6: 1, 7: 1, 8: 1, 9: 1])
        let roles = ["leader"] + Array(repeating: "follower", count: 8)
        // Two servers of group 2 end it, one of group 1 that one.
        #expect(view(roles, quorum).failureTolerance == 2)
    }

    @Test func `the tag knows roles, and nothing that changes all the time`() {
        let quorum = QuorumVerifier.majority(voters: [1, 2, 3])
        let roles = ["leader", "follower", "follower"]
        let tag = view(roles, quorum).tag
        #expect(view(roles, quorum, zxid: Zxid(epoch: 3, counter: 9)).tag == tag)
        #expect(view(["leader", "follower", "down"], quorum).tag != tag)
    }

    private func report(_ body: String, age: Duration, isReachable: Bool) -> PeerPoller.Report {
        var report = PeerPoller.Report()
        report.body = Array(body.utf8)
        report.receivedAt = .now - age
        report.isReachable = isReachable
        return report
    }

    private static let told = """
        {"id":2,"role":"follower","phase":"broadcast","zxid":"0000000300000007",\
        "synchronized":true,"version":"1","alarms":[]}
        """

    @Test(
        arguments: [
            (.seconds(1), true, "follower"), (.seconds(1), false, "follower"),
            (.seconds(60), true, "down"),
        ] as [(Duration, Bool, String)])
    func `a member is what it says as long as it says so`(
        age: Duration, isReachable: Bool, role: String
    ) {
        var member = ClusterMember(id: 2, isVoter: true)
        member.take(
            report(Self.told, age: age, isReachable: isReachable), now: .now,
            longestSilence: .seconds(4))
        #expect(member.role == role)
        #expect((member.lastContactMs ?? 0) >= age.milliseconds)
        #expect(member.version == "1")
    }

    @Test(arguments: PeerFailure.allCases)
    func `a member that has failed is down, whatever it said last`(failure: PeerFailure) {
        var member = ClusterMember(id: 2, isVoter: true)
        member.take(
            report(Self.told, age: .zero, isReachable: true), now: .now, longestSilence: .seconds(4)
        )
        let now = ContinuousClock.now
        member.take(PeerHealth(failure: failure, heardAt: now - .seconds(3)), now: now)
        #expect(member.role == "down")
        #expect(!member.takesPart)
        #expect(member.lastContactMs == 3_000)
        #expect(member.version == "1")
    }

    @Test func `a report tells of third members, the disk and the clock, or of nothing`() throws {
        let body = """
            {"id":2,"role":"follower","phase":"broadcast","zxid":"0000000300000007",\
            "synchronized":true,"version":"1","alarms":["no-space"],"time":1700000000123,\
            "disk":{"totalBytes":100,"freeBytes":7},"peers":[{"id":1,"up":true,"failure":null,\
            "lastContactMs":12,"hears":[{"id":2,"lastContactMs":5},{"id":3}]},{"id":3,"up":false,"failure":"cut"},{"up":true},7]}
            """
        let told = try #require(PeerReport(Array(body.utf8), of: 2))
        #expect(told.alarms == ["no-space"])
        #expect(told.time == .milliseconds(1_700_000_000_123))
        #expect(told.disk == DiskSpace(totalBytes: 100, freeBytes: 7))
        #expect(
            told.peers == [
                1: .init(isUp: true, lastContact: .milliseconds(12), hears: [2: .milliseconds(5)]),
                3: .init(isUp: false, failure: "cut"),
            ])
        let older = try #require(PeerReport(Array(Self.told.utf8), of: 2))
        #expect(older.peers.isEmpty && older.time == nil && older.disk == nil)
    }

    @Test func `another server at the member's address is not the member`() {
        var member = ClusterMember(id: 3, isVoter: true)
        member.take(
            report(Self.told, age: .zero, isReachable: true), now: .now,
            longestSilence: .seconds(4))
        #expect(member.role == "down")
        #expect(member.lastContactMs == nil)
    }

    @Test func `lag is told within one epoch only`() {
        var member = ClusterMember(id: 2, isVoter: true)
        member.zxid = Zxid(epoch: 3, counter: 5)
        #expect(member.lag(behind: Zxid(epoch: 3, counter: 9)) == 4)
        #expect(member.lag(behind: Zxid(epoch: 3, counter: 2)) == 0)
        #expect(member.lag(behind: Zxid(epoch: 4, counter: 1)) == nil)
    }

    @Test(arguments: [
        "", "localhost", "localhost:", "localhost:0", "localhost:99999", "a/b:80", "u@h:80",
        "h:80/x", "h?:80",
    ])
    func `an announcement names a host and a port and nothing else`(http: String) {
        #expect(NodeAnnouncement(Array(#"{"http":"\#(http)"}"#.utf8)) == nil)
        #expect(NodeAnnouncement(Array(#"{"http":"[::1]:80"}"#.utf8))?.http == "[::1]:80")
    }

    @Test func `a cursor is the state and the name`() throws {
        for name in ["a", "ä", "z+/=?", "n0000000001"] {
            let cursor = ChildrenCursor(
                zxid: Zxid(epoch: 1, counter: 2), name: Array(name.utf8))
            let text = String(decoding: cursor.text, as: UTF8.self)
            #expect(text.hasPrefix("0000000100000002."))
            #expect(try ChildrenCursor(parsing: text) == cursor)
        }
        for text in ["!", "0000000100000002", "0000000100000002.", "0000000100000002.a+b="] {
            #expect(throws: Problem.self) { try ChildrenCursor(parsing: text) }
        }
    }

    @Test func `buckets of a histogram are cumulative`() {
        var histogram = Histogram()
        for milliseconds in [1, 1, 30, 60_000] { histogram.add(.milliseconds(milliseconds)) }
        var text = PrometheusText()
        text.family("x_seconds", .histogram, "A test.")
        text.histogram(labels: [("a", #"q"\"#)], histogram)
        #expect(text.text.contains(#"x_seconds_bucket{a="q\"\\",le="0.001"} 2"#))
        #expect(text.text.contains(#"le="0.05"} 3"#))
        #expect(text.text.contains(#"le="+Inf"} 4"#))
        #expect(text.text.contains(#"x_seconds_sum{a="q\"\\"} 60.032"#))
    }
}
