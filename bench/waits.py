#!/usr/bin/env python3
"""What waiting costs: many held requests and streams on one of three nodes, on loopback.

Measures on one follower, with the load in processes of its own:

  memory      of a held read and of a stream of events, above the node without any
  idle CPU    of all of them, while nothing happens
  wake-up     from a write that all held reads wait for until the last of them is answered
  throughput  of writes over 64 connections, through this node and through another one, with and
              without idle waits on this one, alternately; medians and the loss by the waits; and
              the CPU of the node for each, which others on the machine disturb less

    bench/waits.py [--quick] [--json FILE]

The executable is .build/release/aviary or $AVIARY_BINARY. The machine is shared by servers and
clients: the ratios mean more than the figures.
"""

import argparse
import json
import math
import multiprocessing
import os
import re
import resource
import select
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from systems import Aviary, http, wait_until

VALUE = "x" * 100
# A process may have 20,000 descriptors here, and a source address 28,000 ports.
MOST_IN_ONE_PROCESS = 3_500
WRITERS = 64


def raise_descriptor_limit():
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


# MARK: The clients' side, in processes of their own


class Crowd:
    """Connections that wait, in this process. Its methods are called by name from another one."""

    def __init__(self, port, source, first, count):
        self.port, self.source = port, source
        self.numbers = range(first, first + count)
        self.sockets = {}
        self.epoll = select.epoll()

    def open(self, request):
        """Connects all, and sends each its request; `{}` in it is the number of the connection."""
        for number in self.numbers:
            connection = socket.socket()
            connection.bind((self.source, 0))
            connection.settimeout(60)
            connection.connect(("127.0.0.1", self.port))
            connection.sendall(request.replace("{}", str(number)).encode())
            connection.setblocking(False)
            self.sockets[connection.fileno()] = connection
            self.epoll.register(connection, select.EPOLLIN)

    def again(self, request):
        """Sends each another request on its connection."""
        data = request.encode()
        for connection in self.sockets.values():
            connection.setblocking(True)
            connection.sendall(data)
            connection.setblocking(False)

    def answers(self, seconds):
        """Waits until each was answered: the times at which they were, and the status codes."""
        missing = set(self.sockets)
        times, statuses = [], {}
        deadline = time.monotonic() + seconds
        while missing:
            ready = self.epoll.poll(max(0, deadline - time.monotonic()))
            if not ready and time.monotonic() > deadline:
                break
            now = time.monotonic()
            for descriptor, _ in ready:
                data = self.sockets[descriptor].recv(65_536)
                if descriptor not in missing:
                    continue
                missing.discard(descriptor)
                times.append(now)
                status = data[9:12].decode()
                statuses[status] = statuses.get(status, 0) + 1
        if missing:
            statuses["none"] = len(missing)
        return times, statuses

    def drain(self):
        """Throws away what has come meanwhile; how many connections the server has closed."""
        closed = 0
        for descriptor, _ in self.epoll.poll(0, maxevents=len(self.sockets) or 1):
            closed += not self.sockets[descriptor].recv(1 << 20)
        return closed

    def close(self):
        for connection in self.sockets.values():
            connection.close()
        self.sockets = {}


def serve_crowd(pipe, *arguments):
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    raise_descriptor_limit()
    crowd = Crowd(*arguments)
    parent = os.getppid()
    while True:
        while not pipe.poll(1):
            if os.getppid() != parent:
                return
        name, *rest = pipe.recv()
        if name == "end":
            return
        try:
            pipe.send((None, getattr(crowd, name)(*rest)))
        except Exception as error:
            pipe.send((repr(error), None))


class Crowds:
    """The same for as many connections as one likes, in several processes at once."""

    def __init__(self, port, count):
        self.count = count
        size = math.ceil(count / math.ceil(count / MOST_IN_ONE_PROCESS))
        self.parts = []
        for index, first in enumerate(range(0, count, size)):
            here, there = multiprocessing.Pipe()
            arguments = (there, port, f"127.0.1.{index + 1}", first, min(size, count - first))
            process = multiprocessing.Process(target=serve_crowd, args=arguments, daemon=True)
            process.start()
            there.close()
            self.parts.append((process, here))

    def begin(self, *command):
        for _, pipe in self.parts:
            pipe.send(command)

    def results(self):
        results = []
        for _, pipe in self.parts:
            error, result = pipe.recv()
            if error:
                sys.exit(f"a client failed: {error}")
            results.append(result)
        return results

    def call(self, *command):
        self.begin(*command)
        return self.results()

    def end(self):
        self.call("close")
        self.begin("end")
        for process, _ in self.parts:
            process.join()


def write_for(pipe, port, connections, seconds):
    """Where there is no wrk: as many writes as come back, over some connections."""
    body = f"Host: localhost\r\nContent-Length: {len(VALUE)}\r\n\r\n{VALUE}"
    request = f"PUT /v1/znodes/bench HTTP/1.1\r\n{body}".encode()
    epoll, sockets, sent, times = select.epoll(), {}, {}, []
    for _ in range(connections):
        connection = socket.create_connection(("127.0.0.1", port))
        sockets[connection.fileno()] = connection
        epoll.register(connection, select.EPOLLIN)
        sent[connection.fileno()] = time.monotonic()
        connection.sendall(request)
    begin = time.monotonic()
    while time.monotonic() < begin + seconds:
        for descriptor, _ in epoll.poll(1):
            answer = sockets[descriptor].recv(65_536)
            assert answer.startswith(b"HTTP/1.1 20"), answer
            now = time.monotonic()
            times.append(now - sent[descriptor])
            sent[descriptor] = now
            sockets[descriptor].sendall(request)
    pipe.send((len(times) / (time.monotonic() - begin), statistics.median(times)))


# MARK: The node's side


class Node:
    """One of the three, as it is seen from outside."""

    def __init__(self, url, process):
        self.url, self.process = url, process
        self.port = int(url.rpartition(":")[2])

    def resident(self):
        """Bytes of memory."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    def cpu(self):
        """Seconds of CPU so far."""
        stat = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")

    def cpu_share(self, seconds):
        """Of one core, in the next seconds."""
        before, begin = self.cpu(), time.monotonic()
        time.sleep(seconds)
        return (self.cpu() - before) / (time.monotonic() - begin)

    def waiting(self):
        """How many requests it holds."""
        text = http("GET", f"{self.url}/metrics").decode()
        return int(float(re.search(r"^aviary_http_waiting (\S+)", text, re.MULTILINE).group(1)))

    def wait_for(self, count):
        wait_until(f"{count} held requests", lambda: self.waiting() == count)

    def role(self):
        with urllib.request.urlopen(f"{self.url}/v1/node", timeout=10) as answer:
            return answer.headers["Aviary-Role"]

    def settled_resident(self):
        """Once the memory has not changed for two seconds: the node gives back what a connection
        does not need only when it has waited for a while."""
        last = self.resident()
        while True:
            time.sleep(2)
            current = self.resident()
            if abs(current - last) <= 256 * 1024:
                return current
            last = current


def head(target, *fields):
    lines = [f"GET {target} HTTP/1.1", "Host: localhost", *fields]
    return "\r\n".join(lines) + "\r\n\r\n"


IDLE = head("/v1/znodes/idle/{}?until=exists&wait=1h")
STREAM = head("/v1/events?path=/idle/{}&scope=subtree", "Accept: text/event-stream")


# MARK: What is measured


def check_statuses(results, wanted):
    for _, statuses in results:
        if set(statuses) - {wanted}:
            sys.exit(f"answers other than {wanted}: {statuses}")


def measure_memory(node, options):
    """Held reads first, then streams beside them."""
    empty, empty_cpu = node.settled_resident(), node.cpu_share(options.seconds)
    waits = Crowds(node.port, options.waits)
    waits.call("open", IDLE)
    node.wait_for(options.waits)
    with_waits = node.settled_resident()
    waits_cpu = node.cpu_share(2 * options.seconds)
    streams = Crowds(node.port, options.streams)
    streams.call("open", STREAM)
    check_statuses(streams.call("answers", 60), "200")
    with_streams = node.settled_resident()
    streams_cpu = node.cpu_share(2 * options.seconds)
    held = node.waiting()
    closed = sum(streams.call("drain"))
    if held < options.waits or closed:
        sys.exit(f"{held} of {options.waits} still wait, {closed} streams were closed")
    for crowd in (streams, waits):
        crowd.end()
    node.wait_for(0)
    return {
        "emptyBytes": empty,
        "bytesPerWait": (with_waits - empty) / options.waits,
        "bytesPerStream": (with_streams - with_waits) / options.streams,
        "cpuEmpty": empty_cpu,
        "cpuOfWaits": waits_cpu - empty_cpu,
        "cpuOfWaitsAndStreams": streams_cpu - empty_cpu,
    }


def measure_wake_up(node, options):
    """One write, and many who wait for it."""
    target = f"{node.url}/v1/znodes/bench"

    def held_read():
        with urllib.request.urlopen(target, timeout=10) as answer:
            return head(
                "/v1/znodes/bench?wait=1h", f"If-None-Match: {answer.headers['ETag']}"
            )

    crowd = Crowds(node.port, options.satisfied)
    crowd.call("open", held_read())
    rounds = []
    for number in range(options.rounds):
        node.wait_for(options.satisfied)
        crowd.begin("answers", 60)
        # What is held for longer than a moment is what held reads are for.
        time.sleep(2.5)
        begin = time.monotonic()
        http("PUT", target, f"{number:0100}".encode())
        written = time.monotonic() - begin
        results = crowd.results()
        check_statuses(results, "200")
        times = sorted(each - begin for part, _ in results for each in part)
        rounds.append(
            {"write": written, "half": times[len(times) // 2], "all": times[-1]}
        )
        crowd.call("again", held_read())
    crowd.end()
    node.wait_for(0)
    return {
        key: statistics.median(each[key] for each in rounds) for key in ("write", "half", "all")
    } | {"worst": max(each["all"] for each in rounds)}


def write_rate(node, seconds, folder):
    """Writes a second over 64 connections, and the median latency in seconds."""
    if shutil.which("wrk"):
        script = folder / "write.lua"
        script.write_text(f'wrk.method = "PUT"\nwrk.body = "{VALUE}"\n')
        target = f"{node.url}/v1/znodes/bench"
        ended = subprocess.run(
            ["wrk", "-t1", f"-c{WRITERS}", f"-d{seconds}s", "--latency", "-s", script, target],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        if "Non-2xx" in ended or "Socket errors" in ended:
            sys.exit(f"writes failed: {ended}")
        number, unit = re.search(r"50%\s+([0-9.]+)(us|ms|s)", ended).groups()
        rate = float(re.search(r"Requests/sec:\s+([0-9.]+)", ended).group(1))
        return rate, float(number) * {"us": 1e-6, "ms": 1e-3, "s": 1}[unit]
    here, there = multiprocessing.Pipe()
    arguments = (there, node.port, WRITERS, seconds)
    writer = multiprocessing.Process(target=write_for, args=arguments, daemon=True)
    writer.start()
    there.close()
    result = here.recv()
    writer.join()
    return result


def measure_throughput(node, other, options, folder):
    """Without idle waits, with them, without, with …"""
    through = {"other": other, "same": node}
    rates = {(name, count): [] for name in through for count in (0, options.idle)}
    for each in through.values():
        write_rate(each, options.seconds, folder)
    for _ in range(options.rounds):
        for count in (0, options.idle):
            crowd = None
            if count:
                crowd = Crowds(node.port, count)
                crowd.call("open", IDLE)
                node.wait_for(count)
            for name, each in through.items():
                before = each.cpu()
                rate, latency = write_rate(each, options.seconds, folder)
                cpu = (each.cpu() - before) / (rate * options.seconds)
                rates[(name, count)].append((rate, latency, cpu))
            if crowd:
                if node.waiting() < count:
                    sys.exit("some stopped waiting")
                crowd.end()
                node.wait_for(0)
    found = {}
    for name in through:
        bare, loaded = (
            [statistics.median(column) for column in zip(*rates[(name, count)])]
            for count in (0, options.idle)
        )
        found[name] = {
            "without": bare[0],
            "with": loaded[0],
            "latencyWithout": bare[1],
            "latencyWith": loaded[1],
            "cpuWithout": bare[2],
            "cpuWith": loaded[2],
            "loss": 1 - loaded[0] / bare[0],
        }
    return found


def print_table(options, found):
    memory, wake_up, throughput = found["memory"], found["wakeUp"], found["throughput"]
    rows = [
        (
            f"memory of one of {options.waits:,} held reads",
            f"{memory['bytesPerWait'] / 1024:.1f} KiB",
            "12 KiB",
        ),
        (
            f"memory of one of {options.streams:,} streams",
            f"{memory['bytesPerStream'] / 1024:.1f} KiB",
            "20 KiB",
        ),
        (
            f"CPU of {options.waits:,} idle held reads",
            f"{memory['cpuOfWaits'] * 100:.1f} % of a core (without: "
            f"{memory['cpuEmpty'] * 100:.1f} %)",
            "2 %",
        ),
        (
            "CPU with the streams",
            f"{memory['cpuOfWaitsAndStreams'] * 100:.1f} % of a core",
            "",
        ),
        (
            f"one write answers {options.satisfied:,} held reads",
            f"{wake_up['all'] * 1e3:.0f} ms (worst {wake_up['worst'] * 1e3:.0f} ms; half of them "
            f"{wake_up['half'] * 1e3:.0f} ms; the write {wake_up['write'] * 1e3:.1f} ms)",
            "500 ms, then 200 ms",
        ),
    ]
    for name, where, target in (
        ("other", "through another node", "5 %"),
        ("same", "through the same node", "15 %"),
    ):
        each = throughput[name]
        rows.append(
            (
                f"writes {where} lost to {options.idle:,} idle waits",
                f"{each['loss'] * 100:.1f} % ({each['without']:,.0f}/s, p50 "
                f"{each['latencyWithout'] * 1e3:.1f} ms; with them {each['with']:,.0f}/s, p50 "
                f"{each['latencyWith'] * 1e3:.1f} ms)",
                target,
            )
        )
        rows.append(
            (
                f"CPU of that node for a write {where}",
                f"{each['cpuWithout'] * 1e6:.0f} µs, with the waits {each['cpuWith'] * 1e6:.0f} µs",
                "",
            )
        )
    print("| what | measured | target |")
    print("|---|---|---|")
    for row in rows:
        print("| " + " | ".join(row) + " |")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="a tenth of everything")
    parser.add_argument("--waits", type=int)
    parser.add_argument("--streams", type=int)
    parser.add_argument("--satisfied", type=int)
    parser.add_argument("--idle", type=int)
    parser.add_argument("--seconds", type=int)
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    full = {"waits": 15_000, "streams": 2_000, "satisfied": 10_000, "idle": 10_000}
    full |= {"seconds": 5, "rounds": 5}
    quick = {name: value // 10 for name, value in full.items()} | {"seconds": 1, "rounds": 2}
    for name, value in (quick if options.quick else full).items():
        if getattr(options, name) is None:
            setattr(options, name, value)

    most = max(options.waits + options.streams, options.satisfied, options.idle) + WRITERS + 200
    descriptors = raise_descriptor_limit()
    if descriptors < most + 300:
        sys.exit(f"a process may open {descriptors} descriptors, and the node needs {most + 300}")
    settings = [
        f"http.connections.max={most}",
        f"http.waits.max={most}",
        "http.wait.max=1h",
    ]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))
    folder = Path(tempfile.mkdtemp(prefix="aviary-bench-"))
    system = None
    try:
        system = Aviary(folder, settings=settings)
        nodes = [Node(*each) for each in zip(system.urls, system.processes)]
        node, other = [each for each in nodes if each.role() == "follower"]
        # What a node needs for its first requests is not what waits cost.
        write_rate(node, options.seconds, folder)
        found = {"options": {name: getattr(options, name) for name in full}}
        found["memory"] = measure_memory(node, options)
        found["wakeUp"] = measure_wake_up(node, options)
        found["throughput"] = measure_throughput(node, other, options, folder)
    finally:
        if system:
            system.end()
        shutil.rmtree(folder)
    print_table(options, found)
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
