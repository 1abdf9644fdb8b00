"""Reads that wait, and events with a cursor: what their clients may rely on, whoever dies."""

import base64
import collections
import concurrent.futures
import itertools
import json
import os
import re
import statistics
import threading
import time
from http.client import HTTPException
from pathlib import Path

import pytest
from harness.client import acl, children, znode
from harness.events import (
    BatchFollower,
    Held,
    LineFollower,
    Stream,
    StreamFollower,
    events,
    wait_held,
    watchers,
)
from harness.load import Load, TransactionLoad
from harness.waiting import eventually

CURSOR = re.compile(r"[0-9a-f]{16}\.(z|[0-9]{1,9})\.[0-9a-f]{8}")
LINES = "application/x-ndjson"
STREAM = "text/event-stream"


@pytest.fixture(scope="module")
def ensemble(make_shared_ensemble):
    return make_shared_ensemble()


@pytest.fixture
def node(ensemble):
    """A follower."""
    return ensemble.followers()[0]


@pytest.fixture
def http(node):
    """A connection to the same follower."""
    with node.client(timeout=40) as client:
        yield client


_numbers = itertools.count()


@pytest.fixture
def base(http, request):
    """An empty znode of the test's own."""
    name = re.sub(r"\W", "-", request.node.name)[:80]
    path = f"/{name}-{next(_numbers)}"
    http.put(znode(path)).expect(201)
    return path


def batch(client, target, **headers):
    return client.get(target, **headers).expect(200).json


def now(client, path="/"):
    """The cursor of this moment."""
    return batch(client, events(path))["next"]


def told(batch_of_events):
    return [(event["type"], event["path"]) for event in batch_of_events]


def all_events(client, target, since="oldest"):
    """Everything behind a cursor, batch by batch."""
    found = []
    while True:
        page = batch(client, f"{target}&limit=1000&since={since}")
        found += page["events"]
        since = page["next"]
        if not page["more"]:
            return found


def basic(user):
    return {"Authorization": "Basic " + base64.b64encode(user.encode()).decode()}


def create_private(client, path, user, text):
    """Creates a znode that nobody but this user may read, ever."""
    perms = ["read", "write", "create", "delete", "admin"]
    entries = [{"scheme": "auth", "id": "", "perms": perms}]
    body = json.dumps({"text": text, "acl": entries}).encode()
    headers = {"Content-Type": "application/vnd.aviary.znode+json", **basic(user)}
    client.request("PUT", znode(path), body, headers).expect(201)


class TestHeldReads:
    def test_a_znode_that_changes_answers_who_waits_for_it_on_any_node(self, ensemble, http, base):
        there = http.get(znode(base)).expect(200)
        conditions = {"If_None_Match": there.etag, "Aviary_Min_Zxid": there.zxid}
        # One that lags would say at once that there is no such znode.
        held = [
            Held(member, znode(base), Prefer="wait=30", **conditions) for member in ensemble
        ]
        for member in ensemble:
            wait_held(member, 1, base)
        assert not any(each.is_answered for each in held)
        written = http.put(znode(base), b"new").expect(200).json
        for each in held:
            answer = each.answer().expect(200)
            assert answer.json["text"] == "new"
            assert answer.zxid >= written["zxid"]
            assert answer.headers["Preference-Applied"] == "wait=30"
            assert "no-store" in answer.headers["Cache-Control"]

    def test_a_wait_that_ends_is_not_modified(self, http, base):
        etag = http.get(znode(base)).etag
        answer = http.get(znode(base, wait="300ms"), If_None_Match=etag).expect(304)
        assert answer.headers["Preference-Applied"] == "wait=0.300"
        assert answer.etag == etag

    def test_a_wait_for_what_has_changed_already_or_for_nothing_answers_at_once(self, http, base):
        begin = time.monotonic()
        http.get(znode(base, wait="30s"), If_None_Match='"0000000000000001"').expect(200)
        http.get(znode(base, wait="30s")).expect(200)
        http.get(znode(base + "/none", wait="30s")).problem(404, "no-node")
        http.get(children(base, wait="30s")).expect(200)
        http.get("/v1/cluster?wait=30s").expect(200)
        http.get(znode(base, wait="30s", until="exists")).expect(200)
        http.get(znode(base + "/none", wait="30s", until="deleted")).problem(404, "no-node")
        assert time.monotonic() - begin < 15

    def test_a_znode_that_is_deleted_meanwhile_is_missing(self, node, http, base):
        path = base + "/a"
        etag = http.put(znode(path)).expect(201).etag
        with Held(node, znode(path, raw=True, wait="30s"), If_None_Match=etag) as held:
            wait_held(node, 1, path)
            http.delete(znode(path)).expect(204)
            held.answer().problem(404, "no-node")

    def test_until_it_exists_and_until_it_is_deleted(self, ensemble, node, http, base):
        path = base + "/a"
        with Held(node, znode(path, until="exists", wait="30s")) as held:
            wait_held(node, 1, path)
            ensemble.leader().http.put(znode(path), b"here").expect(201)
            assert held.answer().expect(200).json["text"] == "here"
        with Held(node, znode(path, until="deleted", wait="30s")) as held:
            wait_held(node, 1, path)
            # Another change is not what it waits for.
            http.put(znode(path), b"still here").expect(200)
            wait_held(node, 1, path)
            assert not held.is_answered
            ensemble.leader().http.delete(znode(path)).expect(204)
            held.answer().problem(404, "no-node")
        http.get(znode(path, until="exists", wait="200ms")).problem(404, "no-node")
        http.get(znode(base, until="deleted", wait="200ms")).expect(200)

    def test_children_and_acls(self, ensemble, node, http, base):
        target = children(base, wait="30s")
        with Held(node, target, If_None_Match=http.get(target).etag) as held:
            wait_held(node, 1, base)
            ensemble.leader().http.put(znode(base + "/a")).expect(201)
            assert held.answer().expect(200).json["children"] == ["a"]
        target = acl(base, wait="30s")
        with Held(node, target, If_None_Match=http.get(target).etag) as held:
            wait_held(node, 1, base)
            http.put(znode(base), b"no change of the list").expect(200)
            wait_held(node, 1, base)
            assert not held.is_answered
            wanted = [{"scheme": "world", "id": "anyone", "perms": ["read", "admin"]}]
            ensemble.leader().http.put(acl(base), wanted).expect(200)
            assert held.answer().expect(200).json[0]["perms"] == ["read", "admin"]

    def test_one_who_may_not_read_any_more_is_refused(self, node, http, base):
        etag = http.get(znode(base)).etag
        with Held(node, znode(base, wait="30s"), If_None_Match=etag) as held:
            wait_held(node, 1, base)
            wanted = [{"scheme": "world", "id": "anyone", "perms": ["write"]}]
            http.put(acl(base), wanted).expect(200)
            held.answer().expect(401, 403)

    def test_two_thousand_who_wait_for_one_znode_are_all_answered(self, node, http, base):
        etag = http.get(znode(base)).etag
        held = [
            Held(node, znode(base), If_None_Match=etag, Prefer="wait=60") for _ in range(2_000)
        ]
        wait_held(node, len(held), base)
        http.put(znode(base), b"new").expect(200)
        for each in held:
            with each:
                assert each.answer().expect(200).json["text"] == "new"
        wait_held(node, 0, base)

    def test_a_wait_is_clipped_and_says_so(self, http, base):
        target = znode(base + "/none")
        answer = http.get(target + "?until=deleted", Prefer="wait=500").expect(404)
        assert answer.headers["Preference-Applied"] == "wait=60"
        answer = http.get(target + "?until=deleted&wait=2h").expect(404)
        assert answer.headers["Preference-Applied"] == "wait=60"
        assert "Preference-Applied" not in http.get(target).headers

    @pytest.mark.parametrize("query", ["wait=x", "wait=-1", "until=soon&wait=1", "until=exists=1"])
    def test_bad_waits(self, http, query):
        http.get(f"/v1/znodes/?{query}").problem(400, "bad-parameter")


class TestBatches:
    def test_what_happens_to_a_znode_in_order_with_its_stat(self, http, base):
        since = now(http)
        path = base + "/a"
        created = http.put(znode(path), b"1").expect(201).json
        changed = http.put(znode(path), b"\xff").expect(200).json
        wanted = [{"scheme": "world", "id": "anyone", "perms": ["read", "delete", "admin"]}]
        http.put(acl(path), wanted).expect(200)
        http.delete(znode(path)).expect(204)
        page = batch(http, events(base, scope="subtree", since=since, include="value"))
        found = page["events"]
        assert told(found) == [
            ("created", path),
            ("changed", path),
            ("acl", path),
            ("deleted", path),
        ]
        assert [event["zxid"] for event in found] == sorted({event["zxid"] for event in found})
        assert found[0]["zxid"] == created["zxid"]
        assert (found[0]["text"], found[0]["stat"]) == ("1", created["stat"])
        assert (found[1]["base64"], found[1]["stat"]) == ("/w==", changed["stat"])
        assert found[2]["stat"]["aversion"] == 1
        assert "text" not in found[2] and "stat" not in found[3]
        assert page["more"] is False
        assert CURSOR.fullmatch(page["next"])

    def test_scopes_and_types(self, http, base):
        since = now(http)
        http.put(znode(base), b"x").expect(200)
        http.put(znode(base + "/a")).expect(201)
        http.put(znode(base + "/a/b")).expect(201)
        http.put(znode(base + "x")).expect(201)

        def of(**query):
            return told(batch(http, events(base, since=since, **query))["events"])

        assert of() == [("changed", base), ("children", base)]
        assert of(scope="children") == [("created", base + "/a")]
        assert of(scope="children", types="children,created") == [
            ("created", base + "/a"),
            ("children", base + "/a"),
        ]
        assert of(scope="subtree") == [
            ("changed", base),
            ("created", base + "/a"),
            ("created", base + "/a/b"),
        ]
        assert of(scope="subtree", types="children") == [
            ("children", base),
            ("children", base + "/a"),
        ]
        assert of(types="deleted") == []

    @pytest.mark.parametrize(
        ("scope", "types", "act"),
        [
            ("node", "created", "create"),
            ("node", "changed", "change"),
            ("node", "deleted", "delete"),
            ("node", "acl", "acl"),
            ("node", "children", "create child"),
            ("children", "changed", "change child"),
            ("children", "children", "create grandchild"),
            ("subtree", "children", "create child"),
            ("subtree", "deleted", "delete"),
        ],
    )
    def test_every_kind_of_event_wakes_who_waits_for_it(self, node, http, base, scope, types, act):
        path = base + "/n"
        if act != "create":
            http.put(znode(path)).expect(201)
        if "child" in act and not act.startswith("create child"):
            http.put(znode(path + "/c")).expect(201)
        target = events(path, scope=scope, types=types, since=now(http), wait="30s")
        with Held(node, target) as held:
            wait_held(node, 1, path)
            # Something else, which is none of it.
            http.put(znode(base), b"other").expect(200)
            wait_held(node, 1, path)
            assert not held.is_answered
            match act:
                case "create":
                    http.put(znode(path)).expect(201)
                case "change":
                    http.put(znode(path), b"1").expect(200)
                case "delete":
                    http.delete(znode(path)).expect(204)
                case "acl":
                    entries = [{"scheme": "world", "id": "anyone", "perms": ["read"]}]
                    http.put(acl(path), entries).expect(200)
                case "create child":
                    http.put(znode(path + "/c")).expect(201)
                case "change child":
                    http.put(znode(path + "/c"), b"1").expect(200)
                case "create grandchild":
                    http.put(znode(path + "/c/g")).expect(201)
            page = held.answer().expect(200).json
        assert [event["type"] for event in page["events"]] == [types]

    def test_several_paths_that_need_not_exist(self, http, base):
        since = now(http)
        for name in "abc":
            http.put(znode(f"{base}/{name}")).expect(201)
        target = events(base + "/c", base + "/a", base + "/none", since=since)
        assert told(batch(http, target)["events"]) == [
            ("created", base + "/a"),
            ("created", base + "/c"),
        ]

    def test_a_thousand_paths_at_once(self, http, base):
        since = now(http)
        http.put(znode("/p999")).expect(201)
        paths = [f"/p{number}" for number in range(1_000)]
        assert told(batch(http, events(*paths, since=since))["events"]) == [("created", "/p999")]
        http.delete(znode("/p999")).expect(204)

    def test_a_transaction_is_in_one_batch_however_small_the_limit(self, http, base):
        since = now(http)
        for number in range(3):
            operations = [
                {"op": "create", "path": f"{base}/{number}-{part}"} for part in range(5)
            ]
            http.post("/v1/transactions", {"operations": operations}).expect(200)
        sizes = []
        while True:
            page = batch(http, events(base, scope="subtree", since=since, limit=2))
            sizes.append(len(page["events"]))
            assert len({event["zxid"] for event in page["events"]}) == 1
            since = page["next"]
            if not page["more"]:
                break
        assert sizes in ([5, 5, 5], [5, 5, 5, 0])

    def test_a_cursor_from_within_a_transaction_goes_on_there_in_every_form(self, ensemble, base):
        first, second, third = ensemble
        operations = [{"op": "create", "path": f"{base}/{part}"} for part in range(8)]
        since = now(first.http)
        zxid = first.http.post("/v1/transactions", {"operations": operations}).expect(200).zxid
        target = events(base, scope="subtree")
        with Stream(first, target, Last_Event_ID=since) as stream:
            messages = itertools.islice(stream.messages(), 4)
            cursor = [message.id for message in messages][-1]
        rest = [("created", f"{base}/{part}") for part in range(3, 8)]
        second.http.get(znode(base), Aviary_Min_Zxid=zxid).expect(200)
        assert told(batch(second.http, f"{target}&since={cursor}")["events"]) == rest
        with Stream(third, target, Last_Event_ID=cursor) as stream:
            messages = itertools.islice(stream.messages(), 6)
            assert [message.data.get("path") for message in messages][1:] == [p for _, p in rest]
        with Stream(third, f"{target}&since={cursor}", accept=LINES) as stream:
            *found, end = stream.objects()
        assert told(found) == rest
        assert end["end"] == "caught-up"
        assert all(CURSOR.fullmatch(event["cursor"]) for event in found)

    def test_a_bare_zxid_means_behind_that_transaction(self, http, base):
        operations = [{"op": "create", "path": f"{base}/{part}"} for part in range(3)]
        zxid = http.post("/v1/transactions", {"operations": operations}).expect(200).zxid
        http.put(znode(base + "/after")).expect(201)
        for since in (zxid, f"0x{zxid}"):
            page = batch(http, events(base, scope="subtree", since=since))
            assert told(page["events"]) == [("created", base + "/after")]

    def test_a_quiet_cursor_advances_past_what_does_not_concern_it(self, node, http, base):
        since = now(http)
        target = events(base + "/quiet", scope="subtree", since=since)
        for number in range(20):
            zxid = http.put(znode(f"{base}/{number}")).expect(201).json["zxid"]
        page = batch(http, target)
        assert page["events"] == []
        assert page["next"][:16] >= zxid
        with Held(node, f"{target}&wait=1s") as held:
            wait_held(node, 1, base + "/quiet")
            last = http.put(znode(base), b"loud").expect(200).json["zxid"]
            page = held.answer().expect(200).json
        assert page["events"] == []
        assert page["next"][:16] >= last

    def test_many_readers_and_writers_at_once_miss_nothing(self, ensemble, base):
        target = events(base, scope="subtree")
        since = now(ensemble[1].http)
        followers = [
            kind(ensemble, target, since, base + "/end")
            for kind in (BatchFollower, StreamFollower, LineFollower)
            for _ in range(2)
        ]
        with Load(ensemble, count=4, base=base + "/load") as load:
            for follower in followers:
                follower.start()
            eventually(lambda: load.acknowledged > 400, "the load runs")
        ensemble[2].http.put(znode(base + "/end")).expect(201)
        for follower in followers:
            follower.finish(30)
            assert not follower.refusals, follower.refusals[:2]
            assert told(follower.seen) == told(followers[0].seen)
        _check_promises(load, followers[0], [""])


def _check_promises(load, follower, parts):
    """Every acknowledged creation is among the events once, with the zxid that was told."""
    created = collections.defaultdict(list)
    for event in follower.seen:
        if event["type"] == "created":
            created[event["path"]].append(event["zxid"])
    asked = 0
    for promises in load.promises:
        for number, zxid in promises.acknowledged.items():
            for part in parts:
                path = promises.path(number) + part
                assert created[path] == [zxid], f"it came by {follower.way_over(zxid)}"
        for number in promises.unknown:
            assert len(created[promises.path(number)]) <= 1
        asked += len(promises.acknowledged) + len(promises.unknown)
    # And the folders, and the end.
    assert sum(map(bool, created.values())) <= len(parts) * asked + len(load.promises) + 2


def test_no_cursor_misses_or_repeats_anything_while_leaders_are_killed_under_load(make_ensemble):
    ensemble = make_ensemble()
    target = events("/load", scope="subtree")
    since = now(ensemble[1].http)
    followers = [
        kind(ensemble, target, since, "/load/end")
        for kind in (BatchFollower, StreamFollower, LineFollower)
    ]
    with TransactionLoad(ensemble, count=4, base="/load", timeout=8) as load:
        for follower in followers:
            follower.start()
        for _ in range(5):
            eventually(_more(load, 100), "the load runs", timeout=60)
            victim = ensemble.leader()
            victim.kill()
            eventually(_more(load, 100), "writes go on", timeout=60)
            victim.start().wait_ready()
    ensemble.wait_ready()
    end = ensemble[1].http.put(znode("/load/end")).expect(201).json["zxid"]
    for follower in followers:
        follower.finish(60)
    for follower in followers:
        print(type(follower).__name__, follower.turns, "turns", len(follower.seen), "events")
    first = followers[0].seen
    parts = ["", *(f"/{part}" for part in range(TransactionLoad.PARTS))]
    for follower in followers:
        assert not follower.refusals, follower.refusals[:2]
        _check_promises(load, follower, parts)
        assert follower.seen == first
    for member in ensemble:
        member.http.get(znode("/load/end"), Aviary_Min_Zxid=end).expect(200)
        assert all_events(member.http, target, since) == first


def _more(load, count):
    enough = load.acknowledged + count
    return lambda: load.acknowledged > enough


class TestPermissions:
    def test_each_event_is_told_to_those_who_may_read_it(self, ensemble, node, http, base):
        since = now(http)
        create_private(http, base + "/bobs", "bob:secret", "for bob")
        http.put(znode(base + "/open"), b"for all").expect(201)
        create_private(http, base + "/eves", "eve:secret", "for eve")
        http.request("DELETE", znode(base + "/bobs"), headers=basic("bob:secret")).expect(204)
        target = events(base, scope="subtree", include="value")
        opened = ("created", base + "/open")
        bobs = [("created", base + "/bobs"), opened, ("deleted", base + "/bobs")]
        eves = [opened, ("created", base + "/eves")]
        readers = [({}, [opened]), (basic("bob:secret"), bobs), (basic("eve:secret"), eves)]
        for headers, wanted in readers:
            page = http.request("GET", f"{target}&since={since}", headers=headers).expect(200)
            assert told(page.json["events"]) == wanted
            with Stream(node, target, Last_Event_ID=since, **headers) as stream:
                messages = list(itertools.islice(stream.messages(), 1 + len(wanted)))
            assert told(message.data for message in messages[1:]) == wanted
            with Stream(node, f"{target}&since={since}", accept=LINES, **headers) as stream:
                *found, _ = stream.objects()
            assert told(found) == wanted
        # The parent's list of children is the parent's own matter.
        assert told(batch(http, events(base, since=since))["events"]) == [("children", base)] * 4

    def test_under_the_list_of_that_moment_and_of_now(self, http, base):
        since = now(http)
        bob = basic("bob:secret")
        all_perms = ["read", "write", "create", "delete", "admin"]
        create_private(http, base + "/opened", "bob:secret", "secret")
        everyone = json.dumps([{"scheme": "world", "id": "anyone", "perms": all_perms}]).encode()
        http.request("PUT", acl(base + "/opened"), everyone, bob).expect(200)
        http.put(znode(base + "/closed"), b"open").expect(201)
        owner = json.dumps([{"scheme": "auth", "id": "", "perms": all_perms}]).encode()
        http.request("PUT", acl(base + "/closed"), owner, bob).expect(200)
        page = batch(http, events(base, scope="subtree", since=since, include="value"))
        assert told(page["events"]) == [("acl", base + "/opened")]

    def test_a_private_change_does_not_answer_a_strangers_wait(self, node, http, base):
        create_private(http, base + "/bobs", "bob:secret", "1")
        target = events(base, scope="subtree", since=now(http), wait="30s")
        with Held(node, target) as held:
            wait_held(node, 1, base)
            http.request("PUT", znode(base + "/bobs"), b"2", basic("bob:secret")).expect(200)
            wait_held(node, 1, base)
            assert not held.is_answered
            http.put(znode(base + "/open")).expect(201)
            assert told(held.answer().expect(200).json["events"]) == [("created", base + "/open")]

    def test_the_systems_secret_is_told_to_nobody(self, http):
        page = all_events(http, events("/aviary", scope="subtree", include="value"))
        assert not [event for event in page if "secret" in event["path"]]


class TestStreams:
    def test_what_happens_is_sent_as_it_happens(self, node, http, base):
        target = events(base, scope="subtree", include="value")
        with Stream(node, target) as stream, Stream(
            node, target + "&wait=30s", accept=LINES
        ) as lines:
            assert stream.status == 200
            assert stream.headers["Content-Type"].startswith(STREAM)
            assert lines.headers["Content-Type"].startswith(LINES)
            opened = stream.next()
            assert (opened.name, opened.data) == ("bookmark", {"cursor": opened.id})
            assert CURSOR.fullmatch(opened.id)
            objects = lines.objects()
            for number in range(20):
                path = f"{base}/{number}"
                zxid = http.put(znode(path), str(number)).expect(201).json["zxid"]
                message, line = stream.next(), next(objects)
                assert message.name == "created"
                assert message.data["zxid"] == zxid
                assert message.data["text"] == str(number)
                assert line.pop("cursor") == message.id
                assert line == message.data

    def test_lines_end_with_the_wait_and_tell_where_to_go_on(self, node, http, base):
        target = events(base, scope="subtree")
        with Stream(node, f"{target}&wait=1s", accept=LINES) as stream:
            objects = stream.objects()
            http.put(znode(base + "/a")).expect(201)
            event, end = objects
        assert event["path"] == base + "/a"
        assert end["end"] == "wait"
        http.put(znode(base + "/b")).expect(201)
        page = batch(http, f"{target}&since={end['next']}")
        assert told(page["events"]) == [("created", base + "/b")]

    def test_last_event_id_wins_over_since(self, node, http, base):
        since = now(http)
        http.put(znode(base + "/a")).expect(201)
        later = now(http)
        http.put(znode(base + "/b")).expect(201)
        target = events(base, scope="subtree", since=since)
        with Stream(node, target, Last_Event_ID=later) as stream:
            assert stream.next().id == later
            assert stream.next().data["path"] == base + "/b"

    def test_a_bookmark_keeps_a_quiet_cursor_fresh(self, node, http, base):
        target = events(base + "/quiet", scope="subtree")
        with Stream(node, target, timeout=40) as stream:
            opened = stream.next("bookmark")
            zxid = http.put(znode(base), b"loud").expect(200).json["zxid"]
            mark = stream.next("bookmark", "created")
        assert mark.name == "bookmark"
        assert mark.id > opened.id
        assert mark.id[:16] >= zxid

    def test_of_the_cluster_begin_with_its_picture_and_repeat_it(self, node):
        with Stream(node, "/v1/cluster") as stream:
            for message in itertools.islice(stream.messages(), 2):
                assert message.name == "cluster"
                assert [member["id"] for member in message.data["members"]] == [1, 2, 3]


class TestBadInput:
    @pytest.mark.parametrize(
        "query",
        [
            "",
            "path=",
            "path=/&types=fly",
            "path=/&types=created,",
            "path=/&types=",
            "path=/&scope=all",
            "path=/&include=stat",
            "path=/&limit=0",
            "path=/&limit=10001",
            "path=/&limit=x",
            "path=/&wait=x",
            "path=/&since=yesterday",
            "path=/&since=",
            "path=/&since=0000000100000001.x.00000000",
            "path=/&since=0000000100000001.01.00000000",
            "path=/&since=0000000100000001.z",
            "path=/&since=0000000100000001.z.0",
            "path=/&since=-1",
            "path=/&since=now&since=now",
            "path=/&x=1",
        ],
    )
    def test_is_told_in_every_form(self, node, http, query):
        for accept in ("application/json", LINES, STREAM):
            http.get(f"/v1/events?{query}", Accept=accept).problem(400, "bad-parameter")

    def test_more_than_a_thousand_paths(self, http):
        http.get(events(*["/a"] * 1_001)).problem(400, "bad-parameter")

    @pytest.mark.parametrize("path", ["a", "/a/", "//", "/a/../b", "/%00"])
    def test_bad_paths(self, http, path):
        http.get(f"/v1/events?path={path}").problem(400, "bad-path")

    def test_conditions_make_no_sense(self, http):
        assert http.get(events("/"), If_None_Match='"x"').status == 400

    def test_a_cursor_that_this_node_has_not_reached(self, alone):
        with alone.client() as client:
            answer = client.get(events("/", since="0000ffff00000001"))
            answer.problem(503, "node-behind")
            assert answer.headers["Retry-After"]


@pytest.fixture(scope="module")
def alone(make_shared_ensemble):
    """A node of another ensemble, on which few may wait, and not for long."""
    limits = {"http.waits.max": 5, "http.wait.max": "2s", "http.request.timeout": "1s"}
    (member,) = make_shared_ensemble(["aviary"], limits)
    return member


class TestFewWaits:
    def test_one_more_than_may_wait_is_told_so_and_keeps_its_connection(self, alone):
        held = [Held(alone, events("/x", wait="2s")) for _ in range(3)]
        streams = [Stream(alone, events("/x")) for _ in range(2)]
        wait_held(alone, 5)
        with alone.client() as client:
            etag = client.get(znode("/")).etag
            for target, headers in (
                (events("/y", wait="2s"), {}),
                (znode("/", wait="2s"), {"If_None_Match": etag}),
                (events("/y"), {"Accept": STREAM}),
                (events("/y"), {"Accept": LINES}),
                ("/v1/cluster", {"Accept": STREAM}),
            ):
                answer = client.get(target, **headers)
                answer.problem(429, "busy", outcome="not-applied")
                assert answer.headers["Retry-After"]
                assert answer.headers.get("Connection") != "close"
            # What need not wait is answered all the same.
            client.get(events("/y")).expect(200)
            client.get(znode("/")).expect(200)
        for each in held:
            assert each.answer().expect(200).json["events"] == []
        for stream in streams:
            stream.close()
        wait_held(alone, 0)

    def test_a_wait_is_clipped_to_what_is_configured(self, alone):
        with alone.client() as client:
            answer = client.get(events("/x"), Prefer="respond-async, wait=30").expect(200)
            assert answer.headers["Preference-Applied"] == "wait=2"

    def test_a_cursor_of_another_ensemble_is_of_no_use(self, alone, ensemble, node, http, base):
        strange = now(alone.http)
        for accept in ("application/json", LINES):
            answer = http.get(events("/", since=strange), Accept=accept)
            answer.problem(410, "cursor-diverged")
        with Stream(node, events(base, scope="subtree"), Last_Event_ID=strange) as stream:
            assert stream.status == 200
            reset = stream.next()
            assert reset.name == "reset"
            assert reset.data == {"cursor": reset.id}
            http.put(znode(base + "/after")).expect(201)
            assert stream.next().data["path"] == base + "/after"
        assert batch(http, events("/", since=reset.id))["next"] >= reset.id


class TestClientsThatLeave:
    @pytest.mark.parametrize("how", ["close", "reset"])
    def test_are_forgotten_within_seconds(self, node, http, base, how):
        wait_held(node, 0)
        held = [
            Held(node, target, If_None_Match=http.get(target).etag, Prefer="wait=60")
            for target in (znode(base), children(base), acl(base))
        ] + [
            Held(node, znode(base + "/x", until="exists", wait="60s")),
            Held(node, events(base, wait="60s")),
            Held(node, events(base), Accept=STREAM),
            Held(node, events(base, wait="60s"), Accept=LINES),
            Held(node, "/v1/cluster", Accept=STREAM),
        ]
        wait_held(node, len(held))
        found = watchers(node)
        kinds = collections.Counter(watcher["kind"] for watcher in found)
        assert kinds == {
            "znode": 2, "children": 1, "acl": 1, "events": 1, "stream": 1, "lines": 1, "cluster": 1,
        }  # fmt: skip
        for watcher in found:
            assert watcher["session"] is None
            assert watcher["address"].startswith("127.0.0.1")
            assert abs(watcher["since"] / 1000 - time.time()) < 60
        for each in held:
            getattr(each, how)()
        eventually(lambda: not watchers(node), "nobody waits any more", timeout=10)

    def test_one_that_only_stopped_sending_still_gets_an_answer(self, node, http, base):
        etag = http.get(znode(base)).etag
        with Held(node, znode(base), If_None_Match=etag, Prefer="wait=60") as held:
            wait_held(node, 1, base)
            held.stop_sending()
            assert held.answer().expect(304).etag == etag
        eventually(lambda: not watchers(node), "nobody waits any more", timeout=10)


def test_hundreds_of_clients_that_leave_at_once_disturb_nobody(make_ensemble):
    (member,) = make_ensemble(["aviary"])
    streams = [Stream(member, events("/x")) for _ in range(300)]
    held = [Held(member, events("/x", wait="60s")) for _ in range(300)]
    wait_held(member, 600)
    for each in streams + held:
        each.close()
    eventually(
        lambda: not watchers(member, timeout=2), "nobody waits any more", timeout=10
    )
    member.http.put(znode("/x"), b"still here").expect(201)


class TestSessions:
    def test_a_held_request_keeps_its_session_until_its_client_leaves(
        self, ensemble, node, http, base
    ):
        session = http.post("/v1/sessions", {"timeout": "4s"}).expect(201).json
        token = session["token"]
        created = znode(base + "/e", mode="ephemeral")
        http.put(created, Aviary_Session=token).expect(201)
        other = ensemble.leader().client()
        held = Held(node, znode(base + "/x", until="exists", wait="60s"), Aviary_Session=token)
        wait_held(node, 1, base + "/x")
        (watcher,) = [w for w in watchers(node) if base + "/x" in w["paths"]]
        assert watcher["session"] == session["id"]
        # More than twice as long as the session would live alone.
        end = time.monotonic() + 9
        while time.monotonic() < end:
            other.get(znode(base + "/e")).expect(200)
            time.sleep(0.1)
        held.close()
        eventually(
            lambda: other.get(znode(base + "/e")).status == 404, "it expires", timeout=30
        )
        http.get(znode(base), Aviary_Session=token).problem(410, "session-expired")


def _resident(member):
    """Bytes of memory that its process has."""
    pages = int(Path(f"/proc/{member.process.pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def test_streams_that_are_not_read_cost_little_and_hold_nobody_up(ensemble, base):
    idle, busy = ensemble.followers()
    leader = ensemble.leader()
    target = events(base, scope="subtree", include="value")
    since = now(busy.http)
    before = {member.id: _resident(member) for member in (idle, busy)}
    quiet = _write_values(leader, base + "/quiet", 200)
    slow = [Stream(busy, target, buffer=4096, Last_Event_ID=since) for _ in range(20)]
    reader = threading.Thread(target=_follow_values, args=(busy, target, since, base + "/loud"))
    reader.start()
    count = 2_500
    loud = _write_values(leader, base + "/loud", count)
    last = leader.http.put(znode(base + "/loud/end")).expect(201).json["zxid"]
    # One who reads is not behind those who do not.
    reader.join(30)
    assert not reader.is_alive()
    busy.http.get(znode(base), Aviary_Min_Zxid=last).expect(200)
    grown = {member.id: _resident(member) - before[member.id] for member in (idle, busy)}
    extra = (grown[busy.id] - grown[idle.id]) / 2**20
    print(
        f"p50 of a write {quiet * 1e3:.1f} ms before, {loud * 1e3:.1f} ms with slow streams; "
        f"{extra:.0f} MiB for {len(slow)} of them"
    )
    # All that was sent to them would be 300 MiB.
    assert extra < 100
    assert loud < 10 * quiet + 0.1
    for stream in slow[2:]:
        stream.close()
    for stream in slow[:2]:
        found = []
        cursor = _read_values(stream, found, base + "/loud/end")
        while cursor:
            # It was cut off for not reading, and goes on where it was.
            with Stream(busy, target, Last_Event_ID=cursor) as another:
                cursor = _read_values(another, found, base + "/loud/end")
        assert len(found) == len(set(found)) == 200 + count
        stream.close()
    eventually(lambda: not watchers(busy), "nobody waits any more", timeout=10)


def _write_values(member, folder, count):
    """Creates znodes of 1 to 10 KB from four threads; returns the median time of one."""
    member.http.put(znode(folder)).expect(201)

    def write(part):
        times = []
        with member.client() as client:
            for number in range(part, count, 4):
                begin = time.monotonic()
                value = f"{number:06}" + "v" * (1_000 + number * 37 % 9_000)
                client.put(znode(f"{folder}/{number}"), value).expect(201)
                times.append(time.monotonic() - begin)
        return times

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        return statistics.median(itertools.chain.from_iterable(pool.map(write, range(4))))


def _read_values(stream, found, last):
    """Adds the paths of what was created with a value, in order, up to that one.

    Returns the cursor to go on from if the stream is cut off before.
    """
    cursor, zxid = None, ""
    try:
        for message in stream.messages():
            cursor = message.id
            if message.name == "bookmark":
                continue
            assert message.name == "created"
            assert message.data["zxid"] > zxid
            zxid, path = message.data["zxid"], message.data["path"]
            if path == last:
                return None
            name = path.rpartition("/")[2]
            if name.isdigit():
                assert int(message.data["text"][:6]) == int(name)
                found.append(path)
    except (OSError, HTTPException):
        assert cursor
    return cursor


def _follow_values(member, target, since, folder):
    with Stream(member, target, Last_Event_ID=since) as stream:
        assert _read_values(stream, [], folder + "/end") is None


@pytest.fixture
def forgetful(make_ensemble):
    """One node that keeps hardly any history."""
    (member,) = make_ensemble(
        ["aviary"], {"history.retention.bytes": 1_000_000, "snapCount": 20}
    )
    return member


def test_a_cursor_that_is_too_old_is_told_in_every_form(forgetful):
    client = forgetful.http
    client.put(znode("/large")).expect(201)
    target = events("/large", scope="subtree", include="value")
    since = now(client)
    slow = Stream(forgetful, target, buffer=4096, Last_Event_ID=since)
    at_first = slow.next("created", "bookmark").id

    for _ in range(12):
        for number in range(10):
            client.put(znode(f"/large/{number}"), b"x" * 1_000_000).expect(200, 201)
        # What is said to be there is there.
        assert batch(client, f"{target}&since=oldest&limit=1")["events"]
    _wait_for_quiet(forgetful)
    problem = client.get(f"{target}&since={since}").problem(410, "cursor-expired")
    assert problem["oldest"] > since
    assert problem["current"] >= problem["oldest"]
    client.get(f"{target}&since={since}", Accept=LINES).problem(410, "cursor-expired")
    with Stream(forgetful, target, Last_Event_ID=since) as stream:
        assert stream.next("reset").id >= problem["current"]
    for oldest in (problem["oldest"], "oldest", forgetful.cluster()["history"]["oldest"]):
        assert batch(client, f"{target}&since={oldest}&limit=1")["events"]
    # A stream that was not read meanwhile has nothing to go on with, and says so; perhaps it was
    # cut off for not reading, then whoever opens it again is told.
    cursor, reset = _read_to_reset(slow, at_first)
    if not reset:
        with Stream(forgetful, target, Last_Event_ID=cursor) as another:
            _, reset = _read_to_reset(another, cursor)
    assert reset.id >= problem["current"]
    assert batch(client, f"{target}&since={reset.id}")["events"] == []


def _wait_for_quiet(member):
    """Until no snapshot that is still being written moves what is the oldest."""
    seen = []

    def is_quiet():
        seen.append(member.cluster()["history"]["oldest"])
        return len(seen) > 40 and len(set(seen[-40:])) == 1

    eventually(is_quiet, "the history is let alone", 60)


def _read_to_reset(stream, cursor):
    """The last cursor and the message that says so; None for it if the stream breaks before."""
    with stream:
        try:
            for message in stream.messages():
                if message.name == "reset":
                    return cursor, message
                assert message.id >= cursor
                cursor = message.id
        except (OSError, HTTPException):
            pass
    return cursor, None


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_a_node_that_restarts_has_kept_its_history(make_ensemble, end):
    ensemble = make_ensemble(settings={"snapCount": 60})
    first = ensemble.followers()[0]
    target = events("/app", scope="subtree", include="value")
    first.http.put(znode("/app")).expect(201)
    for number in range(150):
        path = f"/app/{number % 40}"
        last = first.http.put(znode(path), f"{number}").expect(200, 201)
    first.http.delete(znode("/app/0")).expect(204)
    before = all_events(first.http, target)
    assert len(before) == 152
    getattr(first, end)()
    ensemble.leader().http.put(znode("/app/away"), b"meanwhile").expect(201)
    first.start().wait_ready()
    wanted = [*told(before), ("created", "/app/away")]
    cursor = now(ensemble.leader().http)
    for member in ensemble:
        found = all_events(member.client(), target)
        assert told(found) == wanted
        assert found[:-1] == before
    # And from a cursor of before, on the node that was away.
    # What is on the disk and what is in memory come one after the other.
    assert told(all_events(first.http, target, last.json["zxid"])) == wanted[-2:]
    assert batch(first.http, f"{target}&since={cursor}")["events"] == []


def test_the_death_of_a_follower_is_told_to_who_watches_the_cluster(ensemble):
    leader = ensemble.leader()
    watching, victim = ensemble.followers()
    for member in (watching, leader):
        eventually(
            lambda member=member: member.cluster()["failureTolerance"] == 1, "all are heard of"
        )
    held = [_hold_cluster(member) for member in (watching, leader)]
    streams = [Stream(member, "/v1/cluster") for member in (watching, leader)]
    for stream in streams:
        assert _role(stream.next("cluster").data, victim) == "follower"
    killed = time.monotonic()
    victim.kill()
    for member, each in zip((watching, leader), held):
        view = each.answer().expect(200).json
        while _role(view, victim) != "down":
            assert time.monotonic() - killed < 15
            view = _hold_cluster(member).answer().expect(200).json
    for stream in streams:
        for message in stream.messages():
            if _role(message.data, victim) == "down":
                break
        stream.close()
    took = time.monotonic() - killed
    print(f"told after {took:.1f} s")
    assert took < 15
    victim.start().wait_ready()


def _hold_cluster(member):
    etag = member.http.get("/v1/cluster").expect(200).etag
    return Held(member, "/v1/cluster", If_None_Match=etag, Prefer="wait=30")


def _role(view, member):
    return next(each["role"] for each in view["members"] if each["id"] == member.id)


def test_who_waits_on_a_node_that_stops_is_told(ensemble, base):
    node = ensemble.followers()[0]
    etag = node.http.get(znode(base)).etag
    cursor = now(node.http)
    held = [
        Held(node, znode(base), If_None_Match=etag, Prefer="wait=60"),
        Held(node, znode(base + "/x", until="exists", wait="60s")),
        Held(node, events(base, wait="60s")),
        _hold_cluster(node),
    ]
    streams = [Stream(node, events(base)), Stream(node, "/v1/cluster")]
    lines = Stream(node, events(base, wait="60s"), accept=LINES)
    wait_held(node, 7)
    node.stop()
    for each in held:
        answer = each.answer()
        problem = answer.problem(503, "stopping")
        assert problem["retryable"] is True
        assert answer.headers["Retry-After"]
    for stream in streams:
        assert [message.name for message in stream.messages()][-1] == "bye"
        stream.close()
    (end,) = lines.objects()
    assert end["end"] == "stopping"
    # Another node goes on from there.
    other = ensemble.leader()
    other.http.put(znode(base + "/later")).expect(201)
    for since in (cursor, end["next"]):
        page = batch(other.http, events(base, scope="subtree", since=since))
        assert told(page["events"]) == [("created", base + "/later")]
    node.start().wait_ready()
