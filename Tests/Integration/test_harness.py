"""The harness itself, where the original alone can prove it."""

import pytest
from harness import zookeeper
from harness.waiting import eventually

pytestmark = pytest.mark.usefixtures("java")


def test_three_java_servers_elect_replicate_and_agree(make_ensemble):
    ensemble = make_ensemble(["java"] * 3)
    leader = ensemble.leader()
    assert len(ensemble.followers()) == 2
    client = leader.kazoo()
    try:
        for number in range(300):
            client.create(f"/n{number:03}", b"x" * number)
        expected = leader.last_zxid()
    finally:
        client.stop()
        client.close()
    for server in ensemble:
        eventually(
            lambda server=server: server.last_zxid() >= expected, f"{server.id} has applied all"
        )
        assert server.digest_mismatches() == 0
    recorded = [server.digests() for server in ensemble]
    common = set.intersection(*(set(digests) for digests in recorded))
    assert common, recorded
    for zxid in common:
        assert len({digests[zxid] for digests in recorded}) == 1


def test_a_killed_java_leader_is_replaced_and_comes_back(make_ensemble):
    ensemble = make_ensemble(["java"] * 3)
    old = ensemble.leader()
    old.kill()
    assert ensemble.leader(timeout=60) is not old
    old.start().wait_ready()
    assert old.role() == "follower"


def test_a_paused_process_says_nothing_until_it_is_resumed(make_ensemble):
    ensemble = make_ensemble(["java"])
    server = ensemble[1]
    server.process.pause()
    with pytest.raises(OSError):
        server.four_letter_word("ruok")
    server.process.resume()
    eventually(lambda: server.four_letter_word("ruok") == "imok", "it answers again")


def test_logs_and_snapshots_are_printed_by_the_original(make_ensemble):
    ensemble = make_ensemble(["java"])
    server = ensemble[1]
    client = server.kazoo()
    try:
        client.create("/printed", b"abc")
    finally:
        client.stop()
        client.close()
    server.stop()
    server.start().wait_ready()
    folder = server.data / "version-2"
    records = [
        line for file in sorted(folder.glob("log.*")) for line in zookeeper.log_records(file)
    ]
    assert any("create" in line and "/printed" in line for line in records), records
    snapshots = sorted(folder.glob("snapshot.*"), key=lambda file: file.stat().st_mtime)
    assert "/printed" in zookeeper.snapshot_text(snapshots[-1])
