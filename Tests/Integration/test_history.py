"""The history behind events: what a node has missed, it gets from another."""

import shutil

from harness.client import Client, znode
from harness.waiting import eventually


def events(member, since):
    return member.http.get(f"/v1/events?path=/a&include=value&since={since}")


def values(member):
    """All there ever was, batch after batch."""
    found, since = [], "oldest"
    while True:
        batch = events(member, since).expect(200).json
        found += [event["text"] for event in batch["events"]]
        since = batch["next"]
        if not batch["more"]:
            return found


def write(member, values):
    for value in values:
        member.http.put(znode("/a"), value).expect(200, 201)


def test_a_node_that_lost_its_disk_gets_the_history_back_from_another(make_ensemble):
    ensemble = make_ensemble()
    victim, other = ensemble.followers()[0], ensemble.leader()
    write(other, [f"before {number}" for number in range(300)])
    victim.kill()
    shutil.rmtree(victim.data / "version-2")
    shutil.rmtree(victim.data / "aviary-history")
    write(other, [f"meanwhile {number}" for number in range(100)])
    victim.start()
    ensemble.wait_ready()
    write(victim, ["after"])
    # Until it has the history it sends those who want it to one that does.
    first = events(victim, since="0000000100000001")
    assert first.status in (200, 307), first.body
    if first.status == 307:
        assert first.headers["Location"].startswith("http://127.0.0.1:")
    eventually(
        lambda: victim.cluster()["history"]["oldest"] == other.cluster()["history"]["oldest"],
        "the history is complete again",
    )
    expected = values(other)
    assert len(expected) == 401
    assert values(victim) == expected
    # And keeps it.
    victim.stop()
    victim.start()
    ensemble.wait_ready()
    assert values(victim) == expected


def test_the_history_is_for_members_only(make_ensemble):
    ensemble = make_ensemble()
    target = "/v1/peer/history?after=0000000000000000&through=00000000ffffffff"
    with Client(ensemble[1].seat.http) as client:
        client.get(target).problem(403, "forbidden")
        client.get(target, Aviary_Peer="AAAA").problem(403, "forbidden")
        client.get("/v1/peer/history?after=x&through=y").problem(400, "bad-zxid")


def test_a_stop_and_a_kill_keep_the_history(make_ensemble):
    ensemble = make_ensemble(settings={"snapCount": 40})
    member = ensemble.followers()[0]
    write(member, [f"{number}" for number in range(150)])
    member.stop()
    write(ensemble.leader(), [f"{number}" for number in range(150, 200)])
    member.start()
    ensemble.wait_ready()
    ensemble.kill()
    ensemble.start().wait_ready()
    write(member, ["last"])
    expected = [f"{number}" for number in range(200)] + ["last"]
    for each in ensemble:
        eventually(
            lambda each=each: values(each) == expected,
            f"{each.id} tells everything",
        )
