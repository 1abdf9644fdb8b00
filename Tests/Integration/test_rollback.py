"""Earlier states: read on every member, and gone back to, as if nobody had meant it."""

import http.client
import itertools
import json
import random
import shutil
import threading

import pytest
from harness.client import Client, acl, children, znode
from harness.load import Load
from harness.waiting import eventually


def walk(client, path, **query):
    """Path → (value, mode, stat) of a znode and everything below it, at one moment or now."""
    answer = client.get(znode(path, **query))
    if answer.status == 404:
        return {}
    body = answer.expect(200).json
    found = {path: (body.get("text", body.get("base64")), body["stat"]["mode"], body["stat"])}
    for name in client.get(children(path, limit=10_000, **query)).expect(200).json["children"]:
        found |= walk(client, f"{path.rstrip('/')}/{name}", **query)
    return found


def content(tree):
    """What a rollback restores."""
    return {path: (value, mode) for path, (value, mode, _) in tree.items()}


def rollback(client, to, path="/app", etag=None, **more):
    body = {"to": to, "path": path, **more}
    headers = {"If_Match": etag} if etag else {}
    return client.post("/v1/rollbacks", body, **headers)


def dry_run(client, to, path="/app", **more):
    return rollback(client, to, path, dryRun=True, **more).expect(200)


def follow(client, target):
    """The answer of whoever is sent to."""
    answer = client.get(target)
    if answer.status != 307:
        return answer
    address, _, target = answer.headers["Location"].removeprefix("http://").partition("/")
    with Client(int(address.rpartition(":")[2]), timeout=30) as other:
        return follow(other, "/" + target)


def build(client):
    """A subtree of every mode."""
    client.put(znode("/app"), b"application").expect(201)
    for group in range(4):
        client.put(znode(f"/app/g{group}"), f"{group}").expect(201)
        for number in range(12):
            client.put(znode(f"/app/g{group}/n{number}"), f"{group}.{number}").expect(201)
    client.put(znode("/app/box", mode="container"), b"box").expect(201)
    client.put(znode("/app/box/in"), b"\xff\x00").expect(201)
    client.put(znode("/app/ttl", mode="persistent-with-ttl", ttl="1h"), b"t").expect(201)
    return client.put(znode("/app/last"), b"").expect(201).zxid


def change(client, generator, steps=40):
    """Whatever may happen to it."""
    for _ in range(steps):
        group, number = generator.randrange(5), generator.randrange(14)
        path = f"/app/g{group}/n{number}"
        match generator.randrange(6):
            case 0:
                client.delete(znode(path, recursive=True)).expect(204, 404)
            case 1:
                client.put(znode(path + "/deep", parents=True), b"deep").expect(200, 201)
            case 2:
                client.delete(znode(f"/app/g{group}", recursive=True)).expect(204, 404)
            case 3:
                client.delete(znode("/app/box", recursive=True)).expect(204, 404)
            case _:
                client.put(znode(path, parents=True), f"{generator.random()}").expect(200, 201)


def settle(ensemble):
    """Every member has applied what the furthest has."""
    furthest = max(member.http.get(znode("/")).expect(200).zxid for member in ensemble.running)
    for member in ensemble.running:
        member.http.get(znode("/"), Aviary_Min_Zxid=furthest).expect(200)
    return furthest


def test_a_rollback_under_load_leads_to_the_recorded_state(make_ensemble):
    ensemble = make_ensemble()
    member = ensemble.followers()[0]
    with member.client() as client:
        moment = build(client)
        recorded = walk(client, "/app")
        change(client, random.Random(1))
        inside = itertools.count()
        writing = threading.Event()
        writing.set()

        def write_inside():
            with ensemble.leader().client() as other:
                while writing.is_set():
                    other.put(znode("/app/g1/busy", parents=True), f"{next(inside)}")

        with Load(list(ensemble), count=3):
            writer = threading.Thread(target=write_inside)
            writer.start()
            try:
                eventually(lambda: next(inside) > 20, "somebody writes inside")
                difference = dry_run(client, moment)
                before = next(inside)
                eventually(lambda: next(inside) > before + 5, "and goes on")
                refused = rollback(client, moment, etag=difference.etag)
                refused.problem(412, "precondition-failed", outcome="not-applied")
                assert refused.headers["ETag"] != difference.etag
            finally:
                writing.clear()
                writer.join(30)
            settle(ensemble)
            difference = dry_run(client, moment)
            assert difference.json["fits"]
            assert difference.json["counts"]["change"] + difference.json["counts"]["create"] > 0
            # Every member sees the same difference.
            for each in ensemble:
                assert dry_run(each.http, moment).etag == difference.etag
            done = rollback(client, moment, etag=difference.etag).expect(200)
            for kind, counted in [("create", "created"), ("change", "changed")]:
                assert done.json[counted] == difference.json["counts"][kind]
        for each in ensemble:
            found = each.http.get(znode("/app"), Aviary_Min_Zxid=done.json["zxid"]).expect(200)
            assert found.zxid >= done.json["zxid"]
            assert content(walk(each.http, "/app")) == content(recorded)
            # Stat by stat, what was.
            assert walk(each.http, "/app", at=moment) == recorded
            assert each.metric("aviary_digest_mismatches_total") == 0


def test_a_rollback_among_writers_is_exact_or_does_not_happen(make_ensemble):
    """Whatever is written inside meanwhile, the state of its own zxid is the recorded one."""
    ensemble = make_ensemble()
    member = ensemble.followers()[0]
    with member.client() as client:
        moment = build(client)
        recorded = content(walk(client, "/app"))
        writing = threading.Event()
        writing.set()

        def write_inside(number):
            generator = random.Random(number)
            with ensemble[number].client() as other:
                while writing.is_set():
                    path = f"/app/g{generator.randrange(4)}/m{generator.randrange(3)}"
                    other.put(znode(path, parents=True), b"meanwhile").expect(200, 201, 409)
                    # Long enough for one that is quick.
                    writing_pause.wait(generator.random() * 0.1)

        writing_pause = threading.Event()
        threads = [threading.Thread(target=write_inside, args=(n,)) for n in (1, 2)]
        for thread in threads:
            thread.start()
        refused, done = 0, []
        try:
            for _ in range(2_000):
                etag = dry_run(client, moment).etag
                answer = rollback(client, moment, etag=etag).expect(200, 409, 412)
                if answer.status == 200:
                    done.append(answer.json["zxid"])
                else:
                    refused += 1
                if refused > 20 and len(done) > 20:
                    break
        finally:
            writing.clear()
            writing_pause.set()
            for thread in threads:
                thread.join(30)
        assert refused and done
        for zxid in done:
            assert content(walk(client, "/app", at=zxid)) == recorded


def test_everybody_tells_the_same_past_also_after_a_restart(make_ensemble):
    ensemble = make_ensemble(settings={"snapCount": 60})
    generator = random.Random(2)
    with ensemble.leader().client() as client:
        moments = {}
        moment = build(client)
        for _ in range(6):
            moments[moment] = walk(client, "/app")
            change(client, generator, steps=25)
            moment = client.put(znode("/app"), b"application").expect(200).zxid
        moments[moment] = walk(client, "/app")
        history = client.get("/v1/history?path=/app&scope=subtree&limit=10000").expect(200).json

    def compare():
        for member in ensemble:
            for moment, recorded in moments.items():
                assert walk(member.http, "/app", at=moment) == recorded
            told = member.http.get("/v1/history?path=/app&scope=subtree&limit=10000").expect(200)
            assert told.json["transactions"] == history["transactions"]

    settle(ensemble)
    compare()
    for member in ensemble.followers():
        member.stop()
        member.start()
        ensemble.wait_ready()
    ensemble.kill()
    ensemble.start().wait_ready()
    compare()


def test_a_member_that_received_a_state_sends_elsewhere_until_it_knows(make_ensemble):
    ensemble = make_ensemble()
    victim, other = ensemble.followers()[0], ensemble.leader()
    moment = build(other.http)
    recorded = walk(other.http, "/app")
    victim.kill()
    shutil.rmtree(victim.data / "version-2")
    shutil.rmtree(victim.data / "aviary-history")
    change(other.http, random.Random(3))
    victim.start()
    ensemble.wait_ready()
    target = znode("/app", at=moment)
    first = victim.http.get(target)
    assert first.status in (200, 307), first.body
    assert follow(victim.http, target).expect(200).json["text"] == "application"
    eventually(
        lambda: victim.cluster()["history"]["oldest"] == other.cluster()["history"]["oldest"],
        "the history is complete again",
    )
    assert walk(victim.http, "/app", at=moment) == recorded
    etag = dry_run(victim.http, moment).etag
    rollback(victim.http, moment, etag=etag).expect(200)
    assert content(walk(victim.http, "/app")) == content(recorded)


def test_what_nobody_remembers_is_410_and_what_is_to_come_503(make_ensemble):
    ensemble = make_ensemble(settings={"snapCount": 20})
    with ensemble.leader().client() as client:
        moment = build(client)
        change(client, random.Random(4), steps=120)
    settle(ensemble)
    ensemble.kill()
    for member in ensemble:
        # The snapshots are newer: what the logs hold behind them is told, and nothing before.
        assert member.snapshot_files()
        shutil.rmtree(member.data / "aviary-history")
    ensemble.start().wait_ready()
    for member in ensemble:
        with member.client(timeout=30) as client:
            gone = client.get(znode("/app", at=moment)).problem(410, "history-gone")
            assert gone["oldest"] > moment
            client.get(children("/app", at=moment)).problem(410, "history-gone")
            rollback(client, moment, dryRun=True).problem(410, "history-gone")
            client.get(f"/v1/history?path=/app&since={moment}").problem(410, "history-gone")
            # Where a time lies only they know who reach back further.
            follow(client, znode("/app", at=1)).problem(410, "history-gone")
            # What there is is told without since.
            client.get("/v1/history?path=/app").expect(200)
            now = client.get(znode("/app")).expect(200)
            assert client.get(znode("/app", at=now.zxid)).expect(200).json == now.json
    with ensemble[1].client(timeout=30) as client:
        client.get(znode("/app", at="0000ffff00000001")).problem(503, "node-behind")


@pytest.mark.parametrize("who", ["leader", "asked"])
@pytest.mark.parametrize("round", range(3))
def test_a_member_that_dies_leaves_all_of_it_or_nothing(make_ensemble, round, who):
    ensemble = make_ensemble()
    generator = random.Random(round)
    leader = ensemble.leader()
    member = ensemble.followers()[0]
    moment = build(member.http)
    recorded = content(walk(member.http, "/app"))
    for attempt in range(3):
        change(member.http, generator)
        before = content(walk(member.http, "/app"))
        etag = dry_run(member.http, moment).etag
        answers = []

        def go():
            with member.client(timeout=60) as client:
                try:
                    answers.append(rollback(client, moment, etag=etag))
                except (OSError, http.client.HTTPException) as error:
                    answers.append(error)

        asking = threading.Thread(target=go)
        asking.start()
        # At once, a moment later, or when it is done.
        asking.join([0, 0.004, 0.02][attempt])
        victim = leader if who == "leader" else member
        victim.kill()
        asking.join(90)
        assert not asking.is_alive()
        (answer,) = answers
        if who == "leader":
            eventually(lambda: member.ready(), "there is another leader")
        victim.start()
        ensemble.wait_ready()
        settle(ensemble)
        states = [content(walk(each.http, "/app")) for each in ensemble]
        assert states[0] == states[1] == states[2]
        assert states[0] in (before, recorded)
        if isinstance(answer, Exception):
            assert who == "asked", answer
        elif answer.status == 200:
            assert states[0] == recorded
        elif answer.status in (412, 503):
            assert states[0] == before, answer.body
        else:
            assert answer.status == 504, answer.body
        leader = ensemble.leader()
        member = next(each for each in ensemble if each.id != leader.id)


def test_a_member_that_dies_among_the_acls_leaves_a_state_that_can_be_rolled_back(make_ensemble):
    ensemble = make_ensemble()
    other, member = ensemble.leader(), ensemble.followers()[0]
    paths = ["/app", *(f"/app/n{number}" for number in range(600))]
    for path in paths:
        other.http.put(znode(path), b"then").expect(201)
    then = other.http.get(acl("/app")).expect(200).json
    now = [{"scheme": "world", "id": "anyone", "perms": ["read", "admin"]}]
    moment = settle(ensemble)
    other.http.put(znode("/app/n7"), b"now").expect(200)
    for path in paths:
        other.http.put(acl(path), now).expect(200)
    settle(ensemble)

    def approved():
        return dry_run(other.http, moment, restoreAcl=True).etag

    def go(etag):
        with member.client(timeout=60) as client:
            try:
                rollback(client, moment, etag=etag, restoreAcl=True)
            except (OSError, http.client.HTTPException):
                return

    def restored():
        lists = [other.http.get(acl(path)).expect(200).json for path in paths]
        assert all(one in (now, then) for one in lists)
        return lists.count(then)

    asking = threading.Thread(target=go, args=[approved()])
    asking.start()
    eventually(lambda: other.http.get(acl("/app")).json == then, "the first one is set", 60)
    member.kill()
    asking.join(90)
    assert 0 < restored() < len(paths)
    # The znodes themselves come last, all at once: nothing of them has changed.
    assert other.http.get(znode("/app/n7", raw=True)).expect(200).body == b"now"
    member.start()
    ensemble.wait_ready()
    settle(ensemble)
    done = rollback(other.http, moment, etag=approved(), restoreAcl=True).expect(200).json
    assert done["changed"] == 1 and done["acl"] > 0
    settle(ensemble)
    assert restored() == len(paths)
    for each in ensemble:
        assert each.http.get(znode("/app/n7", raw=True)).expect(200).body == b"then"


def test_bad_requests_and_strangers(make_ensemble):
    ensemble = make_ensemble(settings={"http.token": "open-sesame"})
    with ensemble[1].client(headers={"Authorization": "Bearer open-sesame"}) as client:
        moment = client.put(znode("/app"), b"").expect(201).zxid
        rollback(client, moment).problem(428, "precondition-required")
        rollback(client, moment, etag='"r0.0"').problem(412, "precondition-failed")
        rollback(client, moment, etag="nonsense").problem(400, "bad-request")
        rollback(client, "soon", dryRun=True).problem(400, "bad-request")
        rollback(client, moment, dryRun=True, force=True).problem(400, "bad-request")
        rollback(client, moment, "app", dryRun=True).problem(400, "bad-path")
        rollback(client, moment, "/zookeeper/quota", dryRun=True).problem(403, "forbidden")
        client.post("/v1/rollbacks", b"{").problem(400, "bad-request")
        client.get("/v1/history").problem(400, "bad-parameter")
        client.get(znode("/app", at="then")).problem(400, "bad-parameter")
        client.get("/v1/history?path=/app").expect(200)
        changed = client.put(znode("/app"), b"2").expect(200).json["stat"]["mtime"]
        # A moment may be a time.
        dry_run(client, changed)
        client.get(znode("/app", at=changed)).expect(200)
    with ensemble[1].client() as client:
        rollback(client, moment, dryRun=True).problem(401, "unauthenticated")
        rollback(client, moment, etag='"r0.0"').problem(401, "unauthenticated")
        client.get("/v1/history?path=/app").problem(401, "unauthenticated")
        client.put(acl("/app"), json.dumps([
            {"scheme": "world", "id": "anyone", "perms": ["write"]}
        ])).expect(200)
        client.get(znode("/app", at=moment)).problem(403, "forbidden")
