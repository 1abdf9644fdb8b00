import Testing

@testable import Configuration

@Suite struct `A bad configuration stops the start with one line that says` {
    @Test(arguments: [
        ("tickTime=abc", "takes a whole number of milliseconds from 1 to 2147483647"),
        ("tickTime=0", "takes a whole number of milliseconds from 1 to 2147483647"),
        ("tickTime=-5", "takes a whole number of milliseconds from 1 to 2147483647"),
        ("tickTime=2000ms", "takes a whole number of milliseconds from 1 to 2147483647"),
        ("tickTime=", "takes a whole number of milliseconds from 1 to 2147483647"),
        ("initLimit=0", "takes a whole number of ticks from 1 to 1000000"),
        ("syncLimit=1e3", "takes a whole number of ticks from 1 to 1000000"),
        ("dataLogDir=", "takes a path"),
        ("clientPort=65536", "takes a whole number from 0 to 65535"),
        ("maxClientCnxns=-1", "takes a whole number, at least 0"),
        ("snapCount=1", "takes a whole number from 2 to 2147483647"),
        ("autopurge.snapRetainCount=2", "takes a whole number, at least 3"),
        ("backup.keep=0", "takes a whole number, at least 1"),
        ("backup.interval=500ms", "takes a duration of at least 1s, such as 30m, 6h or 1d"),
        ("extendedTypesEnabled=maybe", "takes true or false"),
        ("peerType=leader", "takes participant or observer"),
        (
            "4lw.commands.whitelist=stats",
            "takes * or words of four letters, with commas between them"
        ),
        ("http.port=http", "takes a whole number from 0 to 65535"),
        ("http.address=a b", "takes a host name or an IP address"),
        ("http.insecure=2", "takes true or false"),
        ("http.hosts=a:80", "takes host names without ports, with commas between them"),
        (
            "http.cors.origins=*",
            "takes origins such as https://example.org:8443, with commas between them"
        ),
        ("http.wait.max=1w", "takes a duration such as 500ms, 30s, 5m, 2h or 7d"),
        ("http.wait.max=0", "takes a duration such as 500ms, 30s, 5m, 2h or 7d"),
        (
            "http.wait.max=9223372036854775807d",
            "takes a duration such as 500ms, 30s, 5m, 2h or 7d"
        ),
        ("http.waits.max=0", "takes a whole number, at least 1"),
        (
            "history.retention.bytes=4GB",
            "takes a size such as 512MiB or 4GiB, or a number of bytes"
        ),
        (
            "history.retention.bytes=9999999TiB",
            "takes a size such as 512MiB or 4GiB, or a number of bytes"
        ),
        ("recovery.maxDifferingRatio=1.5", "takes a number from 0 to 1"),
        ("recovery.maxDifferingRatio=nan", "takes a number from 0 to 1"),
        ("cluster.id=a b", "takes 1 to 64 letters, digits, dots, dashes or underscores"),
        ("myid=300", "takes a whole number from 0 to 254"),
        ("server.300=a:1:2", "the number in the key must be from 0 to 254"),
        ("server.x=a:1:2", "the number in the key must be from 0 to 254"),
        ("server.1=a:1:1", "takes two different ports for quorum and election"),
        ("server.1=a:1:2:boss", "takes the role participant or observer, not boss"),
        (
            "server.1=a:1:2|b:1:2",
            "several addresses of one server (`|`) are not supported yet"
        ),
        (
            "server.1=a:1",
            "takes host:quorumPort:electionPort[:participant|observer][;[host:]clientPort], "
                + "with ports from 1 to 65535"
        ),
        ("group.1=1,2", "takes numbers of servers with colons between them"),
        ("weight.1=-1", "takes a whole number from 0 to 1000000"),
        (
            "recovery.maxDiffering=1",
            "there is no such key; there are recovery.maxDifferingRatio, "
                + "recovery.maxDifferingNodes, recovery.maxTruncatedTransactions, recovery.strict, "
                + "recovery.scrub"
        ),
        ("cluster.name=a", "there is no such key; there are cluster.id"),
        ("sslQuorum=true", "is not supported yet with a value other than false"),
        ("http.tls.certificate=a.pem", "is not supported yet"),
        ("dynamicConfigFile=x", "is not supported yet"),
        ("forceSync=no", "is not supported yet with a value other than yes"),
    ])
    func `the file, the line, the key and what is allowed`(line: String, problem: String) {
        #expect(refusal(of: "# a comment", line) == "n1.cfg:2: \(line): \(problem)")
    }

    @Test func `no secret`() {
        #expect(
            refusal(of: "http.token=secret")
                == "n1.cfg:1: http.token: takes at least 8 visible ASCII characters")
        #expect(
            refusal(of: "DigestAuthenticationProvider.superDigest=secret")?.contains("secret")
                == false)
    }

    @Test func `the environment variable`() {
        #expect(
            refusal(environment: ["AVIARY_HTTP_PORT": "tcp://10.0.0.1:7181"])
                == "environment variable AVIARY_HTTP_PORT: http.port=tcp://10.0.0.1:7181: "
                + "takes a whole number from 0 to 65535")
        #expect(
            refusal(environment: ["AVIARY_HISTORY_SIZE": "1"])
                == "environment variable AVIARY_HISTORY_SIZE: there is no such key; there are "
                + "AVIARY_HISTORY_RETENTION_TIME, AVIARY_HISTORY_RETENTION_BYTES")
    }

    @Test(arguments: [
        (["--http-port", "x"], "--http-port: http.port=x: takes a whole number from 0 to 65535"),
        (["--http-port"], "--http-port: needs a value"),
        (["--http-ports=1"], "--http-ports: is not a flag of Aviary"),
        (["serve"], "serve: is not a flag of Aviary"),
        ([""], ": is not a flag of Aviary"),
        (["--server-1=a"], "--server-1: server.1=a: takes \(Configuration.Member.form), "),
    ])
    func `the flag`(arguments: [String], expected: String) {
        #expect(refusal(arguments: arguments)?.hasPrefix(expected.trimmingSuffix(", ")) == true)
    }

    @Test func `a bad value also where another one overrides it`() {
        #expect(refusal(of: "tickTime=x", arguments: ["--tick-time=5"]) != nil)
    }

    @Test(arguments: [
        (
            ["server.1=a:1:2:observer"],
            "n1.cfg:1: server.1: at least one server must be a participant"
        ),
        (
            ["server.1=a:1:2", "server.2=a:2:3"],
            "n1.cfg:2: server.2: a:2 belongs to server.1 already"
        ),
        (
            ["server.1=a:1:2", "peerType=observer"],
            "n1.cfg:2: peerType: is observer, but server.1 is a participant"
        ),
        (
            ["server.1=a:1:2", "server.2=b:1:2", "group.1=1"],
            "n1.cfg:2: server.2: must be in exactly one group"
        ),
        (
            ["server.1=a:1:2", "group.1=1", "group.2=1"],
            "n1.cfg:3: group.2: server.1 is in group.1 already"
        ),
        (
            ["server.1=a:1:2", "group.1=1:2"],
            "n1.cfg:2: group.1: server.2 is not a participant"
        ),
        (["server.1=a:1:2", "weight.1=2"], "n1.cfg:2: weight.1: counts only beside group lines"),
        (
            ["server.1=a:1:2", "group.1=1", "weight.1=0"],
            "n1.cfg:3: weight.1: at least one participant must weigh something"
        ),
        (
            ["minSessionTimeout=90000"],
            "n1.cfg:1: minSessionTimeout: maxSessionTimeout (20 ticks unless set) must not be "
                + "below minSessionTimeout"
        ),
        (
            ["server.1=a:1:7181"],
            "http.port: 7181 belongs to server.1 already"
        ),
        (["clientPort=7181"], "n1.cfg:1: clientPort: 7181 belongs to http.port already"),
    ])
    func `what two values say against each other`(lines: [String], expected: String) {
        #expect(refusal(of: lines.joined(separator: "\n"), "\nmyid=1") == expected)
    }
}

@Suite struct `A port that others reach is never open by accident` {
    @Test(arguments: ["0.0.0.0", "::", "[::]", "192.168.1.4", "aviary.test", "127.0.0.1.test"])
    func `without a token it needs http insecure`(host: String) throws {
        #expect(
            refusal(of: "http.address=\(host)")?.hasPrefix(
                "n1.cfg:1: http.address: other machines reach ") == true)
        let (_, warnings) = try load("http.address=\(host)", "http.insecure=true")
        #expect(warnings.count == 1)
        #expect(warnings.first?.contains("may read and change everything") == true)
    }

    @Test func `with a token it says that the token travels in clear text`() throws {
        let (configuration, warnings) = try load("http.address=::", "http.token=0123456789")
        #expect(configuration.http.token == "0123456789")
        #expect(warnings == ["http.address is ::: tokens travel in clear text"])
    }

    @Test(arguments: ["127.0.0.1", "127.1.2.3", "localhost", "LocalHost", "::1", "[::1]"])
    func `loopback needs nothing`(host: String) throws {
        #expect(try load("http.address=\(host)").warnings.isEmpty)
    }
}

extension String {
    fileprivate func trimmingSuffix(_ suffix: String) -> String {
        hasSuffix(suffix) ? String(dropLast(suffix.count)) : self
    }
}
