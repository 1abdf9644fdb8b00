"""Waiting for a condition, never for a time."""

import time


def eventually(condition, what, timeout=30.0, pause=0.02):
    """Calls `condition` until it returns something true, and returns that.

    An exception counts as "not yet"; the last one is told when the time is up.
    """
    deadline = time.monotonic() + timeout
    last = None
    while True:
        try:
            result = condition()
            if result:
                return result
            last = f"last answer: {result!r}"
        except Exception as error:
            last = f"last error: {error!r}"
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout:g} s: {what} ({last})")
        time.sleep(pause)
