"""`aviary data` on what real processes have left on a real disk."""

import hashlib
import json
import random
import shutil

import pytest
from harness import aviary
from harness.aviary import AviaryMember
from harness.client import znode
from harness.ensemble import Seat
from harness.waiting import eventually
from harness.zookeeper import JavaServer


def data(*arguments, status=0):
    """Runs it; it must end with this status, and say at most one line on an error."""
    ended = aviary.run("data", *map(str, arguments), timeout=120)
    assert ended.returncode == status, (ended.stdout, ended.stderr)
    if status == 0:
        assert not ended.stderr, ended.stderr
    return ended


@pytest.fixture
def alone(request, tmp_path):
    """Makes nodes that stand alone, on a folder of their own or on one that is there."""
    members = []

    def start(folder=None, **settings):
        home = tmp_path / f"node{len(members)}"
        settings = {key.replace("_", "."): value for key, value in settings.items()}
        if folder is not None:
            settings["dataDir"] = folder
        member = AviaryMember(Seat.take(1), home, [], settings)
        if folder is not None:
            member.data = folder
        members.append(member)
        return member.start().wait_ready()

    yield start
    for member in members:
        member.kill()
        print(member.process.tail())


def state(http, top="/"):
    """Every znode that is not the system's: its value and its mode."""
    found, pending = {}, [top]
    while pending:
        path = pending.pop()
        if path in ("/zookeeper", "/aviary"):
            continue
        answer = http.get(znode(path)).expect(200).json
        value = answer.get("text", answer.get("base64"))
        found[path] = (value, answer["stat"]["mode"], answer["stat"]["version"])
        names = http.get(f"/v1/children{path if path != '/' else ''}").expect(200).json
        pending += [path.rstrip("/") + "/" + name for name in names["children"]]
    return found


def write_some(http, seed, count=40):
    """Random writes: the state after each, by its zxid, and the time when it was acknowledged."""
    chance = random.Random(seed)
    states = {}
    for number in range(count):
        path = f"/d{chance.randrange(4)}"
        kind = chance.randrange(6)
        if kind == 0:
            answer = http.delete(znode(path, recursive=True))
        elif kind == 1:
            answer = http.put(znode(f"{path}/c{number}", parents=True, mode="container"), b"")
        else:
            target = znode(f"{path}/n{chance.randrange(5)}", parents=True)
            answer = http.put(target, f"value {number}")
        if answer.status < 300:
            states[answer.zxid] = state(http)
    return states


class TestInspect:
    def test_shows_a_directory_also_while_it_is_in_use(self, alone):
        node = alone()
        write_some(node.http, 1, 10)
        told = json.loads(data("inspect", node.data, "--json").stdout)
        assert told["inUse"] is True
        assert told["identity"]["node"] == 1
        node.stop()
        told = json.loads(data("inspect", node.data, "--json").stdout)
        assert told["inUse"] is False
        assert told["logs"][-1]["last"] == told["logs"][-1]["synced"]["through"]
        text = data("inspect", node.data).stdout
        assert "epochs: accepted 1, current 1" in text
        assert "snapshot 0000000000000000: " in text

    @pytest.mark.parametrize("command", ["inspect", "check", "restore", "diff"])
    def test_bad_input_is_one_line(self, tmp_path, command):
        (tmp_path / "file").write_text("nothing")
        (tmp_path / "empty").mkdir()
        more = {"restore": ["--output", tmp_path / "out"], "diff": [tmp_path / "empty"]}
        status = 1 if command in ("inspect", "restore") else 2
        for name in ("none", "file", "empty"):
            ended = data(command, tmp_path / name, *more.get(command, []), status=status)
            assert len(ended.stderr.strip().splitlines()) == 1, ended.stderr
            assert "Fatal" not in ended.stderr


class TestCheck:
    def test_what_a_killed_node_leaves_is_in_order(self, alone):
        node = alone(snapCount=20)
        write_some(node.http, 2, 60)
        node.kill()
        assert data("check", node.data).stdout.splitlines()[-1].startswith("no problem: ")

    def test_a_flipped_bit_is_told_with_its_file(self, alone, tmp_path):
        node = alone(snapCount=20)
        write_some(node.http, 3, 60)
        node.kill()
        inspected = json.loads(data("inspect", node.data, "--json").stdout)
        chance = random.Random(4)
        logs = [(log["file"], log["synced"]["bytes"]) for log in inspected["logs"]]
        snapshots = [(s["file"], s["bytes"]) for s in inspected["snapshots"]]
        assert len(snapshots) >= 2
        for file, size in logs + snapshots:
            copy = tmp_path / "copy"
            shutil.copytree(node.data, copy)
            broken = copy / "version-2" / file.rsplit("/", 1)[1]
            content = bytearray(broken.read_bytes())
            place = chance.randrange(16, size)
            content[place] ^= 1 << chance.randrange(8)
            broken.write_bytes(content)
            lines = data("check", copy, status=1).stdout.splitlines()
            assert any(line.startswith(f"{broken}: ") for line in lines), (place, lines)
            told = json.loads(data("check", copy, "--json", status=1).stdout)
            assert str(broken) in {problem["file"] for problem in told["problems"]}
            shutil.rmtree(copy)

    def test_a_live_directory_is_only_looked_at(self, alone):
        node = alone()
        write_some(node.http, 5, 10)
        assert "in use" in data("check", node.data).stdout
        write_some(node.http, 6, 5)
        node.stop()
        data("check", node.data)


class TestRestore:
    def test_each_state_comes_back_as_it_was(self, alone, tmp_path):
        node = alone(snapCount=20)
        states = write_some(node.http, 7, 60)
        node.stop()
        for number, zxid in enumerate(random.Random(8).sample(sorted(states), 4)):
            output = tmp_path / f"restored{number}"
            data("restore", node.data, "--to", zxid, "--output", output)
            data("check", output)
            restored = alone(output)
            assert state(restored.http) == states[zxid]
            # It is a node of its own, which writes above everything that the old one had.
            later = restored.http.put(znode("/later")).expect(201).json["zxid"]
            assert later > max(states)
            restored.kill()

    def test_a_time_is_a_state(self, alone, tmp_path):
        node = alone()
        first = node.http.put(znode("/a"), b"1").expect(201).json["stat"]["mtime"]
        eventually(
            lambda: node.http.put(znode("/a"), b"1").expect(200).json["stat"]["mtime"] > first,
            "a later write has a later time",
        )
        node.http.put(znode("/a"), b"2").expect(200)
        node.stop()
        data("restore", node.data, "--to", first, "--output", tmp_path / "out")
        restored = alone(tmp_path / "out")
        assert restored.http.get(znode("/a", raw=True)).body == b"1"
        ended = data("restore", node.data, "--to", 1, "--output", tmp_path / "no", status=1)
        assert "can be restored from" in ended.stderr
        assert not (tmp_path / "no").exists()

    def test_what_is_in_use_or_not_empty_is_refused(self, alone, tmp_path):
        node = alone()
        node.http.put(znode("/a")).expect(201)
        assert "in use" in data("restore", node.data, "--output", tmp_path / "o", status=1).stderr
        node.stop()
        assert "not empty" in data("restore", node.data, "--output", node.data, status=1).stderr

    def test_java_opens_a_restored_directory(self, alone, tmp_path, java):
        node = alone()
        states = write_some(node.http, 9, 40)
        node.stop()
        zxid = sorted(states)[len(states) // 2]
        data("restore", node.data, "--to", zxid, "--output", tmp_path / "restored")
        server = JavaServer(
            Seat.take(1), tmp_path / "java", [], {}, data=tmp_path / "restored"
        )
        try:
            client = server.start().wait_ready().kazoo()
            for path, (value, _, version) in states[zxid].items():
                found, stat = client.get(path)
                assert found.decode() == value
                assert stat.version == version
            created = client.create("/written-by-java", b"yes", include_data=True)[1]
            # Alone it goes on where the state ends: only its ensembles know epochs.
            assert created.czxid > int(zxid, 16)
            client.stop()
            server.stop()
        finally:
            server.kill()
            print(server.process.tail())
        data("check", tmp_path / "restored")

    def test_a_directory_of_javas_is_checked_and_restored(self, tmp_path, alone, java):
        server = JavaServer(Seat.take(1), tmp_path / "java", [], {"snapCount": 50})
        zxids = {}
        try:
            client = server.start().wait_ready().kazoo()
            client.create("/j", b"0")
            for number in range(1, 200):
                stat = client.set("/j", str(number).encode())
                zxids[stat.mzxid] = str(number)
                client.create(f"/j/n{number}", b"x" * number)
            client.stop()
        finally:
            server.kill()
            print(server.process.tail())
        folder = server.data
        assert data("check", folder).stdout.splitlines()[-1].startswith("no problem: ")
        for number, zxid in enumerate(random.Random(10).sample(sorted(zxids), 3)):
            output = tmp_path / f"restored{number}"
            data("restore", folder, "--to", f"{zxid:016x}", "--output", output)
            restored = alone(output)
            assert restored.http.get(znode("/j", raw=True)).expect(200).text == zxids[zxid]
            restored.kill()


class TestDiff:
    def test_members_of_an_ensemble_are_equal(self, make_ensemble):
        ensemble = make_ensemble()
        write_some(ensemble.leader().http, 11, 30)
        ensemble.stop()
        ended = data("diff", ensemble[1].data, ensemble[2].data)
        assert len(ended.stdout.splitlines()) == 2
        told = json.loads(data("diff", ensemble[1].data, ensemble[3].data, "--json").stdout)
        assert told["znodes"] == [] and told["first"]["digest"] == told["second"]["digest"]

    def test_what_differs_is_told(self, alone, tmp_path):
        node = alone()
        zxid = node.http.put(znode("/same"), b"1").expect(201).json["zxid"]
        node.http.put(znode("/new"), b"1").expect(201)
        node.http.put(znode("/same"), b"2").expect(200)
        node.stop()
        data("restore", node.data, "--to", zxid, "--output", tmp_path / "old")
        lines = data("diff", tmp_path / "old", node.data, status=1).stdout.splitlines()
        assert any(line.startswith("extra /new ") for line in lines)
        assert any(line.startswith(f"conflicting /same {zxid} ") for line in lines)


def sha256(file):
    return hashlib.sha256(file.read_bytes()).hexdigest()


class TestScheduledBackups:
    def test_they_appear_stand_up_to_sha256sum_and_can_be_restored(self, alone, tmp_path):
        folder = tmp_path / "elsewhere"
        node = alone(backup_directory=folder, backup_interval="1s", backup_keep=2)

        def complete():
            return sorted(file.name for file in folder.glob("snapshot.*.sha256"))

        for number in range(4):
            before = complete() if folder.exists() else []
            node.http.put(znode("/a"), f"{number}").expect(200, 201)
            eventually(lambda b=before: set(complete()) - set(b), "another backup is there")
        eventually(lambda: len(complete()) == 2, "only two are kept")
        assert node.metric("aviary_backups_total") >= 3
        for manifest in complete():
            digest, name = (folder / manifest).read_text().split()
            assert sha256(folder / name) == digest
            data("check", folder / name)
        newest = folder / max(complete()).removesuffix(".sha256")
        data("restore", newest, "--output", tmp_path / "restored")
        restored = alone(tmp_path / "restored")
        assert restored.http.get(znode("/a", raw=True)).text == "3"

    def test_a_folder_that_cannot_be_written_is_an_alarm_until_it_can(self, alone, tmp_path):
        folder = tmp_path / "elsewhere"
        folder.write_text("a file in its place")
        node = alone(backup_directory=folder, backup_interval="1s")

        def alarms():
            return node.cluster()["alarms"]

        eventually(lambda: "backup-failed" in alarms(), "the alarm is raised")
        assert "backup" in node.process.output()
        folder.unlink()
        eventually(lambda: "backup-failed" not in alarms(), "the alarm is over")
        assert list(folder.glob("snapshot.*"))
