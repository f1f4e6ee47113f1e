"""A short lock between processes, by a file. The operating system releases it when the process ends."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from cvae_core.errors import LabError, NotWritable
from cvae_core.system.folders import unlinked

LOCK_TIMEOUT = 20.0  # seconds


@contextmanager
def locked(
    path: Path, root: Path, timeout: float = LOCK_TIMEOUT, unavailable: LabError | None = None
) -> Iterator[None]:
    """Hold a lock inside the `with` block; raise NotWritable, or another error, if it is not available after `timeout` s.

    Raises NotWritable if `root` cannot be written, and ConfigError if the path below it is a link.
    """
    unlinked(path, root)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path, timeout=timeout)
        lock.acquire()
    except Timeout as error:
        message = f"{path} is locked by another process: if this persists, end that process."
        raise unavailable or NotWritable(message) from error
    except OSError as error:
        raise NotWritable(f"{root} cannot be written ({error.strerror}): choose another --root.") from error
    try:
        yield
    finally:
        lock.release()
