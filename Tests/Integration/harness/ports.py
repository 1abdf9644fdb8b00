"""Free ports on loopback."""

import random
import socket

# Below the range from which the system takes the ports of outgoing connections, so that nobody
# can take one between this check and its use.
_candidates = iter(random.sample(range(10_000, 30_000), 20_000))


def free_port():
    """A port that nothing listens on, handed out once in this run."""
    for port in _candidates:
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError("no free port is left")
