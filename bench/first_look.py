#!/usr/bin/env python3
"""A first look at speed: Aviary beside etcd's JSON gateway, three nodes each, on loopback.

Both run on this machine, one after the other, with the load generator beside them: only the
ratios mean anything. wrk drives one node of each; a value has 100 bytes. Each figure is the median
of ROUNDS runs, taken alternately.

    bench/first_look.py [--seconds 5] [--rounds 3] [--json FILE]
"""

import argparse
import base64
import json
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
AVIARY = ROOT / ".build/release/aviary"
VALUE = "x" * 100
CONNECTIONS = (1, 64, 256)


def free_ports(count):
    """Ports that were free a moment ago, all different."""
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def wait_until(what, condition, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if condition():
                return
        except OSError:
            pass
        time.sleep(0.1)
    sys.exit(f"waited in vain for {what}")


def http(method, url, body=None):
    request = urllib.request.Request(url, data=body, method=method)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.read()


class Aviary:
    name = "Aviary"

    def __init__(self, folder, binary=AVIARY, settings=()):
        ports = free_ports(9)
        self.urls = [f"http://127.0.0.1:{ports[3 * i]}" for i in range(3)]
        members = [
            f"server.{i + 1}=127.0.0.1:{ports[3 * i + 1]}:{ports[3 * i + 2]}" for i in range(3)
        ]
        self.processes = []
        for i in range(3):
            data = folder / f"aviary-{i + 1}"
            data.mkdir()
            (data / "myid").write_text(f"{i + 1}\n")
            config = data / "aviary.cfg"
            config.write_text(
                "\n".join(
                    [f"dataDir={data}", f"http.port={ports[3 * i]}", *settings, *members]
                )
                + "\n"
            )
            self.processes.append(
                subprocess.Popen(
                    [binary, "serve", "--config", config],
                    stdout=(data / "log").open("w"),
                    stderr=subprocess.STDOUT,
                )
            )

    def prepare(self):
        for url in self.urls:
            wait_until(f"{url}/readyz", lambda url=url: http("GET", f"{url}/readyz") is not None)
        http("PUT", f"{self.urls[0]}/v1/znodes/bench", VALUE.encode())

    def script(self, work):
        url = f"{self.urls[0]}/v1/znodes/bench"
        if work == "GET":
            return url, ""
        return url, f'wrk.method = "PUT"\nwrk.body = "{VALUE}"\n'


class Etcd:
    name = "etcd"

    def __init__(self, folder):
        ports = free_ports(6)
        self.urls = [f"http://127.0.0.1:{ports[2 * i]}" for i in range(3)]
        cluster = ",".join(f"n{i}=http://127.0.0.1:{ports[2 * i + 1]}" for i in range(3))
        self.processes = [
            subprocess.Popen(
                [
                    shutil.which("etcd"),
                    "--name", f"n{i}",
                    "--data-dir", folder / f"etcd-{i}",
                    "--listen-client-urls", self.urls[i],
                    "--advertise-client-urls", self.urls[i],
                    "--listen-peer-urls", f"http://127.0.0.1:{ports[2 * i + 1]}",
                    "--initial-advertise-peer-urls", f"http://127.0.0.1:{ports[2 * i + 1]}",
                    "--initial-cluster", cluster,
                    "--initial-cluster-state", "new",
                ],
                stdout=(folder / f"etcd-{i}.log").open("w"),
                stderr=subprocess.STDOUT,
            )
            for i in range(3)
        ]

    @staticmethod
    def encoded(text):
        return base64.b64encode(text.encode()).decode()

    def put_body(self):
        return json.dumps({"key": self.encoded("bench"), "value": self.encoded(VALUE)})

    def prepare(self):
        put = f"{self.urls[0]}/v3/kv/put"
        wait_until("etcd", lambda: http("POST", put, self.put_body().encode()) is not None)

    def script(self, work):
        if work == "GET":
            path, body = "range", json.dumps({"key": self.encoded("bench"), "serializable": True})
        else:
            path, body = "put", self.put_body()
        return f"{self.urls[0]}/v3/kv/{path}", f"wrk.method = 'POST'\nwrk.body = '{body}'\n"


def measure(system, work, connections, seconds, folder):
    """Answers a second, and the median latency in microseconds."""
    url, script = system.script(work)
    file = folder / "load.lua"
    file.write_text(script)
    ended = subprocess.run(
        ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "-s", file, url],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    if "Non-2xx" in ended or "Socket errors" in ended:
        print(f"{system.name} {work} {connections}: {ended}", file=sys.stderr)
    rate = float(re.search(r"Requests/sec:\s+([0-9.]+)", ended).group(1))
    number, unit = re.search(r"50%\s+([0-9.]+)(us|ms|s)", ended).groups()
    return rate, float(number) * {"us": 1, "ms": 1e3, "s": 1e6}[unit]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="aviary-bench-"))
    figures = {}
    systems = []
    try:
        systems = [Aviary(folder), Etcd(folder)]
        for system in systems:
            system.prepare()
            for work in ("GET", "PUT"):
                measure(system, work, 64, 3, folder)
        for work in ("GET", "PUT"):
            for connections in CONNECTIONS:
                for _ in range(options.rounds):
                    for system in systems:
                        figures.setdefault((work, connections, system.name), []).append(
                            measure(system, work, connections, options.seconds, folder)
                        )
    finally:
        for system in systems:
            for process in system.processes:
                process.kill()
                process.wait()
        shutil.rmtree(folder)
    print("| work | connections | Aviary/s (p50) | etcd/s (p50) | ratio |")
    print("|---|---|---|---|---|")
    rows = []
    for work in ("GET", "PUT"):
        for connections in CONNECTIONS:
            medians = {}
            for name in ("Aviary", "etcd"):
                runs = figures[(work, connections, name)]
                medians[name] = (
                    statistics.median(rate for rate, _ in runs),
                    statistics.median(latency for _, latency in runs),
                )
            ours, theirs = medians["Aviary"], medians["etcd"]
            ratio = ours[0] / theirs[0]
            rows.append({"work": work, "connections": connections, **medians, "ratio": ratio})
            print(
                f"| {work} | {connections} | {ours[0]:,.0f} ({ours[1]:,.0f} µs) "
                f"| {theirs[0]:,.0f} ({theirs[1]:,.0f} µs) | {ratio:.1f} |"
            )
    if options.json:
        options.json.write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
