"""Waiting in tests: the limit is minutes, because other programs may use the machine."""

import time
from collections.abc import Callable

WAIT = 300.0  # seconds
EVERY = 0.02  # seconds between two checks


def until(true: Callable[[], object]) -> None:
    """Wait until a condition is true; fail after `WAIT` seconds."""
    deadline = time.monotonic() + WAIT
    while not true():
        assert time.monotonic() < deadline, f"not true within {WAIT:g} seconds"
        time.sleep(EVERY)
