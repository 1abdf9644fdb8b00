"""Transactions."""

import pytest
from harness.client import children, znode


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
