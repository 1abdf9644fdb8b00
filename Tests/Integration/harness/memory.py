"""Memory of a running process that rots."""

import re


def rot(process, value, other):
    """Writes `other` over every `value` in a process's own memory, while it stands still."""
    assert len(value) == len(other)
    process.pause()
    found = 0
    try:
        with open(f"/proc/{process.pid}/mem", "r+b", buffering=0) as memory:
            for start, end in _writable(process.pid):
                memory.seek(start)
                content = memory.read(end - start)
                for match in re.finditer(re.escape(value), content):
                    memory.seek(start + match.start())
                    memory.write(other)
                    found += 1
    finally:
        process.resume()
    assert found, "it is nowhere in memory"


def _writable(pid):
    """The ranges of anonymous memory, as (start, end)."""
    with open(f"/proc/{pid}/maps", encoding="ascii") as maps:
        for line in maps:
            addresses, permissions, _, device, *_ = line.split()
            if permissions.startswith("rw") and device == "00:00":
                yield tuple(int(address, 16) for address in addresses.split("-"))
