"""The page about recovery is run as it stands there, with nodes of its own."""

import os
import re
import subprocess

from harness import documents
from harness.aviary import binary, environment
from harness.ports import free_port

PAGE = "docs/recovery.md"


class Ports:
    """What stands for the ports of the page."""

    def __init__(self, first):
        self.first = first

    def __getitem__(self, number):
        return type("Member", (), {"seat": type("Seat", (), {"http": self.first + number - 1})})


def _three_in_a_row():
    """The first of three neighbouring ports that are free now."""
    while True:
        first = free_port()
        taken = [port for port in (first + 1, first + 2) if not _is_free(port)]
        if not taken:
            return first


def _is_free(port):
    import socket

    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def test_the_page_about_recovery(tmp_path):
    http, quorum, election = (_three_in_a_row() for _ in range(3))
    others = [_three_in_a_row() for _ in range(3)]
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "aviary").symlink_to(binary())
    shown = documents.blocks(PAGE, language="console")
    replaced = {
        "aviary local --nodes 3 >": f"aviary local --nodes 3 --http-port {http} "
        f"--quorum-port {quorum} --election-port {election} >",
        "127.0.0.1:718$1/": f"127.0.0.1:$(({http} + $1 - 1))/",
        "--http-port 7281": f"--http-port {others[0]}",
        "--quorum-port 2988": f"--quorum-port {others[1]}",
        "--election-port 3988": f"--election-port {others[2]}",
        "127.0.0.1:7281": f"127.0.0.1:{others[0]}",
    }
    for old, new in replaced.items():
        assert any(old in block.text for block in shown), old
        for block in shown:
            block.text = block.text.replace(old, new)
    work = tmp_path / "work"
    work.mkdir()
    before = os.environ.copy()
    os.environ.clear()
    os.environ.update(environment(), PATH=f"{folder}:{before['PATH']}")
    try:
        documents.run(Ports(http), shown, work, timeout=240)
    finally:
        os.environ.clear()
        os.environ.update(before)
        for pid in work.glob("pid?"):
            number = pid.read_text().strip()
            if re.fullmatch(r"[0-9]+", number) and _is_ours(number):
                subprocess.run(["kill", "-9", number], check=False)


def _is_ours(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return b"aviary" in file.read()
    except OSError:
        return False
