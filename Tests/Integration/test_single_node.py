"""One node alone: `aviary serve`."""

import pytest
from harness import aviary
from harness.client import Client, children, znode
from harness.ports import free_port
from harness.processes import Process
from harness.waiting import eventually


@pytest.fixture
def node(tmp_path):
    """A node that was given no file, only a port of its own."""
    port = free_port()
    process = Process(
        "aviary alone",
        [aviary.binary(), "serve", "--http-port", port],
        tmp_path / "log",
        env=aviary.environment(),
        cwd=tmp_path,
    )
    process.port = port
    _start(process)
    yield process
    process.kill()
    print(process.tail())


def _start(process):
    process.start()

    def ready():
        assert process.alive, process.tail()
        with Client(process.port, timeout=2) as client:
            return client.get("/readyz").status == 200

    eventually(ready, "the node is ready")


def test_it_serves_at_once_and_keeps_its_data_beside_it(node, tmp_path):
    with Client(node.port) as client:
        created = client.put(znode("/greeting"), b"hello").expect(201)
        assert created.headers["Location"] == "/v1/znodes/greeting"
        read = client.get(znode("/greeting")).expect(200)
        assert read.json["text"] == "hello"
        assert read.headers["Aviary-Role"] == "leader"
    assert (tmp_path / "aviary-data" / "version-2").is_dir()


@pytest.mark.parametrize("end", ["terminate", "kill"])
def test_what_was_acknowledged_is_there_after_a_restart(node, end):
    with Client(node.port) as client:
        zxids = [
            client.put(znode(f"/n{number}"), str(number)).expect(201).json["zxid"]
            for number in range(200)
        ]
        client.delete(znode("/n7")).expect(204)
        assert zxids == sorted(zxids)
    getattr(node, end)()
    _start(node)
    with Client(node.port) as client:
        for number in range(200):
            answer = client.get(znode(f"/n{number}"))
            if number == 7:
                answer.problem(404, "no-node")
            else:
                assert answer.expect(200).json["text"] == str(number)
                assert answer.json["stat"]["czxid"] == zxids[number]
        next_zxid = client.put(znode("/after")).expect(201).json["zxid"]
        assert next_zxid > zxids[-1]


def test_children_survive_restarts_and_come_in_byte_order(node):
    names = ["b", "a", "B", "ä", "10", "9", "a b", "z+"]
    with Client(node.port) as client:
        client.put(znode("/folder")).expect(201)
        for name in names:
            client.put(znode(f"/folder/{name}")).expect(201)
    node.kill()
    _start(node)
    with Client(node.port) as client:
        answer = client.get(children("/folder")).expect(200)
        assert answer.json["children"] == sorted(names, key=str.encode)
        assert answer.json["stat"]["numChildren"] == len(names)


def test_it_stops_cleanly_and_soon(node):
    with Client(node.port) as client:
        client.put(znode("/x")).expect(201)
        assert node.terminate(timeout=5) == 0
