"""Atomic writes with an embedded SHA-256.

Each file is written under a temporary name and then renamed, so that a reader sees either the old or the new file. Each
contains the SHA-256 of its content, because JSON, NumPy and safetensors do not detect flipped bits. No pickle is loaded.
"""

import hashlib
import json
import os
import re
import shutil
import stat
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO

from cvae_core.errors import ConfigError, NotWritable, RunDamaged
from cvae_core.system import processes

TEMPORARY = ".tmp"
LONG_AGO = 3600.0  # seconds: longer than any write takes
REMEDY = "Restore it from a copy, or delete it and create it again."
FOREIGN = "has content that this version of the lab never writes"
DIGEST = "sha256"
MEGABYTE = 2**20
MOST_BYTES, MOST_JSON = 2048 * MEGABYTE, 16 * MEGABYTE  # limits for a whole file, and for a JSON file
REPOSITORY = Path(__file__).resolve().parents[2]


def user_path(variable: str, folder: str) -> Path:
    """Return the path in an environment variable with `~` expanded, or a folder of the repository if it is not set."""
    given = os.environ.get(variable)
    if not given:
        return REPOSITORY / folder
    try:
        return Path(given).expanduser().absolute()  # independent of the working directory of a child process
    except RuntimeError as error:
        raise ConfigError(
            f"{variable} cannot be {given!r}: there is no such user. Give the full path of the folder."
        ) from error


def write(path: Path, content: bytes) -> None:
    """Replace a file atomically; raise NotWritable if that fails. Remove leftovers of killed processes beside it."""
    with replaced(path) as file:
        file.write(content)


@contextmanager
def replaced(path: Path) -> Iterator[BinaryIO]:
    """Yield a temporary file beside a path that replaces the file there at the end. Raises as `write`."""
    with _temporary(path) as (temporary, file):
        yield file
        file.flush()
        os.fsync(file.fileno())
        temporary.replace(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def require_writable(path: Path) -> None:
    """Raise NotWritable if a file cannot be written. Call this before a long computation."""
    with _temporary(path) as (_, file):
        file.write(b"\0")
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def _temporary(path: Path) -> Iterator[tuple[Path, BinaryIO]]:
    """Open a temporary file beside a path. Remove it at the end if it has not been renamed."""
    temporary = _beside(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        remove_leftovers(path.parent)
        with temporary.open("wb") as file:
            yield temporary, file
    except OSError as error:
        raise NotWritable(
            f"{path} could not be written ({error.strerror}): free disk space or choose another folder."
        ) from error
    finally:
        with suppress(OSError):  # it was renamed or never created
            temporary.unlink()


@contextmanager
def folder_beside(path: Path) -> Iterator[Path]:
    """Create a temporary folder beside a path and remove it at the end. After a kill, the next call removes it."""
    remove_leftovers(path.parent)
    folder = _beside(path)
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name}.{_own_mark(os.getpid())}-{threading.get_ident()}{TEMPORARY}")


def remove_leftovers(folder: Path) -> None:
    """Remove the temporary files and folders of processes that were killed while they wrote.

    Processes of another host are not visible from this host. Their files are removed after `LONG_AGO`.
    """
    for path in folder.glob(f".*{TEMPORARY}"):
        if found := re.fullmatch(rf"\..+\.((\d+)-([0-9a-f]{{8}})-[0-9a-f]{{8}})-\d+{re.escape(TEMPORARY)}", path.name):
            with suppress(OSError):  # another process removed it first
                here, old = found[3] == _short(processes.host()), time.time() - path.stat().st_mtime > LONG_AGO
                if old or (here and found[1] != _mark(int(found[2]))):
                    if path.is_dir():
                        shutil.rmtree(path, ignore_errors=True)
                    else:
                        path.unlink()


def _mark(pid: int) -> str:
    """Return an identifier of a running process that is unique across hosts and restarts."""
    return f"{pid}-{_short(processes.host())}-{_short(processes.born(pid) or '')}"


_own_mark = lru_cache(_mark)  # cached: constant for this process, and its computation may start another process


def _short(text: str) -> str:
    return digest(text.encode())[:8]


def read(path: Path, most: int = MOST_BYTES) -> bytes:
    """Read a whole file; raise RunDamaged if it is missing, unreadable, not a regular file, or larger than `most` bytes."""
    with opened(path, most) as file:
        return file.read()


@contextmanager
def opened(path: Path, most: int = MOST_BYTES) -> Iterator[BinaryIO]:
    """Open a file for reading; raise RunDamaged as `read` does, also if reading fails inside the `with` block."""
    require_plain(path)
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_size > most:
                raise RunDamaged(f"{path} is damaged: it is larger than {most // MEGABYTE:,} MB. {REMEDY}")
            yield file
    except OSError as error:
        raise RunDamaged(f"{path} cannot be read ({error.strerror}).") from error


def require_plain(path: Path) -> None:
    """Raise RunDamaged unless a path is a regular file. A pipe has no end, and a link may point anywhere."""
    try:
        mode = path.lstat().st_mode
    except OSError as error:
        raise RunDamaged(f"{path} cannot be read ({error.strerror}).") from error
    if not stat.S_ISREG(mode):
        raise RunDamaged(f"{path} cannot be read: it is a folder, a link or a device, not a file. {REMEDY}")


def version(path: Path) -> tuple[int, int, int]:
    """Return a value that changes whenever a file is replaced, zeros if there is no file."""
    try:
        found = path.stat()
    except OSError:
        return 0, 0, 0
    return found.st_ino, found.st_mtime_ns, found.st_size


def digest(content: bytes) -> str:
    """Return the SHA-256 of bytes as 64 hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write JSON with the digest of its content."""
    write(path, (json.dumps({**content, DIGEST: _json_digest(content)}, indent=2) + "\n").encode())


def read_json(path: Path) -> dict[str, Any]:
    """Read a file that `write_json` wrote; raise RunDamaged if it has any other content."""
    try:
        content = json.loads(read(path, MOST_JSON))
        stored, found = content.pop(DIGEST), _json_digest(content)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise RunDamaged(f"{path} is damaged: it is not the JSON file that was written. {REMEDY}") from error
    compare(path, stored, found)
    return dict(content)


def require(holds: bool, path: Path) -> None:
    """Raise RunDamaged if a file has invalid content although its digest is correct."""
    if not holds:
        raise RunDamaged(f"{path} {FOREIGN}. {REMEDY}")


def compare(path: Path, stored: object, found: str) -> None:
    """Raise RunDamaged unless the stored digest of a file equals the digest of its content."""
    if stored != found:
        raise RunDamaged(f"{path} is damaged: its content does not match its digest. {REMEDY}")


def _json_digest(content: Mapping[str, Any]) -> str:
    return digest(json.dumps(content, sort_keys=True, separators=(",", ":")).encode())
