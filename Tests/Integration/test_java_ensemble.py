"""One node of Aviary and two servers of the original: one ensemble."""

import base64
import concurrent.futures
import shutil
import threading

import pytest
from harness.client import children, znode
from harness.waiting import eventually

pytestmark = pytest.mark.usefixtures("java")


@pytest.fixture
def kazoo():
    """Clients of Java servers, stopped with the test."""
    clients = []

    def connect(server):
        clients.append(server.kazoo())
        return clients[-1]

    yield connect
    for client in clients:
        client.stop()
        client.close()


def _zxid(client):
    """The last zxid that a Java server told this client, as the HTTP port writes them."""
    return f"{client.last_zxid:016x}"


def _write_through_everyone(ensemble, kazoo, count=150):
    """Creates, changes and deletes through the HTTP port and through both Java servers."""
    (node,) = ensemble.aviaries
    clients = [kazoo(server) for server in ensemble.javas]
    for number in range(count):
        node.http.put(znode(f"/http-{number}"), f"h{number}").expect(201)
        for client in clients:
            client.create(_name(client, number), b"j%d" % number)
    node.http.put(znode("/http-0"), b"changed").expect(200)
    node.http.delete(znode("/http-1")).expect(204)
    clients[0].set(_name(clients[0], 0), b"changed")
    clients[1].delete(_name(clients[1], 1))
    sequential = clients[0].create("/seq-", b"", sequence=True)
    answer = node.http.post("/v1/znodes?name=seq-&sequential=true").expect(201)
    assert answer.json["path"] > sequential
    _wait_for_everyone(ensemble)
    return clients


def _name(client, number):
    return f"/java-{client.hosts[0][1]}-{number}"


def _wait_for_everyone(ensemble):
    """Everyone has applied what the furthest has."""

    def settled():
        node = int(ensemble.aviaries[0].http.get(znode("/")).zxid, 16)
        return {server.last_zxid() for server in ensemble.javas} == {node}

    eventually(settled, "all three have applied the same transactions")


# ZooKeeper's own corner differs between servers, and nobody may read the ensemble's secret.
_UNCOMPARED = ("/zookeeper", "/aviary/secret")


def _tree(kazoo_client, path="/"):
    """Path → (data, stat) of everything outside ZooKeeper's own corner, as Java tells it."""
    found = {}
    for name in kazoo_client.get_children(path):
        child = f"{path.rstrip('/')}/{name}"
        if child in _UNCOMPARED:
            continue
        data, stat = kazoo_client.get(child)
        found[child] = (data, _java_stat(stat))
        found |= _tree(kazoo_client, child)
    return found


_ZXIDS = ("czxid", "mzxid", "pzxid")
_NUMBERS = ("ctime", "mtime", "version", "cversion", "aversion", "dataLength", "numChildren")


def _java_stat(stat):
    """A stat as kazoo tells it, in the form of the HTTP port."""
    return {key: f"{getattr(stat, key):016x}" for key in _ZXIDS} | {
        key: getattr(stat, key) for key in _NUMBERS
    }


def _tree_over_http(client, path="/"):
    found = {}
    listing = client.get(children(path, limit=10_000)).expect(200).json
    for name in listing["children"]:
        child = f"{path.rstrip('/')}/{name}"
        if child in _UNCOMPARED:
            continue
        answer = client.get(znode(child, encoding="base64")).expect(200).json
        stat = {key: answer["stat"][key] for key in _ZXIDS + _NUMBERS}
        found[child] = (base64.b64decode(answer["base64"]), stat)
        found |= _tree_over_http(client, child)
    return found


def _same_trees(node, client):
    """Soon: a node that has just started still writes where it is found."""
    eventually(
        lambda: _tree_over_http(node.http) == _tree(client),
        f"aviary {node.id} has the tree of the original",
    )


def _agree(ensemble, clients):
    """The trees are the same to the last stat, and no digest was ever another."""
    (node,) = ensemble.aviaries
    for client in clients:
        _same_trees(node, client)
    for member in ensemble:
        assert member.digest_mismatches() == 0
    recorded = [server.digests() for server in ensemble.javas]
    common = set(recorded[0]) & set(recorded[1])
    assert common, "no digest was recorded by both Java servers"
    assert all(recorded[0][zxid] == recorded[1][zxid] for zxid in common)


def test_aviary_follows_a_java_leader(make_ensemble, kazoo):
    # The highest number wins where nobody has seen anything.
    ensemble = make_ensemble(["aviary", "java", "java"])
    assert ensemble.leader().kind == "java"
    assert ensemble[1].role() == "follower"
    clients = _write_through_everyone(ensemble, kazoo)
    _agree(ensemble, clients)


def _led_by_aviary(make_ensemble, settings=None):
    """Two Java servers that follow an Aviary node, all of them new.

    The operator's marker lets the node vote at once. Without it an empty node first asks whether
    the others are empty too, and two Java servers do not wait for that.
    """
    ensemble = make_ensemble(["java", "java", "aviary"], settings, start=False)
    (ensemble[3].data / "initialize").touch()
    return ensemble.start(3, 1, 2).wait_ready()


def test_aviary_leads_java_followers(make_ensemble, kazoo):
    ensemble = _led_by_aviary(make_ensemble)
    assert ensemble.leader() is ensemble[3]
    assert [server.role() for server in ensemble.javas] == ["follower", "follower"]
    clients = _write_through_everyone(ensemble, kazoo)
    _agree(ensemble, clients)


def _log_alone(ensemble):
    """The Aviary leader has a transaction in its log that nobody else has ever seen, and is down;
    the Java servers have elected another one."""
    old = ensemble[3]
    assert ensemble.leader() is old
    old.http.put(znode("/kept"), b"kept").expect(201)
    # The others hear nothing: the proposal waits in their sockets and dies with them.
    for server in ensemble.javas:
        server.process.pause()
    writer = threading.Thread(target=_write_in_vain, args=(old,), daemon=True)
    writer.start()
    eventually(
        lambda: any(b"never-acknowledged" in file.read_bytes() for file in old.log_files()),
        "the leader has logged the proposal",
        timeout=8,
    )
    ensemble.kill()
    writer.join(20)
    for server in ensemble.javas:
        server.start()
    # Nobody writes: the new epoch has no transaction yet.
    for server in ensemble.javas:
        server.wait_ready()
    return old


def test_a_java_leader_truncates_what_a_dead_aviary_leader_logged_alone(make_ensemble):
    ensemble = _led_by_aviary(make_ensemble)
    old = _log_alone(ensemble)
    old.start().wait_ready()
    assert "TRUNC" in old.synchronizations()
    old.http.get(znode("/lost")).problem(404, "no-node")
    assert old.http.get(znode("/kept")).expect(200).json["text"] == "kept"
    assert old.digest_mismatches() == 0
    assert not any(b"never-acknowledged" in file.read_bytes() for file in old.log_files())


def test_a_truncation_that_a_person_is_asked_about_waits_for_the_flag(make_ensemble):
    ensemble = _led_by_aviary(make_ensemble, {"recovery.maxTruncatedTransactions": 0})
    old = _log_alone(ensemble)
    old.start()
    report = eventually(
        lambda: (r := old.http.get("/v1/recovery/report")).status == 200 and r, "it is held", 30
    )
    assert old.http.get("/v1/recovery").expect(200).json["cause"] == "too-different"
    assert report.json["droppedTransactions"] == 1
    assert any(b"never-acknowledged" in file.read_bytes() for file in old.log_files())
    old.http.put(
        "/v1/recovery/flag", {"action": "adopt-quorum", "reason": "known"}, If_Match=report.etag
    ).expect(202)
    old.wait_ready(60)
    old.http.close()
    old.http.get(znode("/lost")).problem(404, "no-node")
    assert old.http.get(znode("/kept")).expect(200).json["text"] == "kept"
    assert old.http.get("/v1/recovery").expect(200).json["state"] == "healthy"


def _write_in_vain(member):
    with member.client(timeout=15) as client:
        try:
            answer = client.put(znode("/lost"), b"never-acknowledged")
        except OSError:
            return
        assert answer.status in (503, 504), answer


def test_what_a_java_client_writes_is_read_by_curl_and_the_other_way_round(make_ensemble, kazoo):
    ensemble = make_ensemble(["aviary", "java", "java"])
    node, client = ensemble[1], kazoo(ensemble[2])
    client.create("/from-java", b"\x00\xff")
    answer = node.http.get(znode("/from-java"), Aviary_Min_Zxid=_zxid(client)).expect(200)
    assert answer.json["base64"] == "AP8="
    node.http.put(znode("/from-curl"), "ä".encode()).expect(201)
    client.sync("/")
    assert client.get("/from-curl")[0] == "ä".encode()


def test_linearizable_reads_of_the_same_moment_are_all_answered(make_ensemble):
    ensemble = make_ensemble(["aviary", "java", "java"])
    node = ensemble[1]
    assert ensemble.leader().kind == "java"

    def read(_):
        with node.client() as client:
            return client.get(znode("/", consistency="linearizable")).status

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert set(pool.map(read, range(40))) == {200}


@pytest.mark.parametrize("kinds", [["aviary", "java", "java"], ["java", "java", "aviary"]])
def test_the_leader_dies_and_another_kind_takes_over(make_ensemble, kazoo, kinds):
    ensemble = make_ensemble(kinds, start=False)
    ensemble.start(*sorted(ensemble.members, reverse=True)).wait_ready()
    clients = _write_through_everyone(ensemble, kazoo, count=20)
    for client in clients:
        client.stop()
    old = ensemble.leader()
    old.kill()
    ensemble.wait_ready()
    new = ensemble.leader()
    assert new is not old
    (node,) = ensemble.aviaries
    if node is not old:
        node.http.put(znode("/meanwhile"), b"m").expect(201)
    else:
        client = kazoo(new)
        client.create("/meanwhile", b"m")
    old.start()
    ensemble.wait_ready()
    _wait_for_everyone(ensemble)
    assert node.http.get(znode("/meanwhile")).expect(200).json["text"] == "m"
    _same_trees(node, kazoo(ensemble.javas[0]))
    for member in ensemble:
        assert member.digest_mismatches() == 0


def test_an_aviary_that_was_away_is_brought_up_to_date_by_a_java_leader(make_ensemble, kazoo):
    ensemble = make_ensemble(["aviary", "java", "java"])
    node = ensemble[1]
    client = kazoo(ensemble.leader())
    node.kill()
    for number in range(200):
        client.create(f"/away-{number}", b"a")
    node.start().wait_ready()
    assert node.synchronizations()[-1] == "DIFF"
    node.kill()
    shutil.rmtree(node.data / "version-2")
    node.start().wait_ready()
    assert node.synchronizations()[-1] == "SNAP"
    _wait_for_everyone(ensemble)
    _same_trees(node, client)


@pytest.mark.parametrize("kinds", [["aviary", "java", "java"], ["java", "java", "aviary"]])
def test_a_damaged_aviary_helps_a_whole_java_server_to_lead(make_ensemble, kazoo, kinds):
    """It has lost a part and knows how far it reached: its vote and its promise count."""
    ensemble = make_ensemble(kinds, start=False)
    ensemble.start(*sorted(ensemble.members, reverse=True)).wait_ready()
    (node,) = ensemble.aviaries
    whole, down = ensemble.javas
    for number in range(20):
        node.http.put(znode(f"/kept-{number}"), b"k").expect(201)
    _wait_for_everyone(ensemble)
    ensemble.kill()
    newest = node.log_files()[-1]
    content = bytearray(newest.read_bytes())
    content[40] ^= 1
    newest.write_bytes(content)

    whole.start()
    node.start().wait_ready()
    assert ensemble.leader() is whole
    assert node.synchronizations()[-1] == "SNAP"
    for number in range(20):
        assert node.http.get(znode(f"/kept-{number}")).expect(200).json["text"] == "k"
    node.http.put(znode("/meanwhile"), b"m").expect(201)
    down.start().wait_ready()
    _wait_for_everyone(ensemble)
    _same_trees(node, kazoo(down))
    for member in ensemble:
        assert member.digest_mismatches() == 0


def test_a_java_server_that_was_away_is_brought_up_to_date_by_aviary(make_ensemble, kazoo):
    ensemble = _led_by_aviary(make_ensemble)
    node, away = ensemble[3], ensemble[1]
    assert ensemble.leader() is node
    away.kill()
    for number in range(200):
        node.http.put(znode(f"/away-{number}"), b"a").expect(201)
    away.start().wait_ready()
    _wait_for_everyone(ensemble)
    away.kill()
    shutil.rmtree(away.data / "version-2")
    away.start().wait_ready()
    _wait_for_everyone(ensemble)
    _same_trees(node, kazoo(away))
    assert away.digest_mismatches() == 0


def test_sessions_and_ephemerals_of_java_clients_are_the_ensembles(make_ensemble, kazoo):
    ensemble = _led_by_aviary(make_ensemble)
    node = ensemble[3]
    client = ensemble[1].kazoo()
    client.create("/mine", b"", ephemeral=True)
    session = f"{client.client_id[0] % (1 << 64):016x}"
    answer = node.http.get(znode("/mine"), Aviary_Min_Zxid=_zxid(client)).expect(200)
    assert answer.json["stat"]["ephemeralOwner"] == session
    client.stop()
    client.close()
    eventually(lambda: node.http.get(znode("/mine")).status == 404, "it goes with its session")


def test_under_a_java_leader_there_are_differences_and_no_rollbacks(make_ensemble, kazoo):
    ensemble = make_ensemble(("aviary", "java", "java"))
    (node,) = ensemble.aviaries
    if ensemble.leader() is node:
        node.stop()
        eventually(lambda: ensemble.leader() is not node, "a Java server leads")
        node.start()
        ensemble.wait_ready()
    http = node.http
    client = kazoo(ensemble.javas[0])
    client.create("/past", b"1")
    moment = http.get(znode("/past"), Aviary_Min_Zxid=_zxid(client)).expect(200).zxid
    client.set("/past", b"2")
    client.create("/past/child", b"")
    http.get(znode("/past"), Aviary_Min_Zxid=_zxid(client)).expect(200)
    assert http.get(znode("/past", at=moment)).expect(200).json["text"] == "1"
    assert http.get(children("/past", at=moment)).expect(200).json["children"] == []
    body = {"to": moment, "path": "/past"}
    dry = http.post("/v1/rollbacks", {**body, "dryRun": True}).expect(200)
    assert [entry["path"] for entry in dry.json["delete"]] == ["/past/child"]
    for more in ({}, {"restoreAcl": True}):
        answer = http.post("/v1/rollbacks", {**body, **more}, If_Match=dry.etag)
        answer.problem(501, "needs-aviary-leader", outcome="not-applied")
    assert client.get("/past")[0] == b"2"
    # Also where there is nothing that a check could be about.
    client.delete("/past", recursive=True)
    http.get(znode("/"), Aviary_Min_Zxid=_zxid(client)).expect(200)
    dry = http.post("/v1/rollbacks", {**body, "dryRun": True}).expect(200)
    assert [entry["path"] for entry in dry.json["create"]] == ["/past"]
    answer = http.post("/v1/rollbacks", body, If_Match=dry.etag)
    answer.problem(501, "needs-aviary-leader", outcome="not-applied")
    assert client.exists("/past") is None
