"""Folders that are lost, swapped, or put back as they were some time ago."""

import shutil
import time

import pytest
from harness.client import znode
from harness.waiting import eventually

EPOCHS = ("acceptedEpoch", "currentEpoch", "aviary.epochs.1", "aviary.epochs.2")


def write(ensemble, path, through=None):
    member = through or ensemble.leader()
    return member.http.put(znode(path), path).expect(201).json["zxid"]


def check(ensemble, *paths):
    ensemble.wait_ready().wait_equal()
    for member in ensemble:
        for path in paths:
            assert member.http.get(znode(path)).expect(200).json["text"] == path
        state = member.http.get("/v1/recovery").expect(200).json
        assert state["state"] == "healthy" and state["progress"] is None


def nobody_leads(ensemble, *numbers, seconds=4):
    """For several elections in a row."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        for number in numbers:
            assert ensemble[number].role() == "looking"
            ensemble[number].http.get("/readyz").expect(503)
        time.sleep(0.1)


def new_epoch(ensemble):
    """Everybody promises, and accepts, another leader."""
    ensemble.stop()
    ensemble.start().wait_ready()


def copy(member, folder):
    shutil.copytree(member.data, folder)


def put_back(member, folder):
    shutil.rmtree(member.data)
    shutil.copytree(folder, member.data)


def test_two_of_three_are_wiped_one_after_the_other(make_ensemble):
    ensemble = make_ensemble()
    write(ensemble, "/first")
    written = ["/first"]
    for number in (2, 3):
        victim = ensemble[number]
        victim.kill()
        shutil.rmtree(victim.data / "version-2")
        written.append(f"/without-{number}")
        ensemble.wait_ready()
        write(ensemble, written[-1])
        victim.start().wait_ready()
        assert victim.synchronizations()[-1] == "SNAP"
        eventually(
            lambda victim=victim: victim.http.get("/v1/recovery").json["state"] == "healthy",
            "it is healthy",
        )
    # The two that were wiped have everything by themselves.
    ensemble[1].kill()
    eventually(lambda: ensemble.leader(), "another one leads")
    write(ensemble, "/last")
    ensemble[1].start()
    check(ensemble, *written, "/last")


def test_whole_folders_that_are_swapped_are_what_they_say(make_ensemble):
    ensemble = make_ensemble()
    write(ensemble, "/ours")
    ensemble.wait_equal()
    first, second = ensemble.followers()
    first.stop()
    second.stop()
    shutil.move(first.data, ensemble.folder / "aside")
    shutil.move(second.data, first.data)
    shutil.move(ensemble.folder / "aside", second.data)
    ensemble.start(first.id, second.id)
    check(ensemble, "/ours")
    assert first.http.get("/v1/node").expect(200).json["id"] == second.id
    assert second.http.get("/v1/node").expect(200).json["id"] == first.id
    write(ensemble, "/more")
    check(ensemble, "/ours", "/more")


@pytest.mark.parametrize("lost", [EPOCHS[:2], EPOCHS], ids=["the files", "their copies as well"])
def test_epochs_that_are_gone(make_ensemble, lost):
    ensemble = make_ensemble()
    write(ensemble, "/ours")
    ensemble.wait_equal()
    victim, other = ensemble.followers()
    victim.stop()
    for name in lost:
        (victim.data / "version-2" / name).unlink()
    if lost == EPOCHS:
        # It must not help anybody to lead: it may have promised anything.
        ensemble.stop()
        ensemble.start(victim.id, other.id)
        eventually(
            lambda: victim.http.get("/v1/recovery").json["state"] in ("repairing", "stranded"),
            "it waits",
            30,
        )
        nobody_leads(ensemble, victim.id, other.id)
        progress = other.http.get("/v1/recovery").expect(200).json["progress"]
        assert progress in (None, {"phase": "election", "receivedBytes": None})
        ensemble.start(next(m.id for m in ensemble if m not in (victim, other)))
    else:
        victim.start()
    check(ensemble, "/ours")


def test_epochs_of_an_earlier_time(make_ensemble):
    ensemble = make_ensemble()
    write(ensemble, "/ours")
    victim = ensemble[1]
    victim.stop()
    older = {name: (victim.data / "version-2" / name).read_bytes() for name in EPOCHS}
    victim.start().wait_ready()
    for _ in range(2):
        new_epoch(ensemble)
    write(ensemble, "/later")
    ensemble.wait_equal()
    victim.stop()
    for name, content in older.items():
        (victim.data / "version-2" / name).write_bytes(content)
    victim.start()
    check(ensemble, "/ours", "/later")


def test_an_old_copy_and_an_empty_disk_make_no_quorum(make_ensemble):
    ensemble = make_ensemble()
    write(ensemble, "/before")
    ensemble.wait_equal()
    ensemble.stop()
    copy(ensemble[1], ensemble.folder / "copy")
    ensemble.start().wait_ready()
    write(ensemble, "/acknowledged")
    ensemble.wait_equal()
    ensemble.stop()
    put_back(ensemble[1], ensemble.folder / "copy")
    shutil.rmtree(ensemble[2].data / "version-2")
    ensemble.start(1, 2)
    # An empty disk does not vote as long as it has not heard that all are empty.
    for number in (1, 2):
        eventually(lambda n=number: ensemble[n].role() == "looking", "it looks", 30)
    nobody_leads(ensemble, 1, 2)
    ensemble.start(3)
    check(ensemble, "/before", "/acknowledged")
