"""A running ensemble is restored from a snapshot, whatever happens to its nodes meanwhile."""

import random
import threading
from http.client import HTTPConnection

import pytest
from harness.client import Client, acl, children, znode
from harness.waiting import eventually

READ_ONLY = [{"scheme": "world", "id": "anyone", "perms": ["read", "delete", "admin"]}]


def state(http, top="/"):
    """Every znode that is restored: value, mode, ttl and access control list."""
    found, pending = {}, [top]
    while pending:
        path = pending.pop()
        if path in ("/zookeeper", "/aviary"):
            continue
        answer = http.get(znode(path)).expect(200).json
        stat = answer["stat"]
        listed = http.get(acl(path)).expect(200).json
        value = answer.get("text", answer.get("base64"))
        if stat["ephemeralOwner"] is None:
            found[path] = (value, stat["mode"], stat["ttlMs"], listed)
        names = http.get(children(path, limit=10000)).expect(200).json["children"]
        pending += [path.rstrip("/") + "/" + name for name in names]
    return found


def fill(http, count=200):
    """Some of every mode, and access control lists."""
    http.put(znode("/app"), b"first").expect(200, 201)
    for number in range(count):
        path = f"/app/d{number % 10}/n{number}"
        http.put(znode(path, parents=True), f"value {number}").expect(201)
    http.put(znode("/app/container", mode="container")).expect(201)
    http.put(znode("/app/container/in")).expect(201)
    http.put(znode("/app/ttl", mode="persistent-with-ttl", ttl="7d"), b"t").expect(201)
    http.put(znode("/app/bytes"), bytes(range(256))).expect(201)
    http.put(acl("/app/d1"), READ_ONLY).expect(200)


def change(http, seed=1):
    """Makes another state of it."""
    chance = random.Random(seed)
    for number in range(60):
        path = f"/app/d{number % 10}/n{number}"
        if chance.random() < 0.5:
            http.delete(znode(path)).expect(204, 404)
        else:
            http.put(znode(path), f"other {number}")
    http.delete(znode("/app/ttl")).expect(204)
    http.put(znode("/app/ttl"), b"persistent now").expect(201)
    http.delete(znode("/app/d2", recursive=True)).expect(204)
    http.put(acl("/app/d3"), READ_ONLY).expect(200)
    http.put(acl("/app/d1"), READ_ONLY[:0] + [dict(READ_ONLY[0], perms=["read"])]).expect(200)
    http.put(znode("/new/below", parents=True), b"new").expect(201)


def snapshot(member):
    taken = member.http.post("/v1/snapshots").expect(201)
    return member.http.get(taken.headers["Location"]).expect(200).body


def restore(member, file):
    answer = member.http.post("/v1/restore", file).expect(202)
    assert answer.headers["Location"] == "/v1/restore"
    return answer.json


def finished(member):
    """How the restore ended, once it has."""

    def ending():
        with member.client() as client:
            told = client.get("/v1/restore").expect(200).json
        return told["last"] if told["state"] == "none" and told["last"] else None

    return eventually(ending, "the restore has ended", 60)


def open_again(ensemble):
    for member in ensemble.running:
        eventually(
            lambda m=member: m.client().get("/v1/restore").json["state"] == "none",
            "the gate is open",
            60,
        )


class TestRestore:
    def test_the_state_is_that_of_the_file_and_zxids_only_grow(self, make_ensemble):
        ensemble = make_ensemble().wait_sessions()
        http = ensemble[1].http
        fill(http)
        expected = state(http)
        file = snapshot(ensemble[1])
        change(http)
        assert state(http) != expected
        before = http.get(znode("/app")).zxid
        begun = restore(ensemble[2], file)
        ending = finished(ensemble[2])
        assert ending["outcome"] == "finished" and ending["id"] == begun["id"]
        assert ending["zxid"] > before
        open_again(ensemble)
        for member in ensemble:
            member.http.get("/v1/restore").expect(200)
            with member.client() as client:
                client.get(znode("/"), Aviary_Min_Zxid=ending["zxid"]).expect(200)
                assert state(client) == expected
            assert member.digest_mismatches() == 0
        # Writes go on as ever.
        http.put(znode("/app"), b"later").expect(200)

    def test_cursors_and_zxids_from_before_are_410(self, make_ensemble):
        ensemble = make_ensemble().wait_sessions()
        http = ensemble[1].http
        zxid = http.put(znode("/a"), b"1").expect(201).json["zxid"]
        cursor = http.get("/v1/events?path=/a").expect(200).json["next"]
        http.get(f"/v1/events?path=/a&since={cursor}").expect(200)
        restore(ensemble[1], snapshot(ensemble[1]))
        ending = finished(ensemble[1])
        open_again(ensemble)
        for member in ensemble:
            with member.client() as client:
                client.get(znode("/a"), Aviary_Min_Zxid=ending["zxid"]).expect(200)
                for since in (cursor, zxid):
                    client.get(f"/v1/events?path=/a&since={since}").problem(
                        410, "cursor-diverged"
                    )
                client.get(znode("/a"), Aviary_Min_Zxid=zxid).problem(410, "zxid-diverged")
                fresh = client.get("/v1/events?path=/a").expect(200).json["next"]
                client.get(f"/v1/events?path=/a&since={fresh}").expect(200)
                client.get(f"/v1/events?path=/a&since={ending['zxid']}").expect(200)

    def test_a_member_that_missed_it_is_merely_behind(self, make_ensemble):
        """Also when it gets a whole state: nothing that it has is of another history."""
        ensemble = make_ensemble(settings={"snapCount": 100}).wait_sessions()
        http = ensemble.leader().http
        for number in range(150):
            http.put(znode(f"/m/n{number}", parents=True), b"old").expect(201)
        file = snapshot(ensemble.leader())
        for number in range(150):
            http.put(znode(f"/m/n{number}"), b"new").expect(200)
        away, there = ensemble.followers()
        away.stop()
        restore(there, file)
        assert finished(there)["outcome"] == "finished"
        away.start().wait_ready()
        open_again(ensemble)
        zxid = http.put(znode("/after")).expect(201).json["zxid"]
        with away.client() as client:
            client.get(znode("/after"), Aviary_Min_Zxid=zxid).expect(200)
            assert client.get(znode("/m/n7", raw=True)).body == b"old"
            assert client.get("/v1/recovery").expect(200).json["state"] == "healthy"

    def test_sessions_are_closed_with_their_ephemerals(self, make_ensemble):
        ensemble = make_ensemble().wait_sessions()
        http = ensemble[1].http
        session = http.post("/v1/sessions", {"timeout": "30s"}).expect(201).json
        http.put(znode("/mine", mode="ephemeral"), Aviary_Session=session["token"]).expect(201)
        file = snapshot(ensemble[1])
        restore(ensemble[1], file)
        finished(ensemble[1])
        open_again(ensemble)
        # Neither from the file nor from before.
        http.get(znode("/mine")).problem(404, "no-node")
        http.post(
            f"/v1/sessions/{session['id']}/keepalive", Aviary_Session=session["token"]
        ).problem(410, "session-expired")
        http.post("/v1/sessions", {"timeout": "30s"}).expect(201)

    def test_an_empty_ensemble_gets_the_state_of_another(self, make_ensemble):
        first = make_ensemble(["aviary"])
        fill(first[1].http)
        expected = state(first[1].http)
        file = snapshot(first[1])
        second = make_ensemble().wait_sessions()
        restore(second[3], file)
        assert finished(second[3])["outcome"] == "finished"
        open_again(second)
        assert state(second[3].http) == expected

    def test_quotas_are_restored_and_do_not_stand_in_the_way(self, make_ensemble):
        ensemble = make_ensemble(["aviary"]).wait_sessions()
        http = ensemble[1].http
        http.put(znode("/q/a", parents=True)).expect(201)
        limits = "/zookeeper/quota/q/zookeeper_limits"
        http.put(znode(limits, parents=True), b"count=3,bytes=-1").expect(201)
        http.put(znode("/zookeeper/quota/q/zookeeper_stats"), b"count=2,bytes=0").expect(200, 201)
        file = snapshot(ensemble[1])
        http.delete(znode(limits)).expect(204)
        http.delete(znode("/q", recursive=True)).expect(204)
        restore(ensemble[1], file)
        assert finished(ensemble[1])["outcome"] == "finished"
        assert http.get(znode(limits, raw=True)).expect(200).body == b"count=3,bytes=-1"
        http.get(znode("/q/a")).expect(200)


class TestTheGate:
    def test_nothing_in_between_is_ever_read_and_no_write_gets_through(self, make_ensemble):
        """Readers see the old state, then nothing, then the file's: on every node."""
        ensemble = make_ensemble().wait_sessions()
        http = ensemble.leader().http
        # All values say which state they are of.
        for number in range(300):
            http.put(znode(f"/s/n{number}", parents=True), b"old").expect(201)
        file = snapshot(ensemble.leader())
        for number in range(300):
            http.put(znode(f"/s/n{number}"), b"new").expect(200)
        stop = threading.Event()
        wrong, refused, written = [], [], []

        def read(member):
            with member.client() as client:
                reads = [{"op": "get", "path": f"/s/n{number}"} for number in range(0, 300, 10)]
                while not stop.is_set():
                    answer = client.post("/v1/reads", {"operations": reads})
                    if answer.status == 503:
                        refused.append(answer.json["code"])
                        if answer.json["code"] == "restoring":
                            assert answer.headers["Retry-After"]
                        continue
                    values = {result.get("text") for result in answer.expect(200).json["results"]}
                    if len(values) != 1:
                        wrong.append(values)

        def write(member, number):
            with member.client() as client:
                while not stop.is_set():
                    answer = client.put(znode(f"/w{number}"), b"written")
                    if answer.status < 300:
                        written.append((answer.zxid, f"/w{number}"))

        threads = [threading.Thread(target=read, args=(member,)) for member in ensemble]
        threads += [
            threading.Thread(target=write, args=(member, member.id)) for member in ensemble
        ]
        for thread in threads:
            thread.start()
        try:
            restore(ensemble.followers()[0], file)
            ending = finished(ensemble.followers()[0])
            open_again(ensemble)
        finally:
            stop.set()
            for thread in threads:
                thread.join(20)
        assert not any(thread.is_alive() for thread in threads)
        assert not wrong, wrong[:3]
        assert "restoring" in refused
        # What was acknowledged after the end is there; nothing was acknowledged in the middle.
        for member in ensemble:
            for _, path in (w for w in written if w[0] > ending["zxid"]):
                member.http.get(znode(path)).expect(200)
            values = member.http.get(znode("/s/n5", raw=True)).body
            assert values == b"old"

    def test_streams_tell_of_another_state_and_of_nothing_in_between(self, make_ensemble):
        ensemble = make_ensemble().wait_sessions()
        http = ensemble.leader().http
        http.put(znode("/s/a", parents=True), b"old").expect(201)
        file = snapshot(ensemble.leader())
        http.put(znode("/s/a"), b"new").expect(200)
        http.put(znode("/s/b"), b"new").expect(201)
        member = ensemble.followers()[0]
        messages = []

        def listen():
            connection = HTTPConnection("127.0.0.1", member.seat.http, timeout=40)
            target = "/v1/events?path=/s&scope=subtree"
            connection.request("GET", target, headers={"Accept": "text/event-stream"})
            response = connection.getresponse()
            while len(messages) < 3:
                line = response.readline().decode()
                if line.startswith("event: "):
                    messages.append(line.split()[1])
            connection.close()

        listener = threading.Thread(target=listen)
        listener.start()
        eventually(lambda: messages == ["bookmark"], "the stream is open")
        restore(member, file)
        finished(member)
        eventually(lambda: len(messages) >= 2, "the stream tells of the restore", 40)
        http.put(znode("/s/c")).expect(201)
        listener.join(20)
        assert messages == ["bookmark", "reset", "created"]

    def test_one_at_a_time_and_only_what_is_whole(self, make_ensemble):
        ensemble = make_ensemble(["aviary"]).wait_sessions()
        http = ensemble[1].http
        http.put(znode("/a"), b"1").expect(201)
        file = snapshot(ensemble[1])
        broken = bytearray(file)
        broken[len(file) // 2] ^= 1
        for bad in (b"", b"nonsense", bytes(broken), file[:-1], file + b"x"):
            http.post("/v1/restore", bad).problem(400, "bad-snapshot", outcome="not-applied")
        assert http.get("/v1/restore").json["state"] == "none"
        assert not list((ensemble[1].data / "aviary-restore").glob("*"))
        http.delete("/v1/restore").problem(404, "no-restore")
        # The system's own znode is nobody's to write.
        http.put(znode("/aviary/restore"), b"{}").problem(403, "forbidden")

    def test_a_limit_on_uploads(self, make_ensemble):
        node = make_ensemble(["aviary"], {"http.restore.max": "10KiB"})[1]
        node.http.post("/v1/restore", b"x" * 20_000).problem(413, "too-large")
        with node.client() as client:
            chunks = iter([b"x" * 4_000] * 10)
            client.request("POST", "/v1/restore", chunks).problem(413, "too-large")


class TestWhenNodesDie:
    @pytest.fixture
    def prepared(self, make_ensemble):
        """An ensemble with a state to go back to, and so much to do that there is a middle."""
        ensemble = make_ensemble().wait_sessions()
        http = ensemble.leader().http
        value = b"v" * 2_000
        for folder in range(4):
            operations = [{"op": "create", "path": f"/big{folder}", "text": "x"}]
            http.post("/v1/transactions", {"operations": operations}).expect(200)
            for block in range(4):
                operations = [
                    {
                        "op": "create",
                        "path": f"/big{folder}/n{block}-{number}",
                        "text": value.decode(),
                    }
                    for number in range(500)
                ]
                http.post("/v1/transactions", {"operations": operations}).expect(200)
        expected = len(http.get(children("/big0", limit=10000)).json["children"])
        assert expected == 2_000
        file = snapshot(ensemble.leader())
        for folder in range(4):
            http.delete(znode(f"/big{folder}", recursive=True)).expect(204)
        http.put(znode("/other"), b"x").expect(201)
        return ensemble, file

    def _check(self, ensemble):
        for member in ensemble.running:
            with member.client() as client:
                for folder in range(4):
                    listed = client.get(children(f"/big{folder}", limit=10000)).expect(200).json
                    assert len(listed["children"]) == 2_000
                client.get(znode("/other")).problem(404, "no-node")
            assert member.digest_mismatches() == 0

    @pytest.mark.parametrize("victim", ["holder", "leader"])
    def test_it_is_finished_after_kill_9_in_the_middle(self, prepared, victim):
        ensemble, file = prepared
        holder = ensemble.followers()[0]
        killed = holder if victim == "holder" else ensemble.leader()
        restore(holder, file)
        under_way = holder.http.get("/v1/restore").expect(200).json
        assert under_way["state"] == "restoring", "the middle is over"
        killed.kill()
        others = [member for member in ensemble if member is not killed]
        if victim == "holder":
            # Nobody else goes on, and nobody is served what is half done.
            for member in others:
                with member.client() as client:
                    client.get(znode("/")).problem(503, "restoring")
                    client.put(znode("/x")).problem(503, "restoring")
                    assert "restoring" in client.get("/v1/cluster").json["alarms"]
        killed.start()
        open_again(ensemble)
        ensemble.wait_ready()
        self._check(ensemble)
        assert not list((holder.data / "aviary-restore").glob("*.snapshot"))

    def test_it_is_aborted_when_its_node_is_gone_for_good(self, prepared):
        ensemble, file = prepared
        holder = ensemble.followers()[0]
        restore(holder, file)
        holder.kill()
        ensemble.wait_ready()
        other = ensemble.running[0]
        other.http.get(znode("/")).problem(503, "restoring")
        other.http.delete("/v1/restore").expect(204)
        other.http.get(znode("/")).expect(200)
        other.http.put(znode("/works"), b"yes").expect(201)
        # If it comes back after all, it leaves everything as it is.
        holder.start().wait_ready()
        zxid = other.http.get(znode("/works")).zxid
        with holder.client() as client:
            client.get(znode("/works"), Aviary_Min_Zxid=zxid).expect(200)
        eventually(
            lambda: not list((holder.data / "aviary-restore").glob("*")), "its file is gone"
        )


def test_a_java_leader_cannot_keep_the_gate(make_ensemble, java):
    ensemble = make_ensemble(["aviary", "java", "java"])
    if ensemble.leader().kind != "java":
        pytest.skip("an Aviary node leads")
    with Client(ensemble[1].seat.http) as client:
        client.post("/v1/restore", b"x" * 100).problem(501, "needs-aviary-leader")
