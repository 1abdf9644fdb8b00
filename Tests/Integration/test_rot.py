"""Bits that rot on the disks of real nodes: one of them is mended, two of them wait for the third."""

import random
import time

import pytest
from harness.client import znode
from harness.disk import flip, flip_somewhere, kept_aside, needed_files, records
from harness.load import Load
from harness.waiting import eventually

# Snapshots often, so that they rot as well.
SETTINGS = {"snapCount": 60, "preAllocSize": 64}


class Writes:
    """Znodes that were acknowledged, and must be there for good."""

    def __init__(self, ensemble):
        self.ensemble = ensemble
        self.values = {}

    def add(self, count, through):
        for _ in range(count):
            path = f"/w{len(self.values):05}"
            zxid = through.http.put(znode(path), path * 8).expect(201).json["zxid"]
            self.values[path] = zxid
        return self

    @property
    def latest(self):
        return list(self.values.values())[-1]

    def check(self):
        """Everybody has them, and one state."""
        self.ensemble.wait_ready().wait_equal()
        for member in self.ensemble:
            names = member.http.get("/v1/children/?limit=10000").expect(200).json["children"]
            assert {path[1:] for path in self.values} <= set(names)
            path, zxid = list(self.values.items())[-1]
            answer = member.http.get(znode(path, raw=True), Aviary_Min_Zxid=zxid).expect(200)
            assert answer.body.decode() == path * 8


def healthy(member):
    return member.http.get("/v1/recovery").expect(200).json["state"] == "healthy"


@pytest.mark.parametrize("seed", range(4))
def test_a_bit_that_rots_on_one_node_is_mended(make_ensemble, seed):
    ensemble = make_ensemble(settings=SETTINGS)
    writes = Writes(ensemble).add(150, ensemble[1])
    chance = random.Random(seed)
    for _ in range(10):
        victim = ensemble[chance.randint(1, 3)]
        # Some losses are of what was written only just now.
        writes.add(chance.randint(1, 40), victim)
        if chance.random() < 0.5:
            victim.stop()
        else:
            victim.kill()
        file = chance.choice(needed_files(victim))
        rotten = flip_somewhere(file, chance)
        ensemble.wait_ready()
        writes.add(chance.randint(0, 10), ensemble.leader())
        victim.start().wait_ready()
        eventually(lambda victim=victim: healthy(victim), "it is healthy")
        assert kept_aside(victim, file, rotten), f"{file} is not kept"
    writes.check()


@pytest.mark.parametrize("victims", [(1, 2), (1, 3), (2, 3)])
def test_the_same_record_rotten_on_two_nodes_waits_for_the_third(make_ensemble, victims):
    ensemble = make_ensemble(settings={"preAllocSize": 64})
    writes = Writes(ensemble).add(40, ensemble[1])
    ensemble.wait_equal()
    ensemble.stop()
    chance = random.Random(sum(victims))
    log = ensemble[victims[0]].log_files()[-1].name
    record = chance.choice(records(ensemble[victims[0]].data / "version-2" / log)[3:])
    for number in victims:
        file = ensemble[number].data / "version-2" / log
        same = next(one for one in records(file) if one.zxid == record.zxid)
        flip(file, chance.randrange(same.start, same.end), chance.randrange(8))
    ensemble.start(*victims)
    for number in victims:
        eventually(lambda n=number: _lacks(ensemble[n]), "it says what it lacks", 30)
    # Several elections long: nobody leads who lacks what was acknowledged.
    deadline = time.monotonic() + 4
    while time.monotonic() < deadline:
        for number in victims:
            assert ensemble[number].role() == "looking"
            ensemble[number].http.get("/readyz").expect(503)
        time.sleep(0.1)
    assert all(_lacks(ensemble[number]) for number in victims)
    whole = next(member for member in ensemble if member.id not in victims)
    whole.start()
    writes.check()
    assert all(healthy(member) for member in ensemble)


def test_the_same_record_rotten_on_two_of_five_is_mended_under_load(make_ensemble):
    ensemble = make_ensemble(["aviary"] * 5, settings={"preAllocSize": 64})
    writes = Writes(ensemble).add(40, ensemble[1])
    ensemble.wait_equal()
    victims = ensemble.followers()[:2]
    for victim in victims:
        victim.stop()
    chance = random.Random(5)
    record = chance.choice(records(victims[0].log_files()[-1])[3:])
    rotten = {}
    for victim in victims:
        file = victim.log_files()[-1]
        same = next(one for one in records(file) if one.zxid == record.zxid)
        offset = chance.randrange(same.start, same.end)
        rotten[victim] = (file, flip(file, offset, chance.randrange(8)))
    with Load(ensemble.running, count=3) as load:
        eventually(lambda: load.acknowledged > 50, "the other three go on")
        for victim in victims:
            victim.start()
        for victim in victims:
            victim.wait_ready(60)
            eventually(lambda v=victim: healthy(v), f"{victim.id} is healthy", 60)
        before = load.acknowledged
        eventually(lambda: load.acknowledged > before + 50, "and still do")
    for victim, (file, content) in rotten.items():
        assert kept_aside(victim, file, content), f"{file} is not kept"
        load.check(victim.http, min_zxid=writes.add(1, ensemble.leader()).latest)
    writes.check()


def test_a_write_of_which_no_whole_copy_is_left_is_not_given_up_in_silence(make_ensemble):
    ensemble = make_ensemble(settings={"preAllocSize": 64})
    writes = Writes(ensemble).add(20, ensemble[1])
    ensemble.wait_equal()
    ensemble[1].stop()
    ensemble.wait_ready()
    writes.add(5, ensemble[2])
    eventually(lambda: ensemble[2].digest() == ensemble[3].digest(), "both have it")
    ensemble.stop()
    for number in (2, 3):
        log = ensemble[number].log_files()[-1]
        last = records(log)[-2]
        flip(log, last.start + 30, 1)
    ensemble.start()
    for number in (2, 3):
        eventually(lambda n=number: _lacks(ensemble[n]), "it says what it lacks", 30)
        # It has noticed the damage itself; being without a quorum looks alike from outside.
        assert (ensemble[number].data / "version-2/aviary.loss").exists()
    deadline = time.monotonic() + 4
    while time.monotonic() < deadline:
        assert all(member.role() == "looking" for member in ensemble)
        time.sleep(0.1)


def _lacks(member):
    state = member.http.get("/v1/recovery").expect(200).json
    return state["state"] in ("repairing", "stranded") and state["cause"] == "lost-data"
