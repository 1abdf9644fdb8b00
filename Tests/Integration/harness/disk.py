"""What happens to the folder of a member that is down: rot, tails that nobody else has, orders."""

import struct
import zlib
from dataclasses import dataclass

_HEADER = 16
_BEFORE = 12  # Adler-32 as a long, and the length.


@dataclass(frozen=True)
class Record:
    """A transaction in a log file: its zxid, and where its payload lies."""

    zxid: int
    start: int
    end: int


def records(log):
    """The records of a log file, as far as they can be read."""
    data = log.read_bytes()
    found, offset = [], _HEADER
    while offset + _BEFORE <= len(data):
        checksum, length = struct.unpack_from(">Qi", data, offset)
        start = offset + _BEFORE
        payload = data[start : start + length]
        if length < 32 or len(payload) < length or zlib.adler32(payload) != checksum:
            break
        # Behind the session and the cxid.
        found.append(Record(struct.unpack_from(">Q", payload, 12)[0], start, start + length))
        offset = start + length + 1
    return found


def flip(file, offset, bit):
    """Lets one bit rot. Returns what the file holds now."""
    data = bytearray(file.read_bytes())
    data[offset] ^= 1 << bit
    file.write_bytes(bytes(data))
    return bytes(data)


def flip_somewhere(file, random):
    """Lets a bit rot, anywhere between the file's header and its last byte that is not zero."""
    end = len(file.read_bytes().rstrip(b"\0"))
    return flip(file, random.randrange(_HEADER, end), random.randrange(8))


def needed_files(member):
    """What a start reads: the newest snapshot, and the logs from the one that goes on behind it."""
    snapshot = member.snapshot_files()[-1]
    logs = [log for log in member.log_files() if records(log)]
    base = int(snapshot.name.partition(".")[2], 16)
    first = max((i for i, log in enumerate(logs) if records(log)[0].zxid <= base + 1), default=0)
    return [snapshot, *logs[first:]]


def kept_aside(member, file, content):
    """Whether these bytes of a file lie among what was set aside."""
    aside = (member.data / "version-2" / "aviary-detached").glob(f"*/{file.name}")
    return any(copy.read_bytes() == content for copy in aside)


def append_tail(member, like, value, count):
    """Appends transactions which no leader ever proposed to others, as one that died may have done.

    They follow the last one, and are copies of one that holds `like`, with `value` in its place.
    """
    assert len(like) == len(value)
    logs = [log for log in member.log_files() if records(log)]
    payloads = (log.read_bytes()[r.start : r.end] for log in logs for r in records(log))
    model = next(payload for payload in payloads if like in payload)
    log = logs[-1]
    data, known = bytearray(log.read_bytes()), records(log)
    offset = known[-1].end + 1
    for number in range(1, count + 1):
        payload = bytearray(model.replace(like, value))
        struct.pack_into(">Q", payload, 12, known[-1].zxid + number)
        record = struct.pack(">QI", zlib.adler32(bytes(payload)), len(payload)) + payload + b"B"
        data[offset : offset + len(record)] = record
        offset += len(record)
    log.write_bytes(bytes(data))


def falsify(member, value, other):
    """Changes a value in the log as no program of ours would: every checksum is right.

    The records of Aviary beside the log go, so that it counts as written by the original.
    """
    assert len(value) == len(other)
    changed = 0
    for log in member.log_files():
        data = bytearray(log.read_bytes())
        for record in records(log):
            payload = data[record.start : record.end]
            if value in payload:
                payload = payload.replace(value, other)
                data[record.start : record.end] = payload
                struct.pack_into(">Q", data, record.start - _BEFORE, zlib.adler32(bytes(payload)))
                changed += 1
        log.write_bytes(bytes(data))
        log.with_name("aviary." + log.name).unlink(missing_ok=True)
    assert changed == 1


def order_rebuild(member):
    """What a raised flag writes down: the next start gives up its state for the quorum's."""
    folder = member.data / "version-2"
    aside = folder / "aviary-detached"
    taken = [int(path.name) for path in aside.glob("*") if path.name.isdigit()]
    text = f"from quorum\nnumber {max(taken, default=0) + 1}\n".encode()
    (folder / "aviary.rebuild").write_bytes(text + f"crc32c {_crc32c(text):x}\n".encode())


def _crc32c(data):
    value = 0xFFFF_FFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = (value >> 1) ^ (0x82F6_3B78 if value & 1 else 0)
    return value ^ 0xFFFF_FFFF
