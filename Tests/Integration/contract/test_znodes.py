"""Znodes: reading, writing and conditions."""

import base64
import concurrent.futures

import pytest
from harness.client import ZXID, children, znode


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
