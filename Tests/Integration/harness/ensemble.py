"""An ensemble of real processes on loopback: Aviary's, the original's, or both."""

from dataclasses import dataclass
from pathlib import Path

from .aviary import AviaryMember
from .ports import free_port
from .waiting import eventually
from .zookeeper import JavaServer


@dataclass(frozen=True)
class Seat:
    """A member's number, and the ports that are its own for good."""

    id: int
    quorum: int
    election: int
    client: int
    http: int
    role: str = "participant"

    @classmethod
    def take(cls, number, role="participant"):
        return cls(number, free_port(), free_port(), free_port(), free_port(), role)

    def server_line(self, with_client):
        client = f";127.0.0.1:{self.client}" if with_client else ""
        return f"server.{self.id}=127.0.0.1:{self.quorum}:{self.election}:{self.role}{client}"


class Ensemble:
    """Members 1 to N, by the kinds given: `["aviary", "java", "java"]`.

    `ensemble[2]` is member 2, of whichever kind. Nothing runs before `start()`.
    """

    def __init__(self, folder, kinds, settings=None, observers=()):
        self.folder = Path(folder)
        numbers = range(1, len(kinds) + 1)
        seats = {
            number: Seat.take(number, "observer" if number in observers else "participant")
            for number in numbers
        }
        lines = [
            seats[number].server_line(with_client=kind == "java")
            for number, kind in zip(numbers, kinds)
        ]
        self.members = {}
        for number, kind in zip(numbers, kinds):
            make = {"aviary": AviaryMember, "java": JavaServer}[kind]
            self.members[number] = make(
                seats[number], self.folder / f"{number}-{kind}", lines, settings or {}
            )

    def __getitem__(self, number):
        return self.members[number]

    def __iter__(self):
        return iter(self.members.values())

    @property
    def aviaries(self):
        return [member for member in self if member.kind == "aviary"]

    @property
    def javas(self):
        return [member for member in self if member.kind == "java"]

    @property
    def running(self):
        return [member for member in self if member.process.alive]

    def start(self, *numbers):
        """Starts these members, in this order, or all, and waits for none."""
        for number in numbers or self.members:
            self[number].start()
        return self

    def wait_ready(self, timeout=60):
        """Every member that runs is in the quorum and synced, and one of them leads."""
        for member in self.running:
            member.wait_ready(timeout)
        self.leader(timeout)
        return self

    def leader(self, timeout=30):
        """The member that leads; there is exactly one, or this waits."""

        def only_leader():
            leading = [member for member in self.running if _role(member) == "leader"]
            return leading[0] if len(leading) == 1 else None

        return eventually(only_leader, "exactly one member leads", timeout)

    def wait_sessions(self, timeout=30):
        """Every node of Aviary can open sessions: it knows what signs their tokens.

        The first leader writes that a moment after it has become ready.
        """
        for member in self.aviaries:
            eventually(
                lambda member=member: _opens_sessions(member),
                f"{member.process.name} opens sessions",
                timeout,
            )
        return self

    def wait_equal(self, timeout=60):
        """Every node of Aviary that runs has one state at one transaction."""
        eventually(
            lambda: len({member.digest() for member in self.aviaries if member.process.alive}) == 1,
            "all have one state",
            timeout,
        )
        return self

    def followers(self):
        leader = self.leader()
        return [member for member in self.running if member is not leader]

    def stop(self):
        """Stops the followers first, so that no election is in the way."""
        running = self.running
        for member in sorted(running, key=lambda member: _role(member) == "leader"):
            member.stop()

    def kill(self):
        """kill -9 of everything at once."""
        for member in self:
            member.process.send_kill()
        for member in self:
            member.kill()

    def tails(self, lines=60):
        """The ends of all logs, for who must find out what happened."""
        return "\n".join(
            f"----- {member.process.name} ({member.process.log})\n{member.process.tail(lines)}"
            for member in self
        )


def _opens_sessions(member):
    with member.client(timeout=5) as client:
        opened = client.post("/v1/sessions", {"timeout": "10s"})
        if opened.status != 201:
            return False
        session = opened.json
        client.delete(f"/v1/sessions/{session['id']}", Aviary_Session=session["token"]).expect(204)
        return True


def _role(member):
    try:
        return member.role()
    except OSError:
        return None
