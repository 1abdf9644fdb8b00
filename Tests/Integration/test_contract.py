"""The HTTP contract, as far as it is built, on three nodes: what a client may rely on."""

import base64
import concurrent.futures
import json
import itertools
import re

import pytest
from harness.client import acl, children, raw_exchange, znode
from harness.waiting import eventually
from openapi_spec_validator import validate

ZXID = re.compile(r"[0-9a-f]{16}")


@pytest.fixture(scope="module")
def ensemble(make_shared_ensemble):
    return make_shared_ensemble()


@pytest.fixture
def http(ensemble):
    """A connection to a follower: whoever is asked, the answer is the same."""
    with ensemble.followers()[0].client() as client:
        yield client


_numbers = itertools.count()


@pytest.fixture
def base(http, request):
    """An empty znode of the test's own."""
    name = re.sub(r"\W", "-", request.node.name)[:80]
    path = f"/{name}-{next(_numbers)}"
    http.put(znode(path)).expect(201)
    return path


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


class TestReading:
    def test_a_value_comes_with_its_stat(self, http, base):
        created = http.put(znode(base + "/a"), b"hello").expect(201).json
        answer = http.get(znode(base + "/a")).expect(200)
        assert answer.headers["Content-Type"].startswith("application/json")
        body = answer.json
        assert body["path"] == base + "/a"
        assert body["text"] == "hello"
        assert "base64" not in body
        stat = body["stat"]
        assert stat["czxid"] == stat["mzxid"] == stat["pzxid"] == created["zxid"]
        assert (stat["version"], stat["cversion"], stat["aversion"]) == (0, 0, 0)
        assert stat["dataLength"] == 5
        assert stat["numChildren"] == 0
        assert stat["ephemeralOwner"] is None
        assert stat["mode"] == "persistent"
        assert stat["ttlMs"] is None
        assert created["stat"] == stat

    def test_bytes_that_are_no_text_come_as_base64(self, http, base):
        data = bytes(range(256))
        http.put(znode(base + "/b"), data).expect(201)
        body = http.get(znode(base + "/b")).expect(200).json
        assert base64.b64decode(body["base64"]) == data
        assert "text" not in body
        http.put(znode(base + "/t"), b"abc").expect(201)
        assert http.get(znode(base + "/t", encoding="base64")).json["base64"] == "YWJj"

    def test_the_bytes_alone(self, http, base):
        data = bytes(range(256))
        http.put(znode(base + "/r"), data).expect(201)
        for answer in (
            http.get(znode(base + "/r", raw=True)),
            http.get(znode(base + "/r", raw="1")),
            http.get(znode(base + "/r"), Accept="application/octet-stream"),
        ):
            assert answer.expect(200).body == data
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert "sandbox" in answer.headers["Content-Security-Policy"]
            assert answer.headers["Aviary-Stat-Version"] == "0"
            assert ZXID.fullmatch(answer.headers["Aviary-Stat-Czxid"])

    def test_head_is_get_without_its_body(self, http, base):
        http.put(znode(base + "/h"), b"12345").expect(201)
        answer = http.head(znode(base + "/h")).expect(200)
        assert answer.body == b""
        assert answer.headers["Aviary-Stat-Version"] == "0"
        assert answer.etag == http.get(znode(base + "/h")).etag
        assert http.head(znode(base + "/none")).status == 404

    def test_not_modified(self, http, base):
        etag = http.get(znode(base)).etag
        answer = http.get(znode(base), If_None_Match=etag).expect(304)
        assert answer.body == b""
        assert answer.etag == etag
        http.put(znode(base), b"new").expect(200)
        http.get(znode(base), If_None_Match=etag).expect(200)

    def test_the_root(self, http):
        for target in ("/v1/znodes", "/v1/znodes/"):
            assert http.get(target).expect(200).json["path"] == "/"

    def test_several_reads_of_one_state(self, http, base):
        http.put(znode(base + "/x"), b"1").expect(201)
        operations = [
            {"op": "get", "path": base + "/x"},
            {"op": "get", "path": base + "/none"},
            {"op": "children", "path": base},
        ]
        answer = http.post("/v1/reads", {"operations": operations}).expect(200).json
        assert ZXID.fullmatch(answer["zxid"])
        first, second, third = answer["results"]
        assert (first["status"], first["text"]) == (200, "1")
        assert (second["status"], second["code"]) == (404, "no-node")
        assert (third["status"], third["children"]) == (200, ["x"])

    def test_a_min_zxid_that_has_not_come_is_waited_for_and_told(self, ensemble, base):
        ensemble.leader()
        with ensemble.followers()[0].client(timeout=30) as client:
            future = f"{int(client.get('/v1/znodes').zxid, 16) + 1000:016x}"
            answer = client.get(znode(base), Aviary_Min_Zxid=future)
            answer.problem(503, "node-behind")
            assert answer.headers["Retry-After"]

    @pytest.mark.parametrize("zxid", ["x", "-1", "1", "0x", "00000000000000001", "0xg"])
    def test_a_malformed_zxid(self, http, zxid):
        http.get("/v1/znodes", Aviary_Min_Zxid=zxid).problem(400, "bad-zxid")


class TestWriting:
    def test_create_and_replace(self, http, base):
        created = http.put(znode(base + "/a b+c"), b"1").expect(201)
        assert created.headers["Location"] in (
            f"/v1/znodes{base}/a%20b+c",
            f"/v1/znodes{base}/a%20b%2Bc",
        )
        assert created.json["path"] == base + "/a b+c"
        assert created.zxid == created.json["zxid"]
        assert created.etag == f'"{created.json["stat"]["mzxid"]}"'
        replaced = http.put(created.headers["Location"], b"22").expect(200)
        assert replaced.json["stat"]["version"] == 1
        assert replaced.json["stat"]["dataLength"] == 2
        assert replaced.json["zxid"] > created.json["zxid"]

    def test_the_body_is_data_whatever_it_is_called(self, http, base):
        http.put(znode(base), b'{"a":1}', Content_Type="application/json").expect(200)
        assert http.get(znode(base, raw=True)).body == b'{"a":1}'
        form = "application/x-www-form-urlencoded"
        http.put(znode(base), b"a=1", Content_Type=form).expect(200)
        assert http.get(znode(base, raw=True)).body == b"a=1"

    def test_only_the_envelope_is_opened(self, http, base):
        envelope = "application/vnd.aviary.znode+json"
        body = {"base64": "AP8=", "mode": "container"}
        http.put(znode(base + "/e"), body, Content_Type=envelope).expect(201)
        assert http.get(znode(base + "/e", raw=True)).body == b"\x00\xff"
        assert http.get(znode(base + "/e")).json["stat"]["mode"] == "container"
        for bad in (b"{", b"[]", b'{"text":1}', b'{"text":"a","base64":""}', b'{"other":1}'):
            assert http.put(znode(base + "/f"), bad, Content_Type=envelope).status == 400
        http.get(znode(base + "/f")).expect(404)

    def test_parents(self, http, base):
        http.put(znode(base + "/x/y/z"), b"").problem(404, "no-parent")
        created = http.put(znode(base + "/x/y/z", parents=True), b"1").expect(201).json
        for path in ("/x", "/x/y"):
            stat = http.get(znode(base + path)).expect(200).json["stat"]
            assert stat["czxid"] == created["zxid"], "in the same transaction"

    def test_sequential(self, http, base):
        paths = [
            http.post(f"/v1/znodes{base}?name=item-&sequential=true").expect(201).json["path"]
            for _ in range(3)
        ]
        assert paths == [f"{base}/item-{number:010}" for number in range(3)]

    def test_create_by_name(self, http, base):
        answer = http.post(f"/v1/znodes{base}?name=child", b"v").expect(201)
        assert answer.json["path"] == base + "/child"
        http.post(f"/v1/znodes{base}?name=child").problem(409, "node-exists")
        assert http.post(f"/v1/znodes{base}?name=a%2Fb").status == 400
        assert http.post(f"/v1/znodes{base}").status == 400

    def test_ttl_and_container(self, http, base):
        target = znode(base + "/ttl", mode="persistent-with-ttl", ttl="60s")
        stat = http.put(target).expect(201).json["stat"]
        assert (stat["mode"], stat["ttlMs"]) == ("persistent-with-ttl", 60_000)
        http.put(znode(base + "/c", mode="container")).expect(201)
        http.put(znode(base + "/c", mode="persistent")).problem(409, "mode-mismatch")

    def test_delete(self, http, base):
        http.put(znode(base + "/d/e", parents=True)).expect(201)
        http.delete(znode(base + "/d")).problem(409, "not-empty")
        http.delete(znode(base + "/d/e")).expect(204)
        http.delete(znode(base + "/d")).expect(204)
        http.delete(znode(base + "/d")).problem(404, "no-node")

    def test_delete_a_subtree_in_one_transaction(self, http, base):
        for path in ("/t/a/b", "/t/c", "/t/a/d"):
            http.put(znode(base + path, parents=True)).expect(201)
        http.delete(znode(base + "/t", recursive=True)).expect(204)
        http.get(znode(base + "/t")).expect(404)
        assert http.get(children(base)).json["children"] == []

    def test_the_largest_value_and_one_more(self, http, base):
        path = base + "/large"
        room = 1_047_552 - len(path) - 200
        http.put(znode(path), b"x" * room).expect(201)
        assert len(http.get(znode(path, raw=True)).body) == room
        http.put(znode(path), b"x" * 1_047_553).problem(413, "too-large", outcome="not-applied")
        assert http.get(znode(path)).json["stat"]["version"] == 0

    def test_an_encoded_body_is_refused(self, http, base):
        assert http.put(znode(base), b"x", Content_Encoding="gzip").status == 415

    @pytest.mark.parametrize("path", ["/aviary/x", "/zookeeper/x", "/zookeeper"])
    def test_system_subtrees_are_not_written(self, http, path):
        assert http.put(znode(path), b"x").status == 403
        assert http.delete(znode(path)).status in (403, 404)


class TestConditions:
    def test_create_only(self, http, base):
        http.put(znode(base + "/once"), b"1", If_None_Match="*").expect(201)
        answer = http.put(znode(base + "/once"), b"2", If_None_Match="*")
        problem = answer.problem(412, "precondition-failed", "node-exists", outcome="not-applied")
        assert problem["stat"]["version"] == 0
        assert problem["etag"] == answer.etag

    def test_update_only(self, http, base):
        http.put(znode(base + "/none"), b"1", If_Match="*").problem(412, "precondition-failed")
        http.put(znode(base), b"1", If_Match="*").expect(200)

    def test_compare_and_set(self, http, base):
        etag = http.get(znode(base)).etag
        written = http.put(znode(base), b"1", If_Match=etag).expect(200)
        http.put(znode(base), b"2", If_Match=etag).problem(412, "precondition-failed")
        http.put(znode(base), b"2", If_Match=written.etag).expect(200)
        assert http.get(znode(base)).json["text"] == "2"

    def test_compare_and_set_is_safe_across_delete_and_create(self, http, base):
        etag = http.put(znode(base + "/aba"), b"1").expect(201).etag
        http.delete(znode(base + "/aba")).expect(204)
        http.put(znode(base + "/aba"), b"1").expect(201)
        http.put(znode(base + "/aba"), b"2", If_Match=etag).problem(412, "precondition-failed")

    def test_either_form_of_the_tag_and_lists(self, http, base):
        raw = http.get(znode(base, raw=True)).etag
        http.put(znode(base), b"1", If_Match=f'"0000000000000001", {raw}').expect(200)
        tag = http.get(znode(base)).etag
        http.put(znode(base), b"1", If_Match=f"W/{tag}").problem(412, "precondition-failed")
        assert http.put(znode(base), b"1", If_Match="unquoted").status == 400

    def test_versions(self, http, base):
        http.put(znode(base, version=0), b"1").expect(200)
        http.put(znode(base, version=0), b"2").problem(412, "precondition-failed")
        http.put(znode(base, version=-1), b"2").expect(200)
        http.delete(znode(base, version=0)).problem(412, "precondition-failed")
        http.put(znode(base + "/none", version=0), b"1").problem(404, "no-node")
        http.delete(znode(base + "/none"), If_Match='"0000000000000001"').problem(404, "no-node")
        http.delete(znode(base, version=2)).expect(204)

    def test_only_one_of_many_wins(self, ensemble, base):
        clients = [member.client() for member in ensemble for _ in range(4)]
        etag = clients[0].get(znode(base)).etag
        with concurrent.futures.ThreadPoolExecutor(len(clients)) as pool:
            answers = list(
                pool.map(lambda c: c.put(znode(base), b"x", If_Match=etag).status, clients)
            )
        assert sorted(answers) == [200] + [412] * (len(clients) - 1)


class TestChildren:
    def test_pages(self, http, base):
        names = [f"n{number:03}" for number in range(25)]
        for name in names:
            http.put(znode(f"{base}/{name}")).expect(201)
        seen, cursor = [], None
        while True:
            query = {"limit": 10} | ({"cursor": cursor} if cursor else {})
            page = http.get(children(base, **query)).expect(200).json
            assert len(page["children"]) <= 10
            seen += page["children"]
            cursor = page["next"]
            if cursor is None:
                break
        assert seen == names

    def test_what_they_hold(self, http, base):
        http.put(znode(base + "/a"), b"1").expect(201)
        (child,) = http.get(children(base, include="stat,data")).expect(200).json["children"]
        assert child["name"] == "a"
        assert child["text"] == "1"
        assert child["stat"]["dataLength"] == 1

    def test_not_modified(self, http, base):
        etag = http.get(children(base)).etag
        assert etag.startswith('"c')
        http.get(children(base), If_None_Match=etag).expect(304)
        http.put(znode(base + "/a")).expect(201)
        http.get(children(base), If_None_Match=etag).expect(200)

    @pytest.mark.parametrize("query", ["limit=0", "limit=10001", "limit=x", "cursor=%21"])
    def test_bad_pages(self, http, base, query):
        assert http.get(f"/v1/children{base}?{query}").status == 400


class TestTransactions:
    def test_all(self, http, base):
        operations = [
            {"op": "check", "path": base, "version": 0},
            {"op": "create", "path": base + "/a", "text": "1"},
            {"op": "create", "path": base + "/s-", "sequential": True},
            {"op": "set", "path": base + "/a", "base64": "Mg=="},
            {"op": "create", "path": base + "/b"},
            {"op": "delete", "path": base + "/b"},
        ]
        answer = http.post("/v1/transactions", {"operations": operations}).expect(200).json
        assert [result["op"] for result in answer["results"]] == [o["op"] for o in operations]
        assert answer["results"][2]["path"] == base + "/s-0000000001"
        stat = http.get(znode(base + "/a")).json["stat"]
        assert stat["czxid"] == stat["mzxid"] == answer["zxid"]

    def test_or_nothing(self, http, base):
        operations = [
            {"op": "create", "path": base + "/a"},
            {"op": "set", "path": base + "/none", "text": "1"},
            {"op": "create", "path": base + "/b"},
        ]
        problem = http.post("/v1/transactions", {"operations": operations}).problem(404, "no-node")
        assert problem["operationIndex"] == 1
        assert [result["status"] for result in problem["results"]] == [424, 404, 424]
        assert http.get(children(base)).json["children"] == []

    def test_with_a_condition(self, http, base):
        etag = http.get(znode(base)).etag
        operations = [{"op": "set", "path": base, "text": "1", "ifMatch": etag}]
        http.post("/v1/transactions", {"operations": operations}).expect(200)
        http.post("/v1/transactions", {"operations": operations}).problem(
            412, "precondition-failed"
        )

    def test_too_large(self, http, base):
        operations = [
            {"op": "create", "path": f"{base}/{number}", "text": "x" * 900_000}
            for number in range(3)
        ]
        http.post("/v1/transactions", {"operations": operations}).problem(
            413, "transaction-too-large", "too-large"
        )
        assert http.get(children(base)).json["children"] == []

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"{",
            b"[]",
            b"{}",
            b'{"operations":[]}',
            b'{"operations":[{"op":"fly","path":"/"}]}',
            b'{"operations":[{"op":"create"}]}',
            b'{"operations":[{"op":"create","path":"a"}]}',
            b'{"operations":[{"op":"create","path":"/a","op":"set"}]}',
            b'{"operations":[{"op":"set","path":"/","version":1.5}]}',
            b"\xff",
            b"[" * 100_000,
        ],
    )
    def test_malformed(self, http, body):
        assert http.post("/v1/transactions", body).status == 400


class TestACL:
    def test_read_and_written_with_its_tag(self, http, base):
        answer = http.get(acl(base)).expect(200)
        (entry,) = answer.json
        assert (entry["scheme"], entry["id"]) == ("world", "anyone")
        assert set(entry["perms"]) == {"read", "write", "create", "delete", "admin"}
        assert answer.etag.startswith('"a')
        wanted = [{"scheme": "world", "id": "anyone", "perms": ["read", "admin"]}]
        http.put(acl(base), wanted, If_Match=answer.etag).expect(200)
        http.put(acl(base), wanted, If_Match=answer.etag).problem(412, "precondition-failed")
        http.put(znode(base), b"x").problem(403, "forbidden", outcome="not-applied")
        http.get(znode(base)).expect(200)

    def test_a_user_and_a_password_are_the_digest_identity(self, http, base):
        mine = {"Authorization": "Basic " + base64.b64encode(b"bob:secret").decode()}
        others = {"Authorization": "Basic " + base64.b64encode(b"eve:secret").decode()}
        path = base + "/private"
        http.put(znode(path), b"mine").expect(201)
        owner = [
            {"scheme": "auth", "id": "", "perms": ["read", "write", "create", "delete", "admin"]}
        ]
        http.request("PUT", acl(path), json.dumps(owner).encode(), mine).expect(200)
        http.request("GET", znode(path), headers=mine).expect(200)
        assert http.get(znode(path)).status == 401
        http.request("GET", znode(path), headers=others).problem(403, "forbidden")
        http.request("PUT", znode(path), b"x", others).problem(403, "forbidden")
        stored = http.request("GET", acl(path), headers=mine).expect(200).json
        assert stored[0]["scheme"] == "digest"
        assert stored[0]["id"].startswith("bob:")

    @pytest.mark.parametrize(
        "body",
        [
            b"[]",
            b"{}",
            b'[{"scheme":"none","id":"","perms":["read"]}]',
            b'[{"scheme":"ip","id":"300.1.1.1","perms":["read"]}]',
            b'[{"scheme":"world","id":"anyone","perms":["fly"]}]',
            b'[{"scheme":"auth","id":"","perms":["read"]}]',
        ],
    )
    def test_bad_ones(self, http, base, body):
        assert http.put(acl(base), body).status == 400


class TestSessions:
    def test_an_ephemeral_goes_with_its_session(self, ensemble, http, base):
        opened = http.post("/v1/sessions", {"timeout": "10s"}).expect(201)
        session = opened.json
        assert session["timeoutMs"] == 10_000
        assert opened.headers["Location"] == f"/v1/sessions/{session['id']}"
        target = znode(base + "/e", mode="ephemeral")
        created = http.put(target, Aviary_Session=session["token"]).expect(201).json
        assert created["stat"]["ephemeralOwner"] == session["id"]
        assert created["stat"]["mode"] == "ephemeral"
        http.put(znode(base + "/e/child")).problem(409, "ephemeral-parent")
        with ensemble.leader().client() as other:
            other.delete(f"/v1/sessions/{session['id']}", Aviary_Session=session["token"]).expect(
                204
            )
        http.get(znode(base + "/e", consistency="linearizable")).expect(404)
        http.put(target, Aviary_Session=session["token"]).problem(410, "session-expired")

    def test_any_node_accepts_any_session(self, ensemble, base):
        token = ensemble[1].http.post("/v1/sessions", {"timeout": "20s"}).expect(201).json["token"]
        for member in ensemble:
            target = znode(f"{base}/on{member.id}", mode="ephemeral")
            member.http.put(target, Aviary_Session=token).expect(201)

    def test_expires_when_nobody_renews_it(self, http, base):
        session = http.post("/v1/sessions", {"timeout": "1ms"}).expect(201).json
        assert session["timeoutMs"] == 4000, "clipped to two ticks"
        target = znode(base + "/e", mode="ephemeral")
        http.put(target, Aviary_Session=session["token"]).expect(201)
        eventually(lambda: http.get(znode(base + "/e")).status == 404, "it expires", timeout=30)

    def test_keepalive(self, http):
        session = http.post("/v1/sessions", {"timeout": "8s"}).expect(201).json
        target = f"/v1/sessions/{session['id']}"
        kept = http.post(target + "/keepalive", Aviary_Session=session["token"]).expect(200)
        assert kept.json == {"id": session["id"], "timeoutMs": 8000}
        assert (
            http.get(target, Aviary_Session=session["token"]).expect(200).json["timeoutMs"] == 8000
        )

    @pytest.mark.parametrize("token", ["x", "00", "0123456789abcdef", "é"])
    def test_a_malformed_token(self, http, base, token):
        encoded = token.encode().decode("latin-1")
        answer = http.put(znode(base + "/e", mode="ephemeral"), Aviary_Session=encoded)
        answer.problem(400, "bad-session")

    def test_an_ephemeral_needs_one(self, http, base):
        assert http.put(znode(base + "/e", mode="ephemeral")).status == 400


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
            ("GET", "/v1/events?path=/"),
            ("GET", "/v1/watchers"),
            ("GET", "/v1/tree/"),
            ("PUT", "/v1/tree/x"),
            ("POST", "/v1/locks/x"),
            ("GET", "/v1/locks/x"),
            ("POST", "/v1/elections/x"),
            ("GET", "/v1/cluster/members"),
            ("POST", "/v1/cluster/leadership"),
            ("GET", "/v1/recovery"),
            ("GET", "/v1/recovery/report"),
            ("PUT", "/v1/recovery/flag"),
            ("GET", "/v1/history?path=/"),
            ("POST", "/v1/rollbacks"),
            ("GET", "/v1/snapshots"),
            ("POST", "/v1/restore"),
            ("GET", "/v1/outcomes/key"),
            ("GET", "/commands/mntr"),
        ],
    )
    def test_says_so(self, http, method, target):
        body = None if method == "GET" else b"{}"
        http.request(method, target, body).problem(501, "unimplemented", outcome="not-applied")

    def test_also_for_one_parameter_or_header_and_applies_nothing(self, http, base):
        http.get(znode(base, wait="1s"), If_None_Match='"x"').problem(501, "unimplemented")
        http.get(znode(base), Prefer="wait=1", If_None_Match='"x"').problem(501, "unimplemented")
        http.get(znode(base, at="0")).problem(501, "unimplemented")
        http.put(znode(base), b"x", Idempotency_Key="k").problem(501, "unimplemented")
        http.put(znode(base), b"x", Aviary_Fence="/lock;1").problem(501, "unimplemented")
        assert http.get(znode(base)).json["stat"]["version"] == 0


class TestOperations:
    def test_alive_and_ready(self, http):
        http.get("/livez").expect(200)
        http.get("/readyz").expect(200)
        http.get("/readyz?verbose").expect(200)

    def test_metrics_are_prometheus_text(self, http):
        answer = http.get("/metrics").expect(200)
        assert answer.headers["Content-Type"].startswith("text/plain")
        names = set()
        for line in answer.text.splitlines():
            if line and not line.startswith("#"):
                found = re.fullmatch(r"([a-zA-Z_:][a-zA-Z0-9_:]*)(\{.*\})? (\S+)", line)
                assert found, line
                float(found.group(3))
                names.add(found.group(1))
        assert names

    def test_this_node(self, http):
        node = http.get("/v1/node").expect(200).json
        assert node["phase"] == "broadcast"

    def test_the_description_is_served_and_valid(self, http):
        description = http.get("/v1/openapi.json").expect(200).json
        validate(description)
        for path in ("/v1/znodes/{path}", "/v1/children/{path}", "/v1/transactions"):
            assert path in description["paths"]

    def test_unchanged_cluster_is_not_modified(self, http):
        answer = http.get("/v1/cluster").expect(200)
        assert answer.etag.startswith("W/")
        http.get("/v1/cluster", If_None_Match=answer.etag).expect(304)
