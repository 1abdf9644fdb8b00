"""Apache ZooKeeper 3.8 of Debian's package, without its service."""

import os
import re
import shutil
import socket
import subprocess
from pathlib import Path

from .processes import Process
from .waiting import eventually

_JARS = Path("/usr/share/java")
_NEEDED = [
    "zookeeper.jar",
    "zookeeper-jute.jar",
    "slf4j-api.jar",
    "slf4j-simple.jar",
    "netty-all.jar",
    "snappy-java.jar",
    "metrics-core.jar",
    "commons-cli.jar",
]


def missing():
    """What a machine lacks to run it; empty if nothing."""
    absent = [jar for jar in ("zookeeper.jar", "zookeeper-jute.jar") if not (_JARS / jar).exists()]
    return absent + ([] if shutil.which("java") else ["java"])


def _class_path():
    present = [str(_JARS / jar) for jar in _NEEDED if (_JARS / jar).exists()]
    # netty-all may be an empty shell that refers to its parts.
    return ":".join(present + sorted(str(jar) for jar in _JARS.glob("netty-*.jar")))


def _java(*arguments, properties=None):
    settings = {"org.slf4j.simpleLogger.showDateTime": "true", **(properties or {})}
    return [
        "java",
        "-Xmx256m",
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
        *(f"-D{key}={value}" for key, value in settings.items()),
        "-cp",
        _class_path(),
        *(str(argument) for argument in arguments),
    ]


class JavaServer:
    """One server of the original, as a member of an ensemble or alone."""

    kind = "java"

    def __init__(self, seat, folder, server_lines, settings, data=None):
        self.seat = seat
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.data = Path(data) if data else self.folder / "data"
        self.data.mkdir(parents=True, exist_ok=True)
        self.config = self.folder / "zoo.cfg"
        self._settings = {key: v for key, v in settings.items() if not _is_ours(key)}
        self.write_config(server_lines)
        self.process = Process(
            f"java {seat.id}",
            _java(
                "org.apache.zookeeper.server.quorum.QuorumPeerMain",
                self.config,
                properties={"zookeeper.extendedTypesEnabled": "true"},
            ),
            self.folder / "log",
            cwd=self.folder,
        )

    def write_config(self, server_lines):
        settings = {
            "tickTime": 2000,
            "initLimit": 10,
            "syncLimit": 5,
            "dataDir": self.data,
            "admin.enableServer": "false",
            "4lw.commands.whitelist": "*",
            "maxClientCnxns": 0,
            **self._settings,
        }
        if server_lines:
            settings["standaloneEnabled"] = "false"
            (self.data / "myid").write_text(f"{self.seat.id}\n")
        else:
            settings |= {"clientPort": self.seat.client, "clientPortAddress": "127.0.0.1"}
        lines = [f"{key}={value}" for key, value in settings.items()] + server_lines
        self.config.write_text("\n".join(lines) + "\n")

    @property
    def id(self):
        return self.seat.id

    def start(self):
        self.process.start()
        return self

    def stop(self):
        """SIGTERM; the original does not promise any exit status."""
        self.process.terminate()

    def kill(self):
        self.process.kill()

    def four_letter_word(self, word):
        """The answer to a four-letter word."""
        with socket.create_connection(("127.0.0.1", self.seat.client), timeout=5) as connection:
            connection.sendall(word.encode())
            answer = b""
            while chunk := connection.recv(65_536):
                answer += chunk
            return answer.decode()

    def monitor(self):
        """`mntr` as a dictionary of texts."""
        lines = self.four_letter_word("mntr").splitlines()
        return dict(line.split("\t", 1) for line in lines if "\t" in line)

    def role(self):
        """`leader`, `follower`, `observer` or `standalone`; None while it serves nobody."""
        try:
            return self.monitor().get("zk_server_state")
        except OSError:
            return None

    def ready(self):
        assert self.process.alive, f"{self.process.name} is gone:\n{self.process.tail()}"
        return self.role() is not None

    def wait_ready(self, timeout=60):
        eventually(self.ready, f"{self.process.name} is ready", timeout)
        return self

    def last_zxid(self):
        """The last transaction that it has applied, as a number."""
        found = re.search(r"^Zxid: 0x([0-9a-f]+)$", self.four_letter_word("srvr"), re.MULTILINE)
        return int(found.group(1), 16)

    def digests(self):
        """Digests of its tree by zxid, of the transactions 128, 256, … of an epoch."""
        found = re.findall(
            r"^([0-9a-f]+): (-?[0-9]+)$", self.four_letter_word("hash"), re.MULTILINE
        )
        return {int(zxid, 16): int(digest) % (1 << 64) for zxid, digest in found}

    def digest_mismatches(self):
        """How often a transaction led elsewhere than its leader or its log had said."""
        return int(self.monitor()["zk_digest_mismatches_count"])

    def kazoo(self, **options):
        """A started client of its own; the caller stops it."""
        from kazoo.client import KazooClient

        client = KazooClient(hosts=f"127.0.0.1:{self.seat.client}", timeout=10, **options)
        client.start(timeout=30)
        return client


def log_records(file):
    """A transaction log as the original reads it: one line a record, as it prints them."""
    return _tool(
        "org.apache.zookeeper.server.persistence.TxnLogToolkit", "-v", "-d", file
    ).splitlines()


def snapshot_text(file, with_data=True):
    """A snapshot as the original reads it."""
    arguments = ["-d", file] if with_data else [file]
    return _tool("org.apache.zookeeper.server.SnapshotFormatter", *arguments)


def _tool(main, *arguments):
    ended = subprocess.run(
        _java(main, *arguments),
        capture_output=True,
        check=False,
        text=True,
        timeout=60,
        env=dict(os.environ),
    )
    assert ended.returncode == 0, f"{main} {arguments}: {ended.stdout}{ended.stderr}"
    return ended.stdout


def _is_ours(key):
    return key.startswith(("http.", "history.", "recovery.", "cluster."))
