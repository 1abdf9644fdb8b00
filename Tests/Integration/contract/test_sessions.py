"""Sessions and their ephemerals."""

import pytest
from harness.client import znode
from harness.waiting import eventually


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
