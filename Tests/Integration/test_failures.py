"""Every member knows soon how every other has failed: at once when a connection is closed, and
within syncLimit ticks in any case."""

import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from harness import networks
from harness.aviary import AviaryMember
from harness.client import Client, znode
from harness.ensemble import Seat
from harness.events import Held, Stream
from harness.waiting import eventually

TICK = 1.0
SYNC_LIMIT = 4
PROMISE = SYNC_LIMIT * TICK
SETTINGS = {"tickTime": int(TICK * 1000), "syncLimit": SYNC_LIMIT}


@pytest.fixture
def ensemble(make_ensemble):
    ensemble = make_ensemble(settings=SETTINGS)
    wait_all_well(ensemble)
    return ensemble


def seen(observer, peer):
    """What one member says of another."""
    with observer.client(timeout=5) as client:
        members = client.get("/v1/cluster").expect(200).json["members"]
    return next(member for member in members if member["id"] == peer.id)


def wait_all_well(ensemble):
    for observer in ensemble:
        for peer in ensemble:
            eventually(
                lambda observer=observer, peer=peer: is_well(seen(observer, peer)),
                f"{observer.id} finds {peer.id} well",
                60,
            )


def is_well(member):
    """It is heard, and over HTTP too: what it says of its disk has come."""
    is_up = member["up"] and member["failure"] is None and member["role"] != "down"
    return is_up and member["disk"] is not None


def wait_failure(observers, peer, kinds, since):
    """How long it took until all of them knew, in seconds, and what they say."""
    for observer in observers:
        state = eventually(
            lambda observer=observer: (s := seen(observer, peer))["failure"] in kinds and s,
            f"{observer.id} knows that {peer.id} is {kinds}",
            3 * PROMISE,
        )
    return time.monotonic() - since, state


def failures(observer, peer, kind):
    with observer.client() as client:
        text = client.get("/metrics").expect(200).text
    found = re.search(
        rf'^aviary_peer_failures_total{{peer="{peer.id}",kind="{kind}"}} (\d+)', text, re.MULTILINE
    )
    return int(found[1])


def gauge(observer, name, peer):
    with observer.client() as client:
        text = client.get("/metrics").expect(200).text
    return float(re.search(rf'^{name}{{peer="{peer.id}"}} (\S+)', text, re.MULTILINE)[1])


def lines(observer, peer):
    return re.findall(rf"server {peer.id} has failed: .*", observer.process.output())


@pytest.mark.parametrize("who", ["follower", "leader"])
def test_a_process_that_is_gone_is_known_at_once(ensemble, who):
    leader = ensemble.leader()
    victim = leader if who == "leader" else ensemble.followers()[0]
    others = [member for member in ensemble if member is not victim]
    observer = others[0]
    tag = observer.http.get("/v1/cluster").expect(200).etag
    with (
        Held(observer, "/v1/cluster?wait=30s", If_None_Match=tag) as held,
        Stream(others[1], "/v1/cluster") as stream,
    ):
        messages = stream.messages()
        assert next(messages).name == "cluster"
        killed = time.monotonic()
        victim.kill()
        elapsed, state = wait_failure(others, victim, ["gone"], killed)
        # Members ask each other once a second: a closed connection does not wait for that.
        assert elapsed < 0.6, f"{elapsed:.2f} s"
        assert state["role"] == "down" and state["up"] is False
        held.answer().expect(200)

        def told(message):
            members = message.data["members"]
            return any(m["id"] == victim.id and m["failure"] == "gone" for m in members)

        assert any(told(message) for message in messages)
        assert time.monotonic() - killed < 5
    for observer in others:
        assert failures(observer, victim, "gone") == 1
        assert gauge(observer, "aviary_peer_up", victim) == 0
        assert len(lines(observer, victim)) == 1, lines(observer, victim)
    victim.start().wait_ready(60)
    wait_all_well(ensemble)
    for observer in others:
        assert gauge(observer, "aviary_peer_up", victim) == 1
        assert f"server {victim.id} is well again" in observer.process.output()


@pytest.mark.parametrize("who", ["follower", "leader"])
def test_a_process_that_stands_still_is_known_within_sync_limit(ensemble, who):
    leader = ensemble.leader()
    victim = leader if who == "leader" else ensemble.followers()[0]
    others = [member for member in ensemble if member is not victim]
    stopped = time.monotonic()
    victim.process.pause()
    try:
        elapsed, state = wait_failure(others, victim, ["silent"], stopped)
        assert elapsed < PROMISE, f"{elapsed:.2f} s"
        assert state["role"] == "down"
        assert state["lastContactMs"] >= PROMISE * 1000 / 2
        for observer in others:
            assert failures(observer, victim, "silent") == 1
            assert failures(observer, victim, "gone") == 0
            assert gauge(observer, "aviary_peer_last_contact_seconds", victim) > PROMISE / 2
            assert len(lines(observer, victim)) == 1, lines(observer, victim)
    finally:
        victim.process.resume()
    wait_all_well(ensemble)
    # It does not blame the others for what it could not hear.
    assert not any(lines(victim, other) for other in others)


def test_lag_disk_and_contact_of_the_others_are_known(ensemble):
    observer = ensemble[1]
    zxid = ensemble[2].http.put(znode("/a"), "x").expect(201).json["zxid"]
    for peer in ensemble:
        state = eventually(
            lambda peer=peer: (s := seen(observer, peer))["zxid"] >= zxid and s, "it is told", 20
        )
        assert state["lag"] == 0
        assert state["lastContactMs"] < PROMISE * 1000
        assert 0 < state["disk"]["freeBytes"] <= state["disk"]["totalBytes"]
        assert state["alarms"] == [] or "disk-low" in state["alarms"]


# Faults of disk and clock


@pytest.fixture(scope="session")
def faults(tmp_path_factory):
    compiler = shutil.which("clang") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("there is no C compiler to make the faults with")
    library = tmp_path_factory.mktemp("faults") / "faults.so"
    source = Path(__file__).parent / "harness" / "faults.c"
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, source], check=True)
    return library


@pytest.fixture
def faulty(make_ensemble, faults):
    """Three members, whose disks and clocks obey the test."""
    settings = {**SETTINGS, "fsync.warningthresholdms": 300}
    ensemble = make_ensemble(settings=settings, start=False)
    for member in ensemble:
        environment = member.process._env
        environment["LD_PRELOAD"] = str(faults)
        environment["TEST_FAULT_SYNC"] = str(member.folder / "sync")
        environment["TEST_FAULT_CLOCK"] = str(member.folder / "clock")
    ensemble.start().wait_ready()
    wait_all_well(ensemble)
    return ensemble


def alarm_is_known(ensemble, peer, alarm, present=True, timeout=3 * PROMISE):
    for observer in ensemble:
        eventually(
            lambda observer=observer: (alarm in seen(observer, peer)["alarms"]) is present,
            f"{observer.id} knows {alarm} of {peer.id}: {present}",
            timeout,
        )


def test_a_slow_disk_is_an_alarm(faulty):
    victim = faulty.followers()[0]
    began = time.monotonic()
    (victim.folder / "sync").write_text("1000")
    victim.http.put(znode("/slow"), "x").expect(201)
    alarm_is_known(faulty, victim, "slow-disk")
    assert time.monotonic() - began < PROMISE + 1
    (victim.folder / "sync").write_text("0")
    others = [member for member in faulty if member is not victim]
    assert all("slow-disk" not in seen(victim, other)["alarms"] for other in others)
    assert victim.metric("aviary_log_slow_syncs_total") >= 1
    assert "the disk is slow" in victim.process.output()
    # It is remembered for half a minute, and then forgotten.
    alarm_is_known(faulty, victim, "slow-disk", present=False, timeout=60)


def test_a_disk_that_hangs_is_an_alarm_while_it_does(faulty):
    victim = faulty.followers()[0]
    other = next(member for member in faulty.followers() if member is not victim)
    (victim.folder / "sync").write_text("6000")
    other.http.put(znode("/hang"), "x").expect(201)
    began = time.monotonic()
    eventually(
        lambda: "slow-disk" in seen(other, victim)["alarms"], "the alarm is told", 3 * PROMISE
    )
    assert time.monotonic() - began < PROMISE
    assert victim.metric("aviary_log_slow_syncs_total") == 0, "the sync has not ended yet"
    (victim.folder / "sync").write_text("0")


def test_a_disk_that_fails_to_sync_ends_the_process_and_all_know(faulty):
    victim = faulty.followers()[0]
    others = [member for member in faulty if member is not victim]
    (victim.folder / "sync").write_text("-1")
    others[0].http.put(znode("/fails"), "x").expect(201)
    for observer in others:
        eventually(
            lambda o=observer: "disk-failed" in seen(o, victim)["alarms"],
            f"{observer.id} knows what has failed",
            10,
        )
    assert victim.process.wait(30) != 0
    ended = time.monotonic()
    elapsed, _ = wait_failure(others, victim, ["gone"], ended)
    assert elapsed < PROMISE / 2
    assert "cannot sync" in victim.process.output()
    (victim.folder / "sync").write_text("0")
    victim.start().wait_ready(60)
    victim.http.get(znode("/fails")).expect(200)


def test_a_clock_that_jumps_is_an_alarm_and_so_is_one_that_differs(faulty):
    victim = faulty.followers()[0]
    others = [member for member in faulty if member is not victim]
    (victim.folder / "clock").write_text("3600000")
    alarm_is_known(faulty, victim, "clock-jump")
    alarm_is_known(faulty, victim, "clock-skew")
    for other in others:
        assert not {"clock-jump", "clock-skew"} & set(seen(victim, other)["alarms"])
    assert victim.metric("aviary_clock_jumps_total") == 1
    assert re.search(r"the wall clock has jumped by (3599|3600)\d{3} ms", victim.process.output())
    assert "the wall clock differs" in victim.process.output()
    # Nothing else depends on it.
    victim.http.put(znode("/later"), "x").expect(201)
    (victim.folder / "clock").write_text("0")
    alarm_is_known(faulty, victim, "clock-skew", present=False)
    assert victim.metric("aviary_clock_jumps_total") == 2
    alarm_is_known(faulty, victim, "clock-jump", present=False, timeout=90)


# Broken networks



@pytest.fixture
def networked(tmp_path):
    """Three members on three machines, as far as they know."""
    reason = networks.why_no_networks()
    if reason:
        pytest.skip(f"no network can be made: {reason}")
    network = networks.Network()
    members = []
    try:
        for number in (1, 2, 3):
            network.add(number)
        server_lines = [f"server.{n}={network.address(n)}:2888:3888" for n in (1, 2, 3)]
        for number in (1, 2, 3):
            settings = {
                **SETTINGS,
                "http.address": network.address(number),
                "http.insecure": "true",
            }
            seat = Seat(number, 2888, 3888, 2181, 7181)
            member = AviaryMember(seat, tmp_path / str(number), server_lines, settings)
            space = network.namespace(number)
            member.process.command = ["ip", "netns", "exec", space, *member.process.command]
            member.client = lambda number=number, **options: OnNetwork(network, number, **options)
            members.append(member.start())
        for member in members:
            member.wait_ready(60)
        wait_all_well(members)
        yield network, members
    except BaseException:
        print("\n".join(member.process.tail() for member in members))
        raise
    finally:
        for member in members:
            member.kill()
        network.remove()


class OnNetwork(Client):
    """A client that stands at the network's switch."""

    def __init__(self, network, number, **options):
        super().__init__(7181, network.address(number), **options)
        with network.at_the_switch():
            self._connection.connect()


def leader_and_followers(members):
    leader = eventually(
        lambda: next((m for m in members if m.role() == "leader"), None), "one leads", 30
    )
    return leader, [member for member in members if member is not leader]


def test_a_member_that_is_cut_off_from_one_other_is_told_from_one_that_fails(networked):
    network, members = networked
    leader, (one, two) = leader_and_followers(members)
    cut = time.monotonic()
    network.drop(one.id, two.id)
    network.drop(two.id, one.id)
    elapsed, state = wait_failure([one], two, ["cut", "silent"], cut)
    assert elapsed < PROMISE, f"{elapsed:.2f} s"
    elapsed, _ = wait_failure([two], one, ["cut", "silent"], cut)
    assert elapsed < PROMISE + 1
    # The third is asked what it hears: whose fault it is shows soon, if it did not at once.
    wait_failure([one], two, ["cut"], cut)
    wait_failure([two], one, ["cut"], cut)
    for peer in (one, two):
        assert is_well(seen(leader, peer))
    network.heal(one.id, two.id)
    network.heal(two.id, one.id)
    wait_all_well(members)


def test_packets_lost_in_one_direction_are_noticed_on_both_sides(networked):
    network, members = networked
    leader, (one, two) = leader_and_followers(members)
    cut = time.monotonic()
    # TCP carries nothing either way when the acknowledgements are lost.
    network.drop(one.id, two.id)
    elapsed, _ = wait_failure([one], two, ["cut", "silent", "one-way"], cut)
    assert elapsed < PROMISE, f"{elapsed:.2f} s"
    wait_failure([two], one, ["cut", "silent", "one-way"], cut)
    for peer in (one, two):
        assert seen(leader, peer)["up"] is True
    network.heal(one.id, two.id)
    wait_all_well(members)


def test_a_leader_that_hears_and_is_not_heard_by_one_follower_is_told(networked):
    network, members = networked
    leader, (one, two) = leader_and_followers(members)
    cut = time.monotonic()
    network.drop(leader.id, one.id)
    elapsed, _ = wait_failure([one], leader, ["cut", "silent", "one-way"], cut)
    assert elapsed < PROMISE + 0.5, f"{elapsed:.2f} s"
    wait_failure([leader], one, ["cut", "silent", "one-way"], cut)
    assert seen(two, one)["up"] is True
    network.heal(leader.id, one.id)
    wait_all_well(members)


def test_one_that_may_not_call_the_other_is_a_link_of_one_way(networked):
    network, members = networked
    leader, (deaf, heard) = leader_and_followers(members)
    began = time.monotonic()
    # As by a firewall: `deaf` cannot ask `heard`, which asks and hears `deaf`.
    network.drop(deaf.id, heard.id, port=7181)
    elapsed, state = wait_failure([deaf], heard, ["one-way", "cut", "silent"], began)
    assert elapsed < PROMISE, f"{elapsed:.2f} s"
    wait_failure([deaf], heard, ["one-way"], began)
    assert seen(deaf, heard)["up"] is False
    _, state = wait_failure([heard], deaf, ["one-way"], began)
    assert state["up"] is True, "it is heard there"
    assert is_well(seen(leader, deaf)) and is_well(seen(leader, heard))
    network.heal(deaf.id, heard.id, port=7181)
    wait_all_well(members)
