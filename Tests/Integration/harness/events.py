"""Clients that wait: held requests, streams of events, and readers that follow a cursor."""

import http.client
import json
import select
import socket
import struct
import threading
import time
from dataclasses import dataclass
from urllib.parse import urlencode

from .client import Answer
from .waiting import eventually


def events(*paths, **query):
    """The target of events at some paths."""
    return "/v1/events?" + urlencode([("path", path) for path in paths] + list(query.items()))


def watchers(member, timeout=20):
    """Who waits on this member."""
    with member.client(timeout=timeout) as client:
        return client.get("/v1/watchers").expect(200).json["watchers"]


def wait_held(member, count, path=None):
    """Returns once this many wait on a member, or there for this path."""

    def are_held():
        held = [w for w in watchers(member) if path is None or path in w["paths"]]
        return len(held) == count

    eventually(are_held, f"{count} wait for {path or 'something'}", timeout=15)


class Held:
    """A request that is sent at once and perhaps answered later, on a connection of its own."""

    def __init__(self, member, target, timeout=40, **headers):
        self._connection = http.client.HTTPConnection(
            "127.0.0.1", member.seat.http, timeout=timeout
        )
        named = {name.replace("_", "-"): str(value) for name, value in headers.items()}
        self._connection.request("GET", target, headers=named)

    @property
    def is_answered(self):
        """Something has come back."""
        return bool(select.select([self._connection.sock], [], [], 0)[0])

    def answer(self):
        response = self._connection.getresponse()
        return Answer(response.status, response.headers, response.read())

    def stop_sending(self):
        self._connection.sock.shutdown(socket.SHUT_WR)

    def reset(self):
        """Closes with a RST, as a process that dies may."""
        linger = struct.pack("ii", 1, 0)
        self._connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self._connection.sock.close()

    def close(self):
        self._connection.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


@dataclass
class Message:
    """One of the Server-Sent Events."""

    name: str
    id: str | None
    data: dict


class Stream:
    """A stream of events: Server-Sent Events, or objects, one a line."""

    def __init__(
        self, member, target, accept="text/event-stream", timeout=30, buffer=None, **headers
    ):
        raw = socket.socket()
        if buffer:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        raw.settimeout(timeout)
        raw.connect(("127.0.0.1", member.seat.http))
        self._socket = raw
        named = {name.replace("_", "-"): str(value) for name, value in headers.items()}
        fields = {"Host": f"127.0.0.1:{member.seat.http}", "Accept": accept, **named}
        lines = [f"GET {target} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
        try:
            raw.sendall("\r\n".join(lines).encode() + b"\r\n\r\n")
            self._response = http.client.HTTPResponse(raw, method="GET")
            self._response.begin()
        except BaseException:
            raw.close()
            raise

    @property
    def status(self):
        return self._response.status

    @property
    def headers(self):
        return self._response.headers

    def rest(self):
        """All bytes to the end: of an answer that is no stream."""
        return self._response.read()

    def answer(self):
        return Answer(self.status, self.headers, self.rest())

    def lines(self):
        """Its lines, without their ends, until it ends; one that is cut off is none."""
        while line := self._response.readline():
            if not line.endswith(b"\n"):
                raise http.client.IncompleteRead(line)
            yield line[:-1]

    def objects(self):
        """The objects of the form with one a line, until it ends."""
        for line in self.lines():
            yield json.loads(line)

    def messages(self):
        """The messages, until the stream ends; one that is cut off is none."""
        name, ident, data = None, None, []
        for line in self.lines():
            if not line:
                if data:
                    yield Message(name, ident, json.loads(b"\n".join(data)))
                name, ident, data = None, None, []
                continue
            field, _, value = line.partition(b": ")
            if field == b"event":
                name = value.decode()
            elif field == b"id":
                ident = value.decode()
            elif field == b"data":
                data.append(value)
            else:
                assert line.startswith(b":"), line

    def next(self, *names):
        """The next message, or the next with one of these names."""
        for message in self.messages():
            if not names or message.name in names:
                return message
        raise AssertionError(f"the stream ended before {names or 'anything'}")

    def close(self):
        self._response.close()
        self._socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Follower(threading.Thread):
    """Follows the events of a subtree from a cursor on, each time through another member.

    It goes on until it has seen the creation of `last`, and keeps all it was told, in order.
    """

    def __init__(self, members, target, since, last):
        super().__init__(daemon=True)
        self.members = list(members)
        self.target = target
        self.cursor = since
        self.last = last
        self.seen = []
        self.turns = 0
        # Whom it asked, from where on, and where it was afterwards.
        self.trail = []
        self.failure = None
        # Refusals for reasons other than that a member is down or behind.
        self.refusals = []

    def run(self):
        try:
            while not (self.seen and self.seen[-1]["path"] == self.last):
                member = self.members[self.turns % len(self.members)]
                self.turns += 1
                since = self.cursor
                try:
                    self.take(member)
                    self.trail.append((member.id, since, self.cursor))
                except (OSError, http.client.HTTPException):
                    time.sleep(0.01)
        except BaseException as error:
            self.failure = error

    def take(self, member):
        """Takes some events from this member, and moves the cursor on."""
        raise NotImplementedError

    def refused(self, member, answer):
        if answer.status == 503:
            assert answer.json["code"] in ("electing", "node-behind", "stopping"), answer.json
        elif answer.status != 307:
            self.refusals.append((member.id, self.cursor, answer.status, answer.body))
            assert len(self.refusals) < 1_000, self.refusals[0]
        time.sleep(0.01)

    def keep(self, event):
        assert not self.seen or self.seen[-1]["zxid"] <= event["zxid"], (self.seen[-1], event)
        self.seen.append(event)

    def way_over(self, zxid):
        """How it came past a transaction."""
        return [step for step in self.trail if step[1][:16] <= zxid <= step[2][:16]]

    def finish(self, timeout):
        self.join(timeout)
        name = type(self).__name__
        if self.failure:
            raise AssertionError(f"{name} failed: {self.failure!r}") from self.failure
        assert not self.is_alive(), f"{name} did not come to the end: {self.turns} turns, " + (
            f"at {self.cursor}, {len(self.seen)} events, last refusal {self.refusals[-1:]}"
        )


class BatchFollower(Follower):
    """By the JSON form: a batch here, the next one there."""

    limit = 40

    def take(self, member):
        with member.client() as client:
            target = f"{self.target}&limit={self.limit}&wait=1s&since={self.cursor}"
            answer = client.get(target)
        if answer.status != 200:
            return self.refused(member, answer)
        batch = answer.json
        if batch["events"] and self.seen:
            # A transaction is in one batch.
            assert batch["events"][0]["zxid"] > self.seen[-1]["zxid"]
        for event in batch["events"]:
            self.keep(event)
        assert batch["next"] >= self.cursor
        self.cursor = batch["next"]


class StreamFollower(Follower):
    """By Server-Sent Events, cut off after some, wherever in a transaction that is."""

    def take(self, member):
        count = 1 + self.turns * 7 % 31
        with Stream(member, self.target, timeout=3, Last_Event_ID=self.cursor) as stream:
            if stream.status != 200:
                return self.refused(member, stream.answer())
            for message in stream.messages():
                if message.name == "bye":
                    return
                if message.name == "reset":
                    return self.refused(member, Answer(200, stream.headers, b"event: reset"))
                self.cursor = message.id
                if message.name != "bookmark":
                    assert message.name == message.data["type"]
                    self.keep(message.data)
                    count -= 1
                if count == 0 or message.data.get("path") == self.last:
                    return


class LineFollower(Follower):
    """By the form with one object a line, every other time to its end."""

    def take(self, member):
        count = 1 + self.turns * 11 % 43 if self.turns % 2 else None
        target = f"{self.target}&wait=1s&since={self.cursor}"
        with Stream(member, target, accept="application/x-ndjson") as stream:
            if stream.status != 200:
                return self.refused(member, stream.answer())
            for entry in stream.objects():
                if "end" in entry:
                    assert entry["end"] in ("caught-up", "wait", "stopping"), entry
                    self.cursor = entry["next"]
                    return
                self.cursor = entry.pop("cursor")
                self.keep(entry)
                if len(self.seen) and entry["path"] == self.last:
                    return
                if count is not None:
                    count -= 1
                    if count == 0:
                        return
