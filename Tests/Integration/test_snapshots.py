"""Snapshots over HTTP, of nodes that are being written to."""

import base64
import hashlib
import json

import pytest
from harness import aviary
from harness.client import znode
from harness.load import Load
from harness.waiting import eventually


@pytest.fixture(scope="module")
def ensemble(make_shared_ensemble):
    return make_shared_ensemble().wait_sessions()


def digest(answer):
    """What `Repr-Digest` says, as RFC 9530 writes it."""
    name, _, value = answer.headers["Repr-Digest"].partition("=")
    assert name == "sha-256"
    assert value.startswith(":") and value.endswith(":")
    return base64.b64decode(value.strip(":"))


def test_one_is_taken_under_load_downloaded_and_opened(ensemble, tmp_path):
    with Load(ensemble, count=4) as load:
        for member in ensemble:
            before = load.acknowledged
            taken = member.http.post("/v1/snapshots").expect(201)
            address = taken.headers["Location"]
            assert address == f"/v1/snapshots/{taken.json['zxid']}"
            eventually(lambda b=before, l=load: l.acknowledged > b, "writes go on")
            listed = member.http.get("/v1/snapshots").expect(200).json["snapshots"]
            assert taken.json in listed
            file = member.http.get(address).expect(200)
            assert hashlib.sha256(file.body).digest() == digest(file)
            assert hashlib.sha256(file.body).hexdigest() == taken.json["sha256"]
            assert int(file.headers["Content-Length"]) == len(file.body) == taken.json["bytes"]
            head = member.http.head(address).expect(200)
            assert head.headers["Content-Length"] == file.headers["Content-Length"]
            assert digest(head) == digest(file)
            member.http.get(address, If_None_Match=file.etag).expect(304)
            path = tmp_path / f"of-{member.id}"
            path.write_bytes(file.body)
            told = aviary.run("data", "inspect", str(path), "--json")
            assert told.returncode == 0, told.stderr
            (snapshot,) = json.loads(told.stdout)["snapshots"]
            assert snapshot["zxid"] == taken.json["zxid"]
            assert snapshot["digest"] == taken.json["digest"]
            assert aviary.run("data", "check", str(path)).returncode == 0


def test_the_same_zxid_is_the_same_state_on_every_node(ensemble):
    zxid = ensemble[1].http.put(znode("/quiet")).expect(201).json["zxid"]
    found = set()
    for member in ensemble:
        member.http.get(znode("/quiet"), Aviary_Min_Zxid=zxid).expect(200)
        found.add((member.http.post("/v1/snapshots").expect(201).json["digest"]))
    assert len(found) == 1


def test_one_that_is_not_there(ensemble):
    http = ensemble[1].http
    http.get("/v1/snapshots/00000fff00000001").problem(404, "no-snapshot")
    http.get("/v1/snapshots/x").problem(400, "bad-zxid")
    http.delete("/v1/snapshots/00000fff00000001").problem(405, "method-not-allowed")


def test_they_are_for_administrators(make_ensemble):
    node = make_ensemble(["aviary"], {"http.token": "secret-token"})[1]
    for method, target in [
        ("GET", "/v1/snapshots"),
        ("POST", "/v1/snapshots"),
        ("GET", "/v1/snapshots/0000000000000000"),
        ("GET", "/v1/restore"),
        ("DELETE", "/v1/restore"),
    ]:
        node.http.request(method, target).problem(401, "unauthenticated")
        node.http.request(method, target, headers={"Authorization": "Bearer x"}).problem(
            401, "unauthenticated"
        )
    node.http.post("/v1/restore", b"x" * 100).problem(401, "unauthenticated")
    node.http.get("/v1/snapshots", Authorization="Bearer secret-token").expect(200)


def snapshots(member):
    return sorted(member.data.glob("version-2/snapshot.*"))


def test_a_log_of_large_values_is_cut_by_its_size(make_ensemble):
    node = make_ensemble(["aviary"], {"snapSizeLimitInKb": 4096})[1]
    for number in range(10):
        node.http.put(znode("/large"), b"x" * 500_000).expect(201 if number == 0 else 200)
    eventually(lambda: len(snapshots(node)) == 2, "one more than the first")


def test_a_node_that_often_starts_anew_takes_its_snapshots(make_ensemble):
    """Half of the limit is the least that makes one due, and no run comes as far."""
    node = make_ensemble(["aviary"], {"snapCount": 200})[1]
    for run in range(5):
        for number in range(45):
            node.http.put(znode(f"/n{number}")).expect(201 if run == 0 else 200)
        if len(snapshots(node)) > 1:
            break
        node.kill()
        node.start().wait_ready()
    eventually(lambda: len(snapshots(node)) > 1, "one more than the first")
