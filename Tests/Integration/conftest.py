"""Fixtures: ensembles that end with their test, and their logs when it failed."""

import os

import pytest
from harness import zookeeper
from harness.ensemble import Ensemble
from harness.processes import kill_all

_failed = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.failed:
        for node in item.listchain():
            node.stash[_failed] = True
    return report


def pytest_sessionfinish(session):
    left = kill_all()
    if left:
        print(f"\nkilled at the end, although their tests should have: {', '.join(left)}")


def _ensembles(request, folder):
    """A maker of ensembles which end, and tell of themselves, with the fixture's scope."""
    made = []

    def make(kinds=("aviary",) * 3, settings=None, observers=(), start=True):
        ensemble = Ensemble(folder / f"ensemble{len(made)}", list(kinds), settings, observers)
        made.append(ensemble)
        if start:
            ensemble.start().wait_ready()
        return ensemble

    yield make
    for ensemble in made:
        ensemble.kill()
        if request.node.stash.get(_failed, False):
            print(ensemble.tails())


@pytest.fixture
def make_ensemble(request, tmp_path):
    yield from _ensembles(request, tmp_path)


@pytest.fixture(scope="package")
def make_shared_ensemble(request, tmp_path_factory):
    yield from _ensembles(request, tmp_path_factory.mktemp("shared"))


@pytest.fixture(scope="session")
def java():
    """The original is installed. `AVIARY_REQUIRE_ALL` makes its absence a failure."""
    absent = zookeeper.missing()
    if absent:
        reason = f"Apache ZooKeeper is not installed (no {', '.join(absent)})"
        if os.environ.get("AVIARY_REQUIRE_ALL"):
            pytest.fail(reason)
        pytest.skip(reason)
