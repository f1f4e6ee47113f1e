"""A short lock between processes, by a file. The operating system releases it when the process ends."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from cvae_core.errors import NotWritable
from cvae_core.system.folders import unlinked

LOCK_TIMEOUT = 20.0  # seconds


@contextmanager
def locked(path: Path, root: Path) -> Iterator[None]:
    """Hold a lock inside the `with` block; raise NotWritable if it is not available, ConfigError if its path is a link."""
    unlinked(path, root)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path, timeout=LOCK_TIMEOUT)
        lock.acquire()
    except Timeout as error:
        raise NotWritable(f"{path} is locked by another process: if this persists, end that process.") from error
    except OSError as error:
        raise NotWritable(f"{root} cannot be written ({error.strerror}): choose another --root.") from error
    try:
        yield
    finally:
        lock.release()
