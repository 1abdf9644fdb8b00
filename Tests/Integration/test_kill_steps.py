"""kill -9 in the middle of being brought in line, again and again: it ends in line."""

import random
import shutil
import time

import pytest
from harness.client import znode
from harness.disk import append_tail, falsify, order_rebuild
from harness.waiting import eventually

# No session of a killed node ends meanwhile: the leader makes no transactions of its own accord.
SETTINGS = {"preAllocSize": 64, "maxSessionTimeout": 600_000}
KILLS = 20


class Kills:
    """Kills one member at seeded moments of its way back into the ensemble."""

    def __init__(self, ensemble, victim, seed):
        self.ensemble, self.victim = ensemble, victim
        self.chance = random.Random(seed)
        self.folder = victim.data / "version-2"
        self.acknowledged = {}
        self.hits = 0
        self._longest = self._inside = None

    def beginning(self):
        """What the next start logs when it begins to be brought in line."""
        return "following in discovery"

    def write(self, count=3):
        for _ in range(count):
            path = f"/w{len(self.acknowledged):05}"
            answer = self.through.http.put(znode(path), f"value of {path}").expect(201)
            self.acknowledged[path] = answer.json["zxid"]
        return list(self.acknowledged)[-1]

    @property
    def through(self):
        return next(member for member in self.ensemble if member is not self.victim)

    def has(self, text):
        """Whether a log of the victim holds these bytes, behind no snapshot."""
        return any(text.encode() in log.read_bytes() for log in self.victim.log_files())

    def run(self, provoke, is_pending, kills=KILLS):
        """`provoke` brings the stopped victim out of line; killed while `is_pending`, it counts.

        Every other kill waits for the beginning, so that it comes while the victim is brought in
        line and not while it starts.
        """
        self.victim.kill()
        provoke()
        self._longest = self._way_back(is_pending)
        inside = 0
        for attempt in range(kills * 20):
            if self.hits >= kills and inside >= kills // 4:
                break
            if self.victim.process.alive:
                self.victim.kill()
            if not is_pending():
                provoke()
            assert is_pending(), "it is out of line before it starts"
            waits = attempt % 2 == 1
            found = self._beginning_of_next_start()
            self.victim.start()
            if waits:
                found()
                time.sleep(self.chance.uniform(0, self._inside))
            else:
                time.sleep(self.chance.uniform(0, self._longest))
            assert self.victim.process.alive, self.victim.process.tail()
            self.victim.kill()
            # Killed too early it is no further than before, and that counts as well.
            self.hits += is_pending()
            inside += waits and is_pending()
        assert self.hits >= kills and inside >= kills // 4
        self._way_back(is_pending)
        self.check(is_pending)

    def is_settled(self):
        return len({member.digest() for member in self.ensemble}) == 1

    def wait_quiet(self):
        """What the victim's start has led to is over: its session, and that it tells who it is."""
        last, since = None, time.monotonic()
        while time.monotonic() < since + 0.5:
            eventually(self.is_settled, "all have applied the same transactions")
            if self.victim.digest() != last:
                last, since = self.victim.digest(), time.monotonic()
            time.sleep(0.02)

    def _way_back(self, is_pending):
        """How long it takes from the start until it is in line, in seconds."""
        found = self._beginning_of_next_start()
        started = time.monotonic()
        self.victim.start()
        found()
        begun = time.monotonic()
        self.victim.wait_ready(60)
        eventually(lambda: not is_pending(), "it is in line", 60)
        self._inside = time.monotonic() - begun
        return time.monotonic() - started

    def _beginning_of_next_start(self):
        """To be called before the start; what it returns waits for the beginning."""
        logged = len(self.victim.process.output())
        text = self.beginning()

        def wait():
            deadline = time.monotonic() + 60
            while text not in self.victim.process.output()[logged:]:
                assert time.monotonic() < deadline, self.victim.process.tail()
                time.sleep(0.001)

        return wait

    def check(self, is_pending):
        self.ensemble.wait_ready().wait_equal()
        state = self.victim.http.get("/v1/recovery").expect(200).json
        assert state["state"] == "healthy"
        for member in self.ensemble:
            names = member.http.get("/v1/children/?limit=10000").expect(200).json["children"]
            assert {path[1:] for path in self.acknowledged} <= set(names)
        for path, zxid in list(self.acknowledged.items())[-20:]:
            answer = self.victim.http.get(znode(path, raw=True), Aviary_Min_Zxid=zxid).expect(200)
            assert answer.body.decode() == f"value of {path}"
        # It has all of that on its disk, too.
        self.victim.stop()
        self._way_back(is_pending)
        self.ensemble.wait_equal()


@pytest.fixture
def kills(make_ensemble, request):
    ensemble = make_ensemble(settings=SETTINGS)
    victim = ensemble.followers()[0]
    run = Kills(ensemble, victim, seed=request.node.name)
    run.write(20)
    ensemble.wait_equal()
    return run


def test_in_a_diff(kills):
    latest = None

    def fall_behind():
        nonlocal latest
        latest = f"value of {kills.write(30)}"

    kills.run(fall_behind, lambda: not kills.has(latest))
    assert kills.victim.synchronizations()[-1] == "DIFF"
    assert kills.victim.digest_mismatches() == 0


def test_in_a_trunc(kills):
    def log_what_nobody_else_has():
        # From where the leader is, or the two would have different transactions of one zxid.
        kills.victim.start().wait_ready()
        kills.victim.http.put(znode("/quiet")).expect(200, 201)
        kills.wait_quiet()
        kills.victim.kill()
        append_tail(kills.victim, b"value of", b"never of", 5)

    kills.run(log_what_nobody_else_has, lambda: kills.has("never of"))
    assert kills.victim.synchronizations().count("TRUNC") > 1
    assert kills.victim.digest_mismatches() == 0


def test_in_a_snap(kills):
    kills.write(200)

    def wipe():
        shutil.rmtree(kills.folder)

    def is_pending():
        return not kills.folder.exists() or (kills.folder / "aviary.empty").exists()

    kills.run(wipe, is_pending)
    assert "SNAP" in kills.victim.synchronizations()


class Contradiction:
    """The victim's log tells another value than the quorum's; it takes a while until somebody
    notices."""

    def __init__(self, kills):
        self.kills = kills
        self._zxid = 0

    def provoke(self):
        kills = self.kills
        path = kills.write(1)
        kills.victim.start().wait_ready()
        kills.victim.http.get(znode(path), Aviary_Min_Zxid=kills.acknowledged[path]).expect(200)
        kills.victim.stop()
        falsify(kills.victim, f"value of {path}".encode(), f"valse of {path}".encode())
        self._zxid = int(kills.acknowledged[path], 16)

    def is_pending(self):
        """A start would read what was falsified: no snapshot has taken its place."""
        newest = self.kills.victim.snapshot_files()[-1]
        return int(newest.name.partition(".")[2], 16) < self._zxid


def kept_causes(kills):
    kept = kills.victim.http.get("/v1/recovery/detached").expect(200).json["detached"]
    return {one["cause"] for one in kept}


def test_in_a_repair_of_what_a_quorum_contradicts(kills):
    wrong = Contradiction(kills)
    kills.run(wrong.provoke, wrong.is_pending, kills=8)
    assert "mended" in kept_causes(kills)


def test_in_a_repair_that_takes_the_whole_state(kills):
    # What is under a quota is not mended in place.
    http = kills.through.http
    http.put(znode("/q")).expect(201)
    limits = "/zookeeper/quota/q/zookeeper_limits"
    http.put(znode(limits, parents=True), b"count=100,bytes=-1").expect(201)
    kills.ensemble.wait_equal()
    wrong = Contradiction(kills)
    loss = kills.folder / "aviary.loss"
    gives_up, follows = "getting the leader's", kills.beginning()
    kills.beginning = lambda: (
        gives_up if wrong.is_pending() and not loss.exists() else follows
    )
    # Noticed or not: no state of a leader has been taken whole.
    kills.run(wrong.provoke, lambda: wrong.is_pending() or loss.exists(), kills=12)
    assert "SNAP" in kills.victim.synchronizations()
    assert "mended" not in kept_causes(kills)


def test_in_a_rebuild_by_order(kills):
    def order():
        order_rebuild(kills.victim)

    def is_pending():
        return any((kills.folder / f"aviary.{name}").exists() for name in ("rebuild", "loss"))

    kills.run(order, is_pending)
    assert "adopted-quorum" in kept_causes(kills)


class KillsUnderJava(Kills):
    """The victim follows a server of the original; no other member speaks HTTP."""

    def __init__(self, ensemble, victim, seed, client):
        super().__init__(ensemble, victim, seed)
        self.client = client

    def write(self, count=3):
        for _ in range(count):
            path = f"/w{len(self.acknowledged):05}"
            self.client.create(path, f"value of {path}".encode())
            self.acknowledged[path] = f"{self.client.last_zxid:016x}"
        return list(self.acknowledged)[-1]

    def is_settled(self):
        """All have applied the same, the node's own session and address included."""
        zxids = {server.last_zxid() for server in self.ensemble.javas}
        return zxids == {int(self.victim.digest()[0], 16)}

    def check(self, is_pending):
        assert not is_pending()
        eventually(self.is_settled, "all three have applied the same transactions")
        assert self.victim.http.get("/v1/recovery").expect(200).json["state"] == "healthy"
        names = self.victim.http.get("/v1/children/?limit=10000").expect(200).json["children"]
        assert sorted(names) == sorted(self.client.get_children("/"))
        for path, zxid in self.acknowledged.items():
            answer = self.victim.http.get(znode(path, raw=True), Aviary_Min_Zxid=zxid).expect(200)
            assert answer.body.decode() == f"value of {path}"
        assert self.victim.digest_mismatches() == 0


@pytest.mark.usefixtures("java")
def test_in_a_trunc_that_a_java_leader_orders(make_ensemble, request):
    ensemble = make_ensemble(["aviary", "java", "java"], settings=SETTINGS)
    leader, victim = ensemble.leader(), ensemble[1]
    assert leader.kind == "java"
    client = leader.kazoo()
    try:
        kills = KillsUnderJava(ensemble, victim, request.node.name, client)
        kills.write(20)

        def log_what_nobody_else_has():
            # From where the leader is, or the two would have different transactions of one zxid.
            victim.start().wait_ready()
            kills.write(1)
            kills.wait_quiet()
            victim.kill()
            append_tail(victim, b"value of", b"never of", 5)

        kills.run(log_what_nobody_else_has, lambda: kills.has("never of"))
        assert victim.synchronizations().count("TRUNC") > 1
        assert ensemble.leader() is leader
    finally:
        client.stop()
        client.close()
