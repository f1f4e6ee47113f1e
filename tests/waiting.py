"""How long a test waits for something before it fails: minutes, since other work may keep the machine busy."""

import time
from collections.abc import Callable

WAIT = 300.0  # seconds
EVERY = 0.02  # seconds between two looks


def until(true: Callable[[], object]) -> None:
    """Wait until something is true."""
    deadline = time.monotonic() + WAIT
    while not true():
        assert time.monotonic() < deadline, f"not true within {WAIT:g} seconds"
        time.sleep(EVERY)
