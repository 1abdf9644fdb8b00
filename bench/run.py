#!/usr/bin/env python3
"""How fast Aviary is beside ZooKeeper and etcd, in one run, and what the machine itself takes.

Three nodes of each on loopback, warmed up, with the load beside them; the same work on one after
the other, A-B-A-B, in several rounds. Figures are medians; the ratios mean more than they do.

    bench/run.py [--quick] [--only SECTION ...] [--json FILE] [--page FILE] [--plot FILE]

--page replaces the table in a Markdown page, --plot draws the ratios as SVG.
"""

import argparse
import json
import os
import platform
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import outages
from systems import RELEASE, ROOT, Aviary, Bare, Etcd, ZooKeeper, etcd_binary, load

KEYS = 1000
BARE, AVIARY, ZOOKEEPER, ETCD = (each.name for each in (Bare, Aviary, ZooKeeper, Etcd))


class Results:
    """Rows of the table, in order."""

    def __init__(self):
        self.rows = []

    def add(self, work, unit, figures, *targets):
        """One row: per system its values of all rounds, and what Aviary's median is to be.

        A target is (system or None, "<=" or ">=", factor): of that system's median, or as such.
        """
        row = {"work": work, "unit": unit, "figures": {}, "targets": []}
        for system, values in figures.items():
            values = sorted(values)
            row["figures"][system] = {
                "median": statistics.median(values), "least": values[0], "most": values[-1]
            }
        ours = row["figures"][AVIARY]["median"]
        for system, relation, factor in targets:
            if system is not None and system not in figures:
                continue
            ratio = ours / row["figures"][system]["median"] if system else ours
            met = ratio <= factor if relation == "<=" else ratio >= factor
            row["targets"].append(
                {"of": system, "is": relation, "factor": factor, "ratio": ratio, "met": met}
            )
        self.rows.append(row)
        print(line(row), flush=True)


def number(value):
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


HEAD = f"| work | | {AVIARY} | {ZOOKEEPER} | {ETCD} | {BARE} | ratio (target) |\n|" + "---|" * 7


def line(row):
    cells = []
    for system in (AVIARY, ZOOKEEPER, ETCD, BARE):
        figure = row["figures"].get(system)
        if not figure:
            cells.append("")
        elif figure["least"] == figure["most"]:
            cells.append(number(figure["median"]))
        else:
            spread = f"{number(figure['least'])}–{number(figure['most'])}"
            cells.append(f"{number(figure['median'])} ({spread})")
    told = []
    for target in row["targets"]:
        of = f" × {target['of']}" if target["of"] else ""
        sign = {"<=": "≤", ">=": "≥"}[target["is"]]
        mark = "" if target["met"] else "**missed** "
        told.append(f"{mark}{number(target['ratio'])}{of} ({sign} {target['factor']})")
    return f"| {row['work']} | {row['unit']} | " + " | ".join([*cells, "; ".join(told)]) + " |"


class Bench:
    def __init__(self, options, folder):
        self.options, self.folder = options, folder
        self.results = Results()
        self.running = []
        self.peaks = {}

    def start(self, kind, *arguments, **sizes):
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        system = kind(folder, *arguments, **sizes)
        self.running.append(system)
        return system

    def end(self, *systems):
        for system in systems or list(self.running):
            system.end()
            self.running.remove(system)

    def measure(self, system, servers, work, connections, *more, seconds=None):
        seconds = seconds or self.options.seconds
        before = system.cpu()
        options = ["--connections", str(connections), "--seconds", str(seconds), "--warmup", "0.3"]
        found = load(servers, work, *options, "--keys", str(KEYS), *more)
        found["cpu"] = (system.cpu() - before) / max(1, found["all"])
        if found["failures"]:
            print(f"{system.name}: {found['failures']} failures of {work}", file=sys.stderr)
        return found

    def alternate(self, runs):
        """`runs`: per system a function that measures; all of their findings, round by round."""
        found = {name: [] for name in runs}
        for _ in range(self.options.rounds):
            for name, run in runs.items():
                found[name].append(run())
        return found

    # MARK: Sections

    def floor(self):
        """Of the machine; not in the table."""
        seconds = str(self.options.seconds)
        disk = subprocess.run(
            [RELEASE / "Floor", "disk", self.folder, seconds], capture_output=True, check=True
        )
        loopback = subprocess.run(
            [RELEASE / "Floor", "loopback", seconds], capture_output=True, check=True
        )
        return {"disk": json.loads(disk.stdout), "loopback": json.loads(loopback.stdout)}

    def begin(self):
        self.bare, self.aviary = self.start(Bare), self.start(Aviary)
        self.zookeeper, self.etcd = self.start(ZooKeeper), self.start(Etcd)
        self.systems = [self.aviary, self.zookeeper, self.etcd]
        # A single client, and readers, are at a follower of each.
        for system in self.systems:
            system.servers = system.leader_last()
            load(
                system.servers[:1], system.preload(), "--sequential", "--keys", str(KEYS)
            )
        for system in self.systems:
            seconds = str(self.options.warm if system is self.zookeeper else 2)
            for work in (system.read(), system.write()):
                load(system.servers, work, "--seconds", seconds, "--keys", str(KEYS))

    def reads(self):
        """GET of one of 1,000 znodes from one node's memory, closed loop."""
        best = 0
        by_connections = {}
        for connections in (64, 1, 127, 128, 129, 256, 1000):
            systems = [self.bare, self.aviary]
            if connections == 64:
                systems += [self.zookeeper, self.etcd]
            found = self.alternate(
                {
                    system.name: lambda system=system: self.measure(
                        system, system.servers[:1], system.read(), connections
                    )
                    for system in systems
                }
            )
            rates = {name: [each["rate"] for each in runs] for name, runs in found.items()}
            by_connections[connections] = rates
            best = max(best, statistics.median(rates[AVIARY]))
            if connections == 64:
                self.peaks["GET"] = {
                    name: statistics.median(values) for name, values in rates.items()
                }
        for connections, rates in by_connections.items():
            targets = [(None, ">=", round(best / 2))] if connections > 1 else []
            if connections in (1, 64):
                targets = [(BARE, ">=", 0.65)]
            if connections == 64:
                targets += [(ETCD, ">=", 4), (ZOOKEEPER, ">=", 1.2)]
            what = f"GET, local, {connections:,} connection" + "s" * (connections > 1)
            self.results.add(what, "/s", rates, *targets)

    def linearizable(self):
        found = self.alternate(
            {
                system.name: lambda system=system: self.measure(
                    system, system.servers[:1], system.read(linearizable=True), 64
                )
                for system in (self.aviary, self.etcd)
            }
        )
        rates = {name: [each["rate"] for each in runs] for name, runs in found.items()}
        self.results.add("GET, linearizable, 64 connections", "/s", rates, (ETCD, ">=", 3))

    def writes(self):
        """Sets of one of 1,000 znodes, through all three nodes."""
        for connections in (64, 256, 1):
            found = self.alternate(
                {
                    system.name: lambda system=system: self.measure(
                        system, system.servers, system.write(), connections
                    )
                    for system in self.systems
                }
            )
            rates = {name: [each["rate"] for each in runs] for name, runs in found.items()}
            if connections == 1:
                median = {name: [each["p50"] for each in runs] for name, runs in found.items()}
                targets = (ETCD, "<=", 0.6), (ZOOKEEPER, "<=", 0.9)
                self.results.add("PUT, 1 connection, p50", "µs", median, *targets)
                continue
            targets = (ETCD, ">=", 3), (ZOOKEEPER, ">=", 1)
            self.results.add(f"PUT, {connections} connections", "/s", rates, *targets)
            if connections == 64:
                self.peaks["PUT"] = {
                    name: statistics.median(values) for name, values in rates.items()
                }
                cpu = {
                    name: [each["cpu"] * 1e6 for each in runs] for name, runs in found.items()
                }
                targets = (ZOOKEEPER, "<=", 0.5), (ETCD, "<=", 0.25)
                self.results.add("CPU of the three nodes for 1,000 writes", "ms", cpu, *targets)

    def transactions(self):
        """Of ten sets, against single ones."""
        system = self.aviary
        found = self.alternate(
            {
                "many": lambda: self.measure(
                    system, system.servers, system.transaction(10), 64, "--keys", str(KEYS - 10)
                ),
                "single": lambda: self.measure(system, system.servers, system.write(), 64),
            }
        )
        single = statistics.median(each["rate"] for each in found["single"])
        factor = [10 * each["rate"] / single for each in found["many"]]
        what = "znodes set by transactions of 10, to those by single PUTs"
        self.results.add(what, "×", {AVIARY: factor}, (None, ">=", 4))

    def latencies(self):
        """In an open loop at half of what the slower peer can do at most."""
        for work in ("GET", "PUT"):
            peaks = self.peaks[work]
            rate = min(peaks[ZOOKEEPER], peaks[ETCD]) / 2

            def run(system, work=work, rate=rate):
                read = work == "GET"
                return self.measure(
                    system,
                    system.servers[:1] if read else system.servers,
                    system.read() if read else system.write(),
                    64, "--rate", str(rate),
                    seconds=2 * self.options.seconds,
                )

            def run_beside_snapshot(run=run):
                taking = threading.Thread(target=self.aviary.snapshot)
                taking.start()
                found = run(self.aviary)
                taking.join()
                return found

            runs = {system.name: lambda system=system: run(system) for system in self.systems}
            found = self.alternate(runs | {"snapshot": run_beside_snapshot})
            for name, key in (("p99", "p99"), ("p99.9", "p99.9")):
                values = {
                    system: [each[key] for each in each_runs]
                    for system, each_runs in found.items()
                }
                beside = values.pop("snapshot")
                what = f"{work}, {rate:,.0f}/s, {name}"
                targets = (ETCD, "<=", 1), (ZOOKEEPER, "<=", 1)
                self.results.add(what, "µs", values, *targets)
                values[AVIARY] = beside
                self.results.add(f"{what}, while it takes a snapshot", "µs", values, *targets)

    def syncs(self):
        """How many syncs each node makes for 1,000 writes over one connection."""
        figures = {}
        for kind in (Aviary, ZooKeeper, Etcd):
            counts = Path(tempfile.mkdtemp(dir=self.folder))
            strace = ["strace", "-f", "--seccomp-bpf", "-qq", "-e", "trace=fsync,fdatasync"]
            system = self.start(kind, [*strace, "-o", f"{counts}/{{}}"])
            load(system.servers[:1], system.preload(), "--sequential", "--keys", "1")

            def counted(counts=counts):
                files = sorted(counts.iterdir())
                return [len(re.findall(r"sync\(\d+\) += 0|resumed>\) += 0", f.read_text())) for f in files]

            before = counted()
            found = load(
                system.servers[:1], system.write(), "--connections", "1", "--seconds",
                str(2 * self.options.seconds), "--warmup", "0",
            )
            time.sleep(0.5)  # what strace has yet to write
            per_node = sorted(
                1000 * (after - b) / found["all"] for b, after in zip(before, counted())
            )
            figures[system.name] = per_node[-2:]
            self.end(system)
        # The two nodes with the most are the quorum: none of them may have fewer than writes.
        least = min(figures[AVIARY])
        self.results.add(
            "syncs of each node of a quorum for 1,000 writes, 1 connection", "", figures
        )
        if least < 1000:
            sys.exit(f"only {least} syncs for 1,000 writes: they were not on disk on a quorum")

    def million(self):
        """Memory, growth, outage and start with many znodes."""
        count = self.options.znodes
        found = {}
        for kind in (Aviary, ZooKeeper):
            system = self.start(kind)
            load(system.servers[:1], system.preload(), "--sequential", "--keys", str(KEYS))
            load(system.servers, system.write(), "--seconds", "5", "--keys", str(KEYS))
            heap = system.live_heap if kind is ZooKeeper else system.resident
            empty = [heap(index) for index in range(3)]
            small = self.rates(system)
            system.create_many(count)
            # What was written meanwhile is not to be carried to the disk beside the next rows.
            os.sync()
            time.sleep(2)
            full = [heap(index) for index in range(3)]
            large = self.rates(system)
            found[system.name] = {
                "bytes": [(after - before) / count for before, after in zip(empty, full)],
                "growth": {work: large[work] / small[work] for work in small},
                "outage": outages.after_kill(system, self.options.rounds),
                "start": outages.starts(system, self.options.rounds, self.options.tail),
            }
            self.end(system)
        figures = {name: each["bytes"] for name, each in found.items()}
        targets = (None, "<=", 250), (ZOOKEEPER, "<=", 0.4)
        self.results.add(
            f"memory of one of {count:,} znodes of 100 bytes", "bytes", figures, *targets
        )
        for work in ("GET", "PUT"):
            figures = {name: [each["growth"][work]] for name, each in found.items()}
            what = f"{work} with {count:,} znodes, to that with 1,000"
            self.results.add(what, "×", figures, (None, ">=", 0.9))
        figures = {name: [1e3 * t for t in each["outage"]] for name, each in found.items()}
        what = f"no writes after kill -9 of the leader, {count:,} znodes"
        self.results.add(what, "ms", figures, (None, "<=", 300))
        figures = {name: [1e3 * t for t in each["start"]] for name, each in found.items()}
        what = f"start with {count:,} znodes and {self.options.tail:,} log records"
        self.results.add(what, "ms", figures, (ZOOKEEPER, "<=", 0.3))

    def rates(self, system):
        return {
            work: statistics.median(
                self.measure(system, servers, arguments, 64)["rate"]
                for _ in range(self.options.rounds)
            )
            for work, servers, arguments in (
                ("GET", system.servers[:1], system.read()),
                ("PUT", system.servers, system.write()),
            )
        }

    def nodes(self):
        """What a write costs the leader, and how long it takes, in larger ensembles.

        At a fixed rate over six connections, through all servers but the leader.
        """
        rate = 1000
        for voters, observers in ((3, 0), (5, 0), (7, 0), (3, 4)):
            systems, leaders = {}, {}
            for kind in (Aviary, ZooKeeper):
                system = self.start(kind, voters=voters, observers=observers)
                systems[system.name] = system
                leaders[system.name] = leader = system.leader()
                system.servers = [s for i, s in enumerate(system.servers) if i != leader]
                load(system.servers[:1], system.preload(), "--sequential", "--keys", str(KEYS))
                seconds = str(self.options.warm if kind is ZooKeeper else 2)
                load(system.servers, system.write(), "--seconds", seconds, "--keys", str(KEYS))

            def run(system):
                leader = leaders[system.name]
                before = system.cpu(leader)
                found = self.measure(
                    system, system.servers, system.write(), 6, "--rate", str(rate),
                    seconds=2 * self.options.seconds,
                )
                found["leader"] = (system.cpu(leader) - before) / max(1, found["all"])
                return found

            found = self.alternate(
                {name: lambda system=system: run(system) for name, system in systems.items()}
            )
            self.end(*systems.values())
            size = f"{voters} voters" + (f" and {observers} observers" if observers else "")
            for what, unit, key, scale in (
                ("CPU of the leader for 1,000 writes", "ms", "leader", 1e6),
                ("CPU of all nodes for 1,000 writes", "ms", "cpu", 1e6),
                ("p50", "µs", "p50", 1),
            ):
                figures = {
                    name: [scale * each[key] for each in runs] for name, runs in found.items()
                }
                self.results.add(f"PUT, {rate:,}/s, {size}: {what}", unit, figures)

    def children(self):
        """Time of the processor for creations below one parent, in the tree alone."""
        growth, slowest = [], []
        for _ in range(self.options.rounds):
            told = subprocess.run(
                [RELEASE / "TreeBench"], capture_output=True, text=True, check=True
            ).stdout
            first, last = (
                int(re.search(rf"{which} 100,000 children: (\d+) ns", told).group(1))
                for which in ("first", "last")
            )
            growth.append(last / first)
            told = re.search(r"slowest create of a child: (\S+) seconds", told).group(1)
            slowest.append(1e3 * float(told))
        what = "creation of the last 100,000 of 1,000,000 children, to the first"
        self.results.add(what, "×", {AVIARY: growth}, (None, "<=", 2))
        what = "the longest of these creations"
        self.results.add(what, "ms", {AVIARY: slowest}, (None, "<=", 2))

    def waits(self):
        file = self.folder / "waits.json"
        subprocess.run(
            [sys.executable, ROOT / "bench/waits.py", "--json", file],
            stdout=subprocess.DEVNULL, check=True,
        )
        found = json.loads(file.read_text())["wakeUp"]
        what = "one write until the last of 10,000 held reads is answered"
        self.results.add(what, "ms", {AVIARY: [1e3 * found["all"]]}, (None, "<=", 200))


QUICK = ("reads", "linearizable", "writes", "transactions", "latencies")
FULL = (*QUICK, "syncs", "million", "nodes", "children", "waits")


def machine():
    processor = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    memory = int(re.search(r"MemTotal:\s+(\d+)", Path("/proc/meminfo").read_text()).group(1))
    etcd = subprocess.run([etcd_binary(), "--version"], capture_output=True, text=True).stdout
    return {
        "cores": os.cpu_count(),
        "processor": processor.group(1) if processor else platform.machine(),
        "memoryGiB": round(memory / 2**20, 1),
        "kernel": platform.release(),
        "etcd": etcd.split("\n")[0],
        "date": time.strftime("%Y-%m-%d"),
    }


def page(results, about, floor):
    """The table as Markdown."""
    return "\n".join(
        [
            f"{about['cores']} cores of {about['processor']}, {about['memoryGiB']} GiB, Linux "
            f"{about['kernel']}; {about['etcd']}; ZooKeeper 3.8.0; {about['date']}; "
            f"{about['rounds']} rounds of {about['seconds']} s.",
            "",
            f"The machine itself: a block of 4 KiB written and synced {floor['disk']['p50']:.0f} µs "
            f"(p99 {floor['disk']['p99']:.0f}); a byte over TCP on loopback and back "
            f"{floor['loopback']['p50']:.0f} µs.",
            "",
            HEAD,
            *map(line, results.rows),
        ]
    )


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="under three minutes")
    parser.add_argument("--only", nargs="+", choices=FULL, help="these sections")
    parser.add_argument("--seconds", type=float, help="of each measurement")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--znodes", type=int, default=1_000_000)
    parser.add_argument("--tail", type=int, default=100_000, help="log records behind a snapshot")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--page", type=Path)
    parser.add_argument("--plot", type=Path)
    options = parser.parse_args()
    options.seconds = options.seconds or (1 if options.quick else 2)
    options.rounds = options.rounds or (2 if options.quick else 3)
    options.warm = 5 if options.quick else 15
    sections = options.only or (QUICK if options.quick else FULL)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))
    folder = Path(tempfile.mkdtemp(prefix="aviary-bench-"))
    bench = Bench(options, folder)
    try:
        floor = bench.floor()
        print(HEAD, flush=True)
        if set(sections) & set(QUICK):
            bench.begin()
            for section in sections:
                if section in QUICK:
                    getattr(bench, section)()
            bench.end()
        for section in sections:
            if section not in QUICK:
                getattr(bench, section)()
    finally:
        bench.end(*bench.running)
        shutil.rmtree(folder)
    about = machine() | {"rounds": options.rounds, "seconds": options.seconds}
    if options.json:
        found = {"machine": about, "floor": floor, "rows": bench.results.rows}
        options.json.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    if options.page:
        text = options.page.read_text()
        head, _, rest = text.partition("<!-- table -->\n")
        _, _, tail = rest.partition("<!-- end -->\n")
        table = page(bench.results, about, floor)
        options.page.write_text(f"{head}<!-- table -->\n{table}\n<!-- end -->\n{tail}")
    if options.plot:
        import plot

        plot.draw(bench.results.rows, options.plot)


if __name__ == "__main__":
    main()
