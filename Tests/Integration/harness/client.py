"""A client of the HTTP port that sends what it is told, byte for byte.

Not `requests`: that tidies up URLs and headers, which are just what many tests are about.
"""

import http.client
import json
import re
import socket
from dataclasses import dataclass
from urllib.parse import quote, urlencode

# As text, anywhere in an answer.
ZXID = re.compile(r"[0-9a-f]{16}")


@dataclass
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def text(self):
        return self.body.decode()

    @property
    def zxid(self):
        """The state that was served, or the transaction that was made."""
        return self.headers["Aviary-Zxid"]

    @property
    def etag(self):
        return self.headers["ETag"]

    def expect(self, *statuses):
        """Itself, if the status is one of these."""
        assert self.status in statuses, f"{self.status} instead of {statuses}: {self.body[:2000]!r}"
        return self

    def problem(self, status, *codes, outcome=None):
        """The problem details of a refusal, checked for what every one has."""
        self.expect(status)
        assert self.headers["Content-Type"] == "application/problem+json"
        problem = self.json
        assert problem["status"] == status
        assert problem["code"] in codes, problem
        assert problem["type"] == f"/v1/problems/{problem['code']}"
        assert problem["title"] and problem["detail"]
        assert problem["retryable"] in (True, False)
        assert problem["outcome"] in ("not-applied", "applied", "unknown")
        if outcome is not None:
            assert problem["outcome"] == outcome
        return problem


class Client:
    """One keep-alive connection to one member."""

    def __init__(self, port, host="127.0.0.1", timeout=20, headers=None):
        self.host, self.port = host, port
        self._headers = headers or {}
        self._connection = http.client.HTTPConnection(host, port, timeout=timeout)

    def request(self, method, target, body=None, headers=None):
        """Sends one request. `target` goes out as it is; an error closes the connection."""
        try:
            self._connection.request(
                method, target, body=body, headers={**self._headers, **(headers or {})}
            )
            response = self._connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        except (OSError, http.client.HTTPException):
            self._connection.close()
            raise

    def get(self, target, **headers):
        return self.request("GET", target, headers=_named(headers))

    def head(self, target, **headers):
        return self.request("HEAD", target, headers=_named(headers))

    def put(self, target, body=b"", **headers):
        return self.request("PUT", target, _bytes(body), _named(headers))

    def post(self, target, body=b"", **headers):
        return self.request("POST", target, _bytes(body), _named(headers))

    def delete(self, target, **headers):
        return self.request("DELETE", target, headers=_named(headers))

    def close(self):
        self._connection.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def znode(path, **query):
    """The target of a znode. `True` is a flag without a value."""
    return _target("/v1/znodes", path, query)


def children(path, **query):
    return _target("/v1/children", path, query)


def acl(path, **query):
    return _target("/v1/acl", path, query)


def raw_exchange(port, data, host="127.0.0.1", timeout=10):
    """Sends bytes, and returns everything that comes back until the other side closes."""
    with socket.create_connection((host, port), timeout=timeout) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        received = b""
        while chunk := connection.recv(65_536):
            received += chunk
        return received


def _target(base, path, query):
    assert path.startswith("/")
    target = base + ("" if path == "/" else quote(path))
    flags = [name for name, value in query.items() if value is True]
    rest = urlencode({name: value for name, value in query.items() if value is not True})
    text = "&".join(flags + ([rest] if rest else []))
    return f"{target}?{text}" if text else target


def _named(headers):
    """`If_None_Match="*"` is the header `If-None-Match`."""
    return {name.replace("_", "-"): str(value) for name, value in headers.items()}


def _bytes(body):
    if isinstance(body, bytes):
        return body
    return body.encode() if isinstance(body, str) else json.dumps(body).encode()
