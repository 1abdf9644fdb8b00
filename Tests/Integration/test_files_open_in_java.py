"""The files on the disk are ZooKeeper's: the original opens ours, and we open the original's."""

import shutil

import pytest
from harness import zookeeper
from harness.client import znode
from harness.ensemble import Seat
from harness.load import Load
from harness.waiting import eventually
from harness.zookeeper import JavaServer

pytestmark = pytest.mark.usefixtures("java")


@pytest.fixture
def open_in_java(tmp_path):
    """Starts the original, alone, on a copy of a data folder without what is ours alone."""
    servers = []

    def start(data):
        copy = tmp_path / f"copy{len(servers)}"
        shutil.copytree(data, copy, ignore=shutil.ignore_patterns("aviary*", "*.lock", "myid"))
        server = JavaServer(Seat.take(1), tmp_path / f"java{len(servers)}", [], {}, data=copy)
        servers.append(server)
        return server.start().wait_ready()

    yield start
    for server in servers:
        server.kill()
        print(server.process.tail())


def _fill(ensemble):
    """Every kind of transaction that HTTP can make, and the znodes that must be there after it."""
    client = ensemble.leader().http
    client.put(znode("/app"), b"").expect(201)
    client.put(znode("/app/text"), "ä".encode()).expect(201)
    client.put(znode("/app/bytes"), bytes(range(256))).expect(201)
    client.put(znode("/app/text"), b"changed").expect(200)
    client.put(znode("/app/container", mode="container")).expect(201)
    client.put(znode("/app/deep/er", parents=True), b"x").expect(201)
    client.put(znode("/gone"), b"").expect(201)
    client.delete(znode("/gone")).expect(204)
    path = client.post("/v1/znodes/app?name=item-&sequential=true", b"s").expect(201).json["path"]
    client.post(
        "/v1/transactions",
        {
            "operations": [
                {"op": "check", "path": "/app", "version": 0},
                {"op": "create", "path": "/app/one", "text": "1"},
                {"op": "set", "path": "/app/text", "text": "again"},
                {"op": "delete", "path": "/app/deep/er"},
            ]
        },
    ).expect(200)
    # Large enough for Java to record digests on the way.
    for number in range(300):
        client.put(znode(f"/app/n{number}"), b"n" * number).expect(201)
    return {
        "/app": b"",
        "/app/text": b"again",
        "/app/bytes": bytes(range(256)),
        "/app/container": b"",
        "/app/deep": b"",
        "/app/one": b"1",
        path: b"s",
        "/app/n299": b"n" * 299,
    }


def _check(server, expected):
    client = server.kazoo()
    try:
        for path, data in expected.items():
            assert client.get(path)[0] == data
        assert client.exists("/gone") is None
        assert client.exists("/app/deep/er") is None
        client.create("/written-by-java", b"yes")
    finally:
        client.stop()
        client.close()
    assert server.digest_mismatches() == 0


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_java_opens_the_data_of_every_member(make_ensemble, open_in_java, end):
    # Few transactions between snapshots, so that there are several, with logs between them.
    ensemble = make_ensemble(settings={"snapCount": 100})
    expected = _fill(ensemble)
    # A quorum has it all by now, which need not be every member.
    eventually(
        lambda: len({member.http.get(znode("/")).zxid for member in ensemble}) == 1,
        "everyone has applied the same transactions",
    )
    getattr(ensemble, end)()
    for member in ensemble:
        assert member.snapshot_files() or end == "kill"
        _check(open_in_java(member.data), expected)


def test_java_replays_a_log_without_any_snapshot_of_ours(make_ensemble, open_in_java):
    ensemble = make_ensemble()
    expected = _fill(ensemble)
    ensemble.kill()
    _check(open_in_java(ensemble[1].data), expected)


def test_javas_tools_print_our_logs_and_snapshots(make_ensemble):
    ensemble = make_ensemble(settings={"snapCount": 100})
    _fill(ensemble)
    ensemble.stop()
    for member in ensemble:
        records = [line for file in member.log_files() for line in zookeeper.log_records(file)]
        assert any("/app/text" in line for line in records)
        assert any("multi" in line for line in records)
        newest = member.snapshot_files()[-1]
        assert "/app/text" in zookeeper.snapshot_text(newest)


def test_a_snapshot_taken_under_load_opens_in_java(make_ensemble, open_in_java):
    ensemble = make_ensemble(settings={"snapCount": 200})
    with Load(ensemble) as load:
        eventually(lambda: load.acknowledged > 3000, "several snapshots were taken")
    ensemble.stop()
    for member in ensemble:
        server = open_in_java(member.data)
        client = server.kazoo()
        try:
            for promises in load.promises:
                names = set(client.get_children(promises.folder))
                assert {f"{number:06}" for number in promises.acknowledged} <= names
        finally:
            client.stop()
            client.close()
        assert server.digest_mismatches() == 0


def test_aviary_opens_the_data_of_java_servers(make_ensemble, tmp_path):
    """A whole ensemble of the original, stopped, goes on as one of Aviary."""
    java = make_ensemble(["java"] * 3, settings={"snapCount": 100})
    client = java.leader().kazoo()
    try:
        client.create("/app", b"made by java")
        client.create("/app/child", bytes(range(256)))
        client.create("/seq-", b"", sequence=True)
        for number in range(400):
            client.create(f"/app/n{number}", b"%d" % number)
        client.delete("/app/n7")
        client.transaction().create("/app/a", b"")
        stat = client.get("/app")[1]
    finally:
        client.stop()
        client.close()
    java.stop()
    ours = make_ensemble(start=False)
    for old, new in zip(java, ours, strict=True):
        shutil.copytree(old.data / "version-2", new.data / "version-2")
    ours.start().wait_ready()
    for member in ours:
        answer = member.http.get(znode("/app")).expect(200)
        assert answer.json["text"] == "made by java"
        assert answer.json["stat"]["czxid"] == f"{stat.czxid:016x}"
        assert answer.json["stat"]["cversion"] == stat.cversion
        assert answer.json["stat"]["numChildren"] == stat.numChildren
        raw = member.http.get(znode("/app/child", raw=True)).expect(200)
        assert raw.body == bytes(range(256))
        member.http.get(znode("/app/n399")).expect(200)
        member.http.get(znode("/app/n7")).problem(404, "no-node")
        assert member.digest_mismatches() == 0
    following = ours[1].http.post("/v1/znodes?name=seq-&sequential=true").expect(201).json["path"]
    assert following > "/seq-0000000000"


def test_data_goes_from_aviary_to_java_and_back(make_ensemble, open_in_java):
    ensemble = make_ensemble(["aviary"], settings={"snapCount": 100})
    expected = _fill(ensemble)
    member = ensemble[1]
    ensemble.stop()
    server = open_in_java(member.data)
    _check(server, expected)
    server.stop()
    back = make_ensemble(["aviary"], start=False)
    shutil.copytree(server.data / "version-2", back[1].data / "version-2")
    back.start().wait_ready()
    client = back[1].http
    assert client.get(znode("/written-by-java")).expect(200).json["text"] == "yes"
    for path, data in expected.items():
        assert client.get(znode(path, raw=True)).expect(200).body == data
