"""Access control lists."""

import base64
import json

import pytest
from harness.client import acl, znode


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
