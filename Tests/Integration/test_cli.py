"""The command line: one clear line and a non-zero exit, or a clean run."""

import os
import resource
import shutil
import signal
import socket
import subprocess

import pytest
from harness import aviary
from harness.client import Client, children, znode
from harness.ports import free_port
from harness.processes import Process
from harness.waiting import eventually


def refused(*arguments, cwd, naming, env=None):
    """Runs it: it must end by itself, say one line that names this, and fail."""
    ended = aviary.run(*arguments, cwd=cwd, env=env)
    assert ended.returncode > 0, ended
    lines = [line for line in ended.stderr.splitlines() if line.strip()]
    assert len(lines) == 1, ended.stderr
    assert naming in lines[0], lines
    assert "Fatal error" not in lines[0]
    return lines[0]


def test_an_http_port_in_use_is_one_line(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", free_port()))
        taken.listen()
        port = taken.getsockname()[1]
        refused("serve", "--http-port", str(port), cwd=tmp_path, naming=str(port))


def test_an_election_port_in_use_is_one_line(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", free_port()))
        taken.listen()
        port = taken.getsockname()[1]
        server = f"--server-1=127.0.0.1:{free_port()}:{port}"
        flags = [server, "--myid=1", f"--http-port={free_port()}"]
        refused("serve", *flags, cwd=tmp_path, naming=str(port))


def test_a_data_folder_that_is_a_file_is_one_line(tmp_path):
    (tmp_path / "data").write_text("not a folder")
    refused("serve", "--data-dir", "data", "--http-port", "0", cwd=tmp_path, naming="data")


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads and writes everything")
def test_a_data_folder_that_cannot_be_read_is_one_line(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir(mode=0)
    refused("serve", "--data-dir", "data", "--http-port", "0", cwd=tmp_path, naming="data")
    folder.chmod(0o700)


def test_a_disk_that_fails_ends_the_process(tmp_path):
    """No half-dead node: not a leader whose log cannot be begun (ZOOKEEPER-2247; FAST'17)."""

    def limited():
        # The first log file is larger, with what is preallocated. Nothing else is.
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))

    command = [aviary.binary(), "serve", "--data-dir", "data", "--http-port", str(free_port())]
    # What is held back on the disk would be the larger file.
    command += ["--disk-reserve", "0"]
    ended = subprocess.run(
        command,
        cwd=tmp_path,
        env=aviary.environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        text=True,
        timeout=60,
        preexec_fn=limited,
        # SIGXFSZ stays ignored, as Python has it: the write fails instead.
        restore_signals=False,
    )
    assert ended.returncode > 0, ended
    assert "log.100000001" in ended.stderr, ended.stderr


def test_two_nodes_never_share_a_data_folder(tmp_path):
    port = free_port()
    with running(tmp_path, "--http-port", port, "--data-dir", "data"):
        ready(port)
        refused("serve", "--data-dir", "data", "--http-port", "0", cwd=tmp_path, naming="data")


@pytest.mark.parametrize(
    ("line", "allowed"),
    [
        ("tickTime=soon", "a whole number of milliseconds"),
        ("http.prot=80", "there is no such key"),
        ("server.1=127.0.0.1", "host:quorumPort:electionPort"),
        ("history.retention.time=long", "a duration"),
        ("http.address=0.0.0.0", "http.insecure=true"),
    ],
)
def test_a_bad_configuration_names_file_line_key_and_what_is_allowed(tmp_path, line, allowed):
    (tmp_path / "n1.cfg").write_text(f"# comment\n{line}\n")
    told = refused("serve", "--config", "n1.cfg", cwd=tmp_path, naming="n1.cfg:2")
    assert line.split("=")[0] in told
    assert allowed in told


def test_a_configuration_that_is_missing_is_one_line(tmp_path):
    refused("serve", "--config", "none.cfg", cwd=tmp_path, naming="none.cfg")


def test_a_bad_flag_and_a_bad_variable_are_one_line(tmp_path):
    refused("serve", "--http-port", "x", cwd=tmp_path, naming="--http-port")
    refused("serve", cwd=tmp_path, naming="AVIARY_HTTP_PORT", env={"AVIARY_HTTP_PORT": "x"})


def test_a_server_without_its_number_is_one_line(tmp_path):
    (tmp_path / "n1.cfg").write_text("dataDir=data\nserver.1=127.0.0.1:1:2\n")
    refused("serve", "--config", "n1.cfg", cwd=tmp_path, naming="myid")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly(tmp_path, number):
    port = free_port()
    with running(tmp_path, "--http-port", port) as node:
        ready(port)
        os.kill(node.pid, number)
        assert node.wait(10) == 0


def test_help_names_every_command_and_the_keys():
    assert "serve" in aviary.run("--help").stdout
    text = aviary.run("serve", "--help").stdout
    for flag in ("--config", "--http-port", "--data-dir", "--tick-time"):
        assert flag in text


def test_a_local_ensemble_serves_stops_and_finds_its_data_again(tmp_path):
    if not all(_is_free(port) for port in (7181, 7182, 7183, 2888, 3888)):
        pytest.skip("the ports of `aviary local` are in use on this machine")
    for value in ("first", "second"):
        ensemble = Process(
            "aviary local",
            [aviary.binary(), "local", "--nodes", "3"],
            tmp_path / f"{value}.log",
            env=aviary.environment(),
            cwd=tmp_path,
        ).start()
        try:
            eventually(lambda e=ensemble: e.output().count("curl ") >= 3, "it tells what to try")
            with Client(7181) as one, Client(7183) as three:
                if value == "second":
                    assert three.get(znode("/kept")).expect(200).json["text"] == "first"
                zxid = one.put(znode("/kept"), value).expect(200, 201).json["zxid"]
                three.get(znode("/kept"), Aviary_Min_Zxid=zxid).expect(200)
            assert any(line.startswith("[1] ") for line in ensemble.output().splitlines())
            os.kill(ensemble.pid, signal.SIGINT)
            assert ensemble.wait(15) == 0
        finally:
            ensemble.kill()
            print(ensemble.tail())
        assert _is_free(7181)


def test_a_local_ensemble_on_used_ports_is_one_line(tmp_path):
    with socket.socket() as taken:
        try:
            taken.bind(("127.0.0.1", 7182))
            taken.listen()
        except OSError:
            pytest.skip("port 7182 is in use on this machine")
        refused("local", "--nodes", "3", cwd=tmp_path, naming="7182")


def test_the_lines_of_the_readme_are_typed_by_a_shell(tmp_path):
    """What a user types first, with curl itself."""
    if shutil.which("curl") is None:
        pytest.fail("curl is not installed")
    port = free_port()
    with running(tmp_path, "--http-port", port):
        ready(port)
        url = f"http://127.0.0.1:{port}/v1/znodes/app/config"
        created = subprocess.run(
            ["curl", "-fsS", "-X", "PUT", "-d", "hello", f"{url}?parents=true"],
            capture_output=True,
            check=True,
        )
        assert b'"zxid"' in created.stdout
        read = subprocess.run(["curl", "-fsS", url], capture_output=True, check=True)
        assert b'"text":"hello"' in read.stdout
        with Client(port) as client:
            assert client.get(children("/app")).json["children"] == ["config"]


class running:
    """`aviary serve` with these flags, killed at the end of the block."""

    def __init__(self, folder, *flags):
        self.process = Process(
            "aviary",
            [aviary.binary(), "serve", *flags],
            folder / "log",
            env=aviary.environment(),
            cwd=folder,
        )

    def __enter__(self):
        return self.process.start()

    def __exit__(self, *_):
        self.process.kill()
        print(self.process.tail())


def ready(port):
    def asked():
        with Client(port, timeout=2) as client:
            return client.get("/readyz").status == 200

    eventually(asked, "the node is ready")


def _is_free(port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
