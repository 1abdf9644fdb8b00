"""Members that are dead for good have taken the quorum with them: the survivors go on by order."""

import http.client
import shutil
import socket
import threading

from harness.client import znode
from harness.disk import flip, records
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


def wait_removed(ensemble, number):
    ensemble.start(number)
    eventually(lambda: state(ensemble[number])["cause"] == "removed", f"{number} is held", 60)


class Insisting:
    """A client that asks for a zxid again and again, whatever becomes of the member."""

    def __init__(self, member, zxid):
        self.member, self.zxid = member, zxid
        self.statuses = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._ask, daemon=True)

    def _ask(self):
        while not self._ended.is_set():
            try:
                with self.member.client(timeout=15) as client:
                    while not self._ended.is_set():
                        answer = client.get(znode("/last"), Aviary_Min_Zxid=self.zxid)
                        self.statuses.append(answer.status)
            except (OSError, http.client.HTTPException):
                pass

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._ended.set()
        self._thread.join(30)


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

    lost = f"{int(last, 16) + 1000:016x}"
    with Insisting(first, lost) as one, Insisting(second, lost) as two:
        raise_flag(first, 3, 4, 5)
        wait_ready(first, second)
        for client in (one, two):
            eventually(lambda c=client: 410 in c.statuses, "it is told")
    # Also who has waited through all of it.
    assert 200 not in one.statuses + two.statuses
    for member in (first, second):
        assert member.http.get("/v1/node").expect(200).json["acceptedEpoch"] > 1 << 20
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
    first.http.get(znode("/last"), Aviary_Min_Zxid=lost).problem(410, "zxid-diverged")
    first.http.get(znode("/last", at=lost)).problem(410, "zxid-diverged")
    first.http.get(f"/v1/history?path=/last&since={lost}").problem(410, "zxid-diverged")
    rollback = {"path": "/last", "to": lost, "dryRun": True}
    first.http.post("/v1/rollbacks", rollback).problem(410, "zxid-diverged")
    first.http.get(znode("/last", at=last)).expect(200)
    first.http.get(znode("/last"), Aviary_Min_Zxid=last).expect(200)
    first.http.get(f"/v1/events?path=/&since={cursor}").problem(410, "cursor-diverged")
    assert "machines burnt down" in (second.data / "recovery.audit").read_text()

    # It outlives a restart of both, and one that was not dead after all finds itself held.
    for member in (first, second):
        member.stop()
    ensemble.start(1, 2)
    wait_ready(first, second)
    wait_removed(ensemble, 3)
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
        wait_removed(ensemble, other)


def test_a_second_order_does_not_bring_back_whom_the_first_took_out(make_ensemble):
    ensemble = make_ensemble(("aviary",) * 5, settings=QUICK)
    first = ensemble[1]
    first.http.put(znode("/kept"), "x").expect(201)
    ensemble.wait_equal()
    for number in (3, 4, 5):
        ensemble[number].kill()
    wait_stranded(first)
    wait_stranded(ensemble[2])
    raise_flag(first, 3, 4, 5)
    wait_ready(first, ensemble[2])
    ensemble[2].kill()
    wait_stranded(first)
    raise_flag(first, 2)
    wait_ready(first)
    assert [member["id"] for member in first.cluster()["members"]] == [1]
    for number in (2, 3, 4):
        wait_removed(ensemble, number)
    first.http.put(znode("/kept"), "y").expect(200)
    # There is no way back that a flag could open.
    tag = ensemble[3].http.get(REPORT).expect(200).etag
    flag = {"action": "adopt-quorum", "reason": "it is not dead"}
    ensemble[3].http.put(FLAG, flag, If_Match=tag).problem(409, "not-held")
    assert state(ensemble[3])["cause"] == "removed"


def test_a_survivor_that_lacks_something_says_so_before_it_is_ordered_to_go_on(make_ensemble):
    ensemble = make_ensemble(settings=QUICK | {"preAllocSize": 64})
    for number in range(10):
        ensemble[2].http.put(znode(f"/n{number}"), "x").expect(201)
    ensemble.wait_equal()
    ensemble.stop()
    last = ensemble[2]
    log = last.log_files()[-1]
    damaged = records(log)[-3]
    flip(log, damaged.start + 30, 1)
    last.start()
    wait_stranded(last)
    report = last.http.get(REPORT).expect(200).json
    assert report["cause"] == state(last)["cause"] == "lost-data"
    assert int(report["bound"], 16) >= damaged.zxid > int(report["logged"], 16)
    assert "lost-data" in last.cluster()["alarms"]
    raise_flag(last, 1, 3)
    wait_ready(last)
    assert state(last)["state"] == "healthy" and last.cluster()["alarms"] == []
    # What was lost beside the dead is of no history any more.
    last.http.get(znode("/"), Aviary_Min_Zxid=report["bound"]).problem(410, "zxid-diverged")


def test_a_survivor_whose_disk_is_empty_begins_anew_and_knows_no_old_zxid(make_ensemble):
    ensemble = make_ensemble(settings=QUICK)
    zxid = ensemble[2].http.put(znode("/gone"), "x").expect(201).json["zxid"]
    ensemble.wait_equal()
    ensemble.stop()
    last = ensemble[2]
    shutil.rmtree(last.data / "version-2")
    last.start()
    wait_stranded(last)
    assert last.http.get(REPORT).expect(200).json["cause"] == "empty"
    raise_flag(last, 1, 3)
    wait_ready(last)
    last.http.put(znode("/new"), "x").expect(201)
    last.http.get(znode("/new"), Aviary_Min_Zxid=zxid).problem(410, "zxid-diverged")


def test_an_order_that_not_every_survivor_took_is_completed_by_giving_it_again(make_ensemble):
    ensemble = make_ensemble(("aviary",) * 7, settings=QUICK)
    dead = (4, 5, 6, 7)
    one, two, three = survivors = [ensemble[number] for number in (1, 2, 3)]
    zxid = one.http.put(znode("/kept"), "x").expect(201).json["zxid"]
    ensemble.wait_equal()
    for number in dead:
        ensemble[number].kill()
    for member in survivors:
        wait_stranded(member)
    # It can write nothing down about an order.
    (three.data / "recovery.audit").mkdir()

    def promised(member):
        member.http.close()
        return member.http.get("/v1/node").expect(200).json["acceptedEpoch"]

    def fails(member, status, code):
        """What the answer says, once the order got as far as the member that cannot obey."""

        def refused():
            tag = member.http.get(REPORT).expect(200).etag
            answer = member.http.put(FLAG, order(*dead), If_Match=tag)
            assert answer.status in (409, 412, status), answer.body
            return answer.status == status and answer.json["code"] == code and answer.json

        return eventually(refused, "it is not obeyed", 60)["detail"]

    assert "taken by members 2;" in fails(one, 409, "survivor-unreachable")
    eventually(lambda: promised(two) > 1 << 20, "2 obeys")
    assert promised(one) < 1 << 20 and promised(three) < 1 << 20
    wait_stranded(two)

    # The one that is asked is the one that cannot; the others are enough to go on.
    assert "taken by members 1, 2;" in fails(three, 500, "internal")
    wait_ready(one, two)
    one.http.put(znode("/kept"), "y").expect(200)
    assert state(three)["state"] == "stranded" and promised(three) < 1 << 20

    (three.data / "recovery.audit").rmdir()
    raise_flag(three, *dead)
    wait_ready(three)
    for member in survivors:
        assert promised(member) > 1 << 20
        assert [known["id"] for known in member.cluster()["members"]] == [1, 2, 3]
    written = three.http.put(znode("/kept"), "z").expect(200).json["zxid"]
    one.http.get(znode("/kept"), Aviary_Min_Zxid=written).expect(200)
    two.http.get(znode("/kept"), Aviary_Min_Zxid=zxid).expect(200)

    # Who cannot read it any more asks nobody: it is the same everywhere.
    rotten, whole = (member.data / "version-2/aviary.adoption" for member in (two, one))
    two.stop()
    rotten.write_bytes(rotten.read_bytes()[:-4])
    two.start()
    eventually(lambda: not two.process.alive, "it refuses to start", 30)
    assert "aviary.adoption: it is damaged" in two.process.output()
    shutil.copyfile(whole, rotten)
    two.start()
    wait_ready(two)

    # It was one order that all obey in the end: whoever leads, nothing more is given up.
    lineage = one.http.get(znode("/aviary/lineage")).expect(200).json["text"]
    for member in survivors:
        member.stop()
        wait_ready(*(other for other in survivors if other is not member))
        member.start()
        wait_ready(member)
    assert one.http.get(znode("/aviary/lineage")).expect(200).json["text"] == lineage


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
