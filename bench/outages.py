"""How long nobody can write after a leader has been killed, and how long a start takes."""

import socket
import struct
import threading
import time
from pathlib import Path

from systems import VALUE, Aviary, load

# A client that notices nothing sooner asks anew.
TIMEOUT = 1


class Writer:
    """Sets one znode through one server as often as it can, and connects anew when it fails."""

    def __init__(self, system, server):
        self.is_http = isinstance(system, Aviary)
        host, _, port = server.partition(":")
        self.address = (host, int(port))
        self.done = []
        self.ended = False
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        while not self.ended:
            try:
                with socket.create_connection(self.address, timeout=TIMEOUT) as connection:
                    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    self.write_on(connection)
            except (OSError, ValueError):
                time.sleep(0.002)

    def write_on(self, connection):
        once = self.http if self.is_http else self.zookeeper(connection)
        while not self.ended:
            if once(connection):
                self.done.append(time.monotonic())
            else:
                time.sleep(0.002)

    def http(self, connection):
        body = f"Host: localhost\r\nContent-Length: {len(VALUE)}\r\n\r\n{VALUE}"
        connection.sendall(f"PUT /v1/znodes/bench/00000000 HTTP/1.1\r\n{body}".encode())
        answer = b""
        while b"\r\n\r\n" not in answer:
            part = connection.recv(65_536)
            if not part:
                raise ValueError("hung up")
            answer += part
        head, _, rest = answer.partition(b"\r\n\r\n")
        length = next(
            int(line.split(b":")[1])
            for line in head.split(b"\r\n")
            if line.lower().startswith(b"content-length:")
        )
        while len(rest) < length:
            rest += connection.recv(65_536)
        return head.startswith(b"HTTP/1.1 2")

    def zookeeper(self, connection):
        """A session, then the request's function."""
        connection.sendall(
            struct.pack(">iiqiqi16s?", 45, 0, 0, 10_000, 0, 16, bytes(16), False)
        )
        self.frame(connection)
        path = b"/bench/00000000"
        count = 0

        def once(connection):
            nonlocal count
            count += 1
            request = struct.pack(
                f">iii{len(path)}si{len(VALUE)}si",
                count, 5, len(path), path, len(VALUE), VALUE.encode(), -1,
            )
            connection.sendall(struct.pack(">i", len(request)) + request)
            return struct.unpack(">i", self.frame(connection)[12:16])[0] == 0

        return once

    def frame(self, connection):
        data = b""
        while len(data) < 4 or len(data) < 4 + struct.unpack(">i", data[:4])[0]:
            part = connection.recv(65_536)
            if not part:
                raise ValueError("hung up")
            data += part
        return data[4:]

    def end(self):
        self.ended = True
        self.thread.join()


def after_kill(system, rounds):
    """Seconds without a write through any survivor, of one killed leader after the other."""
    gaps = []
    for _ in range(rounds):
        leader = system.leader()
        writers = [
            Writer(system, server)
            for index, server in enumerate(system.servers)
            if index != leader
            for _ in range(3)
        ]
        time.sleep(1)
        killed = time.monotonic()
        system.kill(leader)
        end = killed + 60
        while time.monotonic() < end:
            if sum(done > killed + 0.05 for writer in writers for done in list(writer.done)) > 50:
                break
            time.sleep(0.05)
        time.sleep(1)
        for writer in writers:
            writer.end()
        times = sorted(done for writer in writers for done in writer.done if done > killed - 0.5)
        gaps.append(max(later - earlier for earlier, later in zip(times, times[1:])))
        system.start(leader)
        system.wait_served(leader)
        time.sleep(2)
    return gaps


def newest_snapshot(folder):
    files = list(Path(folder).glob("version-2/snapshot.*"))
    return max((int(file.name.split(".")[1], 16) for file in files), default=0)


def starts(system, rounds, tail):
    """Seconds from the start of a killed follower until it serves, with a snapshot and so many
    transactions in its log behind that."""
    follower = next(index for index in range(3) if index != system.leader())
    folder = system.folder / f"data-{follower}"
    # A snapshot, then the tail.
    if isinstance(system, Aviary):
        before = newest_snapshot(folder)
        system.snapshot(follower)
        assert newest_snapshot(folder) > before
    else:
        before = newest_snapshot(folder)
        while newest_snapshot(folder) == before:
            load(system.servers, system.write(), "--seconds", "1", "--keys", "1000")
    one_each = ["--sequential", "--keys", "1000", "--connections", "64"]
    for _ in range(tail // 1000):
        load(system.servers, system.write(), *one_each)
    times = []
    for _ in range(rounds):
        system.kill(follower)
        time.sleep(0.5)
        begin = time.monotonic()
        system.start(follower)
        system.wait_served(follower)
        times.append(time.monotonic() - begin)
    return times
