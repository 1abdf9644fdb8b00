"""What is too large for a node to decide alone waits for a person, who raises a flag."""

import shutil

import pytest
from harness.client import znode
from harness.waiting import eventually

FLAG = "/v1/recovery/flag"
REPORT = "/v1/recovery/report"
ADOPT = {"action": "adopt-quorum", "reason": "looked at, and not needed"}


def recovery(member):
    return member.http.get("/v1/recovery").expect(200).json


def wait_held(member, cause):
    state = eventually(
        lambda: (r := recovery(member)) and r["state"] == "held" and r["report"] and r,
        f"{member.id} is held",
        60,
    )
    assert state["cause"] == cause
    return member.http.get(REPORT).expect(200)


def wait_healthy(ensemble, member):
    member.wait_ready(60)
    eventually(lambda: recovery(member)["state"] == "healthy", f"{member.id} is healthy")
    latest = ensemble.leader().http.put(znode("/latest"), "x").expect(200, 201).json["zxid"]
    member.http.get(znode("/latest"), Aviary_Min_Zxid=latest).expect(200)


def fill(member, folder, count):
    member.http.put(znode(folder)).expect(201)
    for number in range(count):
        member.http.put(znode(f"{folder}/{number}"), f"{number}").expect(201)


def swap_data(source, target):
    """`target` gets the data that `source` has, as if the disks were mistaken for each other."""
    shutil.rmtree(target.data)
    shutil.copytree(source.data, target.data)


@pytest.fixture
def too_different(make_ensemble):
    return diverged(make_ensemble())


def diverged(ensemble, base=3):
    """Members 1 and 2 were put back to an older state and went on from there; 3 was not."""
    fill(ensemble[1], "/base", base)
    ensemble.stop()
    for number in (1, 2):
        shutil.copytree(ensemble[number].data, ensemble.folder / f"backup{number}")
    ensemble.start().wait_ready()
    fill(ensemble[3], "/lost", 40)
    ensemble.stop()
    for number in (1, 2):
        shutil.rmtree(ensemble[number].data)
        shutil.copytree(ensemble.folder / f"backup{number}", ensemble[number].data)
    # Elections, so that what member 3 has promised is not above what the two have.
    for _ in range(3):
        ensemble.start(1, 2).wait_ready()
        ensemble.stop()
    ensemble.start(1, 2).wait_ready()
    fill(ensemble[1], "/kept", 2)
    ensemble.start(3)
    return ensemble


def test_a_node_with_much_that_the_quorum_never_had_waits_for_a_person(too_different):
    ensemble = too_different
    held = ensemble[3]
    answer = wait_held(held, "too-different")
    report = answer.json
    assert report["extra"] == 41 and report["conflicting"] == 0
    assert report["ratio"] > 0.5
    assert answer.etag == f'"{report["digest"]}"'
    paths = {entry["path"] for entry in report["entries"] if entry["kind"] == "extra"}
    assert paths == {"/lost"} | {f"/lost/{number}" for number in range(40)}
    page = held.http.get(f"{REPORT}?limit=5").expect(200).json
    assert page["entries"] == report["entries"][:5] and page["next"] == "5"
    rest = held.http.get(f"{REPORT}?limit=1000&cursor=5").expect(200).json
    assert page["entries"] + rest["entries"] == report["entries"] and rest["next"] is None
    held.http.get(REPORT, If_None_Match=answer.etag).expect(304)

    # It takes no part, says so, and the others see it.
    held.http.get("/readyz").problem(503, "electing")
    assert "held" in held.cluster()["alarms"]
    assert held.cluster()["recovery"]["state"] == "held"
    others = eventually(
        lambda: (c := ensemble[1].cluster()) and "held" in c["alarms"] and c,
        "the others see the alarm",
    )
    assert others["healthy"] is True and others["recovery"]["state"] == "healthy"
    ensemble[1].http.put(znode("/kept/still"), "x").expect(201)

    # Only the right word of the right person does anything.
    held.http.put(FLAG, ADOPT).problem(428, "precondition-required")
    refused = held.http.put(FLAG, ADOPT, If_Match='"0123"').expect(412)
    assert refused.etag == answer.etag
    held.http.put(FLAG, {"action": "adopt-everything"}, If_Match=answer.etag).problem(
        400, "bad-request"
    )
    ensemble[1].http.put(FLAG, ADOPT, If_Match=answer.etag).problem(409, "not-held")
    ensemble[1].http.get(REPORT).problem(404, "no-report")
    assert recovery(held)["report"] == report["digest"], "nothing has changed"

    held.http.put(FLAG, ADOPT, If_Match=answer.etag).expect(202)
    wait_healthy(ensemble, held)
    held.http.get(znode("/lost/1")).problem(404, "no-node")
    held.http.get(znode("/kept/still")).expect(200)
    # The flag was good once, and everybody can read who raised it.
    held.http.put(FLAG, ADOPT, If_Match=answer.etag).problem(409, "not-held")
    audit = (held.data / "recovery.audit").read_text()
    assert report["digest"] in audit and ADOPT["reason"] in audit

    # Nothing was thrown away.
    kept = held.http.get("/v1/recovery/detached").expect(200).json["detached"]
    whole = [one for one in kept if one["cause"] == "adopted-quorum"]
    assert len(whole) == 1 and any(name.startswith("log.") for name in whole[0]["files"])
    assert whole[0]["bytes"] > 0 and whole[0]["time"] > 1_600_000_000_000
    held.http.delete(f"/v1/recovery/detached/{whole[0]['id']}").expect(204)
    held.http.delete(f"/v1/recovery/detached/{whole[0]['id']}").problem(404, "no-detachment")


@pytest.mark.parametrize(
    "settings",
    [{"recovery.maxDifferingNodes": 40}, {"recovery.strict": "true"}],
    ids=["by-number", "strict"],
)
def test_a_small_part_of_what_a_node_has_waits_as_well_if_so_configured(make_ensemble, settings):
    ensemble = diverged(make_ensemble(settings=settings), base=100)
    report = wait_held(ensemble[3], "too-different").json
    assert report["extra"] == 41 and report["ratio"] < 0.5


def test_a_small_part_of_what_a_node_has_is_given_up_without_a_question(make_ensemble):
    ensemble = diverged(make_ensemble(settings={"recovery.maxDifferingNodes": 41}), base=100)
    wait_healthy(ensemble, ensemble[3])
    ensemble[3].http.get(znode("/lost/1")).problem(404, "no-node")


def test_a_flag_is_good_for_one_report_only_also_as_a_znode(too_different):
    ensemble = too_different
    held = ensemble[3]
    digest = wait_held(held, "too-different").json["digest"]
    flag = znode("/aviary/recovery/3/force")
    ensemble[1].http.put(znode("/aviary/recovery/3/force", parents=True), "00ff").expect(201)
    eventually(
        lambda: "another report" in held.process.output(), "the stale flag is refused", 30
    )
    assert recovery(held)["state"] == "held"
    ensemble[2].http.put(flag, digest).expect(200)
    wait_healthy(ensemble, held)
    held.http.get(znode("/lost/1")).problem(404, "no-node")
    # Used up: nobody finds it again.
    eventually(
        lambda: ensemble[1].http.get(flag).status == 404, "the flag is taken away", 30
    )


def test_a_state_that_was_set_aside_can_be_put_back(too_different):
    ensemble = too_different
    held = ensemble[3]
    answer = wait_held(held, "too-different")
    held.http.put(FLAG, ADOPT, If_Match=answer.etag).expect(202)
    wait_healthy(ensemble, held)
    kept = held.http.get("/v1/recovery/detached").expect(200).json["detached"]
    number = next(one["id"] for one in kept if one["cause"] == "adopted-quorum")
    held.http.post(f"/v1/recovery/detached/{number}/restore").expect(202)
    # It is as it was: different from the quorum, so that somebody has to decide again.
    again = wait_held(held, "too-different").json
    assert again["extra"] == 41
    held.http.put(FLAG, ADOPT, If_Match=f'"{again["digest"]}"').expect(202)
    wait_healthy(ensemble, held)


def test_the_data_of_another_ensemble_never_take_part(make_ensemble):
    ensemble, other = make_ensemble(), make_ensemble()
    fill(ensemble[1], "/ours", 2)
    fill(other[1], "/theirs", 300)
    other.stop()
    ensemble[3].stop()
    swap_data(other[3], ensemble[3])
    leader = ensemble.leader()
    ensemble.start(3)
    held = ensemble[3]
    report = wait_held(held, "other-ensemble").json
    assert report["extra"] == 301 and report["missing"] == 3
    missing = {entry["path"] for entry in report["entries"] if entry["kind"] == "missing"}
    assert missing == {"/ours", "/ours/0", "/ours/1"}
    # Also with the others started anew it wins no election, and nobody takes its state.
    leader.stop()
    leader.start()
    ensemble[1].wait_ready()
    ensemble[2].wait_ready()
    for number in (1, 2):
        ensemble[number].http.get(znode("/ours/1")).expect(200)
        ensemble[number].http.get(znode("/theirs/1")).problem(404, "no-node")
    assert recovery(held)["state"] == "held"

    flags = held.data / "flags"
    flags.mkdir()
    (flags / "force_recovery").write_text("not this one\n")
    eventually(
        lambda: not (flags / "force_recovery").exists(), "a wrong flag is taken away", 30
    )
    assert recovery(held)["state"] == "held"
    (flags / "force_recovery").write_text(report["digest"] + "\nit was the wrong disk\n")
    wait_healthy(ensemble, held)
    held.http.get(znode("/ours/1")).expect(200)
    held.http.get(znode("/theirs/1")).problem(404, "no-node")
    kept = held.http.get("/v1/recovery/detached").expect(200).json["detached"]
    assert any(one["cause"] == "adopted-quorum" for one in kept)
    (flags / "force_recovery").write_text(report["digest"] + "\n")
    eventually(
        lambda: not (flags / "force_recovery").exists(), "a second use is refused", 30
    )
    assert recovery(held)["state"] == "healthy"


def test_two_nodes_whose_folders_were_swapped_are_what_the_folders_say(make_ensemble):
    ensemble = make_ensemble()
    fill(ensemble[1], "/ours", 5)
    ensemble[2].stop()
    ensemble[3].stop()
    # The file myid goes with its folder; who forgets it is told before anything happens.
    aside = ensemble.folder / "aside"
    shutil.move(ensemble[2].data / "version-2", aside)
    shutil.move(ensemble[3].data / "version-2", ensemble[2].data / "version-2")
    shutil.move(aside, ensemble[3].data / "version-2")
    for number in (2, 3):
        ensemble[number].start()
        process = ensemble[number].process
        eventually(lambda p=process: not p.alive, "it does not start", 30)
        assert f"this is node {number}" in process.output()


def test_a_name_in_the_configuration_that_is_not_the_datas_holds_the_node(make_ensemble):
    ensemble = make_ensemble(settings={"cluster.id": "blue"})
    fill(ensemble[1], "/ours", 2)
    assert ensemble[1].cluster()["id"] == "blue"
    victim = ensemble[3]
    victim.stop()
    text = victim.config.read_text()
    victim.config.write_text(text.replace("cluster.id=blue", "cluster.id=green"))
    victim.start()
    wait_held(victim, "other-name")
    victim.stop()
    victim.config.write_text(text)
    victim.start()
    wait_healthy(ensemble, victim)


@pytest.mark.usefixtures("java")
def test_a_folder_of_the_originals_from_another_ensemble_is_held_as_well(make_ensemble):
    ensemble = make_ensemble()
    fill(ensemble[1], "/ours", 2)
    other = make_ensemble(["java"] * 3, settings={"snapCount": 100})
    # Epochs and zxids beyond ours, so that its vote would win.
    for number in (1, 2):
        leader = other.leader()
        client = leader.kazoo()
        try:
            client.create(f"/theirs{number}")
            for child in range(150):
                client.create(f"/theirs{number}/{child}", b"x")
        finally:
            client.stop()
        leader.stop()
        leader.start()
        other.wait_ready()
    other.stop()
    for member in ensemble:
        member.stop()
    swap_data(other[3], ensemble[3])
    # It is there from the start, and the first to be asked.
    ensemble.start(3)
    ensemble.start(1, 2)
    ensemble[1].wait_ready()
    ensemble[2].wait_ready()
    for number in (1, 2):
        ensemble[number].http.get(znode("/ours/1")).expect(200)
        ensemble[number].http.get(znode("/theirs1")).problem(404, "no-node")
    answer = wait_held(ensemble[3], "other-ensemble").json
    # What its log has beyond its snapshot is not known to be committed.
    assert answer["extra"] + answer["droppedTransactions"] >= 302 and answer["extra"] > 0
    assert answer["missing"] == 3
    # Its flag is found as a znode, though nothing here tells where the others are.
    digest = answer["digest"]
    ensemble[1].http.put(znode("/aviary/recovery/3/force", parents=True), digest).expect(201)
    wait_healthy(ensemble, ensemble[3])
    ensemble[3].http.get(znode("/ours/1")).expect(200)
    ensemble[3].http.get(znode("/theirs1")).problem(404, "no-node")


@pytest.mark.usefixtures("java")
def test_a_quorum_of_the_originals_with_other_data_does_not_replace_ours(make_ensemble):
    ensemble = make_ensemble(["java", "java", "aviary"])
    ours = ensemble[3]
    fill(ours, "/ours", 2)
    other = make_ensemble(["java"] * 3)
    for _ in range(3):
        leader = other.leader()
        leader.stop()
        leader.start()
        other.wait_ready()
    ensemble.stop()
    other.stop()
    for number in (1, 2):
        swap_data(other[number], ensemble[number])
    ensemble.start()
    report = wait_held(ours, "other-ensemble").json
    assert report["extra"] == 3 and report["theirs"]
    assert "not this ensemble's" in report["detail"]
