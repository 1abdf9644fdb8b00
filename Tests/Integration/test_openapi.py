"""The machine-readable form of the contract."""

import copy
import json
import re
import subprocess
import sys
import threading
from http.client import HTTPConnection

import pytest
import yaml
from harness.aviary import ROOT
from harness.client import acl, children, znode
from harness.waiting import eventually
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

SPECIFICATION = ROOT / "openapi/aviary.yaml"

# What others are composed of may have more members than it lists.
_COMPOSED = {"Problem", "Event", "Entry"}


class Contract:
    """Compares answers with what the file says of their operation."""

    def __init__(self):
        self.document = yaml.safe_load(SPECIFICATION.read_text())
        strict = copy.deepcopy(self.document)
        for name, schema in strict["components"]["schemas"].items():
            if "properties" in schema and name not in _COMPOSED:
                schema["additionalProperties"] = False
        self._registry = Registry().with_resource("urn:aviary", Resource(strict, DRAFT202012))

    def resolve(self, part):
        while "$ref" in part:
            target = self.document
            for name in part["$ref"].removeprefix("#/").split("/"):
                target = target[name]
            part = target
        return part

    def check(self, path, method, answer):
        """The answer has a status, a type and headers that the file lists. Returns itself."""
        responses = self.document["paths"][path][method]["responses"]
        assert str(answer.status) in responses, f"{answer.status} is not listed: {answer.body!r}"
        response = self.resolve(responses[str(answer.status)])
        for name, header in response.get("headers", {}).items():
            if name in answer.headers and "schema" in header:
                self.check_value(header["schema"], answer.headers[name])
        if "Preference-Applied" in answer.headers and answer.status < 400:
            assert "Preference-Applied" in response["headers"]
        if answer.body:
            kind = answer.headers["Content-Type"].partition(";")[0]
            schema = response["content"][kind]["schema"]
            if kind in ("application/json", "application/problem+json"):
                self.check_value(schema, answer.json)
        return answer

    def check_value(self, schema, value):
        """`schema` as the file has it, or the name of one of its components."""
        if isinstance(schema, str):
            schema = {"$ref": f"#/components/schemas/{schema}"}
        absolute = json.loads(json.dumps(schema).replace('"#/', '"urn:aviary#/'))
        Draft202012Validator(absolute, registry=self._registry).validate(value)


@pytest.fixture(scope="module")
def contract():
    return Contract()


@pytest.fixture(scope="module")
def member(make_shared_ensemble):
    return make_shared_ensemble(["aviary"]).wait_sessions()[1]


@pytest.fixture
def http(member):
    with member.client() as client:
        yield client


def _session(http):
    return http.post("/v1/sessions", {"timeout": "20s"}).expect(201).json["token"]


def test_it_is_valid():
    validate(yaml.safe_load(SPECIFICATION.read_text()))


def test_the_executable_holds_what_the_file_says():
    check = subprocess.run(
        [sys.executable, ROOT / "scripts/generate-openapi", "--check"],
        capture_output=True,
        check=False,
        text=True,
    )
    assert check.returncode == 0, check.stderr
    source = (ROOT / "Sources/Gateway/OpenAPIDocument.swift").read_text()
    embedded = re.search(r'##"""\n(.*)\n"""##', source, re.DOTALL).group(1)
    assert json.loads(embedded) == yaml.safe_load(SPECIFICATION.read_text())


def test_every_operation_is_there_and_none_is_missing(contract, http):
    allowed, listed = {}, {}
    for path, item in contract.document["paths"].items():
        target = path.replace("{id}", "0000000000000001").replace("{code}", "no-node")
        target = target.replace("{zxid}", "0000000000000001")
        target = target.replace("{path}", "x").replace("{token}", "y__lock__0000000000")
        # An entry has the address of its lock, and one segment more.
        resource = path.removesuffix("/{token}")
        methods = http.request("OPTIONS", target).expect(204).headers["Allow"].split(", ")
        allowed[resource] = set(methods) - {"HEAD", "OPTIONS"}
        operations = {name.upper() for name in item if name in ("get", "put", "post", "delete")}
        listed[resource] = listed.get(resource, set()) | operations
    assert listed == allowed


def test_every_code_of_a_problem_is_listed_and_explained(contract, http):
    source = (ROOT / "Sources/Gateway/ProblemCode.swift").read_text()
    cases = re.findall(r'^    case (\w+)(?: = "([^"]+)")?$', source, re.MULTILINE)
    listed = contract.document["components"]["schemas"]["ProblemCode"]["enum"]
    assert listed == [text or name for name, text in cases]
    for code in listed:
        contract.check("/v1/problems/{code}", "get", http.get(f"/v1/problems/{code}")).expect(200)


@pytest.mark.parametrize("path", ["/v1/cluster", "/v1/node", "/v1/sessions", "/v1/watchers"])
def test_what_a_node_tells_of_itself(contract, http, path):
    contract.check(path, "get", http.get(path)).expect(200)


class TestWaiting:
    def test_a_read_of_a_znode(self, contract, http):
        path = "/v1/znodes/{path}"
        http.put(znode("/held"), b"one").expect(201)
        for target in (znode("/held"), znode("/held", raw=True)):
            answer = contract.check(path, "get", http.get(target, Prefer="wait=500ms")).expect(200)
            assert answer.headers["Preference-Applied"] == "wait=0.500"
            still = http.get(target, If_None_Match=answer.etag, Prefer="wait=1")
            contract.check(path, "get", still).expect(304)
            assert still.headers["Preference-Applied"] == "wait=1"
        contract.check(path, "get", http.get(znode("/held", until="deleted", wait="100ms")))
        absent = http.get(znode("/absent", until="exists", wait="100ms"))
        contract.check(path, "get", absent).problem(404, "no-node")

    def test_of_children_of_a_list_and_of_the_cluster(self, contract, http):
        for path, target in [
            ("/v1/children/{path}", children("/")),
            ("/v1/acl/{path}", acl("/")),
            ("/v1/cluster", "/v1/cluster"),
        ]:
            tag = contract.check(path, "get", http.get(target)).expect(200).etag
            answer = http.get(target, If_None_Match=tag, Prefer="wait=1")
            contract.check(path, "get", answer).expect(304)
            assert answer.headers["Preference-Applied"] == "wait=1"

    def test_who_waits_is_listed(self, contract, member, http):
        requests = {
            "znode": znode("/nobody", until="exists", wait="20s"),
            "events": "/v1/events?path=/nobody&path=/else&scope=subtree&wait=20s",
        }
        waiting = [
            threading.Thread(target=_get, args=(member, target)) for target in requests.values()
        ]
        for thread in waiting:
            thread.start()

        def watchers():
            return contract.check("/v1/watchers", "get", http.get("/v1/watchers")).json["watchers"]

        eventually(lambda: {w["kind"] for w in watchers()} >= set(requests), "both are listed")
        (found,) = [w for w in watchers() if w["kind"] == "events"]
        assert sorted(found["paths"]) == ["/else", "/nobody"]
        assert found["scope"] == "subtree"
        http.put(znode("/nobody")).expect(201)
        for thread in waiting:
            thread.join(20)
        assert not any(thread.is_alive() for thread in waiting)


def _get(member, target):
    with member.client() as client:
        client.get(target).expect(200)


# A cursor of another ensemble.
_OF_ANOTHER = "0000000100000001.z.0badbeef"


@pytest.fixture(scope="module")
def cursor(member):
    """Before one event of every type, with values of both kinds."""
    http = member.http
    start = http.get("/v1/events?path=/e").expect(200).json["next"]
    http.put(znode("/e"), b"text").expect(201)
    http.put(znode("/e"), b"\xff").expect(200)
    http.put(znode("/e/child")).expect(201)
    everyone = [{"scheme": "world", "id": "anyone", "perms": ["read", "delete"]}]
    http.put(acl("/e/child"), everyone).expect(200)
    http.delete(znode("/e/child")).expect(204)
    return start


class TestEvents:
    def _target(self, cursor, **more):
        query = "".join(f"&{name}={value}" for name, value in more.items())
        return f"/v1/events?path=/e&scope=subtree&include=value&since={cursor}{query}"

    _TYPES = "created,changed,deleted,children,acl"

    def test_as_json(self, contract, http, cursor):
        answer = http.get(self._target(cursor, types=self._TYPES))
        events = contract.check("/v1/events", "get", answer).expect(200).json["events"]
        for event in events:
            contract.check_value("Event", event)
        assert {event["type"] for event in events} == set(self._TYPES.split(","))
        values = [event.get("text", event.get("base64")) for event in events]
        assert [value for value in values if value is not None] == ["text", "/w==", ""]

    def test_as_lines(self, contract, http, cursor):
        answer = http.get(self._target(cursor), Accept="application/x-ndjson").expect(200)
        contract.check("/v1/events", "get", answer)
        lines = [json.loads(line) for line in answer.body.splitlines()]
        for line in lines:
            contract.check_value("EventLine", line)
        assert lines[-1]["end"] == "caught-up"
        types = [line["type"] for line in lines[:-1]]
        assert types == ["created", "changed", "created", "acl", "deleted"]

    def test_as_a_stream(self, contract, member, cursor):
        messages = _messages(member, self._target(cursor), 6)
        kinds = [kind for kind, _, _ in messages]
        assert kinds == ["bookmark", "created", "changed", "created", "acl", "deleted"]
        for kind, identifier, data in messages:
            contract.check_value("Cursor", identifier)
            if kind != "bookmark":
                contract.check_value("Event", data)
        # What is of no use as a cursor is told in the stream.
        ((kind, identifier, data),) = _messages(member, self._target(_OF_ANOTHER), 1)
        assert (kind, identifier) == ("reset", data["cursor"])

    def test_of_the_cluster(self, contract, member):
        for kind, identifier, data in _messages(member, "/v1/cluster", 2):
            assert (kind, identifier) == ("cluster", None)
            contract.check_value("Cluster", data)

    def test_refusals(self, contract, http):
        for target, status, code in [
            ("/v1/events", 400, "bad-parameter"),
            ("/v1/events?path=/e&scope=all", 400, "bad-parameter"),
            ("/v1/events?path=e", 400, "bad-path"),
            ("/v1/events?path=/e&since=x", 400, "bad-parameter"),
            (self._target(_OF_ANOTHER), 410, "cursor-diverged"),
        ]:
            contract.check("/v1/events", "get", http.get(target)).problem(status, code)


def _messages(member, target, count):
    """The first messages of a stream: event, id and data each."""
    connection = HTTPConnection("127.0.0.1", member.seat.http, timeout=20)
    try:
        connection.request("GET", target, headers={"Accept": "text/event-stream"})
        response = connection.getresponse()
        assert response.status == 200
        assert response.headers["Content-Type"] == "text/event-stream"
        messages, fields = [], {}
        while len(messages) < count:
            line = response.readline().decode().rstrip("\n")
            if line:
                name, _, value = line.partition(": ")
                fields[name] = value
            elif "event" in fields:
                messages.append((fields["event"], fields.get("id"), json.loads(fields["data"])))
                fields = {}
        return messages
    finally:
        connection.close()


class TestHistory:
    def test_what_was(self, contract, http):
        http.put(znode("/past"), b"1").expect(201)
        moment = http.put(znode("/past/child"), b"").expect(201).zxid
        http.put(znode("/past"), b"2").expect(200)
        for path, target in [
            ("/v1/znodes/{path}", znode("/past", at=moment)),
            ("/v1/children/{path}", children("/past", at=moment)),
            ("/v1/children/{path}", children("/past", at=moment, include="stat,data")),
            ("/v1/history", "/v1/history?path=/past&scope=subtree&limit=1"),
        ]:
            contract.check(path, "get", http.get(target)).expect(200)
        for path, target, status in [
            ("/v1/znodes/{path}", znode("/past", at="x"), 400),
            ("/v1/children/{path}", children("/past", at=moment, include="x"), 400),
            ("/v1/history", "/v1/history?path=/past&cursor=x", 400),
        ]:
            contract.check(path, "get", http.get(target)).expect(status)

    def test_rollbacks(self, contract, http):
        path = "/v1/rollbacks"
        moment = http.put(znode("/back"), b"1").expect(201).zxid
        http.put(znode("/back"), b"2").expect(200)
        http.put(znode("/back/new")).expect(201)

        def post(**body):
            headers = {"If_Match": body.pop("etag")} if "etag" in body else {}
            return contract.check(path, "post", http.post(path, body, **headers))

        dry = post(to=moment, path="/back", dryRun=True).expect(200)
        assert dry.json["counts"] == {"create": 0, "change": 1, "delete": 1, "kept": 0, "acl": 0}
        post(to=moment, path="/back").problem(428, "precondition-required")
        post(to=moment, path="/back", etag='"r"').problem(412, "precondition-failed")
        post(to=moment, path="/back", etag=dry.etag).expect(200)
        post(to=moment, path="/none", dryRun=True).problem(404, "no-node")


class TestRecipes:
    def test_locks(self, contract, http):
        path, entry = "/v1/locks/{path}", "/v1/locks/{path}/{token}"
        lock = "/v1/locks/l/one"
        contract.check(path, "get", http.get(lock)).problem(404, "no-node")
        first, second = _session(http), _session(http)

        def post(session, body=b"", **headers):
            answer = http.post(lock, body, Aviary_Session=session, **headers)
            return contract.check(path, "post", answer)

        held = post(first, {"value": "me"}).expect(201)
        assert held.headers["Location"] == f"{lock}/{held.json['token']}"
        post(second, {"queue": False}).problem(409, "held")
        queued = post(second, {"mode": "shared"}, Prefer="wait=1").expect(202)
        assert queued.json["position"] == 1
        assert queued.headers["Preference-Applied"] == "wait=1"
        picture = contract.check(path, "get", http.get(lock)).expect(200)
        assert [c["mode"] for c in picture.json["holders"]] == ["exclusive"]
        assert [c["mode"] for c in picture.json["queue"]] == ["shared"]
        same = http.get(lock, If_None_Match=picture.etag, Prefer="wait=1")
        contract.check(path, "get", same).expect(304)
        gone = http.delete(held.headers["Location"], Aviary_Session=first)
        contract.check(entry, "delete", gone).expect(204)
        gone = http.delete(held.headers["Location"], Aviary_Session=first)
        contract.check(entry, "delete", gone).problem(404, "no-node")
        post(second, {"mode": "shared"}).expect(201)
        post(second, {"mode": "both"}).problem(400, "bad-request")
        contract.check(path, "post", http.post(lock)).problem(400, "bad-session")

    def test_elections(self, contract, http):
        path, entry = "/v1/elections/{path}", "/v1/elections/{path}/{token}"
        election = "/v1/elections/e/one"
        first, second = _session(http), _session(http)
        answers = [
            http.post(election, {"value": name}, Aviary_Session=session)
            for name, session in [("a", first), ("b", second)]
        ]
        for answer, status in zip(answers, [201, 202]):
            contract.check(path, "post", answer).expect(status)
        picture = contract.check(path, "get", http.get(election)).expect(200).json
        assert picture["leader"]["text"] == "a"
        assert [candidate["text"] for candidate in picture["candidates"]] == ["b"]
        for answer, session in zip(answers, [first, second]):
            resigned = http.delete(answer.headers["Location"], Aviary_Session=session)
            contract.check(entry, "delete", resigned).expect(204)
        assert contract.check(path, "get", http.get(election)).json["leader"] is None

    def test_fences(self, contract, http):
        session = _session(http)
        held = http.post("/v1/locks/f/lock", Aviary_Session=session).expect(201).json
        fence = f"/f/lock;{held['token']}"
        parameter = contract.document["components"]["parameters"]["fence"]
        contract.check_value(parameter["schema"], fence)
        transaction = {"operations": [{"op": "set", "path": "/f/x", "text": "2"}]}
        writes = [
            ("/v1/znodes/{path}", "put", znode("/f/x"), b"1"),
            ("/v1/transactions", "post", "/v1/transactions", transaction),
            ("/v1/znodes/{path}", "post", znode("/f/x", name="y"), b""),
            ("/v1/znodes/{path}", "delete", znode("/f/x", recursive=True), None),
        ]

        def write(fence):
            for path, method, target, body in writes:
                body = body if body is None or isinstance(body, bytes) else json.dumps(body)
                answer = http.request(
                    method.upper(), target, body=body, headers={"Aviary-Fence": fence}
                )
                yield contract.check(path, method, answer)

        for answer in write(fence):
            answer.expect(200, 201, 204)
        http.delete(f"/v1/locks/f/lock/{held['token']}", Aviary_Session=session).expect(204)
        for answer in write(fence):
            answer.problem(412, "fence-lost", outcome="not-applied")
        for answer in write("nonsense"):
            answer.problem(400, "bad-request")


class TestBackup:
    def test_snapshots(self, contract, http):
        listed = contract.check("/v1/snapshots", "get", http.get("/v1/snapshots")).expect(200)
        assert listed.json["snapshots"]
        taken = contract.check("/v1/snapshots", "post", http.post("/v1/snapshots")).expect(201)
        target, path = taken.headers["Location"], "/v1/snapshots/{zxid}"
        file = contract_headers(contract, path, http.get(target)).expect(200)
        same = http.get(target, If_None_Match=file.etag)
        contract.check(path, "get", same).expect(304)
        contract.check(path, "get", http.get(target, If_Match='"x"')).problem(
            412, "precondition-failed"
        )
        contract.check(path, "get", http.get("/v1/snapshots/00000fff00000000")).problem(
            404, "no-snapshot"
        )

    def test_a_restore(self, contract, http):
        path = "/v1/restore"
        contract.check(path, "post", http.post(path, b"x")).problem(400, "bad-snapshot")
        contract.check(path, "delete", http.delete(path)).problem(404, "no-restore")
        http.put(znode("/restored")).expect(200, 201)
        file = http.get(http.post("/v1/snapshots").expect(201).headers["Location"]).body
        begun = contract.check(path, "post", http.post(path, file)).expect(202)

        def ending():
            told = contract.check(path, "get", http.get(path)).expect(200).json
            return told["last"] if told["state"] == "none" else None

        ended = eventually(ending, "it is restored")
        assert ended["outcome"] == "finished" and ended["id"] == begun.json["id"]


def contract_headers(contract, path, answer):
    """A download has all its headers, and each is as the file says."""
    listed = contract.document["paths"][path]["get"]["responses"]["200"]["headers"]
    for name, header in listed.items():
        contract.check_value(contract.resolve(header)["schema"], answer.headers[name])
    return answer
