"""What every answer has, whatever the resource."""

import re

import pytest
from harness.client import ZXID, raw_exchange, znode


class TestEveryAnswer:
    @pytest.mark.parametrize(
        "target", ["/v1/znodes/", "/v1/znodes/none", "/v1/cluster", "/v1/node", "/v1/nothing"]
    )
    def test_tells_who_answers_and_which_state(self, http, target):
        answer = http.get(target)
        assert ZXID.fullmatch(answer.zxid)
        assert answer.headers["Aviary-Node"] in ("1", "2", "3")
        assert answer.headers["Aviary-Role"] == "follower"
        assert answer.headers["Request-Id"]
        assert "no-cache" in answer.headers["Cache-Control"]
        assert "Accept" in answer.headers["Vary"]

    def test_keeps_the_clients_request_id(self, http):
        assert http.get("/v1/znodes", Request_Id="mine-7").headers["Request-Id"] == "mine-7"

    def test_explains_its_problems(self, http):
        problem = http.get(znode("/none")).problem(404, "no-node", outcome="not-applied")
        assert problem["path"] == "/none"
        explained = http.get(problem["type"]).expect(200)
        assert explained.body

    def test_names_the_methods_that_are_allowed(self, http):
        answer = http.request("PATCH", "/v1/znodes/x")
        answer.problem(405, "method-not-allowed")
        assert {"GET", "HEAD", "PUT", "POST", "DELETE"} <= set(
            re.split(r",\s*", answer.headers["Allow"])
        )

    def test_knows_its_routes(self, http):
        http.get("/v1/nothing").problem(404, "no-route")
        http.get("/v2/znodes").problem(404, "no-route")

    def test_answers_options(self, http):
        http.request("OPTIONS", "/v1/znodes/x").expect(204)


class TestPaths:
    @pytest.mark.parametrize(
        "target",
        [
            "/v1/znodes/a%2Fb",
            "/v1/znodes/a%00b",
            "/v1/znodes//a",
            "/v1/znodes/a//b",
            "/v1/znodes/a/",
            "/v1/znodes/.",
            "/v1/znodes/../a",
            "/v1/znodes/a/./b",
            "/v1/znodes/%2E%2E/a",
            "/v1/znodes/%ff",
            "/v1/znodes/%c0%af",
            "/v1/znodes/%zz",
            "/v1/znodes/%",
            "/v1/znodes/a%01b",
            "/v1/znodes/a%7fb",
        ],
    )
    def test_bad(self, http, target):
        http.get(target).problem(400, "bad-path")

    @pytest.mark.parametrize("name", ["a+b", "a b", "ä", "日本", "a%b", "...", "a?b", "a#b", "~-_"])
    def test_good(self, http, base, name):
        http.put(znode(f"{base}/{name}"), b"1").expect(201)
        assert http.get(znode(f"{base}/{name}")).expect(200).json["path"] == f"{base}/{name}"

    @pytest.mark.parametrize(
        "query",
        ["x=1", "raw&raw", "raw=2", "version=a", "version=1&version=1", "encoding=hex", "ttl=1w"],
    )
    def test_bad_parameters(self, http, query):
        http.get(f"/v1/znodes?{query}").problem(400, "bad-parameter")


class TestLimits:
    def test_a_long_target(self, http):
        http.get("/v1/znodes/" + "a" * 17_000).problem(414, "uri-too-long")

    def test_large_headers(self, http):
        http.get("/v1/znodes", X_Large="a" * 17_000).problem(431, "headers-too-large")

    def test_many_headers(self, http):
        many = {f"X_{number}": "1" for number in range(120)}
        http.get("/v1/znodes", **many).problem(431, "headers-too-large")

    @pytest.mark.parametrize(
        "head",
        [
            b"PUT /v1/znodes/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2",
            b"PUT /v1/znodes/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nTransfer-Encoding: chunked",
            b"PUT /v1/znodes/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1",
            b"PUT /v1/znodes/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1x",
            b"GET /v1/znodes/x HTTP/1.1\r\nHost : localhost",
            b"GET /v1/znodes/x HTTP/1.1",
            b"GET /v1/znodes/x HTTP/1.1\r\nHost: localhost\r\nHost: localhost",
        ],
    )
    def test_requests_that_can_be_read_two_ways(self, ensemble, head):
        answer = raw_exchange(ensemble[1].seat.http, head + b"\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert b"\r\nConnection: close\r\n" in answer


class TestBrowsers:
    def test_a_strange_origin_changes_nothing(self, http, base):
        http.put(znode(base), b"x", Origin="https://evil.test").problem(403, "forbidden")
        assert http.get(znode(base)).json["stat"]["version"] == 0
        http.put(znode(base), b"x", Origin=f"http://127.0.0.1:{http.port}").expect(200)

    def test_a_strange_host_is_misdirected(self, http):
        http.request("GET", "/v1/znodes", headers={"Host": "evil.test"}).problem(421, "misdirected")
        for host in ("localhost", "127.0.0.1", "[::1]"):
            http.request("GET", "/v1/znodes", headers={"Host": host}).expect(200)


class TestNotBuiltYet:
    @pytest.mark.parametrize(
        ("method", "target"),
        [
            ("GET", "/v1/tree/"),
            ("PUT", "/v1/tree/x"),
            ("GET", "/v1/cluster/members"),
            ("POST", "/v1/cluster/leadership"),
            ("GET", "/v1/outcomes/key"),
            ("GET", "/commands/mntr"),
        ],
    )
    def test_says_so(self, http, method, target):
        body = None if method == "GET" else b"{}"
        http.request(method, target, body).problem(501, "unimplemented", outcome="not-applied")

    def test_also_for_one_parameter_or_header_and_applies_nothing(self, http, base):
        http.put(znode(base), b"x", Idempotency_Key="k").problem(501, "unimplemented")
        assert http.get(znode(base)).json["stat"]["version"] == 0
