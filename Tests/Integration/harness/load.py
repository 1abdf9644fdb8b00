"""Writers that never stop, and remember exactly what they were promised."""

import http.client
import itertools
import threading
import time
from dataclasses import dataclass, field

from .client import znode


@dataclass
class Promises:
    """What one writer was told: the znodes it created, by number."""

    folder: str
    acknowledged: dict = field(default_factory=dict)
    times: list = field(default_factory=list)
    unknown: list = field(default_factory=list)
    surprises: list = field(default_factory=list)

    def path(self, number):
        return f"{self.folder}/{number:06}"


class Load:
    """`count` threads, each creating its own numbered znodes through whichever member answers.

    A context: it writes while the block runs.
    """

    def __init__(self, members, count=8, base="/load", timeout=15):
        self.members = list(members)
        self.base = base
        self.promises = [Promises(f"{base}/w{index}") for index in range(count)]
        self._timeout = timeout
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._write, args=(index, promises), daemon=True)
            for index, promises in enumerate(self.promises)
        ]

    def __enter__(self):
        with self.members[0].client() as client:
            client.put(znode(self.base)).expect(200, 201)
            for promises in self.promises:
                client.put(znode(promises.folder)).expect(200, 201)
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join(self._timeout + 20)
        assert not any(thread.is_alive() for thread in self._threads), "a writer hangs"
        surprises = [surprise for promises in self.promises for surprise in promises.surprises]
        assert not surprises, surprises[:5]

    @property
    def acknowledged(self):
        return sum(len(promises.acknowledged) for promises in self.promises)

    def longest_gap(self, since):
        """The longest time without an acknowledgement to anyone, from this moment on, in seconds."""
        times = sorted(t for promises in self.promises for t in promises.times)
        before = max((t for t in times if t <= since), default=since)
        after = [before] + [t for t in times if t > since]
        return max((b - a for a, b in itertools.pairwise(after)), default=float("inf"))

    def check(self, client, min_zxid=None):
        """Every promise is kept on this member, and nothing stands there that nobody asked for."""
        headers = {"Aviary_Min_Zxid": min_zxid} if min_zxid else {}
        for promises in self.promises:
            names, cursor = set(), None
            while True:
                target = f"/v1/children{promises.folder}?limit=10000"
                target += f"&cursor={cursor}" if cursor else ""
                page = client.get(target, **headers).expect(200).json
                names.update(page["children"])
                cursor = page["next"]
                if cursor is None:
                    break
            asked = {f"{number:06}" for number in promises.unknown} | {
                f"{number:06}" for number in promises.acknowledged
            }
            lost = {f"{number:06}" for number in promises.acknowledged} - names
            assert not lost, f"acknowledged and lost in {promises.folder}: {sorted(lost)[:10]}"
            assert names <= asked, f"never asked for: {sorted(names - asked)[:10]}"
            for number in _sample(promises.acknowledged):
                answer = client.get(znode(promises.path(number), raw=True)).expect(200)
                assert answer.body == _value(promises.folder, number)
                assert answer.headers["Aviary-Stat-Czxid"] == promises.acknowledged[number]

    def _write(self, index, promises):
        turn, number = index, 0
        client = self._connect(turn)
        while not self._stop.is_set():
            try:
                answer = self._create(client, promises, number)
            except (OSError, http.client.HTTPException):
                # It may have been applied: this number is settled by nobody.
                promises.unknown.append(number)
                number += 1
                client.close()
                turn += 1
                client = self._connect(turn)
                time.sleep(0.01)
                continue
            if answer.status in (200, 201):
                promises.acknowledged[number] = answer.json["zxid"]
                promises.times.append(time.monotonic())
                number += 1
            elif answer.status == 504 and answer.json["outcome"] == "unknown":
                promises.unknown.append(number)
                number += 1
            elif answer.status == 503 and answer.json["outcome"] == "not-applied":
                time.sleep(0.01)
            else:
                promises.surprises.append((promises.path(number), answer))
                return

    def _create(self, client, promises, number):
        value = _value(promises.folder, number)
        return client.put(znode(promises.path(number)), value, If_None_Match="*")

    def _connect(self, turn):
        return self.members[turn % len(self.members)].client(timeout=self._timeout)


class TransactionLoad(Load):
    """Creates each znode in one transaction together with `PARTS` children, and changes it there."""

    PARTS = 3

    def _create(self, client, promises, number):
        path = promises.path(number)
        operations = [{"op": "create", "path": path}]
        operations += [{"op": "create", "path": f"{path}/{part}"} for part in range(self.PARTS)]
        value = _value(promises.folder, number).decode()
        operations.append({"op": "set", "path": path, "text": value})
        return client.post("/v1/transactions", {"operations": operations})


def _value(folder, number):
    return f"{folder}#{number}".encode() * 3


def _sample(acknowledged):
    """The last ones, which are in the most danger, and some of the others."""
    numbers = sorted(acknowledged)
    return numbers[-50:] + numbers[:-50:37]
