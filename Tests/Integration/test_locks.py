"""Locks and elections: one holder at a time, whoever dies, and kazoo's clients among them."""

import json
import socket
import threading
import time
from http.client import HTTPConnection

import pytest
from harness.client import raw_exchange, znode
from harness.waiting import eventually


class Contender:
    """A session, and what it asks of a lock or an election through any member."""

    def __init__(self, member, timeout="20s", value=""):
        self.member, self.value = member, value
        opened = member.http.post("/v1/sessions", {"timeout": timeout}).expect(201).json
        self.session, self.id = opened["token"], opened["id"]

    def contend(self, kind, path, body=None, member=None, **headers):
        body = {"value": self.value, **(body or {})}
        with (member or self.member).client(timeout=70) as client:
            return client.post(f"/v1/{kind}{path}", body, Aviary_Session=self.session, **headers)

    def lock(self, path, body=None, member=None, **headers):
        return self.contend("locks", path, body, member, **headers)

    def stand(self, path, member=None, **headers):
        return self.contend("elections", path, None, member, **headers)

    def leave(self, path, token, kind="locks", member=None):
        with (member or self.member).client() as client:
            client.delete(f"/v1/{kind}{path}/{token}", Aviary_Session=self.session).expect(204)

    def close(self, member=None):
        with (member or self.member).client() as client:
            client.delete(f"/v1/sessions/{self.id}", Aviary_Session=self.session).expect(204)

    def keep_alive(self, member):
        """Renews the session, as a client that lives does, until what is returned is called."""
        over = threading.Event()

        def renew():
            while not over.wait(0.5):
                try:
                    with member.client(timeout=10) as client:
                        client.post(
                            f"/v1/sessions/{self.id}/keepalive", Aviary_Session=self.session
                        )
                except OSError:
                    continue

        thread = threading.Thread(target=renew, daemon=True)
        thread.start()

        def stop():
            over.set()
            thread.join(20)

        return stop


class InBackground:
    """A call whose answer comes later."""

    def __init__(self, call, *arguments, **more):
        self.answer, self.error = None, None

        def run():
            try:
                self.answer = call(*arguments, **more)
            except Exception as error:
                self.error = error

        self._thread = threading.Thread(target=run, daemon=True)
        self._thread.start()

    @property
    def waits(self):
        return self._thread.is_alive()

    def result(self, timeout=40):
        self._thread.join(timeout)
        assert not self.waits, f"no answer within {timeout} s"
        if self.error is not None:
            raise self.error
        return self.answer


def picture(member, path, kind="locks", consistency="linearizable"):
    with member.client() as client:
        return client.get(f"/v1/{kind}{path}?consistency={consistency}").expect(200).json


def holders(member, path):
    return [contender["text"] for contender in picture(member, path)["holders"]]


def queue(member, path):
    return [contender["text"] for contender in picture(member, path)["queue"]]


def fence(path, token):
    return f"{path};{token}"


class TestOnThreeNodes:
    @pytest.fixture
    def ensemble(self, make_ensemble):
        return make_ensemble(settings={"http.request.timeout": "20s"}).wait_sessions()

    @pytest.mark.parametrize("victim", ["where it was taken", "the leader", "both"])
    def test_a_lock_outlives_the_node_that_it_was_taken_on(self, ensemble, victim):
        leader = ensemble.leader()
        taken_on = leader if victim == "both" else ensemble.followers()[0]
        killed = leader if victim == "the leader" else taken_on
        other = next(m for m in ensemble if m not in (leader, taken_on))
        me = Contender(taken_on, timeout="4s", value="me")
        next_one = Contender(other, timeout="4s", value="next")
        stop = [contender.keep_alive(other) for contender in (me, next_one)]
        held = me.lock("/lock").expect(201).json
        waiting = InBackground(next_one.lock, "/lock", Prefer="wait=60")
        eventually(lambda: queue(other, "/lock") == ["next"], "the next one waits")
        killed.kill()
        eventually(lambda: holders(other, "/lock") == ["me"], "the ensemble goes on")
        # A session that nobody renews is over by then.
        time.sleep(7)
        with other.client() as client:
            client.put(
                znode("/guarded"), b"still mine", Aviary_Fence=fence("/lock", held["token"])
            ).expect(200, 201)
        assert waiting.waits
        assert me.lock("/lock", member=other).expect(201).json["token"] == held["token"]
        me.leave("/lock", held["token"], member=other)
        assert waiting.result().expect(201).json["zxid"] > held["zxid"]
        for end in stop:
            end()
        killed.start()
        ensemble.wait_ready()
        for member in ensemble:
            assert holders(member, "/lock") == ["next"]

    def test_it_passes_on_when_its_client_vanishes(self, ensemble):
        first, second, third = ensemble
        gone, next_one = Contender(first, timeout="4s", value="gone"), Contender(second, value="n")
        token = gone.lock("/lock").expect(201).json["token"]
        for member in ensemble:
            with member.client() as client:
                client.put(
                    znode("/guarded"), b"in time", Aviary_Fence=fence("/lock", token)
                ).expect(200, 201)
        since = time.monotonic()
        answer = InBackground(next_one.lock, "/lock", Prefer="wait=60").result(60).expect(201)
        print(f"passed on after {time.monotonic() - since:.1f} s")
        assert time.monotonic() - since > 2
        # Who held it does not know yet: on no node is it believed.
        for member in ensemble:
            with member.client() as client:
                for write in (
                    lambda c, h: c.put(znode("/guarded"), b"too late", **h),
                    lambda c, h: c.delete(znode("/guarded"), **h),
                    lambda c, h: c.post(znode("/", name="late"), **h),
                    lambda c, h: c.post(
                        "/v1/transactions",
                        {"operations": [{"op": "set", "path": "/guarded", "text": "late"}]},
                        **h,
                    ),
                ):
                    write(client, {"Aviary_Fence": fence("/lock", token)}).problem(
                        412, "fence-lost", outcome="not-applied"
                    )
            gone.lock("/lock", member=member).problem(410, "session-expired")
        with third.client() as client:
            value = client.get(znode("/guarded", consistency="linearizable")).expect(200).json
            assert value["text"] == "in time"
            client.put(
                znode("/guarded"), b"the next", Aviary_Fence=fence("/lock", answer.json["token"])
            ).expect(200)

    def test_a_held_request_keeps_its_session(self, ensemble):
        first, second, third = ensemble
        holder, waiter = Contender(first, value="h"), Contender(second, timeout="4s", value="w")
        token = holder.lock("/lock").expect(201).json["token"]
        waiting = InBackground(waiter.lock, "/lock", Prefer="wait=40")
        eventually(lambda: queue(third, "/lock") == ["w"], "it waits")
        # Three times as long as the session lasts without any word of its client.
        deadline = time.monotonic() + 12
        while time.monotonic() < deadline:
            assert waiting.waits
            assert queue(third, "/lock") == ["w"]
            time.sleep(0.5)
        holder.leave("/lock", token)
        waiting.result().expect(201)

    def test_a_stream_keeps_its_session_as_long_as_it_is_there(self, ensemble):
        first, second, third = ensemble
        holder = Contender(first, timeout="4s", value="h")
        holder.lock("/lock").expect(201)
        connection = HTTPConnection("127.0.0.1", second.seat.http, timeout=20)
        connection.request(
            "GET",
            "/v1/events?path=/lock",
            headers={"Accept": "text/event-stream", "Aviary-Session": holder.session},
        )
        stream = connection.getresponse()
        assert stream.status == 200
        deadline = time.monotonic() + 12
        while time.monotonic() < deadline:
            assert holders(third, "/lock") == ["h"]
            time.sleep(0.5)
        stream.close()
        connection.close()
        eventually(lambda: holders(third, "/lock") == [], "it ends with its client", timeout=12)

    def test_a_client_that_hangs_up_loses_its_place(self, ensemble):
        first, second, _ = ensemble
        me, other = Contender(first, value="me"), Contender(second, value="other")
        token = me.lock("/lock").expect(201).json["token"]
        client = second.client(timeout=1)
        with pytest.raises(TimeoutError):
            client.post(
                "/v1/locks/lock", {"value": "x"}, Aviary_Session=other.session, Prefer="wait=30"
            )
        eventually(lambda: queue(first, "/lock") == [], "it left the queue")
        me.leave("/lock", token)
        assert holders(first, "/lock") == []
        # One that has been told of its place keeps it.
        token = me.lock("/lock").expect(201).json["token"]
        mine = other.lock("/lock").expect(202).json
        with second.client(timeout=1) as client, pytest.raises(TimeoutError):
            client.post(
                "/v1/locks/lock", {"value": "x"}, Aviary_Session=other.session, Prefer="wait=30"
            )
        time.sleep(0.5)
        assert [c["token"] for c in picture(first, "/lock")["queue"]] == [mine["token"]]
        me.leave("/lock", token)
        assert other.lock("/lock").expect(201).json["token"] == mine["token"]

    def test_a_place_that_was_told_outlives_an_earlier_request(self, ensemble):
        first, second, third = ensemble
        me, other = Contender(first, value="me"), Contender(second, value="other")
        me.lock("/lock").expect(201)
        abandoned = _ask_for_lock(second, other)
        eventually(lambda: queue(first, "/lock") == ["other"], "it waits")
        told = other.lock("/lock", member=third).expect(202).json["token"]
        abandoned.close()
        time.sleep(1)
        assert [c["token"] for c in picture(first, "/lock")["queue"]] == [told]

    def test_a_lock_that_was_told_outlives_an_earlier_request_on_a_slow_node(self, ensemble):
        slow = ensemble.followers()[0]
        first, third = [member for member in ensemble if member is not slow]
        for turn in range(5):
            path = f"/lock{turn}"
            me, other = Contender(first, value="me"), Contender(third, value="other")
            token = me.lock(path).expect(201).json["token"]
            abandoned = _ask_for_lock(slow, other, path)
            eventually(lambda: queue(first, path) == ["other"], "it waits")
            # Its node stands still for a moment, and learns of both at once.
            slow.process.pause()
            abandoned.close()
            me.leave(path, token)
            held = other.lock(path).expect(201).json["token"]
            time.sleep(0.5)
            slow.process.resume()
            time.sleep(1)
            assert [c["token"] for c in picture(first, path)["holders"]] == [held]
            other.leave(path, held)

    def test_who_hangs_up_and_asks_again_is_not_told_that_its_session_is_over(self, ensemble):
        first, second, third = ensemble
        me, other = Contender(first, value="me"), Contender(second, value="other")
        me.lock("/lock").expect(201)
        for turn in range(5):
            abandoned = _ask_for_lock(second, other)
            eventually(lambda: queue(first, "/lock") == ["other"], "it waits")
            abandoned.close()
            told = other.lock("/lock", member=third, Prefer="wait=1").expect(202).json["token"]
            other.leave("/lock", told)

    def test_who_only_stops_sending_is_told_that_it_is_out_of_the_queue(self, ensemble):
        first, second, _ = ensemble
        me, other = Contender(first, value="me"), Contender(second, value="other")
        me.lock("/lock").expect(201)
        request = (
            "POST /v1/locks/lock HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
            f"Aviary-Session: {other.session}\r\nPrefer: wait=30\r\nContent-Length: 0\r\n\r\n"
        )
        answer = raw_exchange(second.seat.http, request.encode())
        assert b" 408 " in answer.split(b"\r\n", 1)[0]
        eventually(lambda: queue(first, "/lock") == [], "it left the queue")

    def test_two_clients_that_count_under_a_lock_lose_nothing(self, ensemble):
        ensemble[1].http.put(znode("/counter"), b"0").expect(201)
        rounds = 40

        def count(member, other):
            me = Contender(member, value=str(member.id))
            with other.client(timeout=30) as client:
                for _ in range(rounds):
                    held = me.lock("/locks/counter", Prefer="wait=30").expect(201).json
                    # Written through another node, whose state may be older than the lock.
                    value = client.get(
                        znode("/counter", raw=True), Aviary_Min_Zxid=held["zxid"]
                    ).expect(200)
                    client.put(
                        znode("/counter"),
                        str(int(value.body) + 1),
                        Aviary_Fence=fence("/locks/counter", held["token"]),
                    ).expect(200)
                    me.leave("/locks/counter", held["token"])

        workers = [
            InBackground(count, ensemble[1], ensemble[2]),
            InBackground(count, ensemble[3], ensemble[1]),
        ]
        for worker in workers:
            worker.result(120)
        answer = ensemble[2].http.get(znode("/counter", consistency="linearizable")).expect(200)
        assert answer.json["text"] == str(2 * rounds)

    def test_a_fence_keeps_the_count_where_locks_are_lost(self, ensemble):
        """Sessions end while their clients believe to hold: what they then write is refused."""
        ensemble[1].http.put(znode("/counter"), b"0").expect(201)
        counted = []

        def count(member, loses):
            for turn in range(12):
                me = Contender(member, value=str(member.id))
                with member.client(timeout=30) as client:
                    held = me.lock("/lock", Prefer="wait=30").expect(201).json
                    target = znode("/counter", raw=True, consistency="linearizable")
                    value = int(client.get(target).expect(200).body)
                    if loses and turn % 2:
                        me.close()
                        time.sleep(0.1)
                    answer = client.put(
                        znode("/counter"),
                        str(value + 1),
                        Aviary_Fence=fence("/lock", held["token"]),
                    )
                    if loses and turn % 2:
                        answer.problem(412, "fence-lost", outcome="not-applied")
                    else:
                        answer.expect(200)
                        counted.append(value + 1)
                        me.close()

        workers = [InBackground(count, member, member.id == 2) for member in ensemble]
        for worker in workers:
            worker.result(120)
        assert counted == list(range(1, 2 * 12 + 6 + 1))

    def test_the_queue_is_one_queue_on_all_nodes(self, ensemble):
        members = list(ensemble)
        contenders = [Contender(members[n % 3], value=str(n)) for n in range(9)]
        modes = ["exclusive", "shared", "shared", "exclusive", "shared"] + ["exclusive"] * 4
        tokens = {}
        for contender, mode in zip(contenders, modes):
            answer = contender.lock("/lock", {"mode": mode}).expect(201, 202).json
            tokens[contender.value] = answer["token"]

        for expected in (["0"], ["1", "2"], ["3"], ["4"], ["5"], ["6"], ["7"], ["8"]):
            for member in members:
                seen = picture(member, "/lock")
                assert [c["text"] for c in seen["holders"]] == expected
                waiting = [c["text"] for c in seen["queue"]]
                assert waiting == sorted(set(tokens) - set(expected))
            for value in expected:
                contenders[int(value)].leave("/lock", tokens.pop(value))

    def test_who_leads_is_told_to_who_waits_for_it(self, ensemble):
        first, second, third = ensemble
        one, two = Contender(first, value="one"), Contender(second, value="two")
        token = one.stand("/election").expect(201).json["token"]
        two.stand("/election").expect(202)
        seen = third.client().get("/v1/elections/election?consistency=linearizable").expect(200)
        assert seen.json["leader"]["text"] == "one"
        waiting = InBackground(
            third.client(timeout=40).get,
            "/v1/elections/election",
            If_None_Match=seen.etag,
            Prefer="wait=30",
        )
        one.leave("/election", token, kind="elections")
        changed = waiting.result().expect(200).json
        assert changed["leader"]["text"] == "two"
        assert changed["candidates"] == []


def _ask_for_lock(member, contender, path="/lock"):
    """A request that waits, on a connection to hang up."""
    connection = socket.create_connection(("127.0.0.1", member.seat.http), timeout=20)
    body = json.dumps({"value": contender.value})
    connection.sendall(
        (
            f"POST /v1/locks{path} HTTP/1.1\r\nHost: localhost\r\nPrefer: wait=30\r\n"
            f"Aviary-Session: {contender.session}\r\nContent-Length: {len(body)}\r\n\r\n{body}"
        ).encode()
    )
    return connection


@pytest.mark.usefixtures("java")
class TestWithKazoo:
    """kazoo's clients on Java servers, and HTTP's on a node of Aviary, of one ensemble."""

    @pytest.fixture(params=["Aviary leads", "a Java server leads"])
    def ensemble(self, request, make_ensemble):
        ensemble = make_ensemble(["java", "java", "aviary"], start=False)
        # With the operator's marker it votes at once, and leads.
        (ensemble[3].data / "initialize").touch()
        ensemble.start(3, 1, 2).wait_ready()
        assert ensemble.leader() is ensemble[3]
        # Nobody can sign sessions before Aviary has led once.
        ensemble.wait_sessions()
        if request.param == "a Java server leads":
            ensemble[3].kill()
            ensemble.wait_ready()
            ensemble[3].start()
            ensemble.wait_ready()
            assert ensemble.leader().kind == "java"
        return ensemble

    @pytest.fixture
    def node(self, ensemble):
        (node,) = ensemble.aviaries
        return node

    @pytest.fixture
    def clients(self, ensemble):
        """One client a Java server."""
        clients = [server.kazoo() for server in ensemble.javas]
        yield clients
        for client in clients:
            client.stop()
            client.close()

    @pytest.mark.parametrize(
        ("theirs", "ours"),
        [
            ("Lock", "exclusive"),
            ("WriteLock", "exclusive"),
            ("WriteLock", "shared"),
            ("ReadLock", "exclusive"),
        ],
    )
    def test_who_holds_keeps_the_other_out(self, node, clients, theirs, ours):
        path = "/locks/pair"
        lock = getattr(clients[0], theirs)(path, "theirs")
        me = Contender(node, value="ours")
        # Theirs first.
        assert lock.acquire(timeout=20)
        me.lock(path, {"mode": ours, "queue": False}).problem(409, "held")
        waiting = InBackground(me.lock, path, {"mode": ours}, Prefer="wait=40")
        eventually(lambda: queue(node, path) == ["ours"], "we wait")
        assert holders(node, path) == ["theirs"]
        time.sleep(0.3)
        assert waiting.waits
        lock.release()
        token = waiting.result().expect(201).json["token"]
        # Ours first.
        theirs_waits = InBackground(getattr(clients[1], theirs)(path, "again").acquire, timeout=40)
        eventually(lambda: queue(node, path) == ["again"], "they wait")
        time.sleep(0.3)
        assert theirs_waits.waits
        assert holders(node, path) == ["ours"]
        me.leave(path, token)
        assert theirs_waits.result() is True
        assert holders(node, path) == ["again"]

    def test_those_who_share_share(self, node, clients):
        path = "/locks/shared"
        readers = [client.ReadLock(path, f"reader {n}") for n, client in enumerate(clients)]
        assert readers[0].acquire(timeout=20)
        me = Contender(node, value="ours")
        token = me.lock(path, {"mode": "shared"}).expect(201).json["token"]
        assert readers[1].acquire(timeout=20)
        assert holders(node, path) == ["reader 0", "ours", "reader 1"]
        writer = clients[0].WriteLock(path, "writer")
        writing = InBackground(writer.acquire, timeout=40)
        eventually(lambda: queue(node, path) == ["writer"], "the writer waits")
        for reader in readers:
            reader.release()
        time.sleep(0.3)
        assert writing.waits
        me.leave(path, token)
        assert writing.result() is True

    def test_kazoos_plain_lock_does_not_see_who_shares(self, node, clients):
        """Not a wish: it is how kazoo's `Lock` is made, and what the pages say."""
        path = "/locks/plain"
        Contender(node, value="ours").lock(path, {"mode": "shared"}).expect(201)
        assert clients[0].Lock(path, "plain").acquire(timeout=20)
        assert not clients[1].WriteLock(path, "writer").acquire(blocking=False)
        # Nor do we believe it.
        assert holders(node, path) == ["ours"]
        assert queue(node, path) == ["plain"]

    def test_all_stand_in_one_queue(self, node, clients):
        path = "/locks/queue"
        order, entered = [], []
        me = [Contender(node, value=f"http {n}") for n in range(3)]

        def enter(name):
            entered.append(name)
            eventually(
                lambda: (holders(node, path) + queue(node, path)) == entered, f"{name} stands"
            )

        def by_kazoo(client, name):
            lock = client.WriteLock(path, name)
            assert lock.acquire(timeout=60)
            order.append(name)
            lock.release()

        def by_http(contender):
            token = contender.lock(path, Prefer="wait=60").expect(201).json["token"]
            order.append(contender.value)
            contender.leave(path, token)

        first = clients[0].Lock(path, "first")
        assert first.acquire(timeout=20)
        enter("first")
        runs = []
        for n, contender in enumerate(me):
            runs.append(InBackground(by_http, contender))
            enter(contender.value)
            runs.append(InBackground(by_kazoo, clients[n % 2], f"kazoo {n}"))
            enter(f"kazoo {n}")
        for client in clients:
            client.sync(path)
            assert client.WriteLock(path).contenders() == entered
        first.release()
        for run in runs:
            run.result(60)
        assert order == entered[1:]

    def test_an_election(self, node, clients):
        path = "/election"
        leads, over = threading.Event(), threading.Event()

        def lead():
            leads.set()
            assert over.wait(40)

        election = clients[0].Election(path, "kazoo")
        run = InBackground(election.run, lead)
        assert leads.wait(20)
        us = [Contender(node, value="http a"), Contender(node, value="http b")]
        waiting = InBackground(us[0].stand, path, Prefer="wait=40")
        eventually(
            lambda: [c["text"] for c in picture(node, path, "elections")["candidates"]]
            == ["http a"],
            "we stand",
        )
        us[1].stand(path).expect(202)
        again = clients[1].Election(path, "kazoo again")
        led = []
        second = InBackground(again.run, led.append, "led")
        eventually(lambda: again.contenders()[-1] == "kazoo again", "all stand")
        assert again.contenders() == ["kazoo", "http a", "http b", "kazoo again"]
        seen = picture(node, path, "elections")
        assert seen["leader"]["text"] == "kazoo"
        assert [c["text"] for c in seen["candidates"]] == ["http a", "http b", "kazoo again"]
        over.set()
        run.result()
        token = waiting.result().expect(201).json["token"]
        assert picture(node, path, "elections")["leader"]["text"] == "http a"
        us[0].leave(path, token, kind="elections")
        token = us[1].stand(path, Prefer="wait=20").expect(201).json["token"]
        assert not led
        us[1].leave(path, token, kind="elections")
        second.result()
        assert led == ["led"]

    def test_a_fence_is_lost_with_the_session_that_kazoo_waited_for(self, node, clients):
        path = "/locks/fenced"
        me = Contender(node, timeout="4s", value="ours")
        held = me.lock(path).expect(201).json
        header = fence(path, held["token"])
        node.http.put(znode("/guarded"), b"1", Aviary_Fence=header).expect(201)
        assert clients[0].Lock(path, "theirs").acquire(timeout=40)
        node.http.put(znode("/guarded"), b"2", Aviary_Fence=header).problem(412, "fence-lost")
        assert json.loads(node.http.get(znode("/guarded")).body)["text"] == "1"
        # And kazoo's own contender is one that a fence can name.
        (holder,) = picture(node, path)["holders"]
        header = fence(path, holder["token"])
        node.http.put(znode("/guarded"), b"3", Aviary_Fence=header).expect(200)
