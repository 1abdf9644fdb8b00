import Jute
import Testing
import ZnodeTree

/// Semantics reference, section 9.
@Suite struct AccessTests {
    static let bob = Identity(scheme: "digest", id: "bob:fyVmFCwVbTJYrznoSu1koqYEYF0=")
    static let policy = AccessPolicy()

    @Test(arguments: [
        (Identity(scheme: "world", id: "anyone"), true),
        (Identity(scheme: "world", id: "everyone"), false),
        (Identity(scheme: "digest", id: "bob:x"), true),
        (Identity(scheme: "digest", id: ":x"), true),
        (Identity(scheme: "digest", id: "bob:"), false),
        (Identity(scheme: "digest", id: "bob"), false),
        (Identity(scheme: "digest", id: "a:b:c"), false),
        (Identity(scheme: "ip", id: "10.0.0.1"), true),
        (Identity(scheme: "ip", id: "10.0.0.0/8"), true),
        (Identity(scheme: "ip", id: "10.0.0.0/32"), true),
        (Identity(scheme: "ip", id: "10.0.0.0/33"), false),
        (Identity(scheme: "ip", id: "10.0.0.0/-1"), false),
        (Identity(scheme: "ip", id: "10.0.0.0/"), false),
        (Identity(scheme: "ip", id: "10.0.0"), false),
        (Identity(scheme: "ip", id: "10.0.0.256"), false),
        (Identity(scheme: "ip", id: "10.0.0.0001"), false),
        (Identity(scheme: "ip", id: "::"), true),
        (Identity(scheme: "ip", id: "::1/128"), true),
        (Identity(scheme: "ip", id: "2001:db8::/32"), true),
        (Identity(scheme: "ip", id: "0:0:0:0:0:0:0:1"), true),
        (Identity(scheme: "ip", id: "::1/129"), false),
        (Identity(scheme: "ip", id: "1:2:3:4:5:6:7"), false),
        (Identity(scheme: "ip", id: "1:2:3:4:5:6:7:8:9"), false),
        (Identity(scheme: "ip", id: "1::2::3"), false),
        (Identity(scheme: "ip", id: "1:2:3:4:5:6:7:8::"), false),
        (Identity(scheme: "ip", id: "12345::"), false),
        (Identity(scheme: "ip", id: "::ffff:1.2.3.4"), false),
        (Identity(scheme: "x509", id: "CN=bob,O=somewhere"), true),
        (Identity(scheme: "x509", id: "bob"), false),
        (Identity(scheme: "sasl", id: "bob"), true),
        (Identity(scheme: "sasl", id: "bob/host@REALM"), true),
        (Identity(scheme: "sasl", id: "bob@host@REALM"), false),
        (Identity(scheme: "super", id: "x"), false),
        (Identity(scheme: "nonsense", id: "x"), false),
        (Identity(scheme: "", id: ""), false),
    ])
    func `which ids a scheme allows in a list`(identity: Identity, isValid: Bool) {
        let list = [ACL(.all, identity)]
        if isValid {
            #expect((try? Self.policy.resolve(list, for: [])) == list)
        } else {
            #expect(throws: ErrorCode.invalidACL) { try Self.policy.resolve(list, for: []) }
        }
    }

    @Test func `duplicates go, the order stays, any permission bits are kept`() throws {
        let list = [
            ACL(Permissions(rawValue: 99), .anyone), ACL(.read, Self.bob),
            ACL(Permissions(rawValue: 99), .anyone), ACL(Permissions(rawValue: 0), Self.bob),
        ]
        #expect(
            try Self.policy.resolve(list, for: []) == [list[0], list[1], list[3]])
        #expect(throws: ErrorCode.invalidACL) { try Self.policy.resolve([], for: []) }
    }

    @Test func `auth stands for every authenticated identity of the caller`() throws {
        let list = [ACL(.read, Identity(scheme: "auth", id: "ignored"))]
        let caller = [
            Leader.address, Self.bob, Identity(scheme: "x509", id: "CN=b"),
            Identity(scheme: "super", id: ""),
        ]
        #expect(
            try Self.policy.resolve(list, for: caller)
                == [ACL(.read, Self.bob), ACL(.read, Identity(scheme: "x509", id: "CN=b"))])
        #expect(throws: ErrorCode.invalidACL) {
            try Self.policy.resolve(list, for: [Leader.address])
        }
    }

    @Test(arguments: [
        ("10.0.0.1", "10.0.0.1", true), ("10.0.0.1", "10.0.0.2", false),
        ("10.0.0.0/8", "10.255.0.1", true), ("10.0.0.0/8", "11.0.0.1", false),
        ("10.0.0.0/9", "10.128.0.1", false), ("10.0.0.0/9", "10.127.0.1", true),
        ("0.0.0.0/0", "1.2.3.4", true), ("0.0.0.0/0", "::1", false),
        ("::1", "0:0:0:0:0:0:0:1", true), ("2001:db8::/33", "2001:db8:8000:0:0:0:0:1", false),
        ("2001:db8::/33", "2001:db8:7fff:0:0:0:0:1", true), ("fe80::/10", "fe80::1%eth0", true),
    ])
    func `addresses match by their first bits`(entry: String, address: String, matches: Bool) {
        #expect(
            Self.policy.allows(
                .read, to: [Identity(scheme: "ip", id: address)],
                by: [ACL(.read, Identity(scheme: "ip", id: entry))]) == matches)
    }

    @Test func `a permission is needed on an entry that matches`() {
        let list = [ACL(.read, .anyone), ACL(.write, Self.bob)]
        #expect(Self.policy.allows(.read, to: [], by: list))
        #expect(!Self.policy.allows(.write, to: [Leader.address], by: list))
        #expect(Self.policy.allows(.write, to: [Self.bob], by: list))
        #expect(!Self.policy.allows(.admin, to: [Self.bob], by: list))
        #expect(Self.policy.allows(.admin, to: [Identity(scheme: "super", id: "")], by: list))
        #expect(Self.policy.allows(.admin, to: [], by: []))
        #expect(AccessPolicy(skipsChecks: true).allows(.admin, to: [], by: list))
        let misnamed = Identity(scheme: "sasl", id: Self.bob.id)
        #expect(!Self.policy.allows(.write, to: [misnamed], by: list))
    }

    @Test func `super users of x509 and SASL`() {
        let certificate = [ACL(.all, Identity(scheme: "x509", id: "CN=a"))]
        let root = [Identity(scheme: "x509", id: "CN=root")]
        #expect(!Self.policy.allows(.read, to: root, by: certificate))
        #expect(
            AccessPolicy(x509SuperUser: "CN=root").allows(.read, to: root, by: certificate))
        let kerberos = [ACL(.all, Identity(scheme: "sasl", id: "x"))]
        let user = [Identity(scheme: "sasl", id: "y")]
        #expect(!Self.policy.allows(.read, to: user, by: kerberos))
        #expect(AccessPolicy(saslAnyUser: "x").allows(.read, to: user, by: kerberos))
        #expect(
            Self.policy.allows(.read, to: [Identity(scheme: "sasl", id: "super")], by: kerberos))
    }

    @Test func `a pending setACL counts at once`() {
        var leader = Leader()
        leader.create("/a")
        leader.prepare(
            .success(.setACL(path: "/a", acl: [ACL(.all, Self.bob)], version: -1)))
        #expect(leader.prepare(.success(.set("/a", ""))).txn == .error(.noAuth))
        #expect(
            leader.prepare(.success(.set("/a", "")), as: [Self.bob]).header.type == .setData)
        leader.applyQueued()
        #expect(leader.tree.acl(of: "/a") == [ACL(.all, Self.bob)])
    }
}
