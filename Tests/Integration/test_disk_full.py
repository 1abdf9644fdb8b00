"""Full disks: reads and deletes go on, other writes are refused, and nobody restarts anything."""

import time

import pytest
from harness import disks
from harness.client import znode
from harness.load import Load
from harness.waiting import eventually

pytestmark = pytest.mark.skipif(
    disks.why_no_mounts() is not None, reason=f"no file system can be mounted: {disks.why_no_mounts()}"
)

SETTINGS = {"tickTime": 400, "disk.reserve": "2MiB", "preAllocSize": 1024}


@pytest.fixture
def small(make_ensemble):
    """Three members, each on a disk of its own of 48 MiB, with a few znodes to delete."""
    ensemble = make_ensemble(settings=SETTINGS, start=False)
    mounted = []
    try:
        for member in ensemble:
            myid = (member.data / "myid").read_text()
            member.disk = disks.SmallDisk(member.data, "48m")
            mounted.append(member.disk)
            (member.data / "myid").write_text(myid)
        ensemble.start().wait_ready().wait_sessions()
        with ensemble[1].client() as client:
            client.put(znode("/doomed")).expect(201)
            for number in range(30):
                client.put(znode(f"/doomed/{number}"), "x").expect(201)
        yield ensemble
    finally:
        ensemble.kill()
        for disk in mounted:
            disk.unmount()


def alarms(member):
    with member.client(timeout=5) as client:
        return client.get("/v1/node").expect(200).json["alarms"]


def ensemble_alarms(member):
    with member.client(timeout=5) as client:
        cluster = client.get("/v1/cluster").expect(200).json
        return {m["id"]: m["alarms"] for m in cluster["members"]}, cluster["alarms"]


def wait_alarm(observer, full, present=True):
    """What `observer` says of `full` is what `full` would say."""

    def is_told():
        members, every = ensemble_alarms(observer)
        return ("no-space" in members[full.id] and "no-space" in every) is present

    eventually(is_told, f"{observer.id} says that {full.id} has {'no ' * present}space", 20)


def refused(member, path, body="x", **headers):
    answer = member.http.put(znode(path), body, **headers)
    answer.problem(507, "no-space", outcome="not-applied")
    assert answer.json["retryable"] is True


def everything_else_is_refused(member):
    refused(member, "/grown")
    refused(member, "/doomed", "longer than before")
    refused(member, "/with/parents?parents=true")
    for body in (
        {"operations": [{"op": "create", "path": "/grown"}]},
        {"operations": [{"op": "delete", "path": "/doomed/29"}, {"op": "create", "path": "/g"}]},
    ):
        member.http.post("/v1/transactions", body).problem(
            507, "no-space", outcome="not-applied"
        )
    member.http.get(znode("/grown")).problem(404, "no-node")


def sessions_are_refused(member):
    """Where it is known: nodes need their own, so a leader takes what is forwarded to it."""
    member.http.post("/v1/sessions", {"timeout": "10s"}).problem(
        507, "no-space", outcome="not-applied"
    )


def reads_and_deletes_go_on(member, numbers, others=()):
    for number in numbers:
        member.http.get(znode(f"/doomed/{number}", consistency="linearizable")).expect(200)
    first, *rest = numbers
    zxid = member.http.delete(znode(f"/doomed/{first}")).expect(204).zxid
    operations = [{"op": "check", "path": "/doomed"}]
    operations += [{"op": "delete", "path": f"/doomed/{number}"} for number in rest]
    zxid = member.http.post("/v1/transactions", {"operations": operations}).expect(200).zxid
    for reader in others:
        for number in numbers:
            answer = reader.http.get(znode(f"/doomed/{number}"), Aviary_Min_Zxid=zxid)
            answer.problem(404, "no-node")


def eventually_grows(member, path):
    eventually(
        lambda: member.http.put(znode(path), "x").status in (200, 201),
        f"{member.id} takes writes again",
        30,
        pause=0.1,
    )


def same_processes(ensemble):
    return {member.id: member.process.pid for member in ensemble if member.process.alive}


def test_one_follower_is_full(small):
    ensemble = small
    processes = same_processes(ensemble)
    full, other = ensemble.followers()
    leader = ensemble.leader()
    session = full.http.post("/v1/sessions", {"timeout": "30s"}).expect(201).json
    full.disk.fill()
    eventually(lambda: "no-space" in alarms(full), "it says so itself", 10)
    wait_alarm(leader, full)
    wait_alarm(other, full)
    assert leader.cluster()["healthy"] is True

    everything_else_is_refused(full)
    sessions_are_refused(full)
    reads_and_deletes_go_on(full, range(0, 4), ensemble)
    # The others have a quorum with room, so nothing stops them.
    for member in (leader, other):
        member.http.put(znode(f"/grown-{member.id}"), "x").expect(201)
    path = f"/v1/sessions/{session['id']}"
    full.http.delete(path, Aviary_Session=session["token"]).expect(204)

    full.disk.clear()
    eventually_grows(full, "/again")
    wait_alarm(leader, full, present=False)
    assert "no-space" not in alarms(full)
    assert same_processes(ensemble) == processes


def test_the_leader_is_full(small):
    ensemble = small
    processes = same_processes(ensemble)
    leader = ensemble.leader()
    followers = ensemble.followers()
    leader.disk.fill()
    eventually(lambda: "no-space" in alarms(leader), "it says so itself", 10)
    # On the others' behalf too: at once, whether they know of it by now or not.
    for member in ensemble:
        everything_else_is_refused(member)
    for member, start in zip(ensemble, (0, 4, 8)):
        reads_and_deletes_go_on(member, range(start, start + 4), ensemble)
    for member in followers:
        wait_alarm(member, leader)
        eventually(lambda member=member: sessions_are_refused(member) or True, "it knows", 10)
    assert ensemble.leader() is leader, "it still leads"

    leader.disk.clear()
    for member in ensemble:
        eventually_grows(member, f"/again-{member.id}")
    for member in followers:
        wait_alarm(member, leader, present=False)
    assert same_processes(ensemble) == processes


def test_all_are_full_and_another_leader_is_elected_meanwhile(small):
    ensemble = small
    processes = same_processes(ensemble)
    for member in ensemble:
        member.disk.fill()
    for member in ensemble:
        eventually(lambda member=member: "no-space" in alarms(member), "it says so", 10)
    for member in ensemble:
        everything_else_is_refused(member)
    for member, start in zip(ensemble, (0, 4, 8)):
        reads_and_deletes_go_on(member, range(start, start + 4), ensemble)

    # Promises of a new epoch find room as well.
    deposed = ensemble.leader()
    deposed.process.pause()
    survivors = [member for member in ensemble if member is not deposed]
    eventually(
        lambda: any(member.role() == "leader" for member in survivors), "another leads", 30
    )
    eventually(lambda: all(member.ready() for member in survivors), "they are ready", 30)
    for member, start in zip(survivors, (12, 16)):
        member.http.close()
        reads_and_deletes_go_on(member, range(start, start + 4), survivors)
        refused(member, "/grown")
    deposed.process.resume()
    ensemble.wait_ready()

    for member in ensemble:
        member.disk.clear()
    for member in ensemble:
        eventually_grows(member, f"/again-{member.id}")
        eventually(lambda member=member: not alarms(member), "no alarm is left", 20)
    assert same_processes(ensemble) == processes


@pytest.mark.parametrize("who", ["follower", "leader"])
def test_a_node_whose_reserve_is_used_up_leaves_and_comes_back_by_itself(small, who):
    ensemble = small
    processes = same_processes(ensemble)
    leader = ensemble.leader()
    full = leader if who == "leader" else ensemble.followers()[0]
    others = [member for member in ensemble if member is not full]
    full.http.put(znode("/kept"), "before").expect(201)

    names = [f"/long/{number:04}-{'x' * 240}" for number in range(1_200)]
    full.http.put(znode("/long")).expect(201)
    for start in range(0, len(names), 100):
        operations = [{"op": "create", "path": path} for path in names[start : start + 100]]
        full.http.post("/v1/transactions", {"operations": operations}).expect(200)

    def has_left():
        """Each record takes a piece of the reserve, and somebody else takes the rest of it."""
        full.disk.fill()
        operations = [{"op": "delete", "path": names.pop()} for _ in range(16)]
        with others[0].client() as client:
            client.post("/v1/transactions", {"operations": operations}).expect(200, 503, 504)
        with full.client(timeout=5) as client:
            node = client.get("/v1/node").expect(200).json
        return node["role"] == "looking" and "no-space" in node["alarms"]

    with SpacedLoad(others, count=4) as load:
        eventually(lambda: load.acknowledged > 100, "the load runs")
        eventually(has_left, f"{full.id} has left", 60)
        before = load.acknowledged
        eventually(lambda: load.acknowledged > before + 100, "the others go on", 60)
        # It serves what it has, and refuses the rest with words.
        assert full.http.get(znode("/kept", raw=True)).expect(200).body == b"before"
        full.http.delete(znode("/kept")).problem(507, "no-space", outcome="not-applied")
        full.http.get(znode("/kept", consistency="linearizable")).problem(
            503, "no-quorum", "electing"
        )
        full.http.get("/readyz").problem(503, "electing")
        wait_alarm(others[0], full)
        assert full.process.alive

        full.disk.clear()
        full.wait_ready(60)
        eventually(lambda: "no-space" not in alarms(full), "no alarm is left", 20)
    latest = eventually(
        lambda: others[0].http.put(znode("/latest"), "x").expect(200, 201).json["zxid"], "a write"
    )
    for member in ensemble:
        member.http.close()
        load.check(member.http, latest)
        assert member.digest_mismatches() == 0
    assert same_processes(ensemble) == processes


def test_nothing_acknowledged_is_lost_when_disks_fill_under_load(small):
    ensemble = small
    with SpacedLoad(list(ensemble), count=6) as load:
        eventually(lambda: load.acknowledged > 200, "the load runs")
        for victim in list(ensemble):
            victim.disk.fill()
            eventually(lambda victim=victim: "no-space" in alarms(victim), "the alarm", 20)
            time.sleep(0.5)
            victim.disk.clear()
            eventually(lambda victim=victim: "no-space" not in alarms(victim), "its end", 30)
        before = load.acknowledged
        eventually(lambda: load.acknowledged > before + 200, "the load goes on", 60)

    def written():
        # That the leader has room again is known to the others a moment later.
        answer = ensemble[1].http.put(znode("/latest"), "x").expect(200, 201, 507)
        return answer.status != 507 and answer.json["zxid"]

    latest = eventually(written, "writes are taken", 30)
    for member in ensemble:
        load.check(member.client(), latest)
        assert member.digest_mismatches() == 0


class SpacedLoad(Load):
    """Tries again what is refused for want of room."""

    def _create(self, client, promises, number):
        while True:
            answer = super()._create(client, promises, number)
            if answer.status != 507 or self._stop.is_set():
                return _as_unavailable(answer)
            assert answer.json["outcome"] == "not-applied"
            time.sleep(0.05)


def _as_unavailable(answer):
    if answer.status == 507:
        answer.status = 503
    return answer
