"""The container's files, without an engine: their steps are run as the plain commands they are."""

import os
import re
import shutil
import subprocess

import pytest
import yaml
from harness import aviary
from harness.aviary import ROOT
from harness.client import Client, znode
from harness.ports import free_port
from harness.processes import Process
from harness.waiting import eventually

DOCKERFILE = (ROOT / "docker/Dockerfile").read_text()


def instructions(stage=None):
    """`(name, rest)` of every instruction, of the last stage or of all; lines joined."""
    text = re.sub(r"^\s*#.*\n", "", DOCKERFILE, flags=re.MULTILINE).replace("\\\n", " ")
    found = [line.split(None, 1) for line in text.splitlines() if line.strip()]
    if stage == "last":
        start = max(index for index, (name, _) in enumerate(found) if name == "FROM")
        return found[start:]
    return found


def first_stage_in(folder):
    """Does what the first stage does: its copies into `folder`, then its commands there."""
    for name, rest in instructions():
        if name == "COPY" and "--from" not in rest:
            *sources, destination = rest.split()
            for pattern in sources:
                for source in ROOT.glob(pattern):
                    target = folder / destination
                    target = target / source.name if destination.endswith("/") else target
                    if source.is_dir():
                        shutil.copytree(
                            source, target, ignore=shutil.ignore_patterns("__pycache__")
                        )
                    else:
                        shutil.copy2(source, target)
        elif name == "RUN":
            command = rest.replace("/out", str(folder / "out"))
            ended = subprocess.run(
                ["bash", "-euc", command],
                cwd=folder,
                env=aviary.environment(),
                capture_output=True,
                check=False,
                text=True,
                timeout=1500,
            )
            assert ended.returncode == 0, f"{command}: {ended.stdout[-3000:]}{ended.stderr[-3000:]}"
        elif name == "FROM" and " AS " not in rest:
            return


@pytest.mark.skipif(
    not os.environ.get("AVIARY_REQUIRE_ALL"),
    reason="a second release build, made by `make test`: AVIARY_REQUIRE_ALL is not set",
)
def test_the_steps_of_the_build_make_an_executable_that_runs_alone(tmp_path):
    first_stage_in(tmp_path)
    built = tmp_path / "out/aviary"
    libraries = subprocess.run(["ldd", built], capture_output=True, check=True, text=True).stdout
    assert "libswift" not in libraries
    assert "libFoundation" not in libraries
    assert subprocess.run([built, "--version"], capture_output=True, check=False).returncode == 0


def test_every_file_that_is_copied_is_there():
    for name, rest in instructions():
        if name == "COPY" and "--from" not in rest:
            for pattern in rest.split()[:-1]:
                assert list(ROOT.glob(pattern)), f"{pattern} is not there"


def test_the_image_runs_as_nobody_special_and_knows_its_health():
    last = instructions("last")
    assert ["USER", "aviary"] in last
    assert any(name == "HEALTHCHECK" and "aviary-healthcheck" in rest for name, rest in last)
    position = [name for name, _ in last].index
    assert position("USER") < position("ENTRYPOINT")


def test_the_health_check_asks_whether_the_node_is_ready(tmp_path):
    port = free_port()
    check = [ROOT / "docker/healthcheck"]
    environment = {**aviary.environment(), "AVIARY_HTTP_PORT": str(port)}
    assert subprocess.run(check, env=environment, capture_output=True, check=False).returncode != 0
    node = Process(
        "aviary", [aviary.binary(), "serve"], tmp_path / "log", env=environment, cwd=tmp_path
    )
    node.start()
    try:
        eventually(
            lambda: subprocess.run(check, env=environment, check=False).returncode == 0,
            "the node is healthy",
        )
    finally:
        node.kill()


def test_the_three_services_find_each_other(tmp_path):
    """The environment of the compose file, with loopback's ports in the place of its hosts."""
    compose = yaml.safe_load((ROOT / "docker/compose.yaml").read_text())
    services = compose["services"]
    assert len(services) == 3
    ports = {name: (free_port(), free_port(), free_port()) for name in services}
    nodes = {}
    for name, service in services.items():
        environment = aviary.environment()
        for key, value in service["environment"].items():
            text = str(value)
            for host, (quorum, election, _) in ports.items():
                text = text.replace(f"{host}:2888:3888", f"127.0.0.1:{quorum}:{election}")
            environment[key] = text
        environment["AVIARY_HTTP_PORT"] = str(ports[name][2])
        environment["AVIARY_DATA_DIR"] = str(tmp_path / name)
        assert service["volumes"] == [f"{name}:/var/lib/aviary"]
        nodes[name] = Process(
            name, [aviary.binary(), "serve"], tmp_path / f"{name}.log", env=environment
        ).start()
    try:
        clients = [Client(http) for _, _, http in ports.values()]
        for client in clients:
            eventually(lambda c=client: c.get("/readyz").status == 200, "the node is ready")
        zxid = clients[0].put(znode("/composed"), b"x").expect(201).json["zxid"]
        for client in clients:
            client.get(znode("/composed"), Aviary_Min_Zxid=zxid).expect(200)
    finally:
        for node in nodes.values():
            node.kill()
            print(node.tail())
