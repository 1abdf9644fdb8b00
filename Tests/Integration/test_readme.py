"""What the pages show is run as it stands there, on three nodes."""

import json
import os
import shutil
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from harness import aviary, documents
from harness.client import znode
from harness.ports import free_port
from harness.processes import Process
from harness.waiting import eventually

README, WAITING = "README.md", "docs/waiting.md"
BACKUP, HISTORY = "docs/backup.md", "docs/history.md"
SECTION = "Waiting and events"


@pytest.fixture
def start(tmp_path):
    """Starts processes that end with the test."""
    processes = []

    def run(name, command, **options):
        process = Process(name, command, tmp_path / name, cwd=tmp_path, **options)
        processes.append(process)
        return process.start()

    yield run
    for process in processes:
        process.kill()
        print(f"----- {process.name}\n{process.tail()}")


def _put(member, value, path="/greeting"):
    return member.http.put(znode(path), value).expect(200, 201).json["zxid"]


class TestTheShellLoop:
    @pytest.fixture(params=["bash", "sh"])
    def loop(self, request, make_ensemble, start):
        """The ensemble, and the loop that runs: its lines as it has printed them."""
        ensemble = make_ensemble()
        (shown,) = documents.blocks(README, SECTION, "sh")
        assert len(shown.text.splitlines()) == 3
        process = start("loop", [request.param, "-c", documents.on(ensemble, shown.text)])
        return ensemble, lambda: process.output().splitlines()

    def test_prints_what_the_page_shows(self, loop):
        ensemble, printed = loop
        (output,) = documents.blocks(README, SECTION, "text")
        lines = output.text.splitlines()
        for number, line in enumerate(lines, 1):
            _put(ensemble[1], line)
            eventually(lambda: printed() == lines[:number], f"it prints {line!r}")

    def test_prints_every_value_it_waits_for(self, loop):
        ensemble, printed = loop
        wanted = []
        for number in range(12):
            wanted.append(f"value {number} ä \\n")
            _put(ensemble[1 + number % 3], wanted[-1])
            eventually(lambda: printed() == wanted, f"it prints {wanted[-1]!r}", timeout=10)
        # An empty value has nothing to print, and the loop goes on.
        for value in (b"", b"after the empty one", b"two\nlines"):
            _put(ensemble[3], value)
        eventually(lambda: printed()[-2:] == ["two", "lines"], "it goes on")

    def test_goes_on_when_the_znode_or_the_node_comes_back(self, loop):
        ensemble, printed = loop
        _put(ensemble[1], "one")
        eventually(lambda: printed() == ["one"], "it prints the first")
        ensemble[1].http.delete(znode("/greeting")).expect(204)
        _put(ensemble[1], "two")
        eventually(lambda: printed() == ["one", "two"], "it prints the second")
        # The node that it asks.
        ensemble[2].kill()
        _put(ensemble[1], "three")
        ensemble[2].start()
        eventually(lambda: printed()[-1] == "three", "it prints what it missed")
        ensemble[2].wait_ready()
        ensemble[2].stop()
        _put(ensemble[3], "four")
        ensemble[2].start().wait_ready()
        _put(ensemble[3], "five")
        eventually(lambda: printed()[-1] == "five", "it goes on")


def test_the_lock(make_ensemble, tmp_path):
    ensemble = make_ensemble().wait_sessions()
    documents.run(ensemble, documents.blocks(README, SECTION, "console"), tmp_path)
    assert ensemble[3].http.get(znode("/report")).expect(200).json["text"] == "mine"


def test_the_page_about_waiting(make_ensemble, tmp_path):
    ensemble = make_ensemble().wait_sessions()
    documents.run(ensemble, documents.blocks(WAITING, language="console"), tmp_path)


def test_the_page_about_backup(make_ensemble, tmp_path, monkeypatch):
    ensemble = make_ensemble().wait_sessions()
    local = tmp_path / "aviary-data" / "local"
    local.mkdir(parents=True)
    for member in ensemble:
        (local / str(member.id)).symlink_to(member.data)
    monkeypatch.setenv("PATH", f"{aviary.binary().parent}:{os.environ['PATH']}")
    documents.run(ensemble, documents.blocks(BACKUP, language="console"), tmp_path)


def test_the_page_about_history(make_ensemble, tmp_path):
    ensemble = make_ensemble().wait_sessions()
    documents.run(ensemble, documents.blocks(HISTORY, language="console"), tmp_path)


@pytest.mark.parametrize("shell", ["bash", "sh"])
def test_the_loop_that_follows_events(make_ensemble, start, shell):
    ensemble = make_ensemble()
    (shown,) = documents.blocks(WAITING, language="sh")
    process = start("loop", [shell, "-c", documents.on(ensemble, shown.text)])
    _put(ensemble[1], "first", "/color")

    def values():
        batches = [json.loads(line) for line in process.output().splitlines()]
        return [event["text"] for batch in batches for event in batch["events"]]

    def begun():
        _put(ensemble[1], "first", "/color")
        return values()

    eventually(begun, "it tells of the first", pause=0.2)
    wanted = []
    for number in range(30):
        wanted.append(f'number {number} \\n "next":"x"')
        _put(ensemble[1 + 2 * (number % 2)], wanted[-1], f"/color/{number % 4}")
        # The node that it asks.
        if number == 10:
            ensemble[2].kill()
        if number == 15:
            ensemble[2].start()
    eventually(lambda: [v for v in values() if v != "first"] == wanted, "it tells of everything")


class Page:
    """A page of another origin, and what its browser reports."""

    # What the page shows, each time it changes, and each reset that its stream is told.
    _REPORTER = """
        let last = Promise.resolve()
        const report = (...what) => {
            const sent = {method: 'POST', body: JSON.stringify(what)}
            last = last.then(() => fetch('/report', sent))
        }
        new MutationObserver(() => report('shown', document.body.firstElementChild.textContent))
            .observe(document.body.firstElementChild, {childList: true, subtree: true})
        const Original = EventSource
        window.EventSource = function (url) {
            const source = new Original(url)
            source.addEventListener('reset', () => report('reset', url))
            source.addEventListener('error', () => report('error', source.readyState))
            return source
        }
    """

    def __init__(self, port, shown):
        self.reports = []
        self.origin = f"http://127.0.0.1:{port}"
        head, script, tail = shown.partition("<script>")
        body = f"{head}<script>{self._REPORTER}</script>{script}{tail}"
        document = f'<!doctype html><meta charset="utf-8"><body>{body}</body>'
        reports = self.reports

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                self._answer(200 if self.path == "/" else 404, document.encode())

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                reports.append(tuple(json.loads(body)))
                self._answer(204, b"")

            def _answer(self, status, body):
                self.send_response(status)
                self.send_header("Content-Type", "text/html")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def shown(self):
        return [text for kind, text in self.reports if kind == "shown"]

    def shows(self, text, timeout=30):
        eventually(lambda: self.shown()[-1:] == [text], f"the page shows {text!r}", timeout)


@pytest.fixture
def chromium(start, tmp_path):
    """Opens a page. `AVIARY_REQUIRE_ALL` makes the browser's absence a failure."""
    executable = shutil.which("chromium") or shutil.which("google-chrome")
    if executable is None:
        reason = "neither chromium nor google-chrome is installed"
        if os.environ.get("AVIARY_REQUIRE_ALL"):
            pytest.fail(reason)
        pytest.skip(reason)

    def open_page(address):
        flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        profile = f"--user-data-dir={tmp_path / 'profile'}"
        # Without this it ends when the page is loaded.
        debugging = "--remote-debugging-port=0"
        return start("chromium", [executable, *flags, profile, debugging, address])

    return open_page


class TestTheBrowserPage:
    @pytest.fixture
    def opened(self, make_ensemble, chromium):
        """The ensemble and the page, made for one that allows its origin."""
        port = free_port()
        ensemble = make_ensemble(settings={"http.cors.origins": f"http://127.0.0.1:{port}"})
        (shown,) = documents.blocks(README, SECTION, "html")
        page = Page(port, documents.on(ensemble, shown.text))
        _put(ensemble[2], "hello")
        eventually(
            lambda: ensemble[1].http.get(znode("/greeting")).status == 200, "node 1 has it"
        )
        chromium(page.origin)
        page.shows("hello", timeout=60)
        yield ensemble, page
        page.server.shutdown()
        print(page.reports)

    def test_shows_every_value_also_what_it_missed(self, opened):
        ensemble, page = opened
        wanted = ["hello"]
        for number in range(20):
            wanted.append(f"value {number} ä")
            _put(ensemble[1 + number % 3], wanted[-1])
        eventually(lambda: page.shown() == wanted, "it shows every value, in order")
        ensemble[3].http.delete(znode("/greeting")).expect(204)
        page.shows("(none)")
        _put(ensemble[3], "again")
        page.shows("again")
        # The node goes away and comes back: what happened meanwhile is told once.
        before = len(page.shown())
        ensemble[1].kill()
        missed = [f"missed {number}" for number in range(3)]
        for value in missed:
            _put(ensemble[2], value)
        ensemble[1].start().wait_ready()
        eventually(lambda: page.shown()[before:] == missed, "it shows what it missed")
        ensemble[1].stop()
        _put(ensemble[2], "missed at a stop")
        ensemble[1].start().wait_ready()
        page.shows("missed at a stop")
        assert page.shown()[before:] == [*missed, "missed at a stop"]
        assert not [report for report in page.reports if report[0] == "reset"]

    def test_begins_again_when_its_cursor_is_of_no_use(self, opened):
        ensemble, page = opened
        _put(ensemble[2], "of the old ensemble")
        page.shows("of the old ensemble")
        # Another ensemble at the same addresses: no cursor of the old one means anything.
        ensemble.kill()
        for member in ensemble:
            for folder in ("version-2", "aviary-history"):
                shutil.rmtree(member.data / folder)
        ensemble.start().wait_ready()
        _put(ensemble[3], "of the new ensemble")
        page.shows("of the new ensemble", timeout=60)
        assert "reset" in [kind for kind, _ in page.reports]
        _put(ensemble[2], "and on")
        page.shows("and on")
