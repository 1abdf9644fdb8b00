"""A state that is not the quorum's, although the node has applied the same transactions."""

import base64
import json

import pytest
from harness.client import acl, znode
from harness.disk import falsify
from harness.load import Load
from harness.memory import rot
from harness.waiting import eventually


def diverge(ensemble, member):
    ensemble[1].http.put(znode("/x"), "the right value").expect(201)
    for number in range(5):
        ensemble[1].http.put(znode(f"/y{number}"), "y").expect(201)
    ensemble.wait_equal()
    ensemble.stop()
    falsify(member, b"the right value", b"the wrong value")


def test_a_member_that_a_quorum_contradicts_is_repaired(make_ensemble):
    ensemble = make_ensemble()
    victim = ensemble[1]
    diverge(ensemble, victim)
    ensemble.start().wait_ready()
    eventually(lambda: victim.metric("aviary_repairs_total") == 1, "it has been noticed", 30)
    victim.wait_ready()
    ensemble.wait_equal()
    for member in ensemble:
        assert member.http.get(znode("/x")).expect(200).json["text"] == "the right value"
    eventually(lambda: ensemble[2].cluster()["alarms"] == [], "the alarms are over")
    # Only what differed has moved, and is kept.
    assert victim.synchronizations()[-1] == "DIFF"
    kept = victim.http.get("/v1/recovery/detached").expect(200).json["detached"]
    (mended,) = [one for one in kept if one["cause"] == "mended"]
    folder = victim.data / f"version-2/aviary-detached/{mended['id']:04}"
    (line,) = (folder / "znodes.ndjson").read_text().splitlines()
    replaced = json.loads(line)
    assert replaced["path"] == "/x"
    assert base64.b64decode(replaced["base64"]) == b"the wrong value"
    # What it told of the past was wrong as well: others have it right.
    created = victim.http.get(znode("/x")).expect(200).json["stat"]["czxid"]
    victim.http.put(znode("/x"), "later").expect(200)

    def past():
        answer = victim.http.get(znode("/x", at=created)).expect(200, 307, 410)
        return answer.status == 200 and answer.json["text"]

    assert eventually(past, "its history is whole again", 30) == "the right value"
    victim.http.put(znode("/x"), "the right value").expect(200)
    ensemble.wait_equal()
    # A start from its own disk finds the right state as well.
    eventually(lambda: len(victim.snapshot_files()) > 1, "it is written down", 30)
    victim.kill()
    victim.start().wait_ready()
    ensemble.wait_equal()
    assert victim.metric("aviary_repairs_total") == 0


def test_a_state_is_mended_while_others_write(make_ensemble):
    ensemble = make_ensemble()
    victim = ensemble[1]
    diverge(ensemble, victim)
    ensemble.start(2, 3).wait_ready()
    with Load(ensemble.running, count=4) as load:
        eventually(lambda: load.acknowledged > 200, "the load runs")
        ensemble.start(1)
        eventually(lambda: victim.metric("aviary_repairs_total") == 1, "it is repaired", 60)
        before = load.acknowledged
        eventually(lambda: load.acknowledged > before + 200, "writes go on")
    ensemble.wait_equal()
    assert victim.http.get(znode("/x")).expect(200).json["text"] == "the right value"
    latest = ensemble.leader().http.put(znode("/mark")).expect(201).json["zxid"]
    load.check(victim.http, min_zxid=latest)


def test_a_leader_in_the_minority_hands_over_first(make_ensemble):
    ensemble = make_ensemble()
    leader = ensemble[3]
    diverge(ensemble, leader)
    # With the highest number and the same history it leads again.
    ensemble.start().wait_ready()
    eventually(lambda: leader.metric("aviary_repairs_total") == 1, "it has been noticed", 30)
    assert "leading in broadcast" in leader.process.output().rsplit("serving HTTP", 1)[1]
    eventually(lambda: ensemble.leader().id != 3, "another one leads", 30)
    leader.wait_ready()
    ensemble.wait_equal()
    assert leader.http.get(znode("/x")).expect(200).json["text"] == "the right value"


def test_without_a_majority_there_is_an_alarm_and_nothing_else(make_ensemble):
    ensemble = make_ensemble()
    victim = ensemble[1]
    diverge(ensemble, victim)
    ensemble.start(1, 2).wait_ready()
    for number in (1, 2):
        eventually(
            lambda n=number: "digest-differs" in ensemble[n].cluster()["alarms"],
            "both tell of it",
            30,
        )
    assert victim.metric("aviary_repairs_total") == 0
    # The third one settles it.
    ensemble.start(3).wait_ready()
    eventually(lambda: victim.metric("aviary_repairs_total") == 1, "it is repaired", 30)
    ensemble.wait_equal()


def test_two_that_are_wrong_in_different_ways_get_the_quorums_state(make_ensemble):
    ensemble = make_ensemble(["aviary"] * 5)
    diverge(ensemble, ensemble[1])
    falsify(ensemble[2], b"the right value", b"the weird value")
    # Members 1 and 2 contradict each other, too, and are the first that each of them could ask.
    ensemble.start().wait_ready()
    # At the first attempt: the second one is a minute later.
    for number in (1, 2):
        victim = ensemble[number]
        eventually(
            lambda v=victim: v.metric("aviary_repairs_total") == 1, "it has been noticed", 40
        )
        victim.wait_ready()
    ensemble.wait_equal()
    for member in ensemble:
        assert member.http.get(znode("/x")).expect(200).json["text"] == "the right value"


SCRUBBING = {"recovery.scrub": "1s"}
RIGHT, WRONG = b"what was written here", b"what was rotten here!"


def expect_scrubs(member, count=2):
    """The whole state has been read that many times more."""
    before = member.metric("aviary_scrubs_total")
    eventually(lambda: member.metric("aviary_scrubs_total") >= before + count, "scrubs", 30)


def scrubbed_ensemble(make_ensemble):
    ensemble = make_ensemble(settings=SCRUBBING)
    ensemble[1].http.put(znode("/x"), RIGHT).expect(201)
    ensemble.wait_equal()
    return ensemble


def test_memory_that_rots_is_mended_in_place(make_ensemble):
    ensemble = scrubbed_ensemble(make_ensemble)
    victim = ensemble.followers()[0]
    before = victim.synchronizations()
    rot(victim.process, RIGHT, WRONG)
    eventually(lambda: victim.metric("aviary_repairs_total") == 1, "it has been noticed", 30)
    ensemble.wait_equal()
    assert victim.http.get(znode("/x", raw=True)).expect(200).body == RIGHT
    assert victim.synchronizations() == before
    kept = victim.http.get("/v1/recovery/detached").expect(200).json["detached"]
    (mended,) = [one for one in kept if one["cause"] == "mended"]
    folder = victim.data / f"version-2/aviary-detached/{mended['id']:04}"
    (line,) = (folder / "znodes.ndjson").read_text().splitlines()
    assert base64.b64decode(json.loads(line)["base64"]) == WRONG
    # What is written from now on leads to the same digest everywhere, and nothing else is found.
    victim.http.put(znode("/x"), "later").expect(200)
    ensemble.wait_equal()
    expect_scrubs(victim)
    assert victim.metric("aviary_repairs_total") == 1
    assert victim.digest_mismatches() == 0


def test_a_digest_that_rots_is_mended_in_place(make_ensemble):
    ensemble = scrubbed_ensemble(make_ensemble)
    victim = ensemble.followers()[0]
    before = victim.synchronizations()
    right = int(victim.digest()[1], 16)
    rot(victim.process, right.to_bytes(8, "little"), (right ^ 1 << 40).to_bytes(8, "little"))
    eventually(lambda: victim.metric("aviary_repairs_total") == 1, "it has been noticed", 30)
    ensemble.wait_equal()
    assert victim.synchronizations() == before
    victim.http.put(znode("/x"), "later").expect(200)
    ensemble.wait_equal()
    expect_scrubs(victim)
    assert victim.metric("aviary_repairs_total") == 1


@pytest.mark.parametrize("leads", [False, True], ids=["of-a-follower", "of-the-leader"])
def test_an_acl_that_rots_is_mended_though_no_digest_covers_it(make_ensemble, leads):
    ensemble = scrubbed_ensemble(make_ensemble)
    victim = ensemble.leader() if leads else ensemble.followers()[0]
    right = b"somebody:" + base64.b64encode(b"a hash of twenty by.")
    wrong = right.replace(b"bod", b"boo")
    entry = {"scheme": "digest", "id": right.decode(), "perms": ["read"]}
    world = {"scheme": "world", "id": "anyone", "perms": ["read", "admin"]}
    victim.http.put(acl("/x"), [entry, world]).expect(200)
    ensemble.wait_equal()
    rot(victim.process, right, wrong)
    eventually(lambda: victim.metric("aviary_repairs_total") == 1, "it has been noticed", 60)
    victim.wait_ready()
    for member in ensemble:
        entries = member.http.get(acl("/x")).expect(200).json
        assert right.decode() in [one["id"] for one in entries]
    assert (victim.synchronizations()[-1] == "SNAP") == leads
    expect_scrubs(victim)
    assert victim.metric("aviary_repairs_total") == 1


def test_a_leader_whose_memory_rots_hands_over_first(make_ensemble):
    ensemble = scrubbed_ensemble(make_ensemble)
    victim = ensemble.leader()
    rot(victim.process, RIGHT, WRONG)
    eventually(lambda: victim.metric("aviary_repairs_total") == 1, "it has been noticed", 30)
    eventually(lambda: ensemble.leader() is not victim, "another one leads", 30)
    victim.wait_ready()
    ensemble.wait_equal()
    assert victim.synchronizations()[-1] == "SNAP"
    for member in ensemble:
        assert member.http.get(znode("/x", raw=True)).expect(200).body == RIGHT


def test_what_no_quorum_of_others_tells_is_taken_from_the_leader(make_ensemble):
    ensemble = scrubbed_ensemble(make_ensemble)
    victim, other = ensemble.followers()
    other.stop()
    rot(victim.process, RIGHT, WRONG)
    eventually(lambda: victim.metric("aviary_repairs_total") == 1, "it has been noticed", 60)
    victim.wait_ready()
    assert victim.synchronizations()[-1] == "SNAP"
    assert victim.http.get(znode("/x", raw=True)).expect(200).body == RIGHT
