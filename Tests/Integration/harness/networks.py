"""A small network of its own for the members of one test: each in a network namespace, on one
switch, with routes that can be broken."""

import contextlib
import ctypes
import itertools
import os
import subprocess

_CLONE_NEWNET = 0x40000000
_numbers = itertools.count()


def _ip(*arguments):
    return subprocess.run(["ip", *map(str, arguments)], check=True, capture_output=True, text=True)


def why_no_networks():
    """Why no network can be made here; None if one can."""
    network = Network()
    try:
        network.add(1)
    except (OSError, subprocess.CalledProcessError) as error:
        return getattr(error, "stderr", None) or str(error)
    finally:
        network.remove()
    return None


class Network:
    """Namespaces that nobody else sees."""

    def __init__(self):
        self._prefix = f"av{os.getpid()}x{next(_numbers)}"
        self._made = []

    def add(self, number):
        """A place on the network; everything that listens there is reached by its address."""
        if not self._made:
            self._make("switch")
            self._switch("link", "add", "bridge", "type", "bridge")
            self._switch("link", "set", "bridge", "up")
            self._switch("link", "set", "lo", "up")
            # Whoever asks the members stands at the switch.
            self._switch("addr", "add", "10.77.0.254/24", "dev", "bridge")
        name = self._make(number)
        self._switch(
            "link", "add", f"to{number}", "type", "veth", "peer", "name", "eth0", "netns", name
        )
        self._switch("link", "set", f"to{number}", "master", "bridge", "up")
        self._at(number, "addr", "add", f"{self.address(number)}/24", "dev", "eth0")
        self._at(number, "link", "set", "lo", "up")
        self._at(number, "link", "set", "eth0", "up")

    def address(self, number):
        return f"10.77.0.{number}"

    def namespace(self, number):
        return f"{self._prefix}-{number}"

    def drop(self, sender, receiver, port=None):
        """Nothing that one sends reaches the other any more, or nothing for one port."""
        self._rule("add", sender, receiver, port)

    def heal(self, sender, receiver, port=None):
        self._rule("del", sender, receiver, port)

    @contextlib.contextmanager
    def at_the_switch(self):
        """Sockets made by this thread meanwhile are on the network."""
        libc = ctypes.CDLL(None, use_errno=True)
        with open("/proc/thread-self/ns/net") as home:
            with open(f"/var/run/netns/{self.namespace('switch')}") as switch:
                _enter(libc, switch)
            try:
                yield
            finally:
                _enter(libc, home)

    def remove(self):
        for name in self._made:
            subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)
        self._made = []

    def _make(self, number):
        name = self.namespace(number)
        _ip("netns", "add", name)
        self._made.append(name)
        return name

    def _switch(self, *arguments):
        self._at("switch", *arguments)

    def _at(self, number, *arguments):
        _ip("-n", self.namespace(number), *arguments)

    def _rule(self, verb, sender, receiver, port):
        only = ["ipproto", "tcp", "dport", port] if port else []
        rule = ["to", f"{self.address(receiver)}/32", *only, "blackhole"]
        # In front of every other rule but that for the machine's own addresses.
        self._at(sender, "rule", verb, "pref", 10, *rule)


def _enter(libc, namespace):
    if libc.setns(namespace.fileno(), _CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")
