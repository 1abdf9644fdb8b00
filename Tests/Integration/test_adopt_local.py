"""Members that are dead for good have taken the quorum with them: the survivors go on by order."""

import socket

from harness.client import znode
from harness.waiting import eventually

FLAG = "/v1/recovery/flag"
REPORT = "/v1/recovery/report"
QUICK = {"tickTime": 500, "syncLimit": 4}


def order(*dead):
    return {"action": "adopt-local", "dead": list(dead), "reason": "their machines burnt down"}


def state(member):
    return member.http.get("/v1/recovery").expect(200).json


def wait_stranded(member):
    eventually(lambda: state(member)["state"] == "stranded", f"{member.id} is stranded", 60)


def raise_flag(member, *dead):
    """The report may change until everybody has noticed who is gone."""

    def accepted():
        tag = member.http.get(REPORT).expect(200).etag
        answer = member.http.put(FLAG, order(*dead), If_Match=tag)
        assert answer.status in (202, 409, 412), answer.body
        return answer.status == 202

    eventually(accepted, "the flag is accepted", 60)


def wait_ready(*members):
    for member in members:
        member.wait_ready(60)
        # What was connected before the start has ended.
        member.http.close()


def test_the_survivors_of_a_lost_quorum_go_on(make_ensemble):
    ensemble = make_ensemble(("aviary",) * 5, settings=QUICK)
    for number in range(20):
        ensemble[1].http.put(znode(f"/n{number}"), "x").expect(201)
    last = ensemble[3].http.put(znode("/last"), "x").expect(201).json["zxid"]
    for member in ensemble:
        member.http.get(znode("/last"), Aviary_Min_Zxid=last).expect(200)
    cursor = ensemble[1].http.get("/v1/events?path=/&scope=subtree").expect(200).json["next"]
    before = ensemble[1].http.get(znode("/aviary/lineage")).expect(200).json["text"]
    # A healthy node, and one that has only just lost its quorum, are not forced to anything.
    ensemble[1].http.put(FLAG, order(3, 4, 5), If_Match='"0"').problem(409, "not-held")
    for number in (3, 4, 5):
        ensemble[number].kill()
    first, second = ensemble[1], ensemble[2]
    wait_stranded(first)
    wait_stranded(second)
    report = first.http.get(REPORT).expect(200)
    assert report.json["cause"] == "no-quorum"
    assert state(first)["report"] == report.json["digest"]
    first.http.put(znode("/refused"), "x").expect(503)
    first.http.get(znode("/last")).expect(200)

    first.http.put(FLAG, order(3, 4, 5)).problem(428, "precondition-required")
    first.http.put(FLAG, order(3, 4, 5), If_Match='"00"').problem(412, "precondition-failed")
    first.http.put(FLAG, order(1, 3), If_Match=report.etag).expect(400, 412)
    first.http.put(FLAG, order(3, 9), If_Match=report.etag).expect(400, 412)

    # Whoever answers on its election port is not dead.
    with socket.create_server(("127.0.0.1", ensemble[4].seat.election)):
        tag = first.http.get(REPORT).expect(200).etag
        first.http.put(FLAG, order(3, 4, 5), If_Match=tag).problem(409, "quorum-reachable")
    assert state(second)["state"] == "stranded", "nothing has changed"

    raise_flag(first, 3, 4, 5)
    wait_ready(first, second)
    for member in (first, second):
        assert member.http.get(znode("/last")).expect(200).json["text"] == "x"
    written = first.http.put(znode("/after"), "x").expect(201).json["zxid"]
    second.http.get(znode("/after"), Aviary_Min_Zxid=written).expect(200)
    cluster = first.cluster()
    assert cluster["healthy"] and [m["id"] for m in cluster["members"]] == [1, 2]
    # Far above whatever the others may have promised.
    assert int(written[:8], 16) > 1 << 20

    # Zxids and cursors of the other branch are never mistaken for this one's.
    lineage = first.http.get(znode("/aviary/lineage")).expect(200).json["text"]
    assert lineage.splitlines()[0] == before.splitlines()[0]
    assert lineage.splitlines()[1] != before.splitlines()[1]
    assert lineage.splitlines()[2].startswith("discarded ")
    lost = f"{int(last, 16) + 1000:016x}"
    first.http.get(znode("/last"), Aviary_Min_Zxid=lost).problem(410, "zxid-diverged")
    first.http.get(znode("/last"), Aviary_Min_Zxid=last).expect(200)
    first.http.get(f"/v1/events?path=/&since={cursor}").problem(410, "cursor-diverged")
    assert "machines burnt down" in (second.data / "recovery.audit").read_text()

    # It outlives a restart of both, and one that was not dead after all finds itself held.
    for member in (first, second):
        member.stop()
    ensemble.start(1, 2)
    wait_ready(first, second)
    ensemble.start(3)
    eventually(lambda: state(ensemble[3])["cause"] == "removed", "3 is held", 60)
    first.http.put(znode("/still"), "x").expect(201)


def test_the_last_of_three_goes_on_alone(make_ensemble):
    ensemble = make_ensemble(settings=QUICK)
    zxid = ensemble[2].http.put(znode("/kept"), "x").expect(201).json["zxid"]
    last = ensemble[2]
    last.http.get(znode("/kept"), Aviary_Min_Zxid=zxid).expect(200)
    ensemble[1].kill()
    ensemble[3].kill()
    wait_stranded(last)
    raise_flag(last, 1, 3)
    wait_ready(last)
    last.http.put(znode("/kept"), "y").expect(200)
    assert last.cluster()["failureTolerance"] == 0
    for other in (1, 3):
        ensemble.start(other)
        eventually(lambda n=other: state(ensemble[n])["cause"] == "removed", "held", 60)


def test_a_survivor_that_does_not_answer_stops_everything(make_ensemble):
    ensemble = make_ensemble(("aviary",) * 5, settings=QUICK)
    for number in (2, 3, 4, 5):
        ensemble[number].kill()
    wait_stranded(ensemble[1])

    def refused():
        tag = ensemble[1].http.get(REPORT).expect(200).etag
        answer = ensemble[1].http.put(FLAG, order(3, 4, 5), If_Match=tag)
        return answer.status == 409 and answer.problem(409, "survivor-unreachable")

    eventually(refused, "member 2 is missed", 30)
    assert state(ensemble[1])["state"] == "stranded"
