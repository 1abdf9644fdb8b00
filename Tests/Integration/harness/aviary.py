"""Aviary's executable, and one member of an ensemble that runs it."""

import os
import re
import subprocess
from pathlib import Path

from .client import Client
from .processes import Process
from .waiting import eventually

ROOT = Path(__file__).resolve().parents[3]


def binary():
    """`AVIARY_BINARY`, or what `swift build -c release` leaves."""
    path = Path(os.environ.get("AVIARY_BINARY", ROOT / ".build/release/aviary"))
    assert os.access(path, os.X_OK), f"{path} is not there: build it, or set AVIARY_BINARY"
    return path


def environment():
    """The environment without settings of ours, which would win over the files of the tests."""
    return {name: value for name, value in os.environ.items() if not name.startswith("AVIARY_")}


def run(*arguments, cwd=None, timeout=30, env=None):
    """Runs the executable to its end."""
    return subprocess.run(
        [binary(), *arguments],
        cwd=cwd,
        env={**environment(), **(env or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        text=True,
        timeout=timeout,
    )


class AviaryMember:
    """One member: `aviary serve --config FILE`, with everything it owns in one folder."""

    kind = "aviary"

    def __init__(self, seat, folder, server_lines, settings):
        self.seat = seat
        self.folder = Path(folder)
        self.data = self.folder / "data"
        self.data.mkdir(parents=True)
        self.config = self.folder / "aviary.cfg"
        self._settings = settings
        self.write_config(server_lines)
        self.process = Process(
            f"aviary {seat.id}",
            [binary(), "serve", "--config", self.config],
            self.folder / "log",
            env=environment(),
            cwd=self.folder,
        )
        self._client = None

    def write_config(self, server_lines):
        """The files that make it member number `seat.id`."""
        settings = {
            "tickTime": 2000,
            "initLimit": 10,
            "syncLimit": 5,
            "dataDir": self.data,
            "http.port": self.seat.http,
            **self._settings,
        }
        lines = [f"{key}={value}" for key, value in settings.items()] + server_lines
        self.config.write_text("\n".join(lines) + "\n")
        if server_lines:
            (self.data / "myid").write_text(f"{self.seat.id}\n")

    @property
    def id(self):
        return self.seat.id

    @property
    def http(self):
        """A connection that is kept. Not for several threads: they take `client()`."""
        if self._client is None:
            self._client = self.client()
        return self._client

    def client(self, **options):
        """A connection of its own."""
        return Client(self.seat.http, **options)

    def start(self):
        # What was connected to an earlier process is not connected to this one.
        self._client = None
        self.process.start()
        return self

    def stop(self):
        """A clean stop, which must be one."""
        status = self.process.terminate()
        assert status == 0, f"{self.process.name} ended with {status}:\n{self.process.tail()}"

    def kill(self):
        self.process.kill()

    def ready(self):
        """In the quorum and synced."""
        assert self.process.alive, f"{self.process.name} is gone:\n{self.process.tail()}"
        with self.client(timeout=2) as client:
            return client.get("/readyz").status == 200

    def wait_ready(self, timeout=30):
        eventually(self.ready, f"{self.process.name} is ready", timeout)
        return self

    def role(self):
        """`leader`, `follower`, `observer` or `looking`, as it sees itself."""
        with self.client(timeout=2) as client:
            return client.get("/v1/cluster").headers["Aviary-Role"]

    def metric(self, name):
        """The sum of a metric over its labels; None if there is no such metric."""
        with self.client() as client:
            text = client.get("/metrics").expect(200).text
        found = re.findall(rf"^{name}(?:{{[^}}]*}})? (\S+)", text, re.MULTILINE)
        return sum(map(float, found)) if found else None

    def digest_mismatches(self):
        """How often a transaction led elsewhere than its leader or its log had said."""
        count = self.metric("aviary_digest_mismatches_total")
        assert count is not None, "there is no metric aviary_digest_mismatches_total"
        return count

    def cluster(self):
        return self.http.get("/v1/cluster").expect(200).json

    def digest(self):
        """The last transaction that it has applied, and what its tree sums up to."""
        node = self.http.get("/v1/node").expect(200).json
        return node["zxid"], node["digests"][node["zxid"]]

    def log_files(self):
        """Its transaction logs, oldest first."""
        return _by_zxid(self.data / "version-2", "log.")

    def snapshot_files(self):
        return _by_zxid(self.data / "version-2", "snapshot.")

    def synchronizations(self):
        """How it was brought up to date, oldest first: `DIFF`, `TRUNC` or `SNAP`.

        Read from its log: an operator needs to find it there too.
        """
        return re.findall(r"\bsynchroni\w+\b.*\b(DIFF|TRUNC|SNAP)\b", self.process.output())


def _by_zxid(folder, prefix):
    files = [
        f for f in folder.glob(prefix + "*") if re.fullmatch(r"[0-9a-f]+", f.name[len(prefix) :])
    ]
    return sorted(files, key=lambda file: int(file.name[len(prefix) :], 16))
