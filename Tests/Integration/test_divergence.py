"""A state that is not the quorum's, although the node has applied the same transactions."""

from harness.client import znode
from harness.disk import falsify
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
    # What was replaced is kept.
    kept = victim.http.get("/v1/recovery/detached").expect(200).json["detached"]
    assert any(one["cause"] == "received-state" for one in kept)


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
