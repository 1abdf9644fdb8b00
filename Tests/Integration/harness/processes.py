"""One real process: started, watched, stopped, killed or paused, always by its own id."""

import os
import signal
import subprocess
import time
from pathlib import Path

# Every process of this run that has not been waited for.
_running = []


# Nothing outlives the tests, however they end. It becomes the command, with the same id.
_DYING_WITH_US = ["setpriv", "--pdeathsig", "KILL", "--"]


class Process:
    def __init__(self, name, command, log, env=None, cwd=None):
        self.name = name
        self.command = [str(word) for word in command]
        self.log = Path(log)
        self._env = dict(os.environ) if env is None else env
        self._cwd = cwd
        self._child = None

    def start(self):
        assert not self.alive, f"{self.name} runs already"
        with self.log.open("ab") as log:
            self._child = subprocess.Popen(
                _DYING_WITH_US + self.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self._env,
                cwd=self._cwd,
            )
        _running.append(self)
        return self

    @property
    def pid(self):
        return self._child.pid

    @property
    def alive(self):
        return self._child is not None and self._child.poll() is None

    @property
    def exit_status(self):
        """What it ended with: negative is the number of a signal; None while it runs."""
        return None if self._child is None else self._child.poll()

    def terminate(self, timeout=15):
        """Asks it to stop, and waits until it has.

        Returns its exit status. Fails if it takes too long, which is a fault of its own.
        """
        if not self.alive:
            return self.exit_status
        self._child.send_signal(signal.SIGTERM)
        try:
            self._child.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(
                f"{self.name} did not stop within {timeout} s of SIGTERM"
            ) from None
        self._forget()
        return self.exit_status

    def send_kill(self):
        """kill -9, without waiting for the end: for several at once."""
        if self.alive:
            self._child.kill()

    def kill(self):
        """kill -9; it gets no word in. It is gone afterwards, as are its ports."""
        if self._child is None:
            return
        self.send_kill()
        self._child.wait()
        self._forget()

    def pause(self):
        """SIGSTOP: it keeps its sockets and says nothing. Returns once it stands still."""
        self._child.send_signal(signal.SIGSTOP)
        deadline = time.monotonic() + 10
        while self._state() != "T":
            assert time.monotonic() < deadline, f"{self.name} did not stand still"
            time.sleep(0.001)

    def resume(self):
        self._child.send_signal(signal.SIGCONT)

    def wait(self, timeout):
        """Its exit status, once it ends by itself."""
        status = self._child.wait(timeout)
        self._forget()
        return status

    def output(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def tail(self, lines=40):
        return "\n".join(self.output().splitlines()[-lines:])

    def _state(self):
        """One letter of /proc/<pid>/stat, which follows the name in parentheses."""
        stat = Path(f"/proc/{self.pid}/stat").read_text()
        return stat.rpartition(")")[2].split()[0]

    def _forget(self):
        if self in _running:
            _running.remove(self)


def kill_all():
    """The last resort at the end of a run: whatever a test left behind."""
    left = list(_running)
    for process in left:
        process.kill()
    return [process.name for process in left]
