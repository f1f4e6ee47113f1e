"""A lock that several processes share: a file, held for a moment; the system lets go of it however a process ends."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from cvae_core.errors import NotWritable
from cvae_core.system.folders import unlinked

LOCK_TIMEOUT = 20.0  # seconds


@contextmanager
def locked(path: Path, root: Path) -> Iterator[None]:
    """Hold a lock for a moment; raise NotWritable where it cannot be had, ConfigError where it is linked to."""
    unlinked(path, root)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path, timeout=LOCK_TIMEOUT)
        lock.acquire()
    except Timeout as error:
        raise NotWritable(f"{path} is held by another process that does not let go: end it.") from error
    except OSError as error:
        raise NotWritable(f"{root} cannot be written ({error.strerror}): choose another --root.") from error
    try:
        yield
    finally:
        lock.release()
