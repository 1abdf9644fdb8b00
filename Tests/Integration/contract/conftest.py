"""One ensemble for the whole contract."""

import itertools
import re

import pytest
from harness.client import znode


@pytest.fixture(scope="package")
def ensemble(make_shared_ensemble):
    return make_shared_ensemble()


@pytest.fixture
def http(ensemble):
    """A connection to a follower: whoever is asked, the answer is the same."""
    with ensemble.followers()[0].client() as client:
        yield client


_numbers = itertools.count()


@pytest.fixture
def base(http, request):
    """An empty znode of the test's own."""
    name = re.sub(r"\W", "-", request.node.name)[:80]
    path = f"/{name}-{next(_numbers)}"
    http.put(znode(path)).expect(201)
    return path
